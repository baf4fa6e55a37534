//! OAuth's client credentials: a form in, a bearer token out.

use serde_json::json;

use super::answer::{Answer, Received};
use super::form;

/// What is said of a token's life, in seconds. It ends when a test says so.
const EXPIRES_IN: u32 = 3600;

/// Where some clients look before all else.
const HOST: &str = "/.well-known/databricks-config";

/// Issues tokens to one application.
pub(crate) struct Issuer {
    id: String,
    secret: String,
    tokens: Vec<String>,
    issued: usize,
}

impl Issuer {
    pub(crate) fn new(id: &str, secret: &str) -> Self {
        Issuer { id: id.to_owned(), secret: secret.to_owned(), tokens: Vec::new(), issued: 0 }
    }

    /// Those that are good.
    pub(crate) fn tokens(&self) -> &[String] {
        &self.tokens
    }

    pub(crate) fn expire(&mut self) {
        self.tokens.clear();
    }

    /// Answers a request; `None` where it isn't for an issuer of tokens.
    pub(crate) fn answer(&mut self, scheme: &str, request: &Received) -> Option<Answer> {
        let path = request.path.split('?').next()?;
        let wanted = match path {
            "/oidc/v1/token" => "POST",
            HOST
            | "/oidc/.well-known/oauth-authorization-server"
            | "/oidc/.well-known/openid-configuration" => "GET",
            _ => return None,
        };
        if request.method != wanted {
            return Some(Answer::json(405, &json!({"error": "invalid_request"})));
        }
        let base = format!("{scheme}://{}/oidc", request.headers.get("host").unwrap_or_default());
        Some(match path {
            "/oidc/v1/token" => self.token(request),
            HOST => Answer::json(200, &json!({"oidc_endpoint": base})),
            _ => Answer::json(
                200,
                &json!({
                    "issuer": base,
                    "authorization_endpoint": format!("{base}/v1/authorize"),
                    "token_endpoint": format!("{base}/v1/token"),
                    "response_types_supported": ["code"],
                    "subject_types_supported": ["public"],
                    "id_token_signing_alg_values_supported": ["RS256"],
                }),
            ),
        })
    }

    fn token(&mut self, request: &Received) -> Answer {
        let form = request.text();
        match form::member(&form, "grant_type").as_deref() {
            Some("client_credentials") => {}
            Some(_) => return Answer::json(400, &json!({"error": "unsupported_grant_type"})),
            None => return Answer::json(400, &json!({"error": "invalid_request"})),
        }
        if !self.knows(request, &form) {
            return Answer::json(401, &json!({"error": "invalid_client"}))
                .with_header("www-authenticate", "Basic realm=\"oidc\"");
        }
        self.issued += 1;
        let token = format!("issued-token-{}", self.issued);
        self.tokens.push(token.clone());
        let scope = form::member(&form, "scope").unwrap_or_else(|| "all-apis".to_owned());
        let answer = json!({
            "access_token": token, "token_type": "Bearer", "expires_in": EXPIRES_IN, "scope": scope,
        });
        Answer::json(200, &answer).with_header("cache-control", "no-store")
    }

    /// Whether the application proves who it is, in a header or in the form.
    fn knows(&self, request: &Received, form: &str) -> bool {
        let is_own = |id: &str, secret: &str| id == self.id && secret == self.secret;
        let Some(header) = request.headers.get("authorization") else {
            let member = |name| form::member(form, name).unwrap_or_default();
            return is_own(&member("client_id"), &member("client_secret"));
        };
        let basic = header.strip_prefix("Basic ").and_then(base64);
        basic.as_deref().and_then(|basic| basic.split_once(':')).is_some_and(|(id, secret)| {
            // As a form has them, which is the rule, or as they are.
            is_own(&form::decoded(id), &form::decoded(secret)) || is_own(id, secret)
        })
    }
}

/// Text out of base64.
fn base64(text: &str) -> Option<String> {
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for symbol in text.trim_end_matches('=').bytes() {
        let six = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read() {
        for (text, read) in
            [("", ""), ("YQ==", "a"), ("YWI=", "ab"), ("YWJj", "abc"), ("PDw/Pz8+Pg", "<<???>>")]
        {
            assert_eq!(base64(text).as_deref(), Some(read));
        }
        assert_eq!(base64("Y Q="), None);
        assert_eq!(base64("/w=="), None, "no UTF-8");
    }
}
