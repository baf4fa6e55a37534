//! Calls that may block, and the threads of their pool.

use std::future::poll_fn;
use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::sync::atomic::{AtomicUsize, Ordering};
use shuttle::thread;

use crate::client::call_pool::{Call, CallPool, PER_HOST, THREADS};
use crate::client::own_runtime::OwnRuntime;
use crate::fault::Fault;
use crate::host::{Host, HostPolicy};
use crate::interleavings::{check, join};
use crate::plugin::clock::BoxFuture;

fn host(number: usize) -> Host {
    Host::parse(&format!("host-{number}.example.com"), HostPolicy::Public).unwrap()
}

fn answer<T>(mut call: Call<T>) -> Result<T, Fault> {
    block_on(poll_fn(|cx| call.poll(cx)))
}

/// A pool, the calls that run on it, and how many of them run at most.
struct Calls {
    pool: Arc<CallPool>,
    running: AtomicUsize,
    limit: usize,
}

impl Calls {
    fn at_most(limit: usize) -> Arc<Self> {
        Arc::new(Calls { pool: Arc::default(), running: AtomicUsize::new(0), limit })
    }

    /// A call that answers with its number, on a runtime that nobody else holds.
    fn call(self: &Arc<Self>, host: &Host, number: usize) -> Call<(usize, bool)> {
        let calls = Arc::clone(self);
        let work: BoxFuture<'static, _> = Box::pin(async move {
            let within = calls.running.fetch_add(1, Ordering::SeqCst) < calls.limit;
            thread::yield_now();
            calls.running.fetch_sub(1, Ordering::SeqCst);
            (number, within)
        });
        self.pool.call(Arc::new(OwnRuntime::start("test").unwrap()), host, work).unwrap()
    }
}

#[test]
fn each_call_has_its_answer_and_few_run_for_one_host() {
    check(|| {
        let calls = Calls::at_most(PER_HOST);
        let callers = [0, 10].map(|first| {
            let calls = Arc::clone(&calls);
            thread::spawn(move || {
                let asked = [first, first + 1].map(|number| (number, calls.call(&host(0), number)));
                for (number, call) in asked {
                    assert_eq!(answer(call), Ok((number, true)));
                }
                // The threads may have gone, or be about to go.
                assert_eq!(answer(calls.call(&host(0), first + 2)), Ok((first + 2, true)));
            })
        });
        join(callers);
        let (threads, queued) = calls.pool.counts();
        assert!(threads <= 6 && queued == 0);
    });
}

#[test]
fn calls_for_many_hosts_have_few_threads_and_each_has_its_answer() {
    check(|| {
        let calls = Calls::at_most(THREADS);
        let callers = [0, 10].map(|first| {
            let calls = Arc::clone(&calls);
            thread::spawn(move || {
                let numbers = first..first + 5;
                let asked: Vec<_> =
                    numbers.map(|number| (number, calls.call(&host(number), number))).collect();
                assert!(calls.pool.counts().0 <= THREADS);
                asked.into_iter().for_each(|(number, call)| assert_eq!(answer(call), Ok((number, true))));
            })
        });
        join(callers);
    });
}

#[test]
fn a_call_that_nobody_wants_any_more_holds_up_no_other() {
    check(|| {
        let calls = Calls::at_most(PER_HOST);
        let callers = [false, true].map(|gives_up| {
            let calls = Arc::clone(&calls);
            thread::spawn(move || {
                let first = [1, 2].map(|number| calls.call(&host(0), number));
                if gives_up {
                    drop(first);
                } else {
                    first.into_iter().for_each(|call| assert!(answer(call).is_ok()));
                }
                assert_eq!(answer(calls.call(&host(0), 3)), Ok((3, true)));
            })
        });
        join(callers);
        assert_eq!(calls.pool.counts().1, 0);
    });
}
