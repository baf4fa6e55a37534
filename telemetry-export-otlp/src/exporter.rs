//! One attempt to deliver a batch to a collector.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use telemetry_core::plugin::{Attempt, HttpRequest, Method, PluginError, Receipt, Transport, yield_now};
use telemetry_core::{BuildError, ErrorClass, Exporter, Fault};

use crate::accepted::{Accepted, Progress};
use crate::config::{Compression, Destination, OtlpConfig, Signal};
use crate::encode::body;
use crate::map::{Mapping, Messages};
use crate::proto::answer;

/// How much of an answer is read.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// How many records are mapped in one turn.
const TURN: usize = 64;

/// Posts batches to an OpenTelemetry collector.
///
/// The collector belongs to whoever operates the program, not to the workspace that the batch is for. So
/// [`Attempt::credentials`] is never looked at: no credential and no header of a connection goes there, and
/// what is sent is the same with them and without. The workspace's host is sent as `server.address`.
///
/// # A batch is up to three requests
///
/// One call makes one attempt: the spans of the batch, then its log records, then its metrics, each as one
/// request, and each only when the one before was taken. What fails ends the attempt with its fault, and what
/// follows of it is delivery's to decide. So:
///
/// - A batch that comes again goes on where it failed: what was taken before isn't sent again. That is known
///   of 4096 records at the most, while this exporter lives.
/// - Where it isn't known, or where a request was taken and its answer lost, it is sent again. Spans have the
///   same ids then, so that a store can tell; log records have the same times and ids. Metrics are deltas,
///   which add up wrongly when they come twice: so they are last, and once they were taken the batch is
///   done. Only a lost answer to them can make them come twice.
/// - A batch that fails for good counts as dropped as a whole, though its spans may have been taken. Switch
///   [off](crate::SignalConfig::off) what a collector doesn't take at all.
///
/// # What counts as accepted
///
/// A record whose span and log record were taken. Where a collector takes a request but for some of its items
/// ([partial success]), it doesn't say which: as many records as there were items are not in the receipt.
/// Data points that are rejected are of no one record, and are only told of at DEBUG.
///
/// An answer that isn't one is [`Fault::BadAnswer`], a redirect is refused, and all statuses are faults as
/// [`classify`](telemetry_core::classify) has them, with their `Retry-After`. Of those that OTLP would never
/// try again, that table has 408, 425 and 500 as worth another try.
///
/// [partial success]: https://opentelemetry.io/docs/specs/otlp/#partial-success-1
pub struct OtlpExporter {
    transport: Arc<dyn Transport>,
    mapping: Mapping,
    destinations: [Option<Destination>; 3],
    max_body_bytes: usize,
    accepted: Accepted,
}

impl OtlpExporter {
    /// An exporter over this transport.
    ///
    /// # Errors
    ///
    /// [`BuildError::Setup`] for a URL that can't be called or a header that is none,
    /// [`BuildError::OutOfBounds`] and [`BuildError::InvalidName`] for a setting that makes no sense,
    /// [`BuildError::Missing`] where all signals are off.
    pub fn new(transport: Arc<dyn Transport>, config: OtlpConfig) -> Result<Self, BuildError> {
        let (destinations, max_body_bytes) = (config.destinations()?, config.max_body_bytes);
        let mapping = Mapping::new(config)?;
        Ok(OtlpExporter { transport, mapping, destinations, max_body_bytes, accepted: Accepted::default() })
    }

    /// The bodies of what is still to be sent of a batch, in the order of [`Signal::ALL`].
    async fn bodies(
        &self,
        attempt: &Attempt<'_>,
        progress: &Progress<'_>,
    ) -> Result<[Option<Vec<u8>>; 3], PluginError> {
        let [traces, logs, metrics] = &self.destinations;
        let mut batch = self.mapping.batch(attempt.host);
        for (number, (record, mut wanted)) in progress.wanted().enumerate() {
            if number % TURN == TURN - 1 {
                yield_now().await;
            }
            wanted.traces &= traces.is_some();
            wanted.logs &= logs.is_some();
            wanted.metrics &= metrics.is_some();
            batch.push(record, wanted);
            // Of two bodies one is too long then: no need to make the rest.
            if batch.bytes() > 2 * self.max_body_bytes {
                return Err(Fault::TooLarge.into());
            }
        }
        let Messages { traces: spans, logs: log_records, metrics: measured } = batch.finish();
        Ok([
            self.body(spans, traces).await?,
            self.body(log_records, logs).await?,
            self.body(measured, metrics).await?,
        ])
    }

    async fn body<M: prost::Message + serde::Serialize>(
        &self,
        message: Option<M>,
        to: &Option<Destination>,
    ) -> Result<Option<Vec<u8>>, PluginError> {
        let (Some(message), Some(to)) = (message, to) else { return Ok(None) };
        yield_now().await;
        body(&message, to.protocol, to.compression, self.max_body_bytes).await.map(Some)
    }

    /// Posts one signal. How many of its items were rejected.
    async fn post(
        &self,
        attempt: &Attempt<'_>,
        signal: Signal,
        to: &Destination,
        body: Vec<u8>,
    ) -> Result<u64, PluginError> {
        let mut request = HttpRequest::new(Method::Post, to.host.clone(), to.path.as_str());
        request.headers = to.headers.clone();
        request.headers.push("content-type", to.protocol.content_type());
        request.headers.push("accept", to.protocol.content_type());
        if to.compression == Compression::Gzip {
            request.headers.push("content-encoding", "gzip");
        }
        request.headers.push("user-agent", USER_AGENT);
        request.body = body;
        request.timeout = to.timeout;
        request.max_response_bytes = MAX_ANSWER_BYTES;
        let response = self.transport.send(request).await?;
        let content_type = answer::content_type(&response);
        let answer = response.into_success(attempt.wall)?;
        let rejected = answer::rejected(signal, to.protocol, content_type.as_deref(), &answer)?;
        if rejected > 0 {
            tracing::debug!(?signal, rejected, "a collector took a batch but for some of its items");
        }
        Ok(rejected)
    }
}

const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

impl fmt::Debug for OtlpExporter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OtlpExporter")
            .field("transport", &self.transport)
            .field("destinations", &self.destinations)
            .field("max_body_bytes", &self.max_body_bytes)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Exporter for OtlpExporter {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        let mut progress = self.accepted.progress(attempt.records);
        let sent = async {
            let bodies = self.bodies(attempt, &progress).await?;
            for ((signal, to), body) in Signal::ALL.into_iter().zip(&self.destinations).zip(bodies) {
                let (Some(to), Some(body)) = (to, body) else { continue };
                let rejected = self.post(attempt, signal, to, body).await?;
                progress.taken(signal, rejected);
                // At once, as this call may be given up while the next request is under way.
                if signal != Signal::Metrics {
                    self.accepted.keep(&progress);
                }
            }
            Ok(())
        };
        let result: Result<(), PluginError> = sent.await;
        if !result.is_err_and(comes_again) {
            self.accepted.forget(attempt.records);
        }
        result.map(|()| Receipt::new(progress.accepted()))
    }

    fn may_block(&self) -> bool {
        self.transport.may_block()
    }
}

/// Whether delivery sends the batch once more, whole or in halves.
fn comes_again(failure: PluginError) -> bool {
    failure.class() == ErrorClass::Retryable || matches!(failure.fault, Fault::TooLarge | Fault::Status(413))
}
