//! The inner record and the messages that vary from record to record.

use telemetry_core::record::VolumeOperationType;
use telemetry_core::{OperationType, ResultFormat, StatementType};

use super::connection::{DriverConnectionParameters, DriverSystemConfiguration};
use super::lenient;
use super::message::message;
use super::named::EnumOrUnknown;

message! {
    /// The inner record: what a driver says of one thing that happened.
    OssSqlDriverTelemetryLog {
        /// The session's id.
        session_id: String = "lenient::text",
        /// The statement's id.
        sql_statement_id: String = "lenient::text",
        /// The driver and its system.
        system_configuration: DriverSystemConfiguration = "lenient::any",
        /// How the connection was configured.
        driver_connection_params: DriverConnectionParameters = "lenient::any",
        /// The authentication type, as the driver's configuration names it.
        auth_type: String = "lenient::text",
        /// What was done to a volume.
        vol_operation: VolumeOperationEvent = "lenient::any",
        /// How the statement or call ran.
        sql_operation: SqlExecutionEvent = "lenient::any",
        /// What went wrong.
        error_info: DriverErrorInfo = "lenient::any",
        /// How long it took, in milliseconds.
        operation_latency_ms: i64 = "lenient::int64",
    }
}

message! {
    /// What went wrong.
    DriverErrorInfo {
        /// The error's name or class.
        error_name: String = "lenient::text",
        /// Its message and stack.
        stack_trace: String = "lenient::text",
    }
}

message! {
    /// What was done to a volume.
    VolumeOperationEvent {
        /// What was done.
        volume_operation_type: EnumOrUnknown<VolumeOperationType> = "lenient::any",
        /// The path in the volume.
        volume_path: String = "lenient::text",
        /// The local file.
        local_file: String = "lenient::text",
    }
}

message! {
    /// How a statement or a call ran.
    SqlExecutionEvent {
        /// What the statement is for.
        statement_type: EnumOrUnknown<StatementType> = "lenient::any",
        /// Whether its result came compressed.
        is_compressed: bool = "lenient::flag",
        /// How its result came.
        execution_result: EnumOrUnknown<ResultFormat> = "lenient::any",
        /// The chunk that an error is about.
        chunk_id: i64 = "lenient::int64",
        /// How often its requests were retried.
        retry_count: i64 = "lenient::int64",
        /// How its chunks came down.
        chunk_details: ChunkDetails = "lenient::any",
        /// When its result could be read, and when it had been.
        result_latency: ResultLatency = "lenient::any",
        /// The driver's call.
        operation_detail: OperationDetail = "lenient::any",
        /// Whether a patched Arrow library is in use.
        java_uses_patched_arrow: bool = "lenient::flag",
    }
}

message! {
    /// The driver's call that the record is about.
    OperationDetail {
        /// How often the service was asked whether the operation is done.
        n_operation_status_calls: i32 = "lenient::int32",
        /// How long those questions took, added up, in milliseconds.
        operation_status_latency_millis: i64 = "lenient::int64",
        /// The call.
        operation_type: EnumOrUnknown<OperationType> = "lenient::any",
        /// Whether the driver made it on its own account.
        is_internal_call: bool = "lenient::flag",
    }
}

message! {
    /// When the result could be read, and when it had been.
    ResultLatency {
        /// From the start until the first row could be read, in milliseconds.
        result_set_ready_latency_millis: i64 = "lenient::int64",
        /// From the start until the last row had been read, in milliseconds.
        result_set_consumption_latency_millis: i64 = "lenient::int64",
    }
}

message! {
    /// How the chunks of a result came down.
    ChunkDetails {
        /// The download of the first chunk, in milliseconds.
        initial_chunk_latency_millis: i64 = "lenient::int64",
        /// The slowest download, in milliseconds.
        slowest_chunk_latency_millis: i64 = "lenient::int64",
        /// How many chunks the result has.
        total_chunks_present: i32 = "lenient::int32",
        /// How many were read.
        total_chunks_iterated: i32 = "lenient::int32",
        /// All downloads, added up, in milliseconds.
        sum_chunks_download_time_millis: i64 = "lenient::int64",
    }
}
