//! The inner record and the messages that vary from record to record.

use telemetry_core::record::VolumeOperationType;
use telemetry_core::{OperationType, ResultFormat, StatementType};

use super::connection::{DriverConnectionParameters, DriverSystemConfiguration};
use super::facts::Cleaning::{BaseName, ErrorName, ErrorText, Id, Line, NoText};
use super::facts::Privacy::{Neither, Personal, Pseudonymous};
use super::facts::When::{self, Always, WithCredentials};
use super::lenient;
use super::message::message;
use super::named::EnumOrUnknown;

const STATEMENT: When = Always("statements, if the driver says it");
const CHUNKS: When = Always("statements of which a chunk was downloaded");
const COUNTED: When = Always("statements of which a chunk was downloaded, or the number of chunks said");
const POLLED: When = Always("statements that the service was asked about");
const VOLUME: When = Always("volume operations");

message! {
    /// The inner record: what a driver says of one thing that happened.
    OssSqlDriverTelemetryLog {
        /// The session's id.
        session_id: String = "lenient::text"
            => ("01f0c0de-5a1e-1000-8000-000000000001",
                WithCredentials("every record of an open connection, if the service gave an id"),
                Id, Pseudonymous),
        /// The statement's id.
        sql_statement_id: String = "lenient::text"
            => ("01f0c0de-5a1e-1000-8000-000000000002",
                WithCredentials("records of a statement, its errors and calls, if the service gave an id"),
                Id, Pseudonymous),
        /// The driver and its system.
        system_configuration: DriverSystemConfiguration = "lenient::any",
        /// How the connection was configured.
        driver_connection_params: DriverConnectionParameters = "lenient::any",
        /// The authentication type, as the driver's configuration names it.
        auth_type: String = "lenient::text"
            => ("pat", WithCredentials("every record, if the driver says it"), Line, Neither),
        /// What was done to a volume.
        vol_operation: VolumeOperationEvent = "lenient::any",
        /// How the statement or call ran.
        sql_operation: SqlExecutionEvent = "lenient::any",
        /// What went wrong.
        error_info: DriverErrorInfo = "lenient::any",
        /// How long it took, in milliseconds.
        operation_latency_ms: i64 = "lenient::int64"
            => ("42", Always("every record but those of errors; not of a statement that never ended"),
                NoText, Neither),
    }
}

message! {
    /// What went wrong.
    DriverErrorInfo {
        /// The error's name or class.
        error_name: String = "lenient::text"
            => ("TABLE_OR_VIEW_NOT_FOUND", Always("records of errors and of connections that failed"),
                ErrorName, Neither),
        /// Its message and stack; before them its SQLSTATE, HTTP status and the database's own number.
        stack_trace: String = "lenient::text"
            => ("[TABLE_OR_VIEW_NOT_FOUND] The table or view `***` cannot be found.",
                WithCredentials("records of errors and of connections that failed, if there is text or a fact"),
                ErrorText, Personal),
    }
}

message! {
    /// What was done to a volume.
    VolumeOperationEvent {
        /// What was done.
        volume_operation_type: EnumOrUnknown<VolumeOperationType> = "lenient::any"
            => ("PUT", VOLUME, NoText, Neither),
        /// The path in the volume.
        volume_path: String = "lenient::text"
            => ("/Volumes/main/default/in/orders.csv",
                WithCredentials("volume operations, if the driver says it"),
                Line, Personal),
        /// The local file.
        local_file: String = "lenient::text"
            => ("orders.csv", WithCredentials("volume operations, if the driver says it"),
                BaseName, Personal),
    }
}

message! {
    /// How a statement or a call ran.
    SqlExecutionEvent {
        /// What the statement is for.
        statement_type: EnumOrUnknown<StatementType> = "lenient::any"
            => ("QUERY", STATEMENT, NoText, Neither),
        /// Whether its result came compressed.
        is_compressed: bool = "lenient::flag" => ("true", STATEMENT, NoText, Neither),
        /// How its result came.
        execution_result: EnumOrUnknown<ResultFormat> = "lenient::any"
            => ("EXTERNAL_LINKS", STATEMENT, NoText, Neither),
        /// The chunk that an error is about.
        chunk_id: i64 = "lenient::int64" => ("3", Always("errors that are about a chunk"), NoText, Neither),
        /// How often its requests were retried.
        retry_count: i64 = "lenient::int64"
            => ("2", Always("statements and calls, if the driver says it"), NoText, Neither),
        /// How its chunks came down.
        chunk_details: ChunkDetails = "lenient::any",
        /// When its result could be read, and when it had been.
        result_latency: ResultLatency = "lenient::any",
        /// The driver's call.
        operation_detail: OperationDetail = "lenient::any",
        /// Whether a patched Arrow library is in use.
        java_uses_patched_arrow: bool = "lenient::flag" => ("false", STATEMENT, NoText, Neither),
    }
}

message! {
    /// The driver's call that the record is about.
    OperationDetail {
        /// How often the service was asked whether the operation is done.
        n_operation_status_calls: i32 = "lenient::int32" => ("4", POLLED, NoText, Neither),
        /// How long those questions took, added up, in milliseconds.
        operation_status_latency_millis: i64 = "lenient::int64" => ("61", POLLED, NoText, Neither),
        /// The call.
        operation_type: EnumOrUnknown<OperationType> = "lenient::any"
            => ("EXECUTE_STATEMENT", Always("every record but those of errors"), NoText, Neither),
        /// Whether the driver made it on its own account.
        is_internal_call: bool = "lenient::flag"
            => ("false", Always("statements and calls, if the driver says it"), NoText, Neither),
    }
}

message! {
    /// When the result could be read, and when it had been.
    ResultLatency {
        /// From the start until the first row could be read, in milliseconds.
        result_set_ready_latency_millis: i64 = "lenient::int64" => ("35", STATEMENT, NoText, Neither),
        /// From the start until the last row had been read, in milliseconds.
        result_set_consumption_latency_millis: i64 = "lenient::int64" => ("120", STATEMENT, NoText, Neither),
    }
}

message! {
    /// How the chunks of a result came down.
    ChunkDetails {
        /// The download of the first chunk, in milliseconds.
        initial_chunk_latency_millis: i64 = "lenient::int64" => ("12", CHUNKS, NoText, Neither),
        /// The slowest download, in milliseconds.
        slowest_chunk_latency_millis: i64 = "lenient::int64" => ("31", CHUNKS, NoText, Neither),
        /// How many chunks the result has.
        total_chunks_present: i32 = "lenient::int32" => ("5", STATEMENT, NoText, Neither),
        /// How many were read.
        total_chunks_iterated: i32 = "lenient::int32" => ("5", COUNTED, NoText, Neither),
        /// All downloads, added up, in milliseconds.
        sum_chunks_download_time_millis: i64 = "lenient::int64" => ("87", COUNTED, NoText, Neither),
    }
}
