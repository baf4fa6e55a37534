use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use telemetry_core::plugin::{Attempt, AuthHeaders, PluginError, Receipt};
use telemetry_core::{Exporter, Fault, Host, HostPolicy};
use telemetry_testkit::{Accept, Do, RecordingExporter, Script, conformance};

use crate::{Refused, run_paused};

fn host() -> Host {
    Host::parse("a.example", HostPolicy::Public).unwrap()
}

#[test]
fn the_recording_exporter_conforms() {
    run_paused(conformance::exporter(&RecordingExporter::new(), &host()));
    run_paused(conformance::exporter(&RecordingExporter::forgetful(), &host()));
    let failing = Script::always(Do::Fail(Fault::Reset.into())).first(Do::Give(Accept::All));
    run_paused(conformance::exporter(&RecordingExporter::scripted(failing), &host()));
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    NeverEnds,
    NeverEndsWithoutCredentials,
    ServesOneAtATime,
    StaysBusyWhenDropped,
    ShowsCredentials,
}

#[derive(Debug)]
struct Broken {
    flaw: Flaw,
    busy: AtomicBool,
    waiting: AtomicBool,
    seen: Mutex<Option<String>>,
}

impl Broken {
    fn new(flaw: Flaw) -> Self {
        Broken { flaw, busy: AtomicBool::new(false), waiting: AtomicBool::new(false), seen: Mutex::default() }
    }
}

#[async_trait]
impl Exporter for Broken {
    async fn export(&self, attempt: &Attempt<'_>) -> Result<Receipt, PluginError> {
        match self.flaw {
            Flaw::NeverEnds => return std::future::pending().await,
            Flaw::NeverEndsWithoutCredentials if attempt.credentials.is_none() => {
                return std::future::pending().await;
            }
            Flaw::ServesOneAtATime => {
                if self.waiting.swap(true, Ordering::Relaxed) {
                    return std::future::pending().await;
                }
                let _place = Place(&self.waiting);
                tokio::task::yield_now().await;
            }
            Flaw::StaysBusyWhenDropped => {
                while self.busy.swap(true, Ordering::Relaxed) {
                    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
                }
                tokio::task::yield_now().await;
                self.busy.store(false, Ordering::Relaxed);
            }
            Flaw::ShowsCredentials => {
                let token = attempt.credentials.and_then(|headers| headers.get("authorization"));
                *self.seen.lock().unwrap() = token.map(str::to_owned);
            }
            Flaw::NeverEndsWithoutCredentials => {}
        }
        Ok(Receipt::new(attempt.records.len()))
    }
}

struct Place<'a>(&'a AtomicBool);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

#[test]
fn broken_exporters_are_refused() {
    let broken =
        |flaw| move || run_paused(async move { conformance::exporter(&Broken::new(flaw), &host()).await });
    Refused::new()
        .with("ends by itself", broken(Flaw::NeverEnds))
        .with("ends by itself", broken(Flaw::NeverEndsWithoutCredentials))
        .with("serves many tenants", broken(Flaw::ServesOneAtATime))
        .with("safe to cancel", broken(Flaw::StaysBusyWhenDropped))
        .with("shows no credential", broken(Flaw::ShowsCredentials))
        .check();
    // The one of them that shows something shows it only when there is something to show.
    assert!(
        !format!("{:?} {:?}", Broken::new(Flaw::ShowsCredentials), AuthHeaders::bearer("x"))
            .contains("Bearer")
    );
}
