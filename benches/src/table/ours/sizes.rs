//! How much memory is held.

use std::time::Duration;

use benches::{Known, params};
use telemetry_core::{ConnectionInfo, StatementType, StaticToken, Target};

use crate::table::allocations;
use benches::connection::{Connection, HOST, MS, by_handle, config};

/// Bytes of one of many.
pub struct Size {
    pub of: &'static str,
    /// As the books count them: `Status::held_bytes`.
    pub counted: Option<f64>,
    /// As the allocator gave them.
    pub heap: f64,
}

const MANY: u64 = 4000;

/// All sizes. Nothing runs on another thread meanwhile: what the allocator gave to this one is all of it.
pub fn sizes() -> Vec<Size> {
    let ids: Vec<String> = (0..MANY).map(|number| format!("01f0a1b2-c3d4-1e5f-8a9b-{number:012x}")).collect();
    let start = |connection: &Connection| {
        let emitter = connection.session.emitter();
        ids.iter().for_each(|id| emitter.started(id, StatementType::Query));
    };
    vec![
        held("an event that waits", |connection| {
            let emitter = connection.session.emitter();
            ids.iter().for_each(|id| emitter.poll(id, MS));
        }),
        held("a statement by handle that is complete and waits to be taken in", |connection| {
            (0..MANY).for_each(|_| by_handle(&connection.session));
        }),
        held("a statement that is open by its id", |connection| {
            start(connection);
            connection.provider.step();
            assert_eq!(connection.lease.status().open_statements as u64, MANY);
        }),
        held("a record that waits to be sent", |connection| {
            start(connection);
            ids.iter().for_each(|id| connection.session.emitter().completed(id, 42 * MS));
            connection.provider.step();
            assert_eq!(connection.lease.status().records.held, MANY + 1);
        }),
        connections(),
    ]
}

/// What is held more, after something was done many times, than before.
fn held(of: &'static str, done: impl FnOnce(&Connection)) -> Size {
    let most = MANY as usize + 1;
    let config = config().max_records(2 * most).batch_size(2 * most).max_open_statements(most);
    let connection = Connection::unattended(config.flush_interval(Duration::from_secs(300)));
    connection.provider.step();
    let heap = allocations::bytes();
    let counted = connection.lease.status().held_bytes;
    done(&connection);
    let counted = connection.lease.status().held_bytes - counted;
    let heap = allocations::bytes() - heap;
    assert_eq!(connection.lease.status().events.refused.total(), 0);
    Size { of, counted: Some(counted as f64 / MANY as f64), heap: heap as f64 / MANY as f64 }
}

/// Its record is sent, so that what is left is the connection's own.
fn connections() -> Size {
    let connection = Connection::unattended(config());
    let mut open = Vec::with_capacity(MANY as usize);
    let heap = allocations::bytes();
    for _ in 0..MANY {
        let target = Target::new(HOST).credentials(StaticToken::new("a-token"));
        let lease = connection.provider.acquire(target);
        let session = lease.opening(ConnectionInfo::new().params(params(Known::Few))).opened("session");
        open.push((lease, session));
        connection.provider.step();
    }
    let heap = allocations::bytes() - heap;
    Size {
        of: "a connection that is open, with 5 parameters",
        counted: None,
        heap: heap as f64 / MANY as f64,
    }
}
