//! The short lists by which context decides: keys that name a secret or a person, words about them, units, SQL's verbs.

/// Words that name a secret. What such a key is said to be is never kept.
const SECRETS: &[&str] = &[
    "apikey",
    "auth",
    "authorization",
    "bearer",
    "cookie",
    "credential",
    "credentials",
    "cred",
    "creds",
    "csrf",
    "jwt",
    "nonce",
    "otp",
    "pass",
    "passcode",
    "passphrase",
    "password",
    "passwords",
    "passwd",
    "pat",
    "pin",
    "psk",
    "pwd",
    "pw",
    "salt",
    "sas",
    "secret",
    "secrets",
    "sid",
    "sig",
    "signature",
    "ssn",
    "ticket",
    "token",
    "tokens",
];

/// What makes a secret of a `key`.
const OF_KEYS: &[&str] = &[
    "access",
    "account",
    "api",
    "auth",
    "client",
    "encryption",
    "host",
    "master",
    "private",
    "sas",
    "secret",
    "shared",
    "signing",
    "ssh",
    "storage",
    "subscription",
];

/// Words that name a person or an account.
const PERSONS: &[&str] = &[
    "author",
    "customer",
    "email",
    "employee",
    "login",
    "logon",
    "mail",
    "owner",
    "patient",
    "person",
    "phone",
    "principal",
    "uid",
    "user",
    "userid",
    "username",
];

/// What is said *about* a secret or a person, and is none.
const ABOUT: &[&str] = &[
    "a",
    "accepted",
    "allowed",
    "an",
    "and",
    "as",
    "available",
    "been",
    "blank",
    "but",
    "cannot",
    "configured",
    "denied",
    "empty",
    "expired",
    "false",
    "found",
    "given",
    "has",
    "in",
    "incorrect",
    "invalid",
    "is",
    "it",
    "locked",
    "malformed",
    "missing",
    "must",
    "no",
    "none",
    "not",
    "null",
    "of",
    "on",
    "or",
    "provided",
    "rejected",
    "required",
    "revoked",
    "sent",
    "set",
    "specified",
    "supplied",
    "supported",
    "the",
    "this",
    "to",
    "too",
    "true",
    "unknown",
    "unset",
    "valid",
    "was",
    "wrong",
];

/// Words behind which a number is a code: a status, an error number, a SQLSTATE.
const CODES: &[&str] = &["code", "errno", "error", "exception", "http", "sqlstate", "status"];

/// Units that may stand right behind a number.
const UNITS: &[&str] = &[
    "b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "ns", "us", "ms", "s", "sec", "m", "min", "h",
    "d", "x",
];

/// Words with which a SQL statement starts, in capitals; `select` in any case.
const VERBS: &[&str] = &["DELETE", "EXECUTE", "INSERT", "MERGE", "SELECT", "UPDATE", "VALUES", "WHERE"];

/// What a key says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Key {
    Secret,
    Person,
    Other,
}

fn is_one_of(list: &[&str], word: &str) -> bool {
    list.iter().any(|one| one.eq_ignore_ascii_case(word))
}

/// What a word names, as a key: by its last part, or by any part that names a secret beyond doubt.
pub(super) fn key(word: &str, before: &str) -> Key {
    let mut key = Key::Other;
    let mut last = before;
    // Camel humps end in lower case, so that the parts can be told by where capitals begin.
    for part in word.split(|c: char| !c.is_alphanumeric()).flat_map(humps) {
        key = if is_one_of(SECRETS, part) || (is_one_of(&["key", "keys"], part) && is_one_of(OF_KEYS, last)) {
            Key::Secret
        } else if is_one_of(PERSONS, part) {
            Key::Person
        } else if key == Key::Secret && part.len() <= 4 {
            Key::Secret
        } else {
            Key::Other
        };
        last = part;
    }
    key
}

/// The camel humps of a word: each starts with a capital that follows a small letter.
fn humps(word: &str) -> impl Iterator<Item = &str> {
    let mut rest = word;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut before = ' ';
        let end = rest.char_indices().find(|(_, c)| {
            let starts = c.is_uppercase() && before.is_lowercase();
            before = *c;
            starts
        });
        let (hump, behind) = end.and_then(|(end, _)| rest.split_at_checked(end)).unwrap_or((rest, ""));
        rest = behind;
        Some(hump)
    })
}

pub(super) fn is_about(word: &str) -> bool {
    is_one_of(ABOUT, word)
}

pub(super) fn is_code_key(word: &str) -> bool {
    is_one_of(CODES, word)
        || word.rsplit(['_', '-', '.', '/']).next().is_some_and(|last| is_one_of(CODES, last))
        || word.ends_with("Error")
        || word.ends_with("Exception")
}

pub(super) fn is_unit(text: &str) -> bool {
    is_one_of(UNITS, text)
}

pub(super) fn starts_sql(word: &str) -> bool {
    VERBS.contains(&word) || word.eq_ignore_ascii_case("select")
}
