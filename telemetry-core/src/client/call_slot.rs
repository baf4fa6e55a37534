//! Where plug-ins run: each call on a thread of its own, so that one that blocks holds up nobody else.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::client::Client;
use crate::client::runtime::Jobs;
use crate::client::safe_clock::SafeClock;
use crate::fault::Fault;
use crate::guard::own_work::own_work;
use crate::guard::panic::catch_panic;
use crate::plugin::clock::{BoxFuture, Tick};

/// How much longer than the request timeout a job may take before it counts as lost: a call that merely hangs
/// is given up by its own timeout, so one that takes longer blocks its thread.
const GRACE: Duration = Duration::from_secs(1);

/// A place for one job at a time.
pub(crate) struct Slot<T> {
    jobs: Jobs,
    job: Option<Job<T>>,
    deadline: Tick,
    /// A job that was given up, and whose thread is still there. As long as it is, no other is started.
    stuck: Weak<Leaving>,
}

enum Job<T> {
    Thread(oneshot::Receiver<T>, Weak<Leaving>),
    Inline(BoxFuture<'static, T>),
    /// There was no thread for it: the system has none, or as many as may be are stuck.
    NoThread,
}

/// Lives as long as a job's thread does, and wakes the worker when it ends.
struct Leaving {
    client: Arc<Client>,
    /// Counts the thread among those that are stuck, once it is.
    stuck: OnceLock<Arc<()>>,
}

impl Leaving {
    /// Nobody waits for the thread any more.
    fn mark_abandoned(&self) {
        self.stuck.get_or_init(|| self.client.plugins.stuck.add(&self.client.host));
    }
}

impl Drop for Leaving {
    fn drop(&mut self) {
        self.client.wake_up();
    }
}

impl<T: Send + 'static> Slot<T> {
    pub(crate) fn new(jobs: Jobs) -> Self {
        Slot { jobs, job: None, deadline: Tick::MAX, stuck: Weak::new() }
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.job.is_some() || self.stuck.strong_count() > 0
    }

    /// When the job counts as lost.
    pub(crate) fn deadline(&self) -> Tick {
        self.deadline
    }

    pub(crate) fn start(&mut self, client: &Arc<Client>, work: impl Future<Output = T> + Send + 'static) {
        self.deadline = client.plugins.clock.now() + client.plugins.config.request_timeout + GRACE;
        self.job = Some(match &self.jobs {
            Jobs::Inline => Job::Inline(Box::pin(work)),
            Jobs::Threads(_) if client.plugins.stuck.are_too_many(&client.host) => Job::NoThread,
            Jobs::Threads(handle) => {
                let (answer, receiver) = oneshot::channel();
                let leaving = Arc::new(Leaving { client: Arc::clone(client), stuck: OnceLock::new() });
                let alive = Arc::downgrade(&leaving);
                let handle = handle.clone();
                let finished = client.finished();
                let run = move || {
                    own_work(|| catch_panic(|| handle.block_on(until_unwanted(work, answer, finished))));
                    drop(leaving);
                };
                match std::thread::Builder::new().name("telemetry-call".to_owned()).spawn(run) {
                    Ok(_) => Job::Thread(receiver, alive),
                    Err(_) => Job::NoThread,
                }
            }
        });
    }

    /// The job's answer, once there is one; a fault when there will be none.
    pub(crate) fn poll(&mut self, clock: &SafeClock, cx: &mut Context<'_>) -> Poll<Result<T, Fault>> {
        let answer = match &mut self.job {
            None => return Poll::Pending,
            // Worth trying again: nothing was sent.
            Some(Job::NoThread) => Poll::Ready(Err(Fault::Connect)),
            Some(Job::Inline(work)) => match catch_panic(|| work.as_mut().poll(cx)) {
                Some(polled) => polled.map(Ok),
                None => Poll::Ready(Err(Fault::Panicked)),
            },
            Some(Job::Thread(receiver, _)) => {
                Pin::new(receiver).poll(cx).map(|answer| answer.map_err(|_| Fault::Panicked))
            }
        };
        let answer = match answer {
            Poll::Pending if self.deadline <= clock.now() => Poll::Ready(Err(Fault::Timeout)),
            answer => answer,
        };
        if answer.is_ready() {
            if let Some(Job::Thread(_, alive)) = self.job.take() {
                let given_up = matches!(answer, Poll::Ready(Err(Fault::Timeout)));
                if let Some(leaving) = alive.upgrade().filter(|_| given_up) {
                    leaving.mark_abandoned();
                }
                self.stuck = alive;
            }
            self.deadline = Tick::MAX;
        }
        answer
    }
}

impl<T> Drop for Slot<T> {
    fn drop(&mut self) {
        // The worker ends: the thread may not.
        if let Some(Job::Thread(_, alive)) = &self.job
            && let Some(leaving) = alive.upgrade()
        {
            leaving.mark_abandoned();
        }
    }
}

/// Runs the work until it is done, its answer isn't wanted any more, or the client is finished.
async fn until_unwanted<T>(
    work: impl Future<Output = T>,
    mut answer: oneshot::Sender<T>,
    finished: impl Future<Output = ()>,
) {
    let mut work = pin!(work);
    let mut finished = pin!(finished);
    let done = std::future::poll_fn(|cx| {
        if answer.poll_closed(cx).is_ready() || finished.as_mut().poll(cx).is_ready() {
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
