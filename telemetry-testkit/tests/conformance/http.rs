//! HTTP by hand: a transport that conforms, and can be told not to.

use std::fmt;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use telemetry_core::plugin::{Headers, HttpRequest, HttpResponse, Method, PluginError, Transport};
use telemetry_core::{Fault, Host, HostPolicy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};

/// What a transport does wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Flaw {
    ConnectsNowhere,
    AlwaysPosts,
    CutsTheQuery,
    SendsNamesOnce,
    CutsTheBody,
    KeepsCookies,
    NamesItself,
    StatusIsAnError,
    LosesTheStatus,
    LosesHeaders,
    LosesTheBody,
    FailsOnOddHeaders,
    FollowsRedirects,
    RedirectIsAnError,
    RetriesStatuses,
    RetriesBrokenConnections,
    BrokenConnectionIsEmpty,
    ReadsEverything,
    ReadsOnBehind,
    CutIsComplete,
    CutIsGarbled,
    BrokenOffIsComplete,
    NeverGivesUp,
    GivesUpOtherwise,
    TimesReadsAlone,
    GarbageIsAnAnswer,
    SendsBadHeaders,
    LeavesBadHeadersOut,
    RefusesBadHeadersOtherwise,
    NobodyIsAnAnswer,
    ConnectsToAnybody,
    ConnectsBeforeItRefuses,
    RefusesAddressesOtherwise,
    GoesOnWhenCancelled,
    StaysBusyWhenCancelled,
    BlocksItsThread,
    BlocksOneCallAtATime,
    BlocksAsItSays,
    ShowsHeaders,
}

/// A request to this machine on a connection of its own.
#[derive(Default)]
pub(crate) struct ByHand {
    flaw: Option<Flaw>,
    cookie: Mutex<Option<String>>,
    shown: Mutex<String>,
    busy: AtomicBool,
}

impl ByHand {
    pub(crate) fn with(flaw: Flaw) -> Self {
        ByHand { flaw: Some(flaw), ..ByHand::default() }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn blocks(&self) -> bool {
        self.has(Flaw::BlocksItsThread) || self.may_block()
    }

    fn encode(&self, request: &HttpRequest) -> Result<Vec<u8>, Fault> {
        let get = request.method == Method::Get && !self.has(Flaw::AlwaysPosts);
        let path = if self.has(Flaw::CutsTheQuery) { request.path.split('?').next() } else { None };
        let path = path.unwrap_or(&request.path);
        let mut head = format!("{} {path} HTTP/1.1\r\n", if get { "GET" } else { "POST" });
        head.push_str(&format!("host: {}\r\nconnection: close\r\n", request.host));
        let mut sent = Vec::new();
        for (name, value) in request.headers.iter() {
            let bad = name.is_empty()
                || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
                || value.bytes().any(|byte| byte < b' ');
            match self.flaw {
                Some(Flaw::LeavesBadHeadersOut) if bad => continue,
                Some(Flaw::RefusesBadHeadersOtherwise) if bad => return Err(Fault::Other),
                Some(Flaw::SendsBadHeaders) => {}
                Some(Flaw::SendsNamesOnce) if sent.contains(&name) => continue,
                _ if bad => return Err(Fault::Unsendable),
                _ => {}
            }
            sent.push(name);
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(cookie) = &*self.cookie.lock().unwrap() {
            head.push_str(&format!("cookie: {cookie}\r\n"));
        }
        if self.has(Flaw::NamesItself) {
            head.push_str("user-agent: by hand\r\n");
        }
        let end = if self.has(Flaw::CutsTheBody) { request.body.len() / 2 } else { request.body.len() };
        head.push_str(&format!("content-length: {end}\r\n\r\n"));
        Ok([head.as_bytes(), &request.body[..end]].concat())
    }

    async fn exchange(&self, request: &HttpRequest) -> Result<HttpResponse, PluginError> {
        let bytes = self.encode(request)?;
        let port = if self.has(Flaw::ConnectsNowhere) { 1 } else { request.host.port() };
        let found: Vec<_> =
            lookup_host((request.host.name(), port)).await.map_err(|_| Fault::NoSuchHost)?.collect();
        let checked = request.host.policy().check_addresses(found.iter().map(|address| address.ip()));
        match self.flaw {
            Some(Flaw::ConnectsToAnybody) => {}
            Some(Flaw::ConnectsBeforeItRefuses) => {
                drop(TcpStream::connect(&*found).await);
                checked?;
            }
            Some(Flaw::RefusesAddressesOtherwise) => checked.map_err(|_| Fault::Connect)?,
            _ => checked?,
        }
        if self.blocks() {
            let _one_at_a_time = self.has(Flaw::BlocksOneCallAtATime).then(|| self.shown.lock().unwrap());
            return self.exchange_blocking(&found, &bytes, request);
        }
        let mut stream = match TcpStream::connect(&*found).await {
            Ok(stream) => stream,
            Err(_) if self.has(Flaw::NobodyIsAnAnswer) => return Ok(HttpResponse::new(200, "")),
            Err(_) => return Err(Fault::Connect.into()),
        };
        stream.write_all(&bytes).await.map_err(|error| Fault::from(&error))?;
        let mut answer = Vec::new();
        loop {
            if let Some(response) = self.decode(&answer, request.max_response_bytes, false)? {
                if self.has(Flaw::ReadsOnBehind) {
                    tokio::spawn(async move {
                        while stream.read_buf(&mut answer).await.is_ok_and(|read| read > 0) {
                            answer.clear();
                        }
                    });
                }
                return Ok(response);
            }
            let read = stream.read_buf(&mut answer);
            let read = if self.has(Flaw::TimesReadsAlone) {
                tokio::time::timeout(request.timeout, read).await.map_err(|_| Fault::Timeout)?
            } else {
                read.await
            };
            if !matches!(read, Ok(read) if read > 0) {
                return self.broken_off(&answer, request.max_response_bytes);
            }
        }
    }

    fn exchange_blocking(
        &self,
        found: &[SocketAddr],
        bytes: &[u8],
        request: &HttpRequest,
    ) -> Result<HttpResponse, PluginError> {
        // What blocks and doesn't say so holds up a test's own thread.
        let most = if self.has(Flaw::BlocksItsThread) { Duration::from_millis(300) } else { request.timeout };
        let end = Instant::now() + most.min(request.timeout);
        let limit = request.max_response_bytes;
        let stream = std::net::TcpStream::connect(found);
        let mut stream = stream.map_err(|error| Fault::from(&error))?;
        stream.write_all(bytes).map_err(|error| Fault::from(&error))?;
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            if let Some(response) = self.decode(&answer, limit, false)? {
                return Ok(response);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Fault::Timeout.into());
            }
            stream.set_read_timeout(Some(left)).unwrap();
            match stream.read(&mut buffer) {
                Ok(read) if read > 0 => answer.extend_from_slice(&buffer[..read]),
                Err(error) if Fault::from(&error) == Fault::Timeout => return Err(Fault::Timeout.into()),
                _ => return self.broken_off(&answer, limit),
            }
        }
    }

    fn broken_off(&self, answer: &[u8], limit: usize) -> Result<HttpResponse, PluginError> {
        match self.decode(answer, limit, true)? {
            Some(response) => Ok(response),
            None if self.has(Flaw::BrokenConnectionIsEmpty) => Ok(HttpResponse::new(200, "")),
            None => Err(Fault::Reset.into()),
        }
    }

    /// The answer, once there is no need to read on.
    fn decode(&self, answer: &[u8], limit: usize, ended: bool) -> Result<Option<HttpResponse>, Fault> {
        let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return Ok(None) };
        if self.has(Flaw::FailsOnOddHeaders) && !answer[..end].is_ascii() {
            return Err(Fault::BadAnswer);
        }
        let head = String::from_utf8_lossy(&answer[..end]).into_owned();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let Some(status) = status else {
            let accepts = self.has(Flaw::GarbageIsAnAnswer);
            return if accepts { Ok(Some(HttpResponse::new(200, ""))) } else { Err(Fault::BadAnswer) };
        };
        let mut headers = Headers::new();
        for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
            headers.push(name.to_owned(), value);
        }
        let length = headers.get("content-length").map_or(usize::MAX, |length| length.parse().unwrap());
        let body = &answer[end + 4..];
        let limit = if self.has(Flaw::ReadsEverything) { limit.max(20_000_000) } else { limit };
        let all = body.len() >= length;
        if !(all || ended || body.len() > limit) {
            return Ok(None);
        }
        let mut response = HttpResponse::new(status, &body[..body.len().min(length).min(limit)]);
        response.complete = all && length <= limit
            || ended && self.has(Flaw::BrokenOffIsComplete)
            || body.len() > limit && self.has(Flaw::CutIsComplete);
        response.headers = headers;
        if self.has(Flaw::CutIsGarbled) && body.len() > limit {
            response.body.reverse();
        }
        Ok(Some(response))
    }

    async fn send_flawed(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        let mut result = self.exchange(&request).await;
        let status = result.as_ref().map_or(0, |response| response.status);
        let again = self.has(Flaw::RetriesStatuses) && status == 503
            || self.has(Flaw::RetriesBrokenConnections) && result.is_err();
        if again {
            result = self.exchange(&request).await;
        }
        let mut response = result?;
        let location = response.headers.get("location").filter(|_| (300..400).contains(&status));
        if let Some(location) = location.filter(|_| self.has(Flaw::FollowsRedirects)) {
            let mut request = request;
            match location.strip_prefix("http://").and_then(|rest| rest.split_once('/')) {
                Some((host, path)) => {
                    request.host = Host::parse(&format!("http://{host}"), HostPolicy::AllowLoopback).unwrap();
                    request.path = format!("/{path}");
                }
                None => request.path = location.to_owned(),
            }
            return self.exchange(&request).await;
        }
        match self.flaw {
            Some(Flaw::RedirectIsAnError) if (300..400).contains(&status) => {
                return Err(Fault::Redirect.into());
            }
            Some(Flaw::StatusIsAnError) if status >= 400 => return Err(PluginError::new(status)),
            Some(Flaw::LosesTheStatus) if status == 201 => response.status = 200,
            Some(Flaw::LosesHeaders) => response.headers = Headers::new(),
            Some(Flaw::LosesTheBody) if status >= 400 => response.body.clear(),
            Some(Flaw::KeepsCookies) => {
                *self.cookie.lock().unwrap() = response.headers.get("set-cookie").map(str::to_owned);
            }
            _ => {}
        }
        Ok(response)
    }
}

#[async_trait]
impl Transport for ByHand {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        let timeout = request.timeout;
        match self.flaw {
            Some(Flaw::ShowsHeaders) => {
                *self.shown.lock().unwrap() = request.headers.iter().map(|(_, value)| value).collect();
            }
            Some(Flaw::GoesOnWhenCancelled) => {
                let call = async move { ByHand::default().send(request).await };
                return tokio::spawn(call).await.unwrap();
            }
            Some(Flaw::StaysBusyWhenCancelled) => {
                if self.busy.swap(true, Ordering::Relaxed) {
                    return Err(Fault::Other.into());
                }
                let result = tokio::time::timeout(timeout, self.exchange(&request)).await;
                self.busy.store(false, Ordering::Relaxed);
                return result.map_err(|_| Fault::Timeout)?;
            }
            Some(Flaw::NeverGivesUp | Flaw::TimesReadsAlone) => return self.send_flawed(request).await,
            _ => {}
        }
        let otherwise = if self.has(Flaw::GivesUpOtherwise) { Fault::Reset } else { Fault::Timeout };
        tokio::time::timeout(timeout, self.send_flawed(request)).await.map_err(|_| otherwise)?
    }

    fn may_block(&self) -> bool {
        self.has(Flaw::BlocksAsItSays) || self.has(Flaw::BlocksOneCallAtATime)
    }
}

impl fmt::Debug for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ByHand({:?} {})", self.flaw, self.shown.lock().unwrap())
    }
}
