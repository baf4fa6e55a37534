//! The worker of one client: a loop that does what the pipeline says.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::client::Client;
use crate::client::call_slot::Slot;
use crate::client::calls;
use crate::client::destination::Delivered;
use crate::client::key::Key;
use crate::client::observing::Watch;
use crate::client::shared::Shared;
use crate::fault::PluginError;
use crate::guard::own_work::{log, own_work};
use crate::guard::panic::catch_panic;
use crate::ledger::DropReason;
use crate::pipeline::gate::NoAnswer;
use crate::pipeline::{Busy, Step};
use crate::plugin::clock::Tick;
use crate::plugin::exporter::yield_now;
use crate::plugin::flags::FlagSet;

/// Works for one client until it is finished. Dropped before, as a runtime does that is shut down, it
/// finishes the client; so does a panic of our own, which goes no further.
///
/// It holds what it runs on, so that the final flush of the last client also outlives the provider.
pub(crate) fn work(
    client: Arc<Client>,
    key: Key,
    shared: Arc<Shared>,
) -> impl Future<Output = ()> + Send + 'static {
    let calls = shared.runner.calls();
    let guard = FinishWhenDropped(Arc::clone(&client));
    let mut work = Box::pin(async move {
        let mut sending: Slot<Delivered> = Slot::new(calls.clone());
        let mut asking: Slot<Result<FlagSet, NoAnswer>> = Slot::new(calls);
        let mut ahead = client.slices();
        let mut pace = Pace::default();
        let mut retired = false;
        let mut watch = Watch::new(&client.plugins, &client.host, None);
        let mut began = Tick::ZERO;
        loop {
            let (dropped, refused) = client.losses();
            watch.saw_losses(dropped, refused);
            if client.is_finished() {
                return;
            }
            let busy = Busy { sending: sending.is_taken(), asking: asking.is_taken() };
            let step = client.step(busy, &mut ahead);
            // Its sinks hear of a close at once, whatever the vendor's service does. One that is late holds
            // up the close alone: the client has left the registry by then.
            let step = match (step, client.close_outlets()) {
                (Step::Finished, Some(deadline)) if retired => Step::Wait(deadline),
                (step, _) => step,
            };
            if !matches!(step, Step::More) {
                ahead = client.slices();
            }
            match step {
                // The other clients' turn.
                Step::More => yield_now().await,
                Step::Ask => {
                    let ask = Box::pin(calls::ask(Arc::clone(&client)));
                    let deadline = client.call_deadline();
                    asking.start(&client.host, deadline, calls::ask_may_block(&client), ask);
                }
                Step::Send(batch) => {
                    let deliver = Box::pin(calls::deliver(Arc::clone(&client), batch));
                    began = client.plugins.clock.now();
                    let deadline = client.call_deadline();
                    sending.start(&client.host, deadline, calls::deliver_may_block(&client), deliver);
                }
                Step::Wait(until) => match wait(&client, until, &mut pace, &mut sending, &mut asking).await {
                    Woken::Due => {}
                    Woken::Sent(delivered) => settle(&client, delivered, &watch, began),
                    Woken::Asked(answer) => answered(&client, answer),
                },
                Step::Finished if retired => {
                    client.finish(DropReason::Closed);
                }
                // What was recorded until then may have come after the look into the buffer: one look more,
                // into a buffer that nothing is added to.
                Step::Finished => {
                    retired = shared.registry.retire(&key, &client);
                    if retired {
                        client.close_buffer();
                    }
                }
            }
        }
    });
    std::future::poll_fn(move |cx| {
        let client = &guard.0;
        own_work(|| {
            catch_panic(|| work.as_mut().poll(cx)).unwrap_or_else(|| {
                log!(host = %client.host, "telemetry ends here: a fault of its own");
                client.fail();
                Poll::Ready(())
            })
        })
    })
}

/// How soon the worker looks into the buffer again: often while events come, and more and more seldom when
/// none do. To wake it costs a driver's thread more than a hundred events.
#[derive(Default)]
struct Pace {
    taken: u64,
    interval: Duration,
}

impl Pace {
    fn next(&mut self, taken: u64, longest: Duration) -> Duration {
        let came = std::mem::replace(&mut self.taken, taken) != taken;
        self.interval = if came { OFTEN } else { (self.interval * 2).max(OFTEN) }.min(longest);
        self.interval
    }
}

/// How soon after events came the worker looks for more.
const OFTEN: Duration = Duration::from_millis(100);

struct FinishWhenDropped(Arc<Client>);

impl Drop for FinishWhenDropped {
    fn drop(&mut self) {
        if !self.0.is_finished() && self.0.plugins.in_parent_process() {
            self.0.finish(DropReason::RuntimeGone);
        }
    }
}

enum Woken {
    /// The time has come, or there is something new.
    Due,
    Sent(Delivered),
    Asked(Result<FlagSet, NoAnswer>),
}

/// Waits until there is something to do.
async fn wait(
    client: &Client,
    until: Tick,
    pace: &mut Pace,
    sending: &mut Slot<Delivered>,
    asking: &mut Slot<Result<FlagSet, NoAnswer>>,
) -> Woken {
    let clock = &client.plugins.clock;
    // Events below the high-water mark wake nobody, so the buffer is looked into from time to time: unless
    // nothing is held, when the next event wakes the worker.
    let (idle, taken) = client.with_pipeline(|pipeline, _| (pipeline.is_idle(), pipeline.books().total()));
    let interval = pace.next(taken, client.config.flush_interval);
    let tick = if idle && client.park() { Tick::MAX } else { clock.now() + interval };
    let until = until.min(tick).min(sending.deadline()).min(asking.deadline());
    let mut sleep = pin!(clock.sleep_until(until));
    let mut notified = pin!(client.woken());
    std::future::poll_fn(|cx: &mut Context<'_>| {
        if let Poll::Ready(delivered) = sending.poll(clock, cx) {
            return Poll::Ready(Woken::Sent(delivered.unwrap_or_else(Delivered::from)));
        }
        if let Poll::Ready(answer) = asking.poll(clock, cx) {
            return Poll::Ready(Woken::Asked(
                answer.unwrap_or_else(|fault| Err(PluginError::new(fault).into())),
            ));
        }
        if notified.as_mut().poll(cx).is_ready() || Pin::new(&mut sleep).poll(cx).is_ready() {
            return Poll::Ready(Woken::Due);
        }
        Poll::Pending
    })
    .await
}

fn settle(client: &Client, delivered: Delivered, watch: &Watch, began: Tick) {
    let Delivered { attempted, breaker } = delivered;
    let left = client.with_pipeline(|pipeline, now| {
        pipeline.settle(attempted, now);
        pipeline.saw_breaker(breaker)
    });
    if let (Some(from), Some(to)) = (left, breaker) {
        watch.saw_breaker(from, to);
    }
    watch.saw_attempt(attempted, began);
}

fn answered(client: &Client, answer: Result<FlagSet, NoAnswer>) {
    client.with_pipeline(|pipeline, now| pipeline.flags(answer.as_ref().map_err(|none| *none), now));
    match answer {
        Ok(flags) => {
            let flag = client.plugins.driver.identity.flag();
            log!(host = %client.host, flag, value = ?flags.value(flag), origin = %flags.origin, "telemetry flag answered");
        }
        Err(NoAnswer { failure, .. }) => {
            log!(host = %client.host, %failure, "telemetry flag not answered");
        }
    }
}
