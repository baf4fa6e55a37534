//! Tokens that it issues.

use serde_json::Value;
use telemetry_testkit::{Answer, FakeWorkspace};

use super::{FLAGS, PATHS, ask, envelope, exchange, json, status};

const TOKEN: &str = "/oidc/v1/token";
const BY_FORM: &str = "grant_type=client_credentials&client_id=app&client_secret=s%3Acret%2B&scope=all-apis";
const BY_HEADER: &str = "grant_type=client_credentials";

fn issuing() -> FakeWorkspace {
    FakeWorkspace::builder().client_credentials("app", "s:cret+").start()
}

fn ask_for_token(workspace: &FakeWorkspace, authorization: Option<&str>, form: &str) -> String {
    let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
    headers.extend(authorization.map(|value| ("authorization", value)));
    ask(workspace, "POST", TOKEN, &headers, form.as_bytes())
}

fn token(workspace: &FakeWorkspace) -> String {
    let answer = ask_for_token(workspace, None, BY_FORM);
    assert_eq!(status(&answer), 200, "{answer}");
    json(&answer)["access_token"].as_str().unwrap().to_owned()
}

/// How telemetry and the question for flags are answered under a token.
fn statuses(workspace: &FakeWorkspace, token: &str) -> [u16; 2] {
    let telemetry = exchange(workspace, "POST", PATHS[0], Some(token), &envelope(1));
    [status(&telemetry), status(&exchange(workspace, "GET", FLAGS, Some(token), b""))]
}

#[test]
fn a_token_that_it_issued_is_accepted_and_no_other() {
    let workspace = issuing();
    let (first, second) = (token(&workspace), token(&workspace));
    assert_ne!(first, second);
    assert_eq!([&first, &second].map(|token| statuses(&workspace, token)), [[200, 200]; 2]);
    assert_eq!(statuses(&workspace, "issued-by-nobody"), [401, 401]);
    assert_eq!(workspace.records().len(), 2);
}

#[test]
fn the_answer_is_as_the_protocol_has_it() {
    let answer = ask_for_token(&issuing(), None, BY_FORM);
    assert!(answer.contains("cache-control: no-store\r\n"), "{answer}");
    let Value::Object(mut members) = json(&answer) else { panic!("{answer}") };
    assert!(members.remove("access_token").is_some_and(|token| token.is_string()));
    let rest = r#"{"expires_in":3600,"scope":"all-apis","token_type":"Bearer"}"#;
    assert_eq!(Value::from(members).to_string(), rest);
}

#[test]
fn the_application_may_say_who_it_is_in_a_header() {
    let workspace = issuing();
    // `app:s:cret+` as it is, and as a form has it.
    for basic in ["Basic YXBwOnM6Y3JldCs=", "Basic YXBwOnMlM0FjcmV0JTJC"] {
        assert_eq!(status(&ask_for_token(&workspace, Some(basic), BY_HEADER)), 200, "{basic}");
    }
}

#[test]
fn who_does_not_know_the_secret_is_an_invalid_client() {
    let workspace = issuing();
    for (authorization, form) in [
        (None, BY_HEADER),
        (None, "grant_type=client_credentials&client_id=app&client_secret=other"),
        (None, "grant_type=client_credentials&client_id=other&client_secret=s:cret%2B"),
        (Some("Basic YXBwOm90aGVy"), BY_FORM),
        (Some("Basic !"), BY_HEADER),
        (Some("Bearer issued-token-1"), BY_HEADER),
    ] {
        let answer = ask_for_token(&workspace, authorization, form);
        assert_eq!(status(&answer), 401, "{answer}");
        assert_eq!(json(&answer)["error"], "invalid_client");
    }
    assert_eq!(statuses(&workspace, "issued-token-1"), [401, 401]);
}

#[test]
fn another_grant_is_refused() {
    let workspace = issuing();
    let with_grant = |grant: &str| BY_FORM.replacen("client_credentials", grant, 1);
    let other = ask_for_token(&workspace, None, &with_grant("password"));
    assert_eq!((status(&other), json(&other)["error"].as_str()), (400, Some("unsupported_grant_type")));
    for form in ["", r#"{"grant_type":"client_credentials"}"#] {
        let none = ask_for_token(&workspace, None, form);
        assert_eq!((status(&none), json(&none)["error"].as_str()), (400, Some("invalid_request")));
    }
    assert_eq!(status(&exchange(&workspace, "GET", TOKEN, None, b"")), 405);
}

#[test]
fn tokens_expire_when_the_test_says_so_and_those_of_its_own_never() {
    let workspace =
        FakeWorkspace::builder().require_tokens(["own"]).client_credentials("app", "s:cret+").start();
    let before = token(&workspace);
    assert_eq!(statuses(&workspace, &before), [200, 200]);
    workspace.expire_tokens();
    let after = token(&workspace);
    assert_ne!(before, after);
    assert_eq!(statuses(&workspace, &before), [401, 401]);
    assert_eq!([after.as_str(), "own"].map(|token| statuses(&workspace, token)), [[200, 200]; 2]);
}

#[test]
fn where_the_endpoint_is_can_be_found() {
    let workspace = issuing();
    for path in ["/oidc/.well-known/oauth-authorization-server", "/oidc/.well-known/openid-configuration"] {
        let found = json(&exchange(&workspace, "GET", path, None, b""));
        assert_eq!(found["token_endpoint"], "http://x/oidc/v1/token");
        assert_eq!(found["issuer"], "http://x/oidc");
    }
    let host = json(&exchange(&workspace, "GET", "/.well-known/databricks-config", None, b""));
    assert_eq!(host["oidc_endpoint"], "http://x/oidc");
}

#[test]
fn one_that_issues_no_tokens_leaves_the_path_to_its_routes() {
    let own = |path: &str| (path == TOKEN).then(|| Answer::new(204, ""));
    let workspace = FakeWorkspace::builder().route(move |request| own(&request.path)).start();
    assert_eq!(status(&ask_for_token(&workspace, None, BY_FORM)), 204);
}

#[test]
fn the_secret_does_not_show_in_debug() {
    let builder = FakeWorkspace::builder().client_credentials("app", "s:cret+");
    let shown = format!("{builder:?}");
    let workspace = builder.start();
    ask_for_token(&workspace, None, BY_FORM);
    let shown = format!("{shown} {workspace:?} {:?}", workspace.received());
    assert!(!shown.contains("cret"), "{shown}");
}
