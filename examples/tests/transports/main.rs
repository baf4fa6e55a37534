//! Transports on HTTP clients that a driver may have already, to copy from: one file each. They are held to
//! what the trait asks for.
#![allow(clippy::unwrap_used, clippy::panic, reason = "this is a test")]

mod reqwest_0_12;
mod ureq_3;

use std::net::TcpListener;

use reqwest_0_12::OnReqwest;
use telemetry_databricks::plugin::{HttpRequest, Method, Transport};
use telemetry_databricks::{Fault, Host, HostPolicy};
use telemetry_testkit::{Behaviour, FakeWorkspace, conformance};
use ureq_3::OnUreq;

#[tokio::test(flavor = "multi_thread")]
async fn the_transport_on_reqwest_0_12_conforms() {
    conformance::transport(|| OnReqwest::new().unwrap()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_transport_on_ureq_3_conforms() {
    conformance::transport(OnUreq::new).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_went_wrong_is_told_apart() {
    let workspace = FakeWorkspace::start();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // reqwest doesn't say by itself that an answer wasn't HTTP.
    let transports: [(&dyn Transport, Fault); 2] =
        [(&OnReqwest::new().unwrap(), Fault::Reset), (&OnUreq::new(), Fault::BadAnswer)];
    for (transport, garbage) in transports {
        let fault = async |host: &str, path: &str| {
            let host = Host::parse(host, HostPolicy::AllowLoopback).unwrap();
            let request = HttpRequest::new(Method::Post, host, path);
            transport.send(request).await.unwrap_err().fault
        };
        let path = "/telemetry-unauth";
        assert_eq!(fault(&format!("http://{nobody}"), path).await, Fault::Connect, "{transport:?}");
        assert_eq!(fault("no-such-workspace.invalid", path).await, Fault::NoSuchHost, "{transport:?}");
        let no_tls = format!("https://127.0.0.1:{}", workspace.port());
        assert_eq!(fault(&no_tls, path).await, Fault::Tls, "{transport:?}");
        assert_eq!(fault(&workspace.url(), "no path").await, Fault::Unsendable, "{transport:?}");
        for (behaviour, told) in [
            (Behaviour::Reset, Fault::Reset),
            (Behaviour::Close, Fault::Reset),
            (Behaviour::Garbage, garbage),
        ] {
            workspace.script_telemetry([behaviour.clone()]);
            assert_eq!(fault(&workspace.url(), path).await, told, "{transport:?}: {behaviour:?}");
        }
    }
}
