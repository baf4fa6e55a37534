//! Statements that many threads speak to.

use std::sync::Arc;
use std::time::Duration;

use shuttle::future::block_on;
use shuttle::thread;

use crate::handle::error_details::ErrorDetails;
use crate::handle::outcome::CloseOutcome;
use crate::interleavings::world::{WITHIN, World, client, connect};
use crate::interleavings::{check, join};
use crate::ledger::Refusal;
use crate::record::{Chunk, Record, RecordKind};

fn chunk(index: u32) -> Chunk {
    Chunk::new(index, Duration::from_millis(1)).bytes(1 << index)
}

/// The statements among what arrived.
fn statements(world: &World) -> Vec<Arc<Record>> {
    let mut received = world.all_received();
    received.retain(|record| record.body.kind == RecordKind::Statement);
    received
}

#[test]
fn a_chunk_of_a_recorder_is_in_the_record_or_counted_as_late() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let (lease, session) = connect(&provider);
        let mut statement = session.statement();
        let recorders = [0, 2].map(|first| {
            let recorder = statement.chunk_recorder();
            thread::spawn(move || [first, first + 1].map(|index| recorder.chunk(chunk(index))))
        });
        statement.chunk(chunk(4));
        statement.complete();
        join(recorders);
        assert_eq!(block_on(lease.close(WITHIN)), CloseOutcome::Delivered { accepted: 2 });
        let events = client(&lease).snapshot().events;
        let late = events.refused.get(Refusal::Late);
        assert!(events.balances());
        assert_eq!(events.seen, 1 + 1 + 5 + 1, "the opening; a start, five chunks and an end");
        let [record] = &statements(&world)[..] else { panic!("one statement is one record") };
        let chunks = record.body.sql.as_ref().unwrap().chunks.unwrap();
        assert_eq!(u64::from(chunks.iterated) + late, 5);
        assert_eq!(u64::from(chunks.bytes.count_ones()) + late, 5, "each once");
    });
}

#[test]
fn of_many_ends_of_one_statement_the_first_counts_and_all_said_before_is_in_its_record() {
    check(|| {
        let world = World::default();
        let provider = world.provider();
        let (lease, session) = connect(&provider);
        let statement = session.statement().shared();
        let speakers = [0, 2].map(|first| {
            let statement = statement.clone();
            thread::spawn(move || {
                statement.with(|statement| statement.chunk(chunk(first)));
                if first == 0 {
                    statement.complete();
                } else {
                    statement.failed(|| ErrorDetails::new("PLANTED"));
                }
                statement.with(|statement| statement.chunk(chunk(first + 1)));
            })
        });
        join(speakers);
        drop(statement);
        assert_eq!(block_on(lease.close(WITHIN)), CloseOutcome::Delivered { accepted: 2 });
        let [record] = &statements(&world)[..] else { panic!("one statement is one record") };
        let execution = record.body.sql.as_ref().unwrap();
        let chunks = execution.chunks.unwrap();
        let first = if record.body.error.is_none() { 0 } else { 2 };
        assert!(chunks.bytes & (1 << first) != 0, "what who ended it had said");
        assert!(chunks.bytes & (1 << (first + 1)) == 0, "what was said after the end");
        let books = client(&lease).snapshot();
        assert!(books.events.balances() && books.records.balances());
    });
}
