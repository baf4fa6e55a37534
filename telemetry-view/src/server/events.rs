//! What's new, as server-sent events.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Bytes, Frame};
use hyper::{Response, StatusCode};
use tokio::sync::{OwnedSemaphorePermit, watch};

use super::{Body, Page, of, plain, routes};

/// Streams at a time; a page beyond them asks every second.
pub(crate) const MAX_STREAMS: usize = 8;

/// The shortest time between two events.
const PACE: Duration = Duration::from_millis(200);

/// A sign of life where nothing happens.
const HEARTBEAT: Duration = Duration::from_secs(15);

pub(crate) fn answer(page: &Arc<Page>) -> Response<Body> {
    let Ok(place) = Arc::clone(&page.streams).try_acquire_owned() else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "too many pages are open");
    };
    let events = Events { next: next(Arc::clone(page), page.shared.changes(), None), _place: place };
    let mut response = of(StatusCode::OK, "text/event-stream", "");
    *response.body_mut() = events.boxed();
    response
}

type Next = Pin<Box<dyn Future<Output = (Bytes, Arc<Page>, watch::Receiver<u64>)> + Send + Sync>>;

/// A body that never ends. Nothing is made before whoever reads has room for it.
struct Events {
    next: Next,
    _place: OwnedSemaphorePermit,
}

/// The next event: at once at first, and then when anything has changed.
fn next(page: Arc<Page>, mut changes: watch::Receiver<u64>, after: Option<Duration>) -> Next {
    Box::pin(async move {
        if let Some(after) = after {
            tokio::time::sleep(after).await;
            // The sender lives as long as the page.
            _ = tokio::time::timeout(HEARTBEAT, changes.changed()).await;
        }
        changes.mark_unchanged();
        let event = format!("data: {}\n\n", routes::state(&page));
        (event.into(), page, changes)
    })
}

impl HttpBody for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let (event, page, changes) = ready!(self.next.as_mut().poll(context));
        self.next = next(page, changes, Some(PACE));
        Poll::Ready(Some(Ok(Frame::data(event))))
    }
}
