//! The worker of one outlet: a loop that does what the outlet says.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::client::Client;
use crate::client::call_slot::Slot;
use crate::client::destination::Delivered;
use crate::client::logins::may_block;
use crate::client::observing::Watch;
use crate::client::outlet::{Outlet, Step};
use crate::client::runtime::Calls;
use crate::client::shared::Shared;
use crate::guard::own_work::{log, own_work};
use crate::guard::panic::catch_panic;
use crate::ledger::{Counts, DropReason};
use crate::plugin::clock::Tick;
use crate::plugin::exporter::Attempt;
use crate::plugin::sink::Sink;
use crate::record::Record;

/// Works for one outlet until it is finished, or its client is. A panic of our own ends it alone. Where its
/// runtime ends, its client's worker does too, which finishes the outlet.
pub(crate) fn work(
    client: Arc<Client>,
    outlet: Arc<Outlet>,
    shared: &Shared,
) -> impl Future<Output = ()> + Send + 'static {
    let calls =
        shared.runner.calls().map(|Calls { on, .. }| Calls { on, pool: Arc::clone(&outlet.shared.pool) });
    let worked_for = Arc::clone(&outlet);
    let mut work = Box::pin(async move {
        let clock = &client.plugins.clock;
        let mut sending: Slot<Delivered> = Slot::new(calls);
        let sink = Some(Arc::clone(&outlet.shared.sink.name));
        let mut watch = Watch::new(&client.plugins, &client.host, sink);
        let mut began = Tick::ZERO;
        loop {
            if client.is_finished() {
                outlet.finish(DropReason::Closed);
            }
            watch.saw_losses(outlet.snapshot().records.dropped, Counts::default());
            let until = match outlet.step(sending.is_taken(), client.closing()) {
                Step::Finished => return,
                Step::Send(batch) => {
                    let Sink { exporter, breakers, config, .. } = &outlet.shared.sink;
                    let blocks = may_block(|| exporter.may_block() || breakers.may_block());
                    began = clock.now();
                    let deadline = began + config.request_timeout;
                    let deliver = Box::pin(deliver(Arc::clone(&outlet), batch, deadline));
                    sending.start(&client.host, deadline, blocks, deliver);
                    continue;
                }
                Step::Wait(until) => until.min(sending.deadline()),
            };
            let mut sleep = pin!(clock.sleep_until(until));
            let mut notified = pin!(outlet.woken());
            let delivered = std::future::poll_fn(|cx: &mut Context<'_>| {
                if let Poll::Ready(delivered) = sending.poll(clock, cx) {
                    return Poll::Ready(Some(delivered.unwrap_or_else(Delivered::from)));
                }
                if notified.as_mut().poll(cx).is_ready() || Pin::new(&mut sleep).poll(cx).is_ready() {
                    return Poll::Ready(None);
                }
                Poll::Pending
            })
            .await;
            if let Some(delivered) = delivered {
                let Delivered { attempted, breaker } = delivered;
                if let (Some(from), Some(to)) = (outlet.settle(delivered), breaker) {
                    watch.saw_breaker(from, to);
                }
                watch.saw_attempt(attempted, began);
                if client.closing().is_some() {
                    client.wake_up();
                }
            }
        }
    });
    std::future::poll_fn(move |cx| {
        let outlet = &worked_for;
        own_work(|| {
            catch_panic(|| work.as_mut().poll(cx)).unwrap_or_else(|| {
                log!(host = %outlet.host, sink = %outlet.shared.sink.name, "a sink ends here: a fault of its own");
                outlet.fail();
                Poll::Ready(())
            })
        })
    })
}

async fn deliver(outlet: Arc<Outlet>, batch: Vec<Arc<Record>>, deadline: Tick) -> Delivered {
    let clock = &outlet.plugins.clock;
    let destination = outlet.destination();
    let attempted = match destination.admit(clock) {
        Ok(permit) => {
            let attempt = Attempt::new(&outlet.host, &batch, clock.wall());
            destination.export(permit, &attempt, deadline, clock).await
        }
        Err(rejected) => rejected,
    };
    Delivered { attempted, breaker: destination.breaker_state(clock) }
}
