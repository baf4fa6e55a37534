//! What opening a connection costs its caller.

use benches::{Known, params};
use telemetry_core::{ConnectionInfo, StaticToken, Target};

use super::subject::OPENING;
use crate::table::measure::{Meter, Row};
use benches::connection::{Connection, HOST, config};

pub fn rows() -> Vec<Row> {
    vec![
        Row::ours(OPENING, "5 parameters", opening(Known::Few)).most(1000),
        Row::ours(OPENING, "46 parameters", opening(Known::All)).most(1000),
    ]
}

/// From asking for telemetry to the session's handle. The parameters are the driver's, and made before.
fn opening(known: Known) -> impl FnMut(&mut Meter) {
    let connection = Connection::new(config()).settled();
    move |meter| {
        let mut prepared: Vec<_> = (0..meter.times)
            .map(|_| {
                let target = Target::new(HOST).credentials(StaticToken::new("a-token"));
                (target, ConnectionInfo::new().auth_type("pat").params(params(known)))
            })
            .collect();
        let mut opened = Vec::with_capacity(prepared.len());
        meter.each(|_| {
            let (target, info) = prepared.pop().expect("one for each time");
            let lease = connection.provider.acquire(target);
            let session = lease.opening(info).opened("01f0a1b2-c3d4-1e5f-8a9b-0c1d2e3f4a5b");
            opened.push((lease, session));
        });
        connection.flush();
        connection.delivered(meter.times);
    }
}
