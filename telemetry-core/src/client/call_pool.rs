//! Where calls of plug-ins run that may block: a few threads for all hosts.
//!
//! A call is polled on a thread of the pool. What it waits for, such as a socket or a timer, belongs to the
//! provider's runtime and is driven there, so that a connection serves the next call on another thread as
//! well. A call keeps that runtime alive.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::sync::oneshot;

use crate::client::own_runtime::OwnRuntime;
use crate::fault::Fault;
use crate::guard::panic::{GuardedFuture, catch_panic};
use crate::guard::thread_pool::{Job, Queue, ThreadPool, Threads};
use crate::host::Host;
use crate::plugin::clock::BoxFuture;

/// How many threads there are at the most.
pub(crate) const THREADS: usize = 8;
/// How many calls for one host run at a time, so that one that hangs leaves threads to the others.
pub(crate) const PER_HOST: usize = 2;

/// Runs calls on a few threads. What can't run yet waits in a queue.
pub(crate) struct CallPool(ThreadPool<Calls>);

/// Calls that wait, and those that run.
#[derive(Default)]
struct Calls {
    queue: VecDeque<Queued>,
    /// How many run, by host.
    running: HashMap<Host, usize>,
    next: u64,
}

struct Queued {
    number: u64,
    host: Host,
    run: Job,
}

/// A call in the queue or on a thread. Dropped before it has an answer, it is taken out of the queue, or
/// given up where it runs.
pub(crate) struct Call<T> {
    answer: oneshot::Receiver<Option<T>>,
    number: u64,
    threads: Arc<Threads<Calls>>,
}

impl CallPool {
    /// Has this call run as soon as there is a thread for it.
    ///
    /// # Errors
    ///
    /// When there is no thread at all, and the system gives none.
    pub(crate) fn call<T: Send + 'static>(
        &self,
        on: Arc<OwnRuntime>,
        host: &Host,
        work: BoxFuture<'static, T>,
    ) -> io::Result<Call<T>> {
        let (tell, answer) = oneshot::channel();
        let run = move || {
            catch_panic(|| on.poll_here(until_unwanted(GuardedFuture::new(|| work), tell)));
        };
        let number = self.run(host, run)?;
        Ok(Call { answer, number, threads: Arc::clone(&self.0) })
    }

    /// Has this run as soon as there is a thread for it, whoever waits for it; its number.
    ///
    /// # Errors
    ///
    /// When there is no thread at all, and the system gives none: then it is dropped.
    pub(crate) fn run(&self, host: &Host, run: impl FnOnce() + Send + 'static) -> io::Result<u64> {
        let (threads, of) = (Arc::clone(&self.0), host.clone());
        let run = move || {
            catch_panic(run);
            threads.queue(|calls| calls.ended(&of));
        };
        let mut number = 0;
        self.0.add(|calls| {
            number = calls.next;
            calls.next += 1;
            calls.queue.push_back(Queued { number, host: host.clone(), run: Box::new(run) });
            calls.may_run(host)
        })?;
        Ok(number)
    }

    /// How many threads there are, and how many calls wait.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize) {
        (self.0.count(), self.0.queue(|calls| calls.waiting()))
    }
}

impl Default for CallPool {
    fn default() -> Self {
        CallPool(ThreadPool::new("telemetry-call", THREADS))
    }
}

impl Calls {
    fn may_run(&self, host: &Host) -> bool {
        self.running.get(host).is_none_or(|calls| *calls < PER_HOST)
    }

    fn ended(&mut self, host: &Host) {
        if let Some(calls) = self.running.get_mut(host) {
            *calls -= 1;
            if *calls == 0 {
                self.running.remove(host);
            }
        }
    }
}

impl Queue for Calls {
    fn next(&mut self) -> Option<Job> {
        let place = self.queue.iter().position(|queued| self.may_run(&queued.host))?;
        let Queued { host, run, .. } = self.queue.remove(place)?;
        *self.running.entry(host).or_default() += 1;
        Some(run)
    }

    fn waiting(&self) -> usize {
        self.queue.len()
    }
}

impl<T> Call<T> {
    /// The answer, once there is one; a fault when there will be none.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<T, Fault>> {
        Pin::new(&mut self.answer).poll(cx).map(|told| told.ok().flatten().ok_or(Fault::Panicked))
    }
}

impl<T> Drop for Call<T> {
    fn drop(&mut self) {
        let number = self.number;
        let queued = self.threads.queue(|calls| {
            let place = calls.queue.iter().position(|queued| queued.number == number)?;
            calls.queue.remove(place)
        });
        // It may hold the last of what is foreign.
        catch_panic(move || drop(queued));
    }
}

impl fmt::Debug for CallPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallPool")
    }
}

/// Runs the work until it is done, or its answer isn't wanted any more.
async fn until_unwanted<T>(work: GuardedFuture<'static, T>, mut answer: oneshot::Sender<Option<T>>) {
    let mut work = pin!(work);
    let done = std::future::poll_fn(|cx| {
        if answer.poll_closed(cx).is_ready() {
            return Poll::Ready(None);
        }
        work.as_mut().poll(cx).map(Some)
    })
    .await;
    if let Some(done) = done {
        // Nobody waiting for it any more is as good as nobody having asked.
        drop(answer.send(done));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;
    use crate::guard::lock::lock;
    use crate::guard::sync::{Condvar, Mutex};
    use crate::host::HostPolicy;

    fn on() -> Arc<OwnRuntime> {
        Arc::new(OwnRuntime::start("test").unwrap())
    }

    fn host(number: usize) -> Host {
        Host::parse(&format!("host-{number}.example.com"), HostPolicy::Public).unwrap()
    }

    /// Calls that block their threads until they are let go.
    #[derive(Default)]
    struct Gate {
        inside: AtomicUsize,
        open: Mutex<bool>,
        opened: Condvar,
    }

    impl Gate {
        fn call(self: &Arc<Self>) -> BoxFuture<'static, usize> {
            let gate = Arc::clone(self);
            Box::pin(async move {
                gate.inside.fetch_add(1, Ordering::SeqCst);
                let mut open = lock(&gate.open);
                while !*open {
                    let (woken, waited) = gate.opened.wait_timeout(open, LIMIT).unwrap();
                    assert!(!waited.timed_out(), "nobody opens the gate");
                    open = woken;
                }
                gate.inside.fetch_sub(1, Ordering::SeqCst)
            })
        }

        fn open(&self) {
            *lock(&self.open) = true;
            self.opened.notify_all();
        }

        fn until(&self, inside: usize) {
            eventually(|| self.inside.load(Ordering::SeqCst) == inside);
        }
    }

    /// Waits for what another thread does. The limit ends a broken test.
    fn eventually(is_so: impl Fn() -> bool) {
        let start = std::time::Instant::now();
        while !is_so() {
            assert!(start.elapsed() < LIMIT, "it never is so");
            std::thread::yield_now();
        }
    }

    const LIMIT: Duration = Duration::from_secs(60);

    fn answer<T>(mut call: Call<T>) -> Result<T, Fault> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(std::future::poll_fn(|cx| call.poll(cx)))
    }

    #[test]
    fn of_one_host_so_many_run_and_the_next_when_one_has_ended() {
        let mut calls = Calls::default();
        let of = host(0);
        for number in 0..5 {
            calls.queue.push_back(Queued { number, host: of.clone(), run: Box::new(|| ()) });
        }
        let start = |calls: &mut Calls| std::iter::from_fn(|| calls.next()).count();
        assert_eq!((start(&mut calls), calls.waiting()), (PER_HOST, 3));
        calls.ended(&of);
        assert_eq!((start(&mut calls), calls.waiting()), (1, 2));
        (0..PER_HOST).for_each(|_| calls.ended(&of));
        assert_eq!((start(&mut calls), calls.waiting()), (2, 0));
        (0..PER_HOST).for_each(|_| calls.ended(&of));
        assert!(calls.running.is_empty(), "of a host where nothing runs nothing is kept");
    }

    #[test]
    fn one_host_that_blocks_leaves_threads_to_the_others_and_all_together_have_few() {
        let (pool, gate, on) = (Arc::new(CallPool::default()), Arc::new(Gate::default()), on());
        let mut blocked: Vec<_> =
            (0..100).map(|_| pool.call(Arc::clone(&on), &host(0), gate.call()).unwrap()).collect();
        gate.until(PER_HOST);
        let other = pool.call(Arc::clone(&on), &host(1), Box::pin(async { 7 })).unwrap();
        assert_eq!(answer(other), Ok(7));
        blocked
            .extend((1..100).map(|number| pool.call(Arc::clone(&on), &host(number), gate.call()).unwrap()));
        gate.until(THREADS);
        assert_eq!(pool.counts().0, THREADS);
        gate.open();
        assert!(blocked.into_iter().all(|call| answer(call).is_ok()));
    }

    #[test]
    fn what_nobody_waits_for_any_more_leaves_the_queue() {
        let (pool, gate, on) = (Arc::new(CallPool::default()), Arc::new(Gate::default()), on());
        let running: Vec<_> =
            (0..PER_HOST).map(|_| pool.call(Arc::clone(&on), &host(0), gate.call()).unwrap()).collect();
        gate.until(PER_HOST);
        let waiting = pool.call(Arc::clone(&on), &host(0), gate.call()).unwrap();
        assert_eq!(pool.counts().1, 1);
        drop(waiting);
        assert_eq!(pool.counts().1, 0);
        gate.open();
        drop(running);
    }

    #[test]
    fn a_call_that_is_given_up_is_dropped_where_it_runs() {
        struct Dropped(mpsc::Sender<()>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.send(()).unwrap();
            }
        }
        let (pool, on) = (Arc::new(CallPool::default()), on());
        let ((begun, begin), (dropped, drops)) = (mpsc::channel(), mpsc::channel());
        let guard = Dropped(dropped);
        let call = pool.call(
            Arc::clone(&on),
            &host(0),
            Box::pin(async move {
                let _guard = guard;
                begun.send(()).unwrap();
                std::future::pending::<()>().await;
            }),
        );
        begin.recv_timeout(LIMIT).unwrap();
        drop(call.unwrap());
        drops.recv_timeout(LIMIT).unwrap();
    }

    #[test]
    fn what_a_call_waits_for_is_driven_also_when_nobody_else_holds_the_runtime() {
        let pool = Arc::new(CallPool::default());
        let work = Box::pin(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            tokio::spawn(async { 7 }).await.unwrap()
        });
        assert_eq!(answer(pool.call(on(), &host(0), work).unwrap()), Ok(7));
    }

    #[test]
    fn a_panic_is_that_calls_alone() {
        let (pool, on) = (Arc::new(CallPool::default()), on());
        let call = pool.call::<u8>(Arc::clone(&on), &host(0), Box::pin(async { panic!("planted") })).unwrap();
        assert_eq!(answer(call), Err(Fault::Panicked));
        eventually(|| pool.0.idle() > 0);
        assert_eq!(answer(pool.call(Arc::clone(&on), &host(0), Box::pin(async { 7 })).unwrap()), Ok(7));
        assert_eq!(pool.counts().0, 1);
    }
}
