//! Flags from the service.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Deserialize;
use serde_json::Value;
use telemetry_core::plugin::{FlagOrigin, FlagQuery, FlagSet, HttpRequest, Method, PluginError, Transport};
use telemetry_core::{Fault, FeatureFlagSource};

/// How long flags are fresh when the service doesn't say, or says nothing sensible: 15 min.
pub const DEFAULT_TTL: Duration = Duration::from_secs(15 * 60);
/// The shortest time that a service can make them fresh for: 1 min.
pub const MIN_TTL: Duration = Duration::from_secs(60);
/// The longest: 1 h.
pub const MAX_TTL: Duration = Duration::from_secs(3600);

/// How much of an answer is read. It carries every flag of the client; shipped clients have some dozens.
const MAX_ANSWER_BYTES: usize = 256 * 1024;

/// Asks a host for the flags of the driver's client: `GET
/// /api/2.0/connector-service/feature-flags/{CLIENT}/{VERSION}`, under the connection's credentials, save for
/// headers among them that [describe another request](telemetry_core::plugin::Headers::for_another_request).
///
/// Without credentials it fails with [`Fault::Authentication`] and asks nobody. It keeps nothing: put a
/// [`FlagCache`](crate::FlagCache) before it.
#[derive(Clone)]
pub struct HttpFlagSource {
    transport: Arc<dyn Transport>,
}

impl HttpFlagSource {
    /// A source over this transport.
    pub fn new(transport: Arc<dyn Transport>) -> Self {
        HttpFlagSource { transport }
    }
}

impl fmt::Debug for HttpFlagSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpFlagSource").field("transport", &self.transport).finish_non_exhaustive()
    }
}

/// By which a host that has several workspaces knows which is meant.
const WORKSPACE_HEADER: &str = "x-databricks-org-id";

#[async_trait]
impl FeatureFlagSource for HttpFlagSource {
    async fn flags(&self, query: &FlagQuery<'_>) -> Result<FlagSet, PluginError> {
        let credentials = query.credentials.ok_or(Fault::Authentication)?;
        // Both may stand in a path as they are.
        let (client, version) = (query.driver.client(), query.driver.version());
        let path = format!("/api/2.0/connector-service/feature-flags/{client}/{version}");
        let mut request = HttpRequest::new(Method::Get, query.host.clone(), path);
        request.headers = credentials.for_another_request();
        request.headers.push("accept", "application/json");
        // The driver may say it with its own headers.
        let workspace = query.workspace.filter(|_| request.headers.get(WORKSPACE_HEADER).is_none());
        if let Some(workspace) = workspace {
            request.headers.push(WORKSPACE_HEADER, workspace.to_string());
        }
        request.headers.push("user-agent", query.driver.user_agent());
        request.max_response_bytes = MAX_ANSWER_BYTES;
        let body = self.transport.send(request).await?.into_success(query.wall)?;
        let Answer { values, ttl } = parse(&body).ok_or(Fault::BadAnswer)?;
        Ok(FlagSet::new(values, FlagOrigin::Fetched, ttl))
    }

    fn may_block(&self) -> bool {
        self.transport.may_block()
    }
}

/// What a service says of its flags.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer {
    /// Each flag and its value, as text. Of a flag that comes twice the last counts.
    pub values: BTreeMap<String, String>,
    /// How long they are fresh: `ttl_seconds`, held within [`MIN_TTL`] and [`MAX_TTL`]; [`DEFAULT_TTL`] when
    /// it isn't there, or is no positive number.
    pub ttl: Duration,
}

/// Reads an answer; `None` when it isn't one. Values that aren't text are taken as their JSON; fields that
/// nobody knows are passed over.
///
/// ```
/// let body = br#"{"flags":[{"name":"a","value":"true"}],"ttl_seconds":5}"#;
/// let answer = telemetry_flags::parse(body).unwrap();
/// assert_eq!(answer.values["a"], "true");
/// assert_eq!(answer.ttl, telemetry_flags::MIN_TTL);
/// ```
pub fn parse(body: &[u8]) -> Option<Answer> {
    #[derive(Deserialize)]
    struct Body {
        flags: Option<Vec<Flag>>,
        ttl_seconds: Option<Value>,
    }
    #[derive(Deserialize)]
    struct Flag {
        name: String,
        value: Option<Value>,
    }
    let Body { flags, ttl_seconds } = serde_json::from_slice(body).ok()?;
    let text = |value| match value {
        Value::String(text) => text,
        other => other.to_string(),
    };
    let values = flags?.into_iter().filter_map(|flag| Some((flag.name, text(flag.value?)))).collect();
    let seconds = match ttl_seconds {
        Some(Value::Number(number)) => number.as_f64(),
        Some(Value::String(text)) => text.trim().parse().ok(),
        _ => None,
    };
    let ttl = match seconds {
        // Also keeps what is no number from becoming a duration.
        Some(seconds) if seconds > 0.0 => {
            Duration::from_secs_f64(seconds.clamp(MIN_TTL.as_secs_f64(), MAX_TTL.as_secs_f64()))
        }
        _ => DEFAULT_TTL,
    };
    Some(Answer { values, ttl })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ttl(json: &str) -> Duration {
        parse(format!(r#"{{"flags":[],"ttl_seconds":{json}}}"#).as_bytes()).unwrap().ttl
    }

    #[test]
    fn the_servers_ttl_is_held_within_bounds() {
        assert_eq!(ttl("900"), Duration::from_secs(900));
        assert_eq!(ttl("61.5"), Duration::from_millis(61_500));
        assert_eq!(ttl("\"120\""), Duration::from_secs(120));
        assert_eq!((ttl("1"), ttl("59")), (MIN_TTL, MIN_TTL));
        assert_eq!((ttl("3601"), ttl("1e300")), (MAX_TTL, MAX_TTL));
    }

    #[test]
    fn the_default_ttl_is_fifteen_minutes() {
        for senseless in ["null", "0", "-5", "\"soon\"", "[]", "\"NaN\""] {
            assert_eq!(ttl(senseless), Duration::from_secs(900), "{senseless}");
        }
        assert_eq!(parse(br#"{"flags":[]}"#).unwrap().ttl, DEFAULT_TTL);
    }

    #[test]
    fn all_flags_are_kept() {
        let body = br#"{"flags":[{"name":"a","value":"true"},{"name":"other","value":"[1,2]"},{"name":"b","value":true},
            {"name":"none"},{"name":"null","value":null,"x":1}],"ttl_seconds":900,"more":{}}"#;
        let values = parse(body).unwrap().values;
        let values: Vec<_> = values.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(values, [("a", "true"), ("b", "true"), ("other", "[1,2]")]);
    }

    #[test]
    fn what_is_no_answer_is_none() {
        for body in [
            "",
            "{}",
            "null",
            "<html>login</html>",
            r#"{"flags":{}}"#,
            r#"{"flags":[{"value":"true"}]}"#,
            "[]",
        ] {
            assert_eq!(parse(body.as_bytes()), None, "{body}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic_or_leave_the_bounds(body in proptest::collection::vec(any::<u8>(), 0..200), ttl in ".{0,20}") {
            let _ = parse(&body);
            let body = format!(r#"{{"flags":[],"ttl_seconds":{ttl}}}"#);
            if let Some(answer) = parse(body.as_bytes()) {
                prop_assert!((MIN_TTL..=MAX_TTL).contains(&answer.ttl));
            }
        }
    }
}
