//! The conformance suites: what conforms passes, and what is broken fails, with a sentence that names the
//! obligation.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod breakers;
mod clocks;
mod credentials;
mod exporters;
mod flags;
mod http;
mod http_exporters;
mod transports;

use std::future::Future;
use std::thread::{self, JoinHandle};

use tokio::runtime::Builder;

/// Runs a suite that speaks to sockets.
fn run(suite: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().build().unwrap().block_on(suite);
}

/// Runs a suite whose timers are the only thing that is waited for: they end when nothing else moves.
fn run_paused(suite: impl Future<Output = ()>) {
    Builder::new_current_thread().enable_all().start_paused(true).build().unwrap().block_on(suite);
}

/// Suites that have to fail, each on a thread of its own, as some take until their safety net.
#[derive(Default)]
struct Refused(Vec<(&'static str, JoinHandle<()>)>);

impl Refused {
    fn new() -> Self {
        Refused::default()
    }

    /// A suite that has to fail with this in its sentence.
    fn with(mut self, sentence: &'static str, suite: impl FnOnce() + Send + 'static) -> Self {
        self.0.push((sentence, thread::spawn(suite)));
        self
    }

    fn check(self) {
        let mut wrong = Vec::new();
        for (sentence, suite) in self.0 {
            let said = match suite.join() {
                Ok(()) => "nothing".to_owned(),
                Err(panic) => match panic.downcast::<String>() {
                    Ok(text) => *text,
                    Err(panic) => {
                        panic.downcast::<&str>().map_or_else(|_| "?".to_owned(), |text| (*text).to_owned())
                    }
                },
            };
            if !said.contains(sentence) {
                wrong.push(format!("wanted {sentence:?}, and it said {said:?}"));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn what_never_ends_is_refused_by_the_safety_net() {
    // Together, as each takes as long as the net is wide.
    let endless = [
        breakers::endless,
        credentials::endless,
        flags::endless,
        transports::endless,
        http_exporters::endless,
    ];
    endless.into_iter().fold(Refused::new(), |refused, more| more(refused)).check();
}
