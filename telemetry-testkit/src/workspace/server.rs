//! The workspace's thread: it listens until it is dropped.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::runtime::Builder;
use tokio::sync::{Semaphore, oneshot};

use super::answer::Received;
use super::connection;
use super::service::{PassOn, Routes};
use super::state::State;
use crate::workspace::watched::Watched;

/// How long a route that still runs may hold up the end of the server.
const SAFETY_NET: Duration = Duration::from_secs(5);

pub(crate) type Observer = Arc<dyn Fn(&Received, Option<u16>) + Send + Sync>;
pub(crate) type OnOtherHost = Arc<dyn Fn(&str) + Send + Sync>;

/// What one client, or all together, may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Bytes of a body. No test sends more than it is at first, and a runaway one must not take the
    /// machine's memory.
    pub(crate) max_body: usize,
    pub(crate) max_connections: usize,
    /// How long a client may take for the head of a request, and for its body.
    pub(crate) patience: Option<Duration>,
    /// How long a request may take, from its head until the client has its answer.
    pub(crate) request_timeout: Option<Duration>,
    /// Whether what a browser asks for a page is refused.
    pub(crate) refuse_pages: bool,
}

impl Default for Bounds {
    fn default() -> Self {
        Bounds {
            max_body: 64 * 1024 * 1024,
            max_connections: Semaphore::MAX_PERMITS,
            patience: None,
            request_timeout: None,
            refuse_pages: false,
        }
    }
}

pub(crate) struct Server {
    port: u16,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What its connections share.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) state: Arc<Watched<State>>,
    pub(crate) routes: Arc<Routes>,
    pub(crate) pass_on: Option<PassOn>,
    pub(crate) observer: Option<Observer>,
    pub(crate) on_other_host: Option<OnOtherHost>,
    pub(crate) bounds: Bounds,
    /// Names of this machine, where pages are refused.
    pub(crate) hosts: Arc<[String]>,
    /// Where it speaks HTTPS.
    #[cfg(feature = "tls")]
    pub(crate) acceptor: Option<tokio_rustls::TlsAcceptor>,
}

impl Server {
    /// Takes the port; 0 is any.
    pub(crate) fn listen(port: u16) -> io::Result<TcpListener> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
            .map_err(|error| io::Error::new(error.kind(), format!("127.0.0.1:{port}: {error}")))?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    }

    pub(crate) fn start(listener: TcpListener, shared: Shared) -> io::Result<Server> {
        let port = listener.local_addr()?.port();
        let (stop, stopped) = oneshot::channel::<()>();
        let run = move || {
            let runtime = Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    () = accept(listener, shared) => {}
                    _ = stopped => {}
                }
            });
            runtime.shutdown_timeout(SAFETY_NET);
        };
        let thread = std::thread::Builder::new().name("fake-workspace".to_owned()).spawn(run)?;
        Ok(Server { port, stop: Some(stop), thread: Some(thread) })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Shared) {
    let places = Arc::new(Semaphore::new(shared.bounds.max_connections));
    loop {
        // The others wait with the system, which bounds how many.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let shared = shared.clone();
                tokio::spawn(async move {
                    connection::open(stream, shared).await;
                    drop(place);
                });
            }
            // A connection that was gone before it was accepted, or no file descriptor left: others may end.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic has been printed, and a second one in a drop would hide the test's.
            drop(thread.join());
        }
    }
}
