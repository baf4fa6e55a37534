//! Waiting for a client, on any executor and on none.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::{Arc, mpsc};
use std::task::Poll;

use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::client::intake::Upto;
use crate::client::lease_guard::LeaseGuard;
use crate::client::shared::Shared;
use crate::guard::own_work::own_work;
use crate::guard::panic::catch_panic;
use crate::ledger::DropReason;
use crate::plugin::clock::{BoxFuture, Tick};

/// What is waited for.
#[derive(Clone, Debug)]
pub(super) enum Until {
    /// The client is finished; at the deadline it is.
    Finished,
    /// All records up to this one have left.
    Left(Upto),
}

/// Somebody who waits for a client.
#[derive(Clone)]
pub(super) struct Waiting {
    client: Arc<Client>,
    shared: Arc<Shared>,
}

impl LeaseGuard {
    pub(super) fn waiting(&self) -> Waiting {
        Waiting::new(&self.client, &self.shared)
    }
}

impl Waiting {
    pub(super) fn new(client: &Arc<Client>, shared: &Arc<Shared>) -> Self {
        Waiting { client: Arc::clone(client), shared: Arc::clone(shared) }
    }

    /// Waits, on any executor; whether it came in time. Given up half-way, the wait for an end goes on in the
    /// background.
    pub(super) async fn wait(self, deadline: Tick, until: Until) -> bool {
        if self.shared.runner.is_manual() {
            let in_time = self.reach(deadline, &until).await;
            self.end(&until);
            return in_time;
        }
        let (reached, answer) = oneshot::channel();
        self.aside(deadline, until.clone(), move |in_time| _ = reached.send(in_time));
        match (answer.await, until) {
            (Ok(in_time), _) => in_time,
            // Without a thread it is the worker alone that ends the client at the deadline.
            (Err(_), Until::Finished) => {
                self.client.finished().await;
                true
            }
            (Err(_), Until::Left(_)) => false,
        }
    }

    /// Waits on this thread; whether it came in time.
    pub(super) fn wait_blocking(self, deadline: Tick, until: Until) -> bool {
        // A runtime can't be driven on a thread of another, nor on one that is being torn down, as in an exit
        // hook: a thread beside it does, and this one waits as any thread does.
        if Handle::try_current().is_err_and(|error| error.is_missing_context()) {
            return self.wait_here(deadline, &until);
        }
        let (reached, answer) = mpsc::channel();
        self.aside(deadline, until.clone(), move |in_time| _ = reached.send(in_time));
        answer.recv().unwrap_or_else(|_| {
            self.end(&until);
            false
        })
    }

    /// Waits on a thread beside the workers', because neither they nor the caller's executor can be relied
    /// upon. When the system has none to give, `then` is dropped.
    fn aside(&self, deadline: Tick, until: Until, then: impl FnOnce(bool) + Send + 'static) {
        let Ok(on) = self.shared.beside() else { return };
        let (waiting, keeps) = (self.clone(), Arc::clone(&on));
        drop(on.handle.spawn(async move {
            let in_time = waiting.reach(deadline, &until).await;
            waiting.end(&until);
            then(in_time);
            drop(keeps);
        }));
    }

    /// Waits on this thread, which is no runtime's.
    fn wait_here(&self, deadline: Tick, until: &Until) -> bool {
        own_work(|| {
            let reached = catch_panic(|| {
                let runtime = Builder::new_current_thread().enable_time().build().ok()?;
                Some(runtime.block_on(self.reach(deadline, until)))
            });
            self.end(until);
            reached.flatten().unwrap_or(false)
        })
    }

    /// After the wait for its end, a client is finished, however the wait went.
    fn end(&self, until: &Until) {
        if let Until::Finished = until
            && !self.client.is_finished()
        {
            self.client.finish(DropReason::Closed);
        }
    }

    /// Completes when what is waited for has come, or the deadline; which of both.
    async fn reach(&self, deadline: Tick, until: &Until) -> bool {
        let Waiting { client, shared } = self;
        let mut reached = match until {
            Until::Finished => Box::pin(client.finished()) as BoxFuture<'static, ()>,
            Until::Left(upto) => Box::pin(client.left(upto)),
        };
        let mut late = pin!(client.plugins.clock.sleep_until(deadline));
        std::future::poll_fn(|cx| {
            if shared.runner.is_manual() {
                client.wake_up();
                shared.step();
            }
            if reached.as_mut().poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            Pin::new(&mut late).poll(cx).map(|()| false)
        })
        .await
    }
}
