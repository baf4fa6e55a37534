//! What a key names: a secret, a person, or neither.

/// What a key names, and so what its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Names {
    /// A secret.
    Secret,
    /// A person or an account.
    Person,
    /// An authorization header: a scheme and what follows it.
    Authorization,
    /// A cookie header: names with values.
    Cookie,
    /// A secret, if it looks like one.
    Perhaps,
    /// What is bound to a statement's parameters.
    Parameters,
}

/// Words that name a secret wherever they stand in a key, unless the key ends in what is said *about* it.
const SECRETS: &[&str] = &[
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "passcode",
    "passwort",
    "secret",
    "apikey",
    "accesskey",
    "accountkey",
    "privatekey",
    "secretkey",
    "sharedaccesskey",
    "sharedkey",
    "masterkey",
    "clientsecret",
    "apitoken",
    "authtoken",
    "accesstoken",
    "refreshtoken",
    "idtoken",
    "sessiontoken",
    "bearertoken",
    "credential",
    "credentials",
    "token",
    "tokens",
    "secrets",
    "passwords",
];

/// Words that name a secret at the end of a key.
const LAST: &[&str] = &[
    "pass",
    "pw",
    "psw",
    "pswd",
    "userpass",
    "sig",
    "signature",
    "jwt",
    "assertion",
    "sas",
    "otp",
    "totp",
    "pin",
    "hmac",
    "cred",
    "creds",
    "nonce",
    "cnonce",
    "csrf",
    "xsrf",
    "csrftoken",
    "xsrftoken",
    "sid",
    "sessionid",
    "jsessionid",
    "sessid",
    "phpsessid",
    "bearer",
    "keypass",
    "storepass",
    "authkey",
    "auth",
    "verifier",
    "salt",
    "psk",
    "pat",
    "ticket",
    "apisecret",
    "saml",
    "samlresponse",
    "requirepass",
    "masterauth",
];

/// What stands before `key` when it is a secret one.
const KEYS: &[&str] = &[
    "api",
    "access",
    "account",
    "private",
    "secret",
    "shared",
    "encryption",
    "master",
    "storage",
    "signing",
    "auth",
    "ssh",
    "rsa",
    "admin",
    "sas",
    "hmac",
    "aes",
    "wrapping",
    "gpg",
    "session",
    "fernet",
    "functions",
    "subscription",
    "consumer",
    "webhook",
];

/// Words at the end of a key that say something about a secret, and aren't it.
const ABOUT: &[&str] = &[
    "file",
    "path",
    "type",
    "types",
    "policy",
    "expired",
    "expiry",
    "expires",
    "expiration",
    "expire",
    "exp",
    "length",
    "len",
    "url",
    "uri",
    "endpoint",
    "name",
    "names",
    "scope",
    "scopes",
    "store",
    "manager",
    "provider",
    "providers",
    "required",
    "authentication",
    "cache",
    "count",
    "limit",
    "size",
    "ttl",
    "age",
    "lifetime",
    "enabled",
    "field",
    "version",
    "error",
    "exception",
    "location",
    "arn",
    "ref",
    "format",
    "strength",
    "rotation",
    "status",
    "source",
    "mode",
    "kind",
    "class",
    "usage",
    "max",
    "min",
    "budget",
    "factory",
    "handler",
    "service",
    "server",
    "issuer",
    "audience",
    "revoked",
    "invalid",
    "missing",
    "hint",
    "alg",
    "algorithm",
    "encoding",
    "prefix",
    "is",
    "per",
    "total",
    "vendor",
    "env",
    "var",
    "in",
    "at",
    "of",
    "for",
    "not",
    "id",
    "ids",
    "utils",
    "impl",
    "request",
    "response",
    "input",
    "output",
    "used",
    "filter",
    "client",
    "parser",
    "cancellation",
    "callback",
    "supported",
    "interval",
    "timeout",
    "retries",
    "scala",
    "java",
    "py",
    "go",
    "rs",
    "js",
    "mjs",
    "ts",
    "cs",
    "kt",
    "rb",
    "cpp",
    "php",
    "sql",
    "json",
    "yaml",
    "yml",
    "xml",
    "txt",
    "log",
    "conf",
    "html",
    "encryption",
];

/// Words that name a person or an account at the end of a key.
const PERSONS: &[&str] = &[
    "user",
    "username",
    "uid",
    "userid",
    "usr",
    "login",
    "loginname",
    "logon",
    "principal",
    "email",
    "mail",
    "upn",
    "owner",
    "loginid",
    "osuser",
    "dbuser",
    "runas",
    "impersonate",
    "impersonation",
    "delegationuid",
    "proxyuser",
    "proxyuid",
    "logname",
    "userprincipalname",
    "mailto",
    "author",
    "whoami",
    "accountname",
    "userlogin",
    "useremail",
    "displayname",
    "samaccountname",
    "role",
];

/// What stands before `key` when it is an ordinary one.
const ORDINARY_KEYS: &[&str] = &[
    "primary",
    "foreign",
    "public",
    "partition",
    "sort",
    "cache",
    "composite",
    "index",
    "unique",
    "cluster",
    "row",
    "lookup",
    "map",
    "surrogate",
    "natural",
    "join",
    "group",
    "duplicate",
    "config",
    "property",
    "registry",
    "object",
    "column",
    "candidate",
    "trace",
    "routing",
    "message",
    "record",
    "host",
    "hash",
    "range",
    "order",
    "key",
    "null",
    "translation",
    "metric",
    "tag",
    "label",
];

/// What stands before `code` when it is a secret.
const CODES: &[&str] = &["authorization", "auth", "verification", "otp", "device", "recovery"];

/// Words that name a secret only where what they are given looks like one: `code` and `state` of an OAuth redirect.
const WEAK: &[&str] = &["code", "state", "challenge"];

/// The words of a key, in small letters: `AWS_SECRET_ACCESS_KEY`, `fs.azure.account.key`, `clientSecret`, `User ID`.
pub(super) struct Words {
    words: [String; Words::KEPT],
    count: usize,
    /// How many of them are of the last identifier.
    own: usize,
}

impl Words {
    /// How many are looked at: the last ones.
    const KEPT: usize = 12;
    /// How long a word may be.
    const LONGEST: usize = 32;

    pub(super) fn new() -> Words {
        Words { words: Default::default(), count: 0, own: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// Adds the words of an identifier.
    pub(super) fn add(&mut self, identifier: &str) {
        self.own = 0;
        let bytes = identifier.as_bytes();
        let mut start = 0;
        for at in 0..bytes.len() {
            let byte = bytes[at];
            if !byte.is_ascii_alphanumeric() {
                self.push(&identifier[start..at]);
                start = at + 1;
                continue;
            }
            let last = at.checked_sub(1).map(|at| bytes[at]);
            let next = bytes.get(at + 1);
            let rises = byte.is_ascii_uppercase()
                && (last.is_some_and(|last| last.is_ascii_lowercase() || last.is_ascii_digit())
                    || (last.is_some_and(|last| last.is_ascii_uppercase())
                        && next.is_some_and(u8::is_ascii_lowercase)));
            if rises {
                self.push(&identifier[start..at]);
                start = at;
            }
        }
        self.push(&identifier[start..]);
    }

    fn push(&mut self, word: &str) {
        let word = word.trim_end_matches(|last: char| last.is_ascii_digit());
        if word.is_empty() || word.len() > Words::LONGEST {
            return;
        }
        self.words.rotate_left(1);
        self.words[Words::KEPT - 1].clear();
        self.words[Words::KEPT - 1].extend(word.chars().map(|c| c.to_ascii_lowercase()));
        self.count = (self.count + 1).min(Words::KEPT);
        self.own = (self.own + 1).min(Words::KEPT);
    }

    /// A word counted from the end.
    fn last(&self, back: usize) -> &str {
        if back < self.count { &self.words[Words::KEPT - 1 - back] } else { "" }
    }

    /// Whether the word before the last is one of these.
    pub(super) fn is_after(&self, words: &[&str]) -> bool {
        words.contains(&self.last(1))
    }

    /// Whether the last word is one of these.
    pub(super) fn is_any(&self, words: &[&str]) -> bool {
        words.contains(&self.last(0))
    }

    /// What the key names, if it is anything that matters.
    pub(super) fn names(&self) -> Option<Names> {
        let (last, second) = (self.last(0), self.last(1));
        match last {
            "authorization" => return Some(Names::Authorization),
            "cookie" | "cookies" => return Some(Names::Cookie),
            "parameters" | "params" | "bindings" | "binds" | "bindvars" | "args" | "arguments" => {
                return Some(Names::Parameters);
            }
            _ => {}
        }
        let is_key = |word: &str, before: &str| matches!(word, "key" | "keys") && KEYS.contains(&before);
        let is_key_id = |word: &str| matches!(word, "id" | "ids") && is_key(second, self.last(2));
        // `fs.azure.account.key.NAME.dfs.core.windows.net`
        let inside = (0..self.own.saturating_sub(1)).any(|back| {
            self.last(back) == "key"
                && matches!(self.last(back + 1), "account" | "access" | "secret" | "private")
        });
        let is_code = last == "code" && CODES.contains(&second);
        if (inside && !ABOUT.contains(&last))
            || is_code
            || is_key(last, second)
            || is_key_id(last)
            || (last == "accesskeyid")
            || is_squashed(last)
        {
            return Some(Names::Secret);
        }
        if last == "id" && matches!(second, "user" | "login") {
            return Some(Names::Person);
        }
        if last == "name"
            && matches!(second, "user" | "login" | "account" | "principal" | "owner" | "display")
        {
            return Some(Names::Person);
        }
        if PERSONS.contains(&last) {
            return Some(Names::Person);
        }
        if LAST.contains(&last) {
            return Some(Names::Secret);
        }
        let perhaps_key = matches!(last, "key" | "keys") && self.own >= 2 && !ORDINARY_KEYS.contains(&second);
        if (WEAK.contains(&last) && self.own == 1) || perhaps_key {
            return Some(Names::Perhaps);
        }
        let secret = (0..self.own).any(|back| SECRETS.contains(&self.last(back)));
        (secret && !ABOUT.contains(&last)).then_some(Names::Secret)
    }
}

/// Words of a secret written as one with others: `dbpassword`, `userpwd`, `ldappass`.
fn is_squashed(word: &str) -> bool {
    const ENDS: &[&str] = &[
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "apikey",
        "accesskey",
        "secretkey",
        "privatekey",
        "authtoken",
        "accesstoken",
    ];
    const WORDS: &[&str] = &[
        "bypass",
        "compass",
        "trespass",
        "surpass",
        "encompass",
        "overpass",
        "underpass",
        "multipass",
        "pass",
    ];
    ENDS.iter().any(|end| word.ends_with(end)) || (word.ends_with("pass") && !WORDS.contains(&word))
}
