//! The wire: what travels, field by field.
//!
//! What is written follows the schema: an absent field is left out, never `null`, and a zero that was
//! measured is there. What is read may be what any shipped driver writes: fields and enum values that the
//! schema doesn't have are kept and written again as they came, numbers and truths may come as strings, a
//! lone half of a character is read as U+FFFD, what is of another type costs its field alone, and the time
//! may stand in `context` itself.
//!
//! ```
//! use telemetry_export_http::wire::{Frontend, Upload};
//!
//! let record = r#"{\"entry\":{\"sql_driver_log\":{\"operation_latency_ms\":42}}}"#;
//! let body = format!(r#"{{"uploadTime":1,"items":[],"protoLogs":["{record}"]}}"#);
//! let upload = Upload::read(body.as_bytes()).unwrap();
//! let records: Vec<Frontend> = upload.records().collect::<Result<_, _>>().unwrap();
//! assert_eq!(records[0].log().unwrap().operation_latency_ms, Some(42));
//!
//! // What the schema doesn't have, wherever it stands.
//! let newer = r#"{"entry":{"sql_driver_log":{"warmup_ms":7}}}"#;
//! let record: Frontend = serde_json::from_str(newer).unwrap();
//! assert_eq!(record.extra_fields(), [("entry.sql_driver_log.warmup_ms".to_owned(), &7.into())]);
//! assert_eq!(record.log().unwrap().extra["warmup_ms"], 7);
//! assert_eq!(serde_json::to_string(&record).unwrap(), newer);
//! ```

mod connection;
mod driver_log;
pub(crate) mod facts;
mod lenient;
mod message;
mod named;

pub use connection::{DriverConnectionParameters, DriverSystemConfiguration, HostDetails};
pub use driver_log::{
    ChunkDetails, DriverErrorInfo, OperationDetail, OssSqlDriverTelemetryLog, ResultLatency,
    SqlExecutionEvent, VolumeOperationEvent,
};
pub use lenient::whole_characters;
pub use named::{EnumOrUnknown, WireEnum};

use facts::{Cleaning, Facts, Field, Kind, Privacy, When};
use message::message;
use serde::{Deserialize, Serialize};

/// What was read of a message that the schema doesn't have, by name.
pub type Extra = serde_json::Map<String, serde_json::Value>;

/// The body of one request.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::exhaustive_structs, reason = "mirrors the wire")]
pub struct Upload {
    /// When the request was made, in milliseconds since the epoch.
    #[serde(rename = "uploadTime", default)]
    pub upload_time: i64,
    /// Always present, always empty.
    #[serde(default)]
    pub items: Vec<serde_json::Value>,
    /// The records, each as JSON in a string.
    #[serde(rename = "protoLogs", default)]
    pub proto_logs: Vec<String>,
    /// What else was read. It is written again as it came; a body that is made here has none.
    #[serde(flatten)]
    pub extra: Extra,
}

impl Upload {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// What `serde_json` says of a body that isn't one.
    pub fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        match std::str::from_utf8(body) {
            Ok(text) => serde_json::from_str(&lenient::whole_characters(text)),
            Err(_) => serde_json::from_slice(body),
        }
    }

    /// Reads its records.
    pub fn records(&self) -> impl Iterator<Item = Result<Frontend, serde_json::Error>> {
        self.proto_logs.iter().map(|record| serde_json::from_str(&lenient::whole_characters(record)))
    }

    /// What is to be known of its fields.
    pub(crate) fn fields() -> Vec<Field> {
        // Taken apart whole, so that a new field can't be forgotten here.
        let Upload { upload_time: _, items: _, proto_logs: _, extra: _ } = Upload::default();
        let field =
            |path: &str, kind, meaning: &str, facts: Facts| facts.of(path.into(), kind, meaning.into());
        let request = When::Always("every request");
        let date = Facts("1795523848610", request, Cleaning::NoText, Privacy::Neither);
        let items = Facts("[]", request, Cleaning::NoText, Privacy::Neither);
        let records = Facts(r#"["{…}"]"#, request, Cleaning::ItsParts, Privacy::Neither);
        vec![
            field(
                "uploadTime",
                Kind::Number,
                "When the request was made, in milliseconds since the epoch.",
                date,
            ),
            field("items", Kind::List, "Always empty.", items),
            field("protoLogs", Kind::List, "The records, each as JSON in a string.", records),
        ]
    }
}

impl std::fmt::Debug for Upload {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Upload").field("records", &self.proto_logs.len()).finish_non_exhaustive()
    }
}

const EVERY_RECORD: When = When::Always("every record");

message! {
    /// One record.
    Frontend {
        /// The workspace's id.
        workspace_id: i64 = "lenient::int64"
            => ("1234567890123456", When::WithCredentials("every record of a connection whose driver knows it"),
                Cleaning::NoText, Privacy::Pseudonymous),
        /// The record's own id, drawn at random; the same in every attempt to send it.
        frontend_log_event_id: String = "lenient::text"
            => ("cd5d89c1-3cbf-4864-a167-a5da739d6bbe", EVERY_RECORD, Cleaning::MadeHere, Privacy::Neither),
        /// Who sends it, and when it happened.
        context: Context = "lenient::any",
        /// What happened.
        entry: Entry = "lenient::any",
    }
}

impl Frontend {
    /// What happened.
    pub fn log(&self) -> Option<&OssSqlDriverTelemetryLog> {
        self.entry.as_ref()?.sql_driver_log.as_ref()
    }

    /// When it happened, in milliseconds since the epoch, wherever that stands.
    pub fn timestamp_millis(&self) -> Option<i64> {
        let context = self.context.as_ref()?;
        context
            .client_context
            .as_ref()
            .and_then(|client| client.timestamp_millis)
            .or(context.timestamp_millis)
    }
}

message! {
    /// Who sends a record, and when it happened.
    Context {
        /// The same, as most drivers have it.
        client_context: ClientContext = "lenient::any",
        /// When it happened, in milliseconds since the epoch.
        timestamp_millis: i64 = "lenient::int64"
            => ("1795523848610", When::Never("another driver writes it here"), Cleaning::NoText, Privacy::Neither),
    }
}

message! {
    /// Who sends a record, and when it happened.
    ClientContext {
        /// When it happened, in milliseconds since the epoch.
        timestamp_millis: i64 = "lenient::int64"
            => ("1795523848610", EVERY_RECORD, Cleaning::NoText, Privacy::Neither),
        /// The connection's user agent, if it has its own and there are credentials; else the driver's.
        user_agent: String = "lenient::text"
            => ("ExampleDriver/1.0.0", EVERY_RECORD, Cleaning::AuthorOrLine, Privacy::Personal),
    }
}

message! {
    /// What happened.
    Entry {
        /// What happened to a driver.
        sql_driver_log: OssSqlDriverTelemetryLog = "lenient::any",
    }
}
