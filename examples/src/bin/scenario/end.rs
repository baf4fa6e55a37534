//! The end of a program in the middle of everything.

use std::cell::RefCell;
use std::error::Error;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use telemetry_core::{ClientProvider, ConnectionInfo, Lease};

use crate::connections::{Tally, acquire, connect};
use crate::provider;

/// What the program exits with.
const INTENDED: u8 = 7;
/// How long a close may take that the end of the program cuts off.
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, Args)]
pub(crate) struct End {
    /// A service, as a URL; the last is one that never answers.
    #[arg(long = "service", required = true)]
    services: Vec<String>,
    /// How it ends.
    #[arg(long)]
    by: By,
    /// After how many milliseconds.
    #[arg(long, default_value_t = 100)]
    after: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum By {
    /// `main` returns.
    Return,
    /// `main` calls exit.
    Exit,
    /// Another thread calls exit while `main` waits for a close.
    AnotherThread,
    /// `main` returns, and what it kept for its thread closes as the thread is torn down.
    Teardown,
    /// `main` calls exit on a thread of a runtime, which is in the middle of a close.
    Runtime,
}

impl End {
    pub(crate) fn run(&self) -> Result<ExitCode, Box<dyn Error>> {
        let provider = provider()?;
        let tally = Arc::new(Tally::default());
        for thread in 0..8 {
            let (provider, services, tally) = (provider.clone(), self.services.clone(), Arc::clone(&tally));
            thread::spawn(move || {
                for number in thread.. {
                    let url = &services[number as usize % services.len()];
                    let principal = ["a", "b", "c"][number as usize / 5 % 3];
                    connect(&provider, url, principal, number, Duration::from_millis(20), &tally);
                }
            });
        }
        let url = self.services.last().cloned().unwrap_or_default();
        let late = Late { provider: provider.clone(), url };
        let after = Duration::from_millis(self.after);
        let exit = move || {
            thread::sleep(after);
            process::exit(INTENDED.into());
        };
        match self.by {
            By::Return => thread::sleep(after),
            By::Exit => exit(),
            By::AnotherThread => {
                thread::spawn(exit);
                loop {
                    drop(late.connect().close_blocking(LONG));
                }
            }
            By::Teardown => {
                LATE.set(Some(late));
                // What telemetry keeps for this thread comes after it, and so is torn down before it.
                LATE.with_borrow(|late| drop(late.as_ref().map(Late::connect)));
                thread::sleep(after);
            }
            By::Runtime => {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
                let (closes, blocks) = (late.connect(), late.connect());
                runtime.spawn(async move { closes.close(LONG).await });
                runtime.spawn(async move { blocks.close_blocking(LONG) });
                runtime.block_on(async { exit() });
            }
        }
        Ok(ExitCode::from(INTENDED))
    }
}

thread_local! {
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

/// What a program does at the very end: one more connection, and a close that is waited for.
struct Late {
    provider: ClientProvider,
    url: String,
}

impl Late {
    fn connect(&self) -> Lease {
        let lease = acquire(&self.provider, &self.url, "late");
        lease.opening(ConnectionInfo::new()).opened("01f0").statement().complete();
        drop(lease.flush_blocking(Duration::from_millis(50)));
        lease
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        drop(self.connect().close_blocking(Duration::from_millis(300)));
    }
}
