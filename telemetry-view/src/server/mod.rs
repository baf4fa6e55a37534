//! The page's server: on this machine, for whoever has its address.

mod events;
mod guard;
mod routes;

use std::convert::Infallible;
use std::io;
use std::net::Ipv4Addr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use crate::intake::Shared;
use crate::listen::Listener;
use events::MAX_STREAMS;
use guard::Guard;

/// Connections at a time; others wait.
const MAX_CONNECTIONS: usize = 64;

/// How long a client may take for a request's head, and for its body.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a connection may live. A page connects anew.
const MAX_LIFE: Duration = Duration::from_secs(3600);

/// Bytes of a request's head, and of its body.
const MAX_HEAD: usize = 16 * 1024;
const MAX_BODY: usize = 16 * 1024;

type Body = BoxBody<Bytes, Infallible>;

/// What the page shows, and where its switches are.
pub(crate) struct Page {
    pub(crate) shared: Arc<Shared>,
    /// Where it listens for drivers, if it does.
    pub(crate) listener: Option<Listener>,
    /// The file that it follows, if it does.
    pub(crate) file: Option<String>,
    guard: Guard,
    streams: Arc<Semaphore>,
}

/// A server that has its port.
pub(crate) struct Server {
    listener: TcpListener,
    page: Arc<Page>,
}

impl Server {
    /// Takes the port; 0 is any.
    pub(crate) async fn bind(
        port: u16,
        shared: Arc<Shared>,
        listener: Option<Listener>,
        file: Option<String>,
    ) -> io::Result<Server> {
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .await
            .map_err(|error| io::Error::new(error.kind(), format!("127.0.0.1:{port}: {error}")))?;
        let guard = Guard::new(socket.local_addr()?.port())?;
        let streams = Arc::new(Semaphore::new(MAX_STREAMS));
        Ok(Server { listener: socket, page: Arc::new(Page { shared, listener, file, guard, streams }) })
    }

    /// The page's address. Whoever has it sees all.
    pub(crate) fn url(&self) -> String {
        self.page.guard.url()
    }

    /// Serves until the process ends.
    pub(crate) async fn run(self) {
        let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        loop {
            let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let page = Arc::clone(&self.page);
                    tokio::spawn(async move {
                        _ = tokio::time::timeout(MAX_LIFE, serve(stream, page)).await;
                        drop(place);
                    });
                }
                // No file descriptor is left, or the client is gone: others may end.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            }
        }
    }
}

async fn serve(stream: TcpStream, page: Arc<Page>) {
    let service = service_fn(move |request| {
        let page = Arc::clone(&page);
        async move { Ok::<_, Infallible>(answer(request, page).await) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(MAX_HEAD);
    let connection = builder.serve_connection(TokioIo::new(stream), service);
    // How a connection ends is the client's business.
    _ = pin!(connection).await;
}

async fn answer(request: Request<Incoming>, page: Arc<Page>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let response = match page.guard.admit(&head) {
        Ok(path) => {
            let read = tokio::time::timeout(PATIENCE, Limited::new(body, MAX_BODY).collect()).await;
            match read {
                Ok(Ok(body)) => {
                    let query = head.uri.query().unwrap_or_default();
                    routes::answer(&page, &head.method, &path, query, &body.to_bytes()).await
                }
                Ok(Err(error)) if error.is::<LengthLimitError>() => {
                    plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too long")
                }
                Ok(Err(_)) => plain(StatusCode::BAD_REQUEST, "the body broke off"),
                Err(_) => plain(StatusCode::REQUEST_TIMEOUT, "the body is too slow"),
            }
        }
        Err(refused) => {
            let mut response = plain(refused.status(), refused.reason());
            // So that nobody who may see nothing keeps a place by reading none of many answers.
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            response
        }
    };
    guard::harden(response)
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    of(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()))
}

fn of(status: StatusCode, kind: &'static str, body: impl Into<Bytes>) -> Response<Body> {
    let mut response = Response::new(Full::new(body.into()).boxed());
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static(kind));
    response
}
