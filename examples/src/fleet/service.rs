//! The service as a fleet meets it: how it answers, and what reaches it in each second.

use std::future::pending;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use telemetry_core::plugin::{Attempt, HttpRequest, HttpResponse, PluginError, Receipt, Tick, Transport};
use telemetry_core::{Clock, Exporter, Fault};
use telemetry_export_http::HttpExporter;
use telemetry_testkit::FakeClock;

/// How long an answer takes.
const TAKES: Duration = Duration::from_millis(50);

/// How the service behaves while it is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outage {
    /// It answers 503.
    Unavailable,
    /// It takes requests and never answers.
    Hangs,
    /// It answers 429, and asks for so many seconds of patience.
    Throttles(u64),
    /// It answers 429, and names the date of the outage's end.
    ThrottlesToTheEnd,
    /// Nobody listens.
    Refuses,
}

/// What reached the service in one second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Second {
    /// Requests with records.
    pub posts: u64,
    /// Questions for the flags.
    pub flags: u64,
    /// Bytes of the posts' heads and bodies, before TLS.
    pub post_bytes: u64,
    /// Bytes of the questions' heads.
    pub flag_bytes: u64,
    /// Records in the posts.
    pub records: u64,
    /// How many of the posts were turned away, or got no answer.
    pub failed: u64,
}

/// A service that answers well, but for an outage. Flags are another's business, and answered all the while.
#[derive(Debug)]
pub(super) struct Service {
    origin: Tick,
    outage: Option<(Outage, Range<Tick>)>,
    /// How many posts it takes in a second when the outage is over; what comes beyond it is answered 503.
    capacity: u64,
    seconds: Mutex<Vec<Second>>,
}

impl Service {
    /// One that is out from `outage.start` to `outage.end` after `origin`.
    pub(super) fn new(origin: Tick, outage: Option<(Outage, Range<Duration>)>, capacity: u64) -> Self {
        let outage = outage.map(|(kind, time)| (kind, origin + time.start..origin + time.end));
        Service { origin, outage, capacity, seconds: Mutex::default() }
    }

    /// What reached it, second by second.
    pub(super) fn seconds(&self) -> MutexGuard<'_, Vec<Second>> {
        self.seconds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, now: Tick, change: impl FnOnce(&mut Second)) -> Second {
        let place = (now - self.origin).as_secs() as usize;
        let mut seconds = self.seconds();
        if seconds.len() <= place {
            seconds.resize(place + 1, Second::default());
        }
        change(&mut seconds[place]);
        seconds[place]
    }

    fn outage(&self, now: Tick) -> Option<Outage> {
        self.outage.as_ref().filter(|(_, time)| time.contains(&now)).map(|(kind, _)| *kind)
    }

    fn is_full(&self, now: Tick, second: Second) -> bool {
        let over = self.outage.as_ref().is_some_and(|(_, time)| time.end <= now);
        over && second.posts - second.failed > self.capacity
    }
}

/// The way of one process to the service.
#[derive(Clone, Debug)]
pub(super) struct Link {
    pub(super) service: Arc<Service>,
    pub(super) clock: FakeClock,
}

impl Link {
    async fn answer(&self, status: u16, body: &str) -> HttpResponse {
        self.clock.sleep_until(self.clock.now() + TAKES).await;
        HttpResponse::new(status, body)
    }

    async fn throttled(&self, retry_after: String) -> HttpResponse {
        let mut answer = self.answer(429, "").await;
        answer.headers.push("retry-after", retry_after);
        answer
    }
}

#[async_trait]
impl Transport for Link {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, PluginError> {
        const FLAGS: &str = r#"{"flags":[{"name":"enabled","value":"true"}],"ttl_seconds":900}"#;
        const ACCEPTED: &str = r#"{"errors":[],"numSuccess":0,"numProtoSuccess":1000000}"#;
        let now = self.clock.now();
        let headers: usize = request.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
        let bytes = (request.path.len() + headers + request.body.len()) as u64;
        if request.body.is_empty() {
            self.service.count(now, |second| {
                second.flags += 1;
                second.flag_bytes += bytes;
            });
            return Ok(self.answer(200, FLAGS).await);
        }
        let second = self.service.count(now, |second| {
            second.posts += 1;
            second.post_bytes += bytes;
        });
        let outage = self.service.outage(now);
        let full = self.service.is_full(now, second);
        if outage.is_some() || full {
            self.service.count(now, |second| second.failed += 1);
        }
        match outage {
            Some(Outage::Hangs) => pending().await,
            Some(Outage::Refuses) => Err(Fault::Connect.into()),
            Some(Outage::Throttles(seconds)) => Ok(self.throttled(seconds.to_string()).await),
            Some(Outage::ThrottlesToTheEnd) => {
                let end = self.service.outage.as_ref().map_or(now, |(_, time)| time.end);
                let date = httpdate::fmt_http_date(self.clock.wall() + (end - now));
                Ok(self.throttled(date).await)
            }
            Some(Outage::Unavailable) => Ok(self.answer(503, "").await),
            None if full => Ok(self.answer(503, "").await),
            None => Ok(self.answer(200, ACCEPTED).await),
        }
    }

    fn may_block(&self) -> bool {
        false
    }
}

/// The exporter that posts, whose records are counted.
#[derive(Debug)]
pub(super) struct Counted(pub(super) HttpExporter, pub(super) Link);

#[async_trait]
impl Exporter for Counted {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let Counted(http, Link { service, clock }) = self;
        service.count(clock.now(), |second| second.records += attempt.records.len() as u64);
        http.export(attempt).await
    }

    fn may_block(&self) -> bool {
        self.0.may_block()
    }
}
