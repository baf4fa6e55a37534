//! A few threads that work off a queue. They end when there has been nothing to do for a while, and at once
//! when whoever owns the pool is gone.

use std::collections::VecDeque;
use std::io;
use std::ops::Deref;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use crate::guard::lock::lock;
use crate::guard::panic::catch_panic;
use crate::guard::sync::{Condvar, Mutex};
use crate::guard::thread;

/// How long a thread waits for another job before it ends.
const IDLE: Duration = Duration::from_secs(10);

pub(crate) type Job = Box<dyn FnOnce() + Send>;

/// What the threads of a pool work off.
pub(crate) trait Queue: Default + Send + 'static {
    /// Takes the next job that may run now.
    fn next(&mut self) -> Option<Job>;

    /// How many jobs wait, whether or not they may run now.
    fn waiting(&self) -> usize;
}

impl Queue for VecDeque<Job> {
    fn next(&mut self) -> Option<Job> {
        self.pop_front()
    }

    fn waiting(&self) -> usize {
        self.len()
    }
}

/// Owns threads. Dropped, they end: after the jobs that wait, and without anybody waiting for them.
pub(crate) struct ThreadPool<Q: Queue>(Arc<Threads<Q>>);

/// What the threads of a pool share.
pub(crate) struct Threads<Q> {
    /// What each of them is called.
    name: &'static str,
    /// How many there are at the most.
    most: usize,
    /// How long each waits for another job before it ends.
    patience: Duration,
    state: Mutex<State<Q>>,
    /// There is something in the queue that may run, or nothing will come any more.
    work: Condvar,
}

#[derive(Default)]
struct State<Q> {
    queue: Q,
    threads: usize,
    idle: usize,
    /// Nobody owns the pool any more.
    ended: bool,
}

impl<Q: Queue> ThreadPool<Q> {
    /// A pool that has no thread yet.
    pub(crate) fn new(name: &'static str, most: usize) -> Self {
        ThreadPool::with_patience(name, most, IDLE)
    }

    fn with_patience(name: &'static str, most: usize, patience: Duration) -> Self {
        let (state, work) = (Mutex::default(), Condvar::default());
        ThreadPool(Arc::new(Threads { name, most, patience, state, work }))
    }
}

impl<Q: Queue> Deref for ThreadPool<Q> {
    type Target = Arc<Threads<Q>>;

    fn deref(&self) -> &Arc<Threads<Q>> {
        &self.0
    }
}

impl<Q: Queue> Drop for ThreadPool<Q> {
    fn drop(&mut self) {
        lock(&self.0.state).ended = true;
        self.0.work.notify_all();
    }
}

impl<Q: Queue> Threads<Q> {
    /// Looks into the queue, or takes something out of it.
    pub(crate) fn queue<T>(&self, look: impl FnOnce(&mut Q) -> T) -> T {
        look(&mut lock(&self.state).queue)
    }

    /// Adds to the queue, and sees to it that a thread comes for it. `add` says whether what it added may run
    /// now.
    ///
    /// # Errors
    ///
    /// When there is no thread at all, and the system gives none: then all that waited is dropped.
    pub(crate) fn add(self: &Arc<Self>, add: impl FnOnce(&mut Q) -> bool) -> io::Result<()> {
        let mut state = lock(&self.state);
        let may_run = add(&mut state.queue);
        self.work.notify_one();
        if !may_run || state.idle >= state.queue.waiting() || state.threads >= self.most {
            return Ok(());
        }
        state.threads += 1;
        drop(state);
        let threads = Arc::clone(self);
        let started = thread::spawn(self.name, move || {
            while let Some(job) = threads.next() {
                catch_panic(job);
            }
        });
        let Err(error) = started else { return Ok(()) };
        let mut state = lock(&self.state);
        state.threads -= 1;
        if state.threads > 0 {
            return Ok(());
        }
        let dropped = std::mem::take(&mut state.queue);
        drop(state);
        // It may hold the last of what is foreign.
        catch_panic(move || drop(dropped));
        Err(error)
    }

    /// Waits for a job that may run. `None` when this thread is to end.
    fn next(&self) -> Option<Job> {
        let mut state = lock(&self.state);
        loop {
            if let Some(job) = state.queue.next() {
                return Some(job);
            }
            // What may not run yet is for the thread whose job is in its way.
            if state.ended {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            let (woken, waited) =
                self.work.wait_timeout(state, self.patience).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.queue.waiting() == 0 {
                state.threads -= 1;
                return None;
            }
        }
    }

    /// How many threads there are.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        lock(&self.state).threads
    }

    /// How many of them wait for a job.
    #[cfg(test)]
    pub(crate) fn idle(&self) -> usize {
        lock(&self.state).idle
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Instant;

    use super::*;

    /// Ends a broken test. It is less than a thread stays idle.
    const LIMIT: Duration = Duration::from_secs(8);

    fn eventually(is_so: impl Fn() -> bool) {
        let start = Instant::now();
        while !is_so() {
            assert!(start.elapsed() < LIMIT, "it never is so");
            std::thread::yield_now();
        }
    }

    fn run(pool: &ThreadPool<VecDeque<Job>>, job: impl FnOnce() + Send + 'static) {
        let add = |queue: &mut VecDeque<Job>| {
            queue.push_back(Box::new(job));
            true
        };
        pool.add(add).unwrap();
    }

    #[test]
    fn idle_threads_end_at_once_with_their_pool_and_busy_ones_after_what_waits() {
        let pool = ThreadPool::<VecDeque<Job>>::new("test", 2);
        let threads = Arc::clone(&pool);
        let (tell, told) = mpsc::channel();
        let (block, blocked) = mpsc::channel::<()>();
        run(&pool, move || _ = blocked.recv());
        run(&pool, || ());
        eventually(|| threads.idle() == 1);
        let done = tell.clone();
        run(&pool, move || done.send(1).unwrap());
        assert_eq!(told.recv_timeout(LIMIT), Ok(1));
        eventually(|| threads.idle() == 1);
        drop(pool);
        eventually(|| threads.count() == 1);
        drop(block);
        eventually(|| threads.count() == 0);
    }

    #[test]
    fn what_waits_when_the_pool_ends_still_runs() {
        let pool = ThreadPool::<VecDeque<Job>>::new("test", 1);
        let ((block, blocked), (tell, told)) = (mpsc::channel::<()>(), mpsc::channel());
        run(&pool, move || _ = blocked.recv());
        run(&pool, move || tell.send(1).unwrap());
        drop(pool);
        drop(block);
        assert_eq!(told.recv_timeout(LIMIT), Ok(1));
    }

    #[test]
    fn as_many_threads_come_as_jobs_wait() {
        let pool = ThreadPool::<VecDeque<Job>>::new("test", 4);
        run(&pool, || ());
        eventually(|| pool.idle() == 1);
        let (begun, begins) = mpsc::channel();
        let (block, blocked) = mpsc::channel::<()>();
        let blocked = Arc::new(Mutex::new(blocked));
        let job = || -> Job {
            let (begun, blocked) = (begun.clone(), Arc::clone(&blocked));
            Box::new(move || {
                begun.send(()).unwrap();
                _ = lock(&blocked).recv();
            })
        };
        let two = |queue: &mut VecDeque<Job>| {
            queue.extend([job(), job()]);
            true
        };
        pool.add(two).unwrap();
        assert_eq!([(); 2].map(|()| begins.recv_timeout(LIMIT)), [Ok(()); 2]);
        assert_eq!(pool.count(), 2);
        drop(block);
    }

    #[test]
    fn a_thread_that_has_nothing_to_do_ends() {
        let pool = ThreadPool::<VecDeque<Job>>::with_patience("test", 4, Duration::from_millis(1));
        run(&pool, || ());
        eventually(|| pool.count() == 0);
    }

    /// What it has may never run, and it counts how often it is asked.
    #[derive(Default)]
    struct Barred {
        asked: usize,
    }

    impl Queue for Barred {
        fn next(&mut self) -> Option<Job> {
            self.asked += 1;
            None
        }

        fn waiting(&self) -> usize {
            1
        }
    }

    #[test]
    fn while_something_waits_a_thread_stays() {
        let pool = ThreadPool::<Barred>::with_patience("test", 4, Duration::from_millis(1));
        pool.add(|_| true).unwrap();
        eventually(|| pool.queue(|queue| queue.asked) > 3);
    }

    // Interleavings have threads that always start.
    #[cfg(not(shuttle))]
    #[test]
    fn without_any_thread_what_waits_is_dropped_and_with_one_it_waits() {
        let pool = ThreadPool::<VecDeque<Job>>::new("test", 4);
        let held = Arc::new(());
        let add = || {
            let held = Arc::clone(&held);
            pool.add(|queue| {
                queue.push_back(Box::new(move || drop(held)));
                true
            })
        };
        thread::NONE_LEFT.set(true);
        assert!(add().is_err() && add().is_err());
        assert_eq!((Arc::strong_count(&held), pool.count()), (1, 0));
        thread::NONE_LEFT.set(false);
        let (block, blocked) = mpsc::channel::<()>();
        run(&pool, move || _ = blocked.recv());
        thread::NONE_LEFT.set(true);
        add().unwrap();
        assert_eq!((Arc::strong_count(&held), pool.count()), (2, 1));
        drop(block);
        eventually(|| Arc::strong_count(&held) == 1);
        thread::NONE_LEFT.set(false);
    }

    #[test]
    fn a_panic_is_that_jobs_alone_and_an_idle_thread_takes_the_next() {
        let pool = ThreadPool::<VecDeque<Job>>::new("test", 4);
        for _ in 0..3 {
            let (begun, begins) = mpsc::channel();
            run(&pool, move || {
                begun.send(()).unwrap();
                panic!("planted");
            });
            assert_eq!(begins.recv_timeout(LIMIT), Ok(()));
            eventually(|| pool.idle() == 1);
        }
        assert_eq!(pool.count(), 1);
    }
}
