//! From a statement's start to the service's answer.

use std::sync::Arc;
use std::time::Duration;

use benches::{Known, params};
use telemetry_core::{ConnectionInfo, HostPolicy, StaticToken, Target};
use telemetry_export_http::{HttpExporter, ReqwestTransport};

use super::subject::{CALL, DELIVERED};
use crate::table::measure::{Meter, Row};
use crate::table::server::Server;
use benches::connection::{Connection, Discard, HOST, by_handle, config, provider};

pub fn rows() -> Vec<Row> {
    vec![
        Row::ours(CALL, "a task on the provider's thread", call(false)).times(500).every(5).cpu(),
        Row::ours(CALL, "on a thread of the pool", call(true)).times(500).every(5).cpu(),
        Row::ours(DELIVERED, "one record, all parameters", delivered()).times(5000).every(20).cpu(),
    ]
}

fn call(may_block: bool) -> impl FnMut(&mut Meter) {
    let provider = provider(config().batch_size(1)).exporter(Discard { may_block });
    let connection = Connection::of(provider, Target::new(HOST)).settled();
    move |meter| {
        meter.all(|times| {
            (0..times).for_each(|_| connection.session.statement().complete());
            connection.flush();
        });
        connection.delivered(meter.times);
    }
}

fn delivered() -> impl FnMut(&mut Meter) {
    let server = Server::start();
    let transport = ReqwestTransport::builder().configure(|client| client.no_proxy());
    let exporter = HttpExporter::new(Arc::new(transport.build().expect("it has TLS")));
    let config = config().host_policy(HostPolicy::AllowLoopback).flush_interval(Duration::from_secs(60));
    let target = Target::new(server.url()).credentials(StaticToken::new("a-token"));
    let info = ConnectionInfo::new().auth_type("oauth-m2m").params(params(Known::All));
    let connection = Connection::with(provider(config).exporter(exporter), target, info).settled();
    move |meter| {
        let before = server.seen();
        meter.all(|times| {
            (0..times).for_each(|_| by_handle(&connection.session));
            connection.flush();
        });
        connection.delivered(meter.times);
        let seen = server.seen();
        assert!(seen.requests - before.requests >= meter.times / 100, "{seen:?}");
        meter.sent(seen.bytes - before.bytes);
        assert!(seen.bytes - before.bytes >= meter.times * 2000, "{seen:?}");
    }
}
