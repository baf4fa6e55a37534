//! How a statement or a call ran.

use std::time::Duration;

use crate::record::audience::viewed;
use crate::record::enums::{OperationType, ResultFormat, StatementType, VolumeOperationType};
use crate::record::message::message;
use crate::text::fields::{base_name, field};

viewed! {
    /// How a statement or a call ran.
    #[derive(Clone, Debug, Default, PartialEq)]
    #[expect(
        clippy::exhaustive_structs,
        reason = "mirrors the wire's message, and is matched whole where it is mapped"
    )]
    pub struct SqlExecution {
        /// What the statement is for.
        [everybody] pub statement_type: Option<StatementType>,
        /// Whether its result came compressed.
        [everybody] pub is_compressed: Option<bool>,
        /// How its result came.
        [everybody] pub execution_result: Option<ResultFormat>,
        /// How often its requests were retried.
        [everybody] pub retry_count: Option<u64>,
        /// How many rows of its result the driver fetched, added up.
        [everybody] pub rows: Option<u64>,
        /// Bytes of its result that are in no chunk, as of one that came with the answer itself, added up.
        /// Those of chunks are in [`ChunkDetails::bytes`].
        [everybody] pub bytes: Option<u64>,
        /// How its chunks came down.
        [everybody] pub chunks: Option<ChunkDetails>,
        /// From the start until the first row could be read.
        [everybody] pub result_ready: Option<Duration>,
        /// From the start until the last row had been read.
        [everybody] pub result_consumed: Option<Duration>,
        /// The driver's call.
        [everybody] pub operation: Option<OperationDetail>,
        /// Whether a patched Arrow library is in use, for bindings to Java.
        [everybody] pub java_uses_patched_arrow: Option<bool>,
    }
}

viewed! {
    /// How the chunks of a result came down.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(
        clippy::exhaustive_structs,
        reason = "mirrors the wire's message, and is matched whole where it is mapped"
    )]
    pub struct ChunkDetails {
        /// How many chunks the result has, where the service said.
        [everybody] pub present: Option<u32>,
        /// How many were read.
        [everybody] pub iterated: u32,
        /// Their size as downloaded, in bytes. Not on the wire.
        [everybody] pub bytes: u64,
        /// The download of the first chunk: the one with the lowest index.
        [everybody] pub first: Option<Duration>,
        /// The slowest download.
        [everybody] pub slowest: Option<Duration>,
        /// All downloads, added up; parallel ones count in full.
        [everybody] pub sum: Duration,
    }
}

viewed! {
    /// The driver's call that a record is about.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    #[expect(
        clippy::exhaustive_structs,
        reason = "mirrors the wire's message, and is matched whole where it is mapped"
    )]
    pub struct OperationDetail {
        /// How often the service was asked whether the operation is done; zero where the driver says that it
        /// wasn't.
        [everybody] pub status_calls: Option<u32>,
        /// How long those questions took, added up.
        [everybody] pub status_latency: Option<Duration>,
        /// The call.
        [everybody] pub operation_type: Option<OperationType>,
        /// Whether the driver made it on its own account, not for its caller.
        [everybody] pub is_internal_call: Option<bool>,
    }
}

message! {
    /// What was done to a volume.
    VolumeOperation {
        /// What was done.
        [everybody] operation: VolumeOperationType,
        /// The path in the volume.
        [vendor customer] volume_path: String => field,
        /// The local file: its base name alone is kept.
        [vendor customer] local_file: String => base_name,
    }
}
