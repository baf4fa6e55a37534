//! Flags, and flags of one workspace.

use telemetry_testkit::FakeWorkspace;

use super::{FLAGS, ask, exchange, json, status};

#[test]
fn flags_are_answered_as_they_are_set() {
    let workspace = FakeWorkspace::start();
    let ask = || exchange(&workspace, "GET", FLAGS, Some("t"), b"");
    assert!(ask().ends_with(r#"{"flags":[],"ttl_seconds":900}"#));
    workspace.set_flag("a", true);
    workspace.set_flag("a", false);
    workspace.set_ttl(None);
    assert!(ask().ends_with(r#"{"flags":[{"name":"a","value":"false"}]}"#));
    workspace.set_flags(vec![("b".into(), "[1,2]".into())]);
    workspace.set_ttl(Some(5));
    assert!(ask().ends_with(r#"{"flags":[{"name":"b","value":"[1,2]"}],"ttl_seconds":5}"#));
    assert_eq!(status(&exchange(&workspace, "GET", FLAGS, None, b"")), 401);
    assert_eq!(workspace.flag_requests().len(), 4);
    assert!(workspace.telemetry_requests().is_empty());
}

const OWN: i64 = 1_234_567_890_123_456;

#[test]
fn a_workspace_with_flags_of_its_own_is_answered_those_and_the_others_the_rest() {
    let workspace = FakeWorkspace::start();
    workspace.set_flag("a", true);
    workspace.set_flag("b", true);
    workspace.set_workspace_flag(OWN, "a", true);
    workspace.set_workspace_flag(OWN, "a", false);
    let flags = |query: &str, id: Option<&str>| {
        let mut headers = vec![("authorization", "Bearer t")];
        headers.extend(id.map(|id| ("X-Databricks-Org-Id", id)));
        json(&ask(&workspace, "GET", &format!("{FLAGS}{query}"), &headers, b""))["flags"].to_string()
    };
    let own = r#"[{"name":"a","value":"false"}]"#;
    let rest = r#"[{"name":"a","value":"true"},{"name":"b","value":"true"}]"#;
    assert_eq!(flags("", Some("1234567890123456")), own);
    assert_eq!(flags("?o=1234567890123456", None), own);
    assert_eq!(flags("?a=b&o=1234567890123456&c", None), own);
    for (query, id) in [("", None), ("", Some("7")), ("?o=7", None), ("?o", None), ("", Some("no number"))] {
        assert_eq!(flags(query, id), rest, "{query} {id:?}");
    }
    // The header is nearer to the connection.
    assert_eq!(flags("?o=1234567890123456", Some("7")), rest);
    workspace.set_workspace_flags(7, Some(Vec::new()));
    assert_eq!(flags("", Some("7")), "[]");
    workspace.set_workspace_flags(OWN, None);
    assert_eq!(flags("", Some("1234567890123456")), rest);
}
