//! A log-in beside a worker to which the want of one is told.

use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use shuttle::thread;

use crate::client::tests::client;
use crate::fault::{Fault, PluginError};
use crate::interleavings::check;
use crate::pipeline::{Busy, Step};
use crate::plugin::credentials::StaticToken;

#[test]
fn a_log_in_is_seen_by_the_worker_that_is_refused_or_wakes_it() {
    check(|| {
        let client = Arc::new(client());
        let worker = {
            let client = Arc::clone(&client);
            thread::spawn(move || {
                let refused = PluginError::new(Fault::Authentication).into();
                client.with_pipeline(|pipeline, now| pipeline.flags(Err(refused), now));
                // It asks again within a second, and else within a minute.
                let soon = client.plugins.clock.now() + Duration::from_secs(30);
                match client.step(Busy::default(), &mut 1) {
                    Step::Ask => true,
                    Step::Wait(at) => at < soon,
                    step => panic!("{step:?}"),
                }
            })
        };
        drop(client.provide(0, Arc::new(StaticToken::new("t"))));
        let saw = worker.join().unwrap();
        let woken = pin!(client.woken()).poll(&mut Context::from_waker(Waker::noop())).is_ready();
        assert!(saw || woken, "nobody tells it of the log-in");
    });
}
