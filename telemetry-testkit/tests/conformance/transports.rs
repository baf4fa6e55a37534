use telemetry_core::{Host, HostPolicy};
use telemetry_testkit::conformance;

use crate::http::{ByHand, Flaw};
use crate::{Refused, run};

#[test]
fn a_transport_by_hand_conforms() {
    run(conformance::transport(ByHand::default));
}

#[test]
fn a_transport_that_blocks_and_says_so_conforms() {
    run(conformance::transport(|| ByHand::with(Flaw::BlocksAsItSays)));
}

fn broken(flaw: Flaw) -> impl FnOnce() + Send + 'static {
    move || run(conformance::transport(|| ByHand::with(flaw)))
}

#[test]
fn broken_transports_are_refused() {
    Refused::new()
        .with("gives the service's answer", broken(Flaw::ConnectsNowhere))
        .with("sends the method as given", broken(Flaw::AlwaysPosts))
        .with("sends the path as given", broken(Flaw::CutsTheQuery))
        .with("sends all headers as given", broken(Flaw::SendsNamesOnce))
        .with("sends the body as given", broken(Flaw::CutsTheBody))
        .with("but it sent cookie", broken(Flaw::KeepsCookies))
        .with("but it sent user-agent", broken(Flaw::NamesItself))
        .with("gives the service's answer, whatever it is", broken(Flaw::StatusIsAnError))
        .with("gives the answer's status", broken(Flaw::LosesTheStatus))
        .with("gives the answer's headers", broken(Flaw::LosesHeaders))
        .with("gives the answer's body whole", broken(Flaw::LosesTheBody))
        .with("gives the service's answer, whatever it is", broken(Flaw::FailsOnOddHeaders))
        .with("follows no redirect", broken(Flaw::FollowsRedirects))
        .with("gives a redirect as an answer", broken(Flaw::RedirectIsAnError))
        .with("sends the request once", broken(Flaw::RetriesStatuses))
        .with("sends the request once", broken(Flaw::RetriesBrokenConnections))
        .with("fails when there is no answer", broken(Flaw::BrokenConnectionIsEmpty))
        .with("stops reading at max_response_bytes", broken(Flaw::ReadsEverything))
        .with("says whether the answer is complete", broken(Flaw::CutIsComplete))
        .with("up to the limit as it was sent", broken(Flaw::CutIsGarbled))
        .with("an answer that broke off", broken(Flaw::BrokenOffIsComplete))
        .with("fails with a timeout", broken(Flaw::GivesUpOtherwise))
        .with("for the whole of a request", broken(Flaw::TimesReadsAlone))
        .with("when an answer isn't HTTP", broken(Flaw::GarbageIsAnAnswer))
        .with("sends nothing when a header can't be sent", broken(Flaw::SendsBadHeaders))
        .with("sends nothing when a header can't be sent", broken(Flaw::LeavesBadHeadersOut))
        .with("fails with Fault::Unsendable", broken(Flaw::RefusesBadHeadersOtherwise))
        .with("fails when nobody is there", broken(Flaw::NobodyIsAnAnswer))
        .with("the request after one that was dropped", broken(Flaw::StaysBusyWhenCancelled))
        .with("doesn't block its thread", broken(Flaw::BlocksItsThread))
        .with("shows no credential", broken(Flaw::ShowsHeaders))
        .check();
}

#[test]
fn transports_that_call_this_machine_by_name_are_refused() {
    // Where the system has no such name, nothing can be asked of them.
    if !has_another_name() {
        return;
    }
    Refused::new()
        .with("refuses a name that resolves to", broken(Flaw::ConnectsToAnybody))
        .with("refuses a name that resolves to", broken(Flaw::RefusesAddressesOtherwise))
        .with("doesn't connect to an address", broken(Flaw::ConnectsBeforeItRefuses))
        .check();
}

/// Whether this machine's file of hosts has a name for it besides `localhost`.
fn has_another_name() -> bool {
    let hosts = std::fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = hosts.lines().filter(|line| line.starts_with("127.0.0.1") || line.starts_with("::1"));
    lines.flat_map(str::split_whitespace).any(|name| Host::parse(name, HostPolicy::Public).is_ok())
}

/// What it takes the safety net to refuse.
pub(crate) fn endless(refused: Refused) -> Refused {
    refused
        .with("Transport::send ends", broken(Flaw::NeverGivesUp))
        .with("closes the socket of a request that was dropped", broken(Flaw::GoesOnWhenCancelled))
        .with("closes the socket of an answer that is longer", broken(Flaw::ReadsOnBehind))
        .with("serves one call while another is held up", broken(Flaw::BlocksOneCallAtATime))
}
