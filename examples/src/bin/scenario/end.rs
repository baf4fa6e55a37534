//! The end of a program in the middle of everything.

use std::cell::RefCell;
use std::error::Error;
use std::process::{self, ExitCode};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use clap::{Args, ValueEnum};
use examples::terminal::Output;
use telemetry_core::{ClientProvider, ConnectionInfo, Lease};

use crate::connections::{SHARED, Tally, acquire, connect};
use crate::provider;

/// What the program exits with.
const INTENDED: u8 = 7;

#[derive(Debug, Args)]
pub(crate) struct End {
    /// A service, as a URL.
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
    pub(crate) fn run(&self, _out: &mut Output) -> Result<ExitCode, Box<dyn Error>> {
        let provider = provider()?;
        let tally = Arc::new(Tally::default());
        for thread in 0..8 {
            let (provider, services, tally) = (provider.clone(), self.services.clone(), Arc::clone(&tally));
            thread::spawn(move || {
                for number in thread.. {
                    let url = &services[number as usize % services.len()];
                    let principal = ["shared", "a", "b", "c"][number as usize / 5 % 4];
                    connect(&provider, url, principal, number, Duration::from_millis(20), &tally);
                }
            });
        }
        let late = Late { lease: acquire(&provider, &self.services[0], SHARED), provider: provider.clone() };
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
                    late.close(Duration::from_secs(60));
                }
            }
            By::Teardown => {
                LATE.set(Some(late));
                thread::sleep(after);
            }
            By::Runtime => {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build()?;
                runtime.spawn(async move {
                    drop(late.lease.close(Duration::from_secs(60)).await);
                    late.close(Duration::from_secs(60));
                });
                runtime.block_on(async { exit() });
            }
        }
        Ok(ExitCode::from(INTENDED))
    }
}

thread_local! {
    static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
}

/// What a program does at the very end.
struct Late {
    lease: Lease,
    provider: ClientProvider,
}

impl Late {
    fn close(&self, within: Duration) {
        let lease = self.provider.acquire(telemetry_core::Target::new("http://127.0.0.1:9"));
        lease.opening(ConnectionInfo::new()).opened("01f0").statement().complete();
        drop(lease.flush_blocking(Duration::from_millis(50)));
        drop(self.lease.close_blocking(within));
        drop(lease.close_blocking(within));
    }
}

impl Drop for Late {
    fn drop(&mut self) {
        self.close(Duration::from_millis(300));
    }
}
