//! What a driver pays that links the library while it is off.

use std::hint::black_box;
use std::rc::Rc;

use benches::FLAG;
use telemetry_core::status::TelemetryState;
use telemetry_core::{Mode, Target};
use telemetry_flags::StaticFlags;

use super::subject::{OFF, STATEMENT_OFF};
use crate::table::measure::Row;
use benches::connection::{Connection, HOST, ID, MS, by_handle, config, provider};

pub fn rows() -> Vec<Row> {
    let off = Rc::new(Connection::new(config().mode(Mode::Off)));
    assert!(matches!(off.lease.status().state, TelemetryState::Off(_)));
    let refused =
        Connection::of(provider(config()).flags(StaticFlags::new([(FLAG, false)])), Target::new(HOST));
    while !matches!(refused.lease.status().state, TelemetryState::Off(_)) {
        std::thread::sleep(MS);
    }
    let (by_handle_off, by_id_off) = (Rc::clone(&off), Rc::clone(&off));
    vec![
        Row::ours(OFF, "by handle, off by setting", move |meter| {
            let mut statement = by_handle_off.session.statement();
            meter.each(|_| black_box(&mut statement).poll(MS));
        }),
        Row::ours(OFF, "by id, off by setting", move |meter| {
            let emitter = by_id_off.session.emitter();
            meter.each(|_| black_box(&emitter).poll(black_box(ID), MS));
        }),
        Row::ours(OFF, "by id, off by the service's flag", move |meter| {
            let emitter = refused.session.emitter();
            meter.each(|_| black_box(&emitter).poll(black_box(ID), MS));
            assert_eq!(refused.lease.status().events.waiting, 0);
        }),
        Row::ours(STATEMENT_OFF, "by handle", move |meter| {
            meter.each(|_| by_handle(black_box(&off.session)));
            assert_eq!(off.lease.status().events.seen, 0);
        }),
    ]
}
