//! From a host's name to addresses that may be connected to, which the system does only by blocking a thread.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs, UdpSocket};
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::fault::{Fault, PluginError};
use crate::guard::panic::catch_panic;
use crate::guard::thread_pool::{Job, Queue, ThreadPool};
use crate::host::HostPolicy;

/// How many look-ups run at a time. The others wait.
const THREADS: usize = 4;

impl HostPolicy {
    /// Checks all the addresses that a host's name resolves to, before one of them is connected to.
    ///
    /// For a transport whose HTTP library looks names up by itself; [`Resolver`] has it built in.
    ///
    /// # Errors
    ///
    /// [`Fault::NoSuchHost`] when there is none. [`Fault::RefusedHost`] when
    /// [`may_connect`](Self::may_connect) is `false` for any: one refused address refuses the name, as an
    /// honest name has none.
    pub fn check_addresses(self, addresses: impl IntoIterator<Item = IpAddr>) -> Result<(), PluginError> {
        let mut addresses = addresses.into_iter().peekable();
        if addresses.peek().is_none() {
            return Err(Fault::NoSuchHost.into());
        }
        if addresses.all(|address| self.may_connect(address)) {
            Ok(())
        } else {
            Err(Fault::RefusedHost.into())
        }
    }
}

/// Looks up names for a [`Transport`](crate::plugin::Transport) that never holds up its thread, and refuses
/// those that lead where they must not.
///
/// The system's own look-up blocks a thread, for as long as it takes, and can't be given up. So it runs on
/// threads of the resolver's own: 4 at the most, and one look-up of a name at a time, however many ask for
/// it. A thread ends after ten idle seconds, or with the resolver. No signal is delivered to them. Nothing is
/// cached. A clone shares the threads.
///
/// ```
/// use telemetry_core::plugin::{PluginError, Resolver};
/// use telemetry_core::{Fault, HostPolicy};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let resolver = Resolver::default();
/// let found = resolver.resolve("localhost", HostPolicy::Public).await;
/// assert_eq!(found, Err(PluginError::new(Fault::RefusedHost)));
/// # }
/// ```
#[derive(Clone)]
pub struct Resolver {
    lookups: Arc<Lookups>,
}

impl Resolver {
    /// The addresses of a name, at least one, all of which this policy allows. Their port is 0. It has no
    /// timeout; whoever stops waiting drops the future.
    ///
    /// # Errors
    ///
    /// [`Fault::NoSuchHost`] when the name doesn't resolve; [`Fault::NoResources`] when the system gives no
    /// thread or descriptor to look it up with; [`Fault::RefusedHost`] as [`HostPolicy::check_addresses`]
    /// says.
    pub fn resolve(
        &self,
        name: &str,
        policy: HostPolicy,
    ) -> impl Future<Output = Result<Vec<SocketAddr>, PluginError>> + Send + use<> {
        let (lookups, name) = (Arc::clone(&self.lookups), name.to_owned());
        async move {
            let addresses = lookups.of(&name).await?;
            policy.check_addresses(addresses.iter().map(SocketAddr::ip))?;
            Ok(addresses)
        }
    }
}

impl Default for Resolver {
    /// One that asks the system, and has no thread yet.
    fn default() -> Self {
        Resolver { lookups: Arc::new(Lookups::by(|name| (name, 0).to_socket_addrs().map(Iterator::collect))) }
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

type Found = Result<Vec<SocketAddr>, Fault>;

/// Looks up names on a few threads: one look-up of a name at a time, however many ask for it.
struct Lookups {
    pool: ThreadPool<Names>,
    look_up: fn(&str) -> io::Result<Vec<SocketAddr>>,
}

/// Names to be looked up.
#[derive(Default)]
struct Names {
    queue: VecDeque<(String, Job)>,
    /// Who waits for a name that is in the queue or being looked up; nobody, when all were given up.
    asked: HashMap<String, Vec<oneshot::Sender<Found>>>,
}

impl Queue for Names {
    fn next(&mut self) -> Option<Job> {
        while let Some((name, job)) = self.queue.pop_front() {
            let wanted = |waiting: &Vec<oneshot::Sender<Found>>| waiting.iter().any(|tell| !tell.is_closed());
            if self.asked.get(&name).is_some_and(wanted) {
                return Some(job);
            }
            self.asked.remove(&name);
        }
        None
    }

    fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl Lookups {
    fn by(look_up: fn(&str) -> io::Result<Vec<SocketAddr>>) -> Self {
        Lookups { pool: ThreadPool::new("telemetry-names", THREADS), look_up }
    }

    /// The addresses of a name.
    ///
    /// # Errors
    ///
    /// [`Fault::NoSuchHost`], or [`Fault::NoResources`] when the system gives no thread.
    async fn of(&self, name: &str) -> Found {
        let (tell, told) = oneshot::channel();
        let job = self.job(name);
        let add = |names: &mut Names| {
            let pending = names.asked.contains_key(name);
            let waiting = names.asked.entry(name.to_owned()).or_default();
            // Who was given up waits for nothing; the look-up is under way all the same.
            waiting.retain(|tell| !tell.is_closed());
            waiting.push(tell);
            if !pending {
                names.queue.push_back((name.to_owned(), job));
            }
            true
        };
        self.pool.add(add).map_err(|_| Fault::NoResources)?;
        // Nobody tells when another found that there is no thread.
        told.await.unwrap_or(Err(Fault::NoResources))
    }

    /// Looks up a name, and tells whoever waits for it.
    fn job(&self, name: &str) -> Job {
        let (threads, name, look_up) = (Arc::clone(&self.pool), name.to_owned(), self.look_up);
        Box::new(move || {
            let found = catch_panic(|| look_up(&name)).unwrap_or_else(|| Err(io::ErrorKind::Other.into()));
            let found = found.map_err(|error| not_found(&error));
            let waiting = threads.queue(|names| names.asked.remove(&name)).unwrap_or_default();
            for tell in waiting {
                // Who was given up meanwhile is missed by nobody.
                drop(tell.send(found.clone()));
            }
        })
    }
}

/// What a look-up that failed says. The system's resolver calls a name unknown also when it had no descriptor
/// to ask with.
fn not_found(error: &io::Error) -> Fault {
    let another = || UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).err();
    let is_ours = |error: &io::Error| Fault::from(error) == Fault::NoResources;
    if is_ours(error) || another().is_some_and(|error| is_ours(&error)) {
        return Fault::NoResources;
    }
    Fault::NoSuchHost
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    async fn resolved(policy: HostPolicy) -> Result<Vec<SocketAddr>, Fault> {
        // A name of this machine that every system has, in the place of one that turned out to be it.
        Resolver::default().resolve("localhost", policy).await.map_err(|error| error.fault)
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_this_machine_is_refused() {
        assert_eq!(resolved(HostPolicy::Public).await, Err(Fault::RefusedHost));
        let allowed = resolved(HostPolicy::AllowLoopback).await.unwrap();
        assert!(!allowed.is_empty() && allowed.iter().all(|address| address.ip().is_loopback()));
    }

    #[tokio::test]
    async fn a_name_that_does_not_resolve_or_to_nothing_is_no_such_host() {
        let failing = Lookups::by(|_| Err(io::ErrorKind::Other.into()));
        for lookups in [failing, Lookups::by(|_| Ok(Vec::new()))] {
            let resolver = Resolver { lookups: Arc::new(lookups) };
            let found = resolver.resolve("a", HostPolicy::AllowLoopback).await;
            assert_eq!(found, Err(Fault::NoSuchHost.into()));
        }
    }

    #[test]
    fn one_refused_address_refuses_them_all_wherever_it_stands() {
        let check = |addresses: &[&str]| {
            let addresses = addresses.iter().map(|address| address.parse().unwrap());
            HostPolicy::Public.check_addresses(addresses).map_err(|error| error.fault)
        };
        assert_eq!(check(&["8.8.8.8", "2606:4700::1", "10.0.0.1"]), Ok(()));
        for refused in [["127.0.0.1", "8.8.8.8", "8.8.4.4"], ["8.8.8.8", "8.8.4.4", "169.254.169.254"]] {
            assert_eq!(check(&refused), Err(Fault::RefusedHost), "{refused:?}");
        }
        assert_eq!(check(&[]), Err(Fault::NoSuchHost));
        let here = [IpAddr::from([127, 0, 0, 1])];
        assert_eq!(HostPolicy::AllowLoopback.check_addresses(here), Ok(()));
    }

    #[tokio::test]
    async fn a_name_is_looked_up() {
        let lookups = Resolver::default().lookups;
        let found = lookups.of("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()));
    }

    #[tokio::test]
    async fn what_fails_says_so() {
        let lookups = Arc::new(Lookups::by(|_| Err(io::ErrorKind::HostUnreachable.into())));
        assert_eq!(lookups.of("a").await, Err(Fault::NoSuchHost));
        #[cfg(unix)]
        {
            let lookups = Arc::new(Lookups::by(|_| Err(io::Error::from(nix::errno::Errno::EMFILE))));
            assert_eq!(lookups.of("a").await, Err(Fault::NoResources), "that says nothing of the name");
        }
    }

    /// Ends a broken test.
    const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

    static CALLS: AtomicUsize = AtomicUsize::new(0);
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    static GATE: (std::sync::Mutex<bool>, std::sync::Condvar) =
        (std::sync::Mutex::new(false), std::sync::Condvar::new());

    fn slow(_name: &str) -> io::Result<Vec<SocketAddr>> {
        CALLS.fetch_add(1, Ordering::SeqCst);
        INSIDE.fetch_add(1, Ordering::SeqCst);
        let mut open = GATE.0.lock().unwrap();
        while !*open {
            let (woken, waited) = GATE.1.wait_timeout(open, LIMIT).unwrap();
            assert!(!waited.timed_out(), "nobody opens the gate");
            open = woken;
        }
        INSIDE.fetch_sub(1, Ordering::SeqCst);
        Ok(Vec::new())
    }

    #[tokio::test]
    async fn a_name_that_hangs_takes_one_thread_however_often_it_is_given_up() {
        static STARTED: AtomicUsize = AtomicUsize::new(0);
        let lookups = Arc::new(Lookups::by(|name| {
            if name == "fast" {
                return Ok(Vec::new());
            }
            STARTED.fetch_add(1, Ordering::SeqCst);
            std::thread::sleep(LIMIT);
            Ok(Vec::new())
        }));
        for _ in 0..20 {
            let mut asked = Box::pin(lookups.of("hangs"));
            let given_up =
                std::future::poll_fn(|cx| std::task::Poll::Ready(asked.as_mut().poll(cx).is_pending()));
            assert!(given_up.await);
        }
        assert_eq!(lookups.of("fast").await, Ok(Vec::new()));
        assert!(STARTED.load(Ordering::SeqCst) <= 1, "the one that hangs is looked up once");
    }

    #[test]
    fn a_name_that_nobody_waits_for_any_more_is_not_looked_up() {
        let mut names = Names::default();
        let ((wanted, _waits), (given_up, _)) = (oneshot::channel(), oneshot::channel());
        for (name, tell) in [("given up", given_up), ("wanted", wanted)] {
            names.queue.push_back((name.to_owned(), Box::new(|| ())));
            names.asked.insert(name.to_owned(), vec![tell]);
        }
        assert_eq!(names.waiting(), 2);
        assert!(names.next().is_some() && names.asked.keys().eq(["wanted"]));
        assert!(names.waiting() == 0 && names.next().is_none());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_that_hangs_is_looked_up_once_and_few_hang_at_a_time() {
        let lookups = Arc::new(Lookups::by(slow));
        let mut tasks = Vec::new();
        for number in 0..1000 {
            let lookups = Arc::clone(&lookups);
            tasks.push(tokio::spawn(async move { lookups.of(&format!("host-{}", number % 10)).await }));
        }
        let start = std::time::Instant::now();
        while INSIDE.load(Ordering::SeqCst) < THREADS
            || lookups.pool.queue(|names| names.asked.values().map(Vec::len).sum::<usize>()) < 1000
        {
            assert!(start.elapsed() < LIMIT, "they never all hang");
            tokio::task::yield_now().await;
        }
        assert_eq!((CALLS.load(Ordering::SeqCst), lookups.pool.count()), (THREADS, THREADS));
        // Who is given up leaves nothing behind for the next that asks.
        *GATE.0.lock().unwrap() = true;
        GATE.1.notify_all();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(Vec::new()));
        }
        assert_eq!(CALLS.load(Ordering::SeqCst), 10, "each of ten names once");
    }
}
