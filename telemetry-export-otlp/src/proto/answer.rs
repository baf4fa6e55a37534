//! What a collector says of a request it took.

use prost::Message;
use serde_json::{Map, Value};
use telemetry_core::Fault;
use telemetry_core::plugin::HttpResponse;

use crate::config::{Protocol, Signal};

/// The answers of all three services, which differ in names alone.
#[derive(Clone, PartialEq, prost::Message)]
struct ExportServiceResponse {
    #[prost(message, optional, tag = "1")]
    partial_success: Option<PartialSuccess>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct PartialSuccess {
    /// `rejected_spans`, `rejected_log_records` or `rejected_data_points`. What is said of the reason is not
    /// looked at, as it may repeat what was sent.
    #[prost(int64, tag = "1")]
    rejected: i64,
}

/// How many items an answer of success says were rejected. It is read as its content type says, and where it
/// has none, as what it answers was written.
///
/// # Errors
///
/// [`Fault::BadAnswer`] for what isn't an answer: then nobody vouches for anything.
pub(crate) fn rejected(
    signal: Signal,
    asked: Protocol,
    content_type: Option<&str>,
    body: &[u8],
) -> Result<u64, Fault> {
    let media_type = content_type.map(|value| value.split(';').next().unwrap_or_default().trim());
    let protocol = match media_type {
        None => asked,
        Some(json) if json.eq_ignore_ascii_case(Protocol::HttpJson.content_type()) => Protocol::HttpJson,
        Some(binary) if binary.eq_ignore_ascii_case(Protocol::HttpProtobuf.content_type()) => {
            Protocol::HttpProtobuf
        }
        // An empty message of protobuf is whole: some that answer so don't say what it is.
        Some(_) if body.is_empty() => asked,
        Some(_) => return Err(Fault::BadAnswer),
    };
    let rejected = match protocol {
        Protocol::HttpProtobuf => {
            let answer = ExportServiceResponse::decode(body).map_err(|_| Fault::BadAnswer)?;
            answer.partial_success.unwrap_or_default().rejected
        }
        Protocol::HttpJson => in_json(signal, body).ok_or(Fault::BadAnswer)?,
    };
    u64::try_from(rejected).map_err(|_| Fault::BadAnswer)
}

fn in_json(signal: Signal, body: &[u8]) -> Option<i64> {
    // Read as objects: a struct would be read from an array too.
    let answer: Map<String, Value> = serde_json::from_slice(body).ok()?;
    let name = match signal {
        Signal::Traces => "rejectedSpans",
        Signal::Logs => "rejectedLogRecords",
        Signal::Metrics => "rejectedDataPoints",
    };
    match answer.get("partialSuccess") {
        None | Some(Value::Null) => Some(0),
        Some(partial) => match partial.as_object()?.get(name) {
            None | Some(Value::Null) => Some(0),
            Some(Value::Number(number)) => number.as_i64(),
            Some(Value::String(text)) => text.parse().ok(),
            Some(_) => None,
        },
    }
}

/// The content type of an answer.
pub(crate) fn content_type(response: &HttpResponse) -> Option<String> {
    response.headers.get("content-type").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROTOBUF: &str = "application/x-protobuf";
    const JSON: &str = "application/json";

    fn read(content_type: Option<&str>, body: &[u8]) -> Result<u64, Fault> {
        rejected(Signal::Traces, Protocol::HttpProtobuf, content_type, body)
    }

    #[test]
    fn an_answer_says_how_many_were_rejected_in_either_form() {
        let three = ExportServiceResponse { partial_success: Some(PartialSuccess { rejected: 3 }) };
        let three = three.encode_to_vec();
        for content_type in [None, Some(PROTOBUF), Some("Application/X-Protobuf; charset=utf-8")] {
            assert_eq!((read(content_type, &three), read(content_type, b"")), (Ok(3), Ok(0)));
        }
        assert_eq!(read(Some("text/plain"), b""), Ok(0), "nothing is an empty message");
        // A reason beside the number is no part of it.
        let with_reason = [&three[..1], &[three[1] + 4], &three[2..], &[0x12, 2, b'n', b'o']].concat();
        assert_eq!(read(Some(PROTOBUF), &with_reason), Ok(3));
        for (body, expected) in [
            ("{}", Ok(0)),
            (r#"{"partialSuccess":null}"#, Ok(0)),
            (r#"{"partialSuccess":{}}"#, Ok(0)),
            (r#"{"partialSuccess":{"errorMessage":"use batches"}}"#, Ok(0)),
            (r#"{"partialSuccess":{"rejectedSpans":"3"}}"#, Ok(3)),
            (r#"{"partialSuccess":{"rejectedSpans":3,"errorMessage":"no"}}"#, Ok(3)),
            (r#"{"partialSuccess":{"rejectedLogRecords":3}}"#, Ok(0)),
        ] {
            assert_eq!(read(Some("application/json; charset=utf-8"), body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn each_signal_has_a_name_of_its_own_in_json() {
        let body = br#"{"partialSuccess":{"rejectedSpans":1,"rejectedLogRecords":2,"rejectedDataPoints":3}}"#;
        for (signal, count) in [(Signal::Traces, 1), (Signal::Logs, 2), (Signal::Metrics, 3)] {
            assert_eq!(rejected(signal, Protocol::HttpJson, None, body), Ok(count));
        }
    }

    #[test]
    fn what_is_no_answer_vouches_for_nothing() {
        let negative = ExportServiceResponse { partial_success: Some(PartialSuccess { rejected: -1 }) };
        for (content_type, body) in [
            (None, b"<html>log in first</html>".as_slice()),
            (Some("text/html"), b"<html>log in first</html>"),
            (Some("text/html"), b"\x0a\x00"),
            (Some(PROTOBUF), b"<html>"),
            (Some(PROTOBUF), b"{}"),
            (Some(PROTOBUF), b"\x0a\x05\x08"),
            (Some(PROTOBUF), &negative.encode_to_vec()),
            (Some(JSON), b""),
            (Some(JSON), b"[]"),
            (Some(JSON), b"{"),
            (Some(JSON), br#"{"partialSuccess":[]}"#),
            (Some(JSON), br#"{"partialSuccess":{"rejectedSpans":-1}}"#),
            (Some(JSON), br#"{"partialSuccess":{"rejectedSpans":1.5}}"#),
            (Some(JSON), br#"{"partialSuccess":{"rejectedSpans":"many"}}"#),
        ] {
            assert_eq!(read(content_type, body), Err(Fault::BadAnswer), "{content_type:?} {body:?}");
        }
    }
}
