//! Looking up names, which the system does only by blocking a thread.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;

/// How many look-ups run at a time. The others wait.
const THREADS: usize = 4;
/// How long a thread waits for another name before it ends.
const IDLE: Duration = Duration::from_secs(10);

type Found = Result<Vec<SocketAddr>, io::ErrorKind>;

/// Looks up names on a few threads of its own: one look-up of a name at a time, however many ask for it.
pub(crate) struct Lookups {
    state: Mutex<State>,
    work: Condvar,
    look_up: fn(&str) -> io::Result<Vec<SocketAddr>>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<String>,
    /// Who waits for a name that is in the queue or being looked up; nobody, when all were given up.
    asked: HashMap<String, Vec<oneshot::Sender<Found>>>,
    threads: usize,
    idle: usize,
}

impl Default for Lookups {
    fn default() -> Self {
        Lookups::by(|name| (name, 0).to_socket_addrs().map(Iterator::collect))
    }
}

impl Lookups {
    pub(crate) fn by(look_up: fn(&str) -> io::Result<Vec<SocketAddr>>) -> Self {
        Lookups { state: Mutex::default(), work: Condvar::new(), look_up }
    }

    /// The addresses of a name.
    ///
    /// # Errors
    ///
    /// What the system says, also when it gives no thread.
    pub(crate) async fn of(self: &Arc<Self>, name: &str) -> Found {
        let (tell, told) = oneshot::channel();
        {
            let mut state = self.lock();
            let pending = state.asked.contains_key(name);
            let waiting = state.asked.entry(name.to_owned()).or_default();
            // Who was given up waits for nothing; the look-up is under way all the same.
            waiting.retain(|tell| !tell.is_closed());
            waiting.push(tell);
            if !pending {
                state.queue.push_back(name.to_owned());
                self.work.notify_one();
            }
            if state.idle < state.queue.len() && state.threads < THREADS && self.start().is_ok() {
                state.threads += 1;
            }
            if state.threads == 0 {
                state.queue.clear();
                state.asked.clear();
                return Err(io::ErrorKind::OutOfMemory);
            }
        }
        told.await.unwrap_or(Err(io::ErrorKind::Interrupted))
    }

    /// The thread has the signal mask of the one that starts it, which is the provider's.
    fn start(self: &Arc<Self>) -> io::Result<()> {
        let lookups = Arc::clone(self);
        thread::Builder::new().name("telemetry-names".to_owned()).spawn(move || lookups.run()).map(drop)
    }

    fn run(&self) {
        while let Some(name) = self.next() {
            let found = (self.look_up)(&name).map_err(|error| error.kind());
            let waiting = self.lock().asked.remove(&name).unwrap_or_default();
            for tell in waiting {
                // Who was given up meanwhile is missed by nobody.
                drop(tell.send(found.clone()));
            }
        }
    }

    fn next(&self) -> Option<String> {
        let mut state = self.lock();
        loop {
            while let Some(name) = state.queue.pop_front() {
                let wanted =
                    |waiting: &Vec<oneshot::Sender<Found>>| waiting.iter().any(|tell| !tell.is_closed());
                if state.asked.get(&name).is_some_and(wanted) {
                    return Some(name);
                }
                state.asked.remove(&name);
            }
            state.idle += 1;
            let (woken, waited) = self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() {
                state.threads -= 1;
                return None;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is whole before the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_name_is_looked_up() {
        let lookups = Arc::new(Lookups::default());
        let found = lookups.of("localhost").await.unwrap();
        assert!(!found.is_empty() && found.iter().all(|address| address.ip().is_loopback()));
    }

    #[tokio::test]
    async fn what_fails_says_so() {
        let lookups = Arc::new(Lookups::by(|_| Err(io::ErrorKind::HostUnreachable.into())));
        assert_eq!(lookups.of("a").await, Err(io::ErrorKind::HostUnreachable));
    }

    /// Ends a broken test.
    const LIMIT: std::time::Duration = std::time::Duration::from_secs(60);

    static CALLS: AtomicUsize = AtomicUsize::new(0);
    static INSIDE: AtomicUsize = AtomicUsize::new(0);
    static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

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
            thread::sleep(LIMIT);
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
            || lookups.lock().asked.values().map(Vec::len).sum::<usize>() < 1000
        {
            assert!(start.elapsed() < LIMIT, "they never all hang");
            tokio::task::yield_now().await;
        }
        assert_eq!((CALLS.load(Ordering::SeqCst), lookups.lock().threads), (THREADS, THREADS));
        // Who is given up leaves nothing behind for the next that asks.
        *GATE.0.lock().unwrap() = true;
        GATE.1.notify_all();
        for task in tasks {
            assert_eq!(task.await.unwrap(), Ok(Vec::new()));
        }
        assert_eq!(CALLS.load(Ordering::SeqCst), 10, "each of ten names once");
    }
}
