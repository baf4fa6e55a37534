//! One connection: HTTP for as long as its behaviour keeps to it.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use telemetry_core::plugin::Headers;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::answer::{Answer, Received};
use super::hosts;
use super::server::{Bounds, Shared};
use super::service::{self, Path, Raw, Reply};
use super::state::State;
use crate::workspace::watched::Watched;

/// A connection, under whatever it is wrapped in.
trait Connection: AsyncRead + AsyncWrite + Unpin {
    fn tcp(&self) -> &TcpStream;
}

impl Connection for TcpStream {
    fn tcp(&self) -> &TcpStream {
        self
    }
}

#[cfg(feature = "tls")]
impl Connection for tokio_rustls::server::TlsStream<TcpStream> {
    fn tcp(&self) -> &TcpStream {
        self.get_ref().0
    }
}

/// Serves one connection until it ends.
pub(crate) async fn open(stream: TcpStream, shared: Shared) {
    let _open = Open::new(Arc::clone(&shared.state));
    #[cfg(feature = "tls")]
    if let Some(acceptor) = &shared.acceptor {
        // A client that trusts nobody hangs up here.
        if let Some(Ok(stream)) = within(shared.bounds.patience, acceptor.accept(stream)).await {
            serve(stream, shared).await;
        }
        return;
    }
    serve(stream, shared).await;
}

/// What a future gives, or nothing if it takes longer than may be.
async fn within<T>(patience: Option<Duration>, future: impl Future<Output = T>) -> Option<T> {
    match patience {
        Some(patience) => tokio::time::timeout(patience, future).await.ok(),
        None => Some(future.await),
    }
}

/// Completes once the latest request takes longer than it may, whatever holds it up.
async fn overdue(timeout: Option<Duration>, latest: watch::Receiver<Instant>) {
    let Some(timeout) = timeout else { return pending().await };
    loop {
        let end = *latest.borrow() + timeout;
        if end <= Instant::now() {
            return;
        }
        tokio::time::sleep_until(end).await;
    }
}

async fn serve(stream: impl Connection, shared: Shared) {
    let Bounds { patience, request_timeout, .. } = shared.bounds;
    let (raw, mut wants_raw) = mpsc::unbounded_channel();
    // Requests on a connection are answered one after another.
    let (begins, latest) = watch::channel(Instant::now());
    let service = service_fn(move |request| {
        begins.send_replace(Instant::now());
        let (shared, raw) = (shared.clone(), raw.clone());
        async move {
            match answer(request, &shared).await {
                Reply::Answer(answer) => return Ok::<_, Infallible>(response(answer)),
                Reply::Hang => {}
                Reply::Raw(act) => drop(raw.send(act)),
            }
            pending().await
        }
    });
    let mut builder = http1::Builder::new();
    if let Some(patience) = patience {
        builder.timer(TokioTimer::new()).header_read_timeout(patience);
    }
    let mut connection = builder.serve_connection(TokioIo::new(stream), service);
    let act = tokio::select! {
        // How a connection ends is the client's business.
        _ = &mut connection => return,
        () = overdue(request_timeout, latest) => return,
        act = wants_raw.recv() => act,
    };
    let stream = connection.into_parts().io.into_inner();
    if let Some(act) = act {
        // The client may hang up at any time.
        drop(within(request_timeout, act_raw(stream, act)).await);
    }
}

async fn act_raw(mut stream: impl Connection, act: Raw) -> std::io::Result<()> {
    match act {
        // By its older name, which an older tokio has as well.
        #[allow(deprecated, reason = "what is new came with a newer tokio than drivers have")]
        Raw::Reset => stream.tcp().set_linger(Some(std::time::Duration::ZERO)),
        Raw::Bytes(bytes) => {
            stream.write_all(&bytes).await?;
            stream.shutdown().await
        }
        Raw::Endless(head, chunk) => {
            stream.write_all(&head).await?;
            loop {
                stream.write_all(&chunk).await?;
                // Writing to a client that reads fast never waits; others want their turn.
                tokio::task::yield_now().await;
            }
        }
        Raw::Slow(bytes, pause) => {
            stream.tcp().set_nodelay(true)?;
            for byte in bytes {
                tokio::time::sleep(pause).await;
                stream.write_all(&[byte]).await?;
                stream.flush().await?;
            }
            stream.shutdown().await
        }
    }
}

/// Whether a browser says that it sends this for some page.
fn is_of_a_page(headers: &HeaderMap) -> bool {
    let said = ["origin", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"];
    said.iter().any(|name| headers.contains_key(*name))
}

async fn answer(request: Request<Incoming>, shared: &Shared) -> Reply {
    let state = &shared.state;
    let (head, body) = request.into_parts();
    if shared.bounds.refuse_pages {
        if is_of_a_page(&head.headers) {
            return Reply::Answer(Answer::new(403, ""));
        }
        if let Some(host) = hosts::other_host(&head, &shared.hosts) {
            if let Some(told) = &shared.on_other_host {
                told(&host);
            }
            return Reply::Answer(Answer::new(421, "another host is meant"));
        }
    }
    let read = within(shared.bounds.patience, Limited::new(body, shared.bounds.max_body).collect()).await;
    let (body, refused) = match read {
        Some(Ok(body)) => (body.to_bytes(), None),
        Some(Err(error)) if error.is::<LengthLimitError>() => (Bytes::new(), Some(413)),
        Some(Err(_)) => (Bytes::new(), Some(400)),
        None => (Bytes::new(), Some(408)),
    };
    let mut headers = Headers::new();
    for (name, value) in &head.headers {
        headers.push(name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()));
    }
    let path = head.uri.path_and_query().map_or_else(|| head.uri.to_string(), ToString::to_string);
    let request = Received::new(head.method.as_str(), &path, headers, body);
    let reply = match refused {
        Some(status) => Reply::Answer(Answer::new(status, "")),
        None => {
            state.change(|state| state.remember(&request));
            reply(&request, shared).await
        }
    };
    if let Some(observer) = &shared.observer {
        observer(&request, reply.status());
    }
    reply
}

async fn reply(request: &Received, shared: &Shared) -> Reply {
    let Shared { state, routes, .. } = shared;
    match Path::of(&request.path) {
        Path::Other => {
            let issued = state.change(|state| state.issuer.as_mut()?.answer(state.scheme, request));
            if let Some(answer) = issued {
                return Reply::Answer(answer);
            }
            let (routes, request) = (Arc::clone(routes), request.clone());
            let routed = tokio::task::spawn_blocking(move || service::route(&routes, &request)).await;
            Reply::Answer(routed.unwrap_or_else(|_| Answer::new(500, "the route panicked")))
        }
        path => service::reply(state, path, request, shared.pass_on.as_ref()).await,
    }
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut builder = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        builder = builder.header(name, value);
    }
    builder.body(answer.body.into()).unwrap_or_else(|_| {
        let mut response = Response::new("an answer with an invalid status or header".into());
        *response.status_mut() = hyper::StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// Counts a connection as open for as long as it lives.
struct Open(Arc<Watched<State>>);

impl Open {
    fn new(state: Arc<Watched<State>>) -> Self {
        state.change(|state| state.connections += 1);
        Open(state)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.change(|state| state.connections -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_request_of_a_connection_has_its_own_time() {
        let second = Duration::from_secs(1);
        let (begins, latest) = watch::channel(Instant::now());
        let begun = Instant::now();
        let others = async {
            for _ in 0..3 {
                tokio::time::sleep(second * 4 / 5).await;
                begins.send_replace(Instant::now());
            }
            pending().await
        };
        tokio::select! {
            ended = within(Some(second * 9), overdue(Some(second), latest.clone())) => assert!(ended.is_some()),
            () = others => {}
        }
        assert_eq!(begun.elapsed().as_millis(), 3400);
        assert!(within(Some(second * 1000), overdue(None, latest)).await.is_none());
    }
}
