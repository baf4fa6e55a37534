//! Records.

use std::ops::RangeInclusive;
use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use telemetry_core::record::{
    Body, ChunkDetails, ErrorInfo, EventId, OperationDetail, Record, RecordKind, SessionContext,
    SqlExecution, StatementId, TraceParent, VolumeOperation, VolumeOperationType,
};
use telemetry_core::text::{ErrorText, SqlState};
use telemetry_core::{Chunk, OperationType, ResultFormat, StatementType};

use super::session::session;
use super::time::{date, duration};
use super::{count, error_class, maybe, text};

/// A record of any kind: each of its parts is there or not, whatever its kind.
pub fn record() -> impl Strategy<Value = Record> {
    (session(), unattached()).prop_map(|(session, record)| record.of(session))
}

/// So many records, of one to three connections, as an exporter is handed them.
pub fn batch(size: RangeInclusive<usize>) -> impl Strategy<Value = Vec<Arc<Record>>> {
    let records = vec((any::<Index>(), unattached()), size);
    (vec(session(), 1..=3), records).prop_map(|(sessions, records)| {
        let attach =
            |(which, record): (Index, Unattached)| Arc::new(record.of(Arc::clone(which.get(&sessions))));
        records.into_iter().map(attach).collect()
    })
}

/// A chunk, downloaded.
pub fn chunk() -> impl Strategy<Value = Chunk> {
    (count(), duration(), any::<u64>(), maybe(any::<bool>())).prop_map(
        |(index, latency, bytes, compressed)| {
            let chunk = Chunk::new(index, latency).bytes(bytes);
            compressed.map_or(chunk, |compressed| chunk.compressed(compressed))
        },
    )
}

/// A record without its connection.
#[derive(Debug)]
struct Unattached {
    id: EventId,
    stamp: std::time::SystemTime,
    body: Body,
}

impl Unattached {
    fn of(self, session: Arc<SessionContext>) -> Record {
        let Unattached { id, stamp, body } = self;
        Record { id, stamp, session, body }
    }
}

fn unattached() -> impl Strategy<Value = Unattached> {
    let kinds = [RecordKind::Connection, RecordKind::Statement, RecordKind::Error, RecordKind::Operation];
    let id = any::<[u8; 16]>().prop_map(EventId::from_bytes);
    let statement =
        "[A-Za-z0-9_.:-]{1,63}".prop_filter_map("it looks like a token", |text| StatementId::new(&text));
    let head = (id, date(), select(kinds.to_vec()), maybe(statement), maybe(trace_parent()));
    let times = (maybe(duration()), maybe(duration()));
    (head, times, maybe(sql()), maybe(volume()), maybe(error())).prop_map(
        |(head, (latency, since_start), sql, volume, error)| {
            let (id, stamp, kind, statement_id, trace_parent) = head;
            let (trace_parent, volume) = (trace_parent.map(Box::new), volume.map(Box::new));
            let body = Body { kind, statement_id, trace_parent, latency, since_start, sql, volume, error };
            Unattached { id, stamp, body }
        },
    )
}

/// The caller's span, as a driver names it.
pub(super) fn trace_parent() -> impl Strategy<Value = TraceParent> {
    (any::<[u8; 16]>(), any::<[u8; 8]>(), any::<u8>())
        .prop_filter_map("ids of zeros", |(trace, parent, flags)| TraceParent::from_ids(trace, parent, flags))
}

fn sql() -> impl Strategy<Value = SqlExecution> {
    let what = (maybe(select(StatementType::ALL)), maybe(any::<bool>()), maybe(select(ResultFormat::ALL)));
    let times = (maybe(duration()), maybe(duration()));
    let counts = (maybe(any::<u64>()), maybe(any::<u64>()), maybe(any::<u64>()));
    (what, counts, maybe(chunks()), times, maybe(operation()), maybe(any::<bool>())).prop_map(
        |(what, (retry_count, rows, bytes), chunks, times, operation, java_uses_patched_arrow)| {
            let (statement_type, is_compressed, execution_result) = what;
            let (result_ready, result_consumed) = times;
            SqlExecution {
                statement_type,
                is_compressed,
                execution_result,
                retry_count,
                rows,
                bytes,
                chunks,
                result_ready,
                result_consumed,
                operation,
                java_uses_patched_arrow,
            }
        },
    )
}

fn chunks() -> impl Strategy<Value = ChunkDetails> {
    let times = (maybe(duration()), maybe(duration()), duration());
    (maybe(count()), count(), any::<u64>(), times).prop_map(
        |(present, iterated, bytes, (first, slowest, sum))| ChunkDetails {
            present,
            iterated,
            bytes,
            first,
            slowest,
            sum,
        },
    )
}

fn operation() -> impl Strategy<Value = OperationDetail> {
    (maybe(count()), maybe(duration()), maybe(select(OperationType::ALL)), maybe(any::<bool>())).prop_map(
        |(status_calls, status_latency, operation_type, is_internal_call)| OperationDetail {
            status_calls,
            status_latency,
            operation_type,
            is_internal_call,
        },
    )
}

fn volume() -> impl Strategy<Value = VolumeOperation> {
    (maybe(select(VolumeOperationType::ALL)), maybe(text()), maybe(text())).prop_map(
        |(operation, volume_path, local_file)| VolumeOperation { operation, volume_path, local_file },
    )
}

fn error() -> impl Strategy<Value = ErrorInfo> {
    let text = maybe(text().prop_map(|text| ErrorText::detached(&text)));
    let sqlstate = maybe("[A-Z0-9]{5}".prop_map(|state| SqlState::new(&state).unwrap()));
    let facts = (sqlstate, maybe(any::<u16>()), maybe(any::<i64>()));
    ("[A-Za-z0-9._:$-]{1,128}", error_class(), maybe(count()), facts, text).prop_map(
        |(name, class, chunk, (sqlstate, http_status, vendor_code), text)| ErrorInfo {
            chunk,
            sqlstate,
            http_status,
            vendor_code,
            text,
            ..ErrorInfo::new(name, class)
        },
    )
}
