//! Laws of text: whatever a secret stands in, it goes; sanitizing again changes nothing; no text panics.

use std::collections::HashSet;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::string::string_regex;
use telemetry_core::text::{ErrorText, MAX_TEXT_CHARS, sanitize};

fn matching(pattern: &str) -> BoxedStrategy<String> {
    string_regex(pattern).unwrap().boxed()
}

/// A secret by its own shape, which goes wherever it stands.
fn shaped() -> impl Strategy<Value = String> {
    let jwt = matching("eyJ[A-Za-z0-9]{12,40}\\.eyJ[A-Za-z0-9_-]{12,60}\\.[A-Za-z0-9_-]{20,43}");
    prop_oneof![
        matching("dapi[0-9a-f]{32}(-[0-9])?"),
        matching("dose[0-9a-f]{32}"),
        matching("(AKIA|ASIA|AROA)[A-Z0-9]{16}"),
        matching("AIza[A-Za-z0-9_-]{35}"),
        matching("ya29\\.[A-Za-z0-9_-]{40,80}"),
        matching("GOCSPX-[A-Za-z0-9_-]{28}"),
        matching("gh[pousr]_[A-Za-z0-9]{36}"),
        matching("github_pat_[A-Za-z0-9_]{60}"),
        matching("glpat-[A-Za-z0-9_-]{20}"),
        matching("xox[bpars]-[0-9]{11}-[0-9]{12}-[A-Za-z0-9]{24}"),
        matching("npm_[A-Za-z0-9]{36}"),
        matching("pypi-AgEIcHlwaS5vcmc[A-Za-z0-9_-]{50,80}"),
        matching("sk-(proj|ant)-[A-Za-z0-9_-]{40,60}"),
        matching("[a-z0-9]{3}8Q~[A-Za-z0-9_~.-]{30}[A-Za-z0-9]"),
        jwt,
    ]
}

/// A secret that only its surroundings give away.
fn plain() -> impl Strategy<Value = String> {
    matching("[A-Za-z0-9][A-Za-z0-9!#_*+-]{6,30}[A-Za-z0-9]")
        .prop_filter("it must not be a word of the frame", |secret| {
            !secret.contains("***") && secret.bytes().any(|byte| byte.is_ascii_digit())
        })
}

/// What gives a secret away, with the secret in it at `@`.
const FRAMES: &[&str] = &[
    "password=@",
    "password = '@'",
    "Password: @",
    "PWD=@;Server=x",
    "PWD={@};Server=x",
    "--password @",
    "--password=@",
    "{\"password\":\"@\"}",
    "{ \"client_secret\" : \"@\" }",
    "{\\\"password\\\": \\\"@\\\"}",
    "\"{\\\\\\\"token\\\\\\\":\\\\\\\"@\\\\\\\"}\"",
    "{'api_key': '@'}",
    "password%3D@",
    "%22password%22%3A%22@%22",
    "&quot;password&quot;: &quot;@&quot;",
    "export AWS_SECRET_ACCESS_KEY=@",
    "secretKey: \"@\"",
    "db:\n  password: @\n  port: 1",
    "<password>@</password>",
    "<add key=\"Password\" value=\"@\"/>",
    "name: DB_PASSWORD\n  value: @",
    "Authorization: Bearer @",
    "authorization:Basic @",
    "AUTHORIZATION:\r\n  bearer\r\n  @",
    "Proxy-Authorization: Negotiate @",
    "\"Authorization\": \"Bearer @\"",
    "map[Authorization:[Bearer @]]",
    "('authorization', 'Bearer @')",
    "Authorization: Digest username=\"x\", response=\"@\"",
    "x-api-key: @",
    "Cookie: session=@; theme=dark",
    "Set-Cookie: sid=@; Path=/; HttpOnly",
    "https://user:@@host.example.com/path",
    "postgres://@:p@host:5432/db",
    "jdbc:databricks://h:443;AuthMech=3;UID=token;PWD=@",
    "AccountName=x;AccountKey=@;EndpointSuffix=y",
    "?sv=2022-11-02&sig=@&se=2025",
    "curl -u user:@ https://h",
    "mysql -u root -p@x1Y",
    "Config { user: \"x\", password: \"@\" }",
    "Config { password: Some(\"@\") }",
    "password is \"@\"",
    "-----BEGIN RSA PRIVATE KEY-----\n@\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\n@",
    "near '@' at line 1",
    "LINE 1: SELECT '@'",
    "== SQL ==\nSELECT '@'\n^^^",
    "SELECT * FROM t WHERE a = '@'",
    "[parameters: ('@', 1)]",
    "DETAIL:  Key (email)=(@) already exists.",
];

/// What gives a name away: of a person, or of a company's server.
const NAMED: &[&str] = &[
    "/home/@/project/main.py",
    "C:\\Users\\@\\AppData\\x.json",
    "C:\\\\Users\\\\@\\\\AppData",
    "/Users/@/dev/x.ts",
    "\\\\@\\share\\file.txt",
    "\"\\\\\\\\@\\\\share\\\\file.txt\"",
    "C:/Users/@/x.json",
    "file:///home/@/x.py",
    "%2Fhome%2F@%2Fx.py",
    "/mnt/c/Users/@/x",
    "/Workspace/Users/@@example.com/notebook",
    "User: @@example.com",
    "Access denied for user '@'@'host'",
    "FATAL: password authentication failed for user \"@\"",
    "UID=@;",
    "user=@ dbname=x",
    "{\"username\": \"@\"}",
    "--user @ --port 3",
    "mailto:@@example.com",
];

fn name() -> impl Strategy<Value = String> {
    matching("[A-Za-z][A-Za-z0-9_.-]{4,20}[A-Za-z0-9]").prop_filter("nobody's name", |name| {
        !["jenkins", "airflow", "ubuntu", "hadoop", "vscode", "runner", "jovyan", "circleci", "ec2-user"]
            .contains(&name.as_str())
    })
}

/// Text around it: anything, but not what would end the frame's own line or join it.
fn around() -> impl Strategy<Value = String> {
    prop_oneof![
        matching("[ -~]{0,40}"),
        Just("java.sql.SQLException: ".to_owned()),
        matching("\\PC{0,20}"),
        Just("retry 3 of 5 in 12.5s".to_owned()),
    ]
}

/// The lists that say what is harmless, read again by this test.
struct Lists {
    words: HashSet<&'static str>,
    packages: Vec<&'static str>,
}

impl Lists {
    fn read() -> &'static Lists {
        static LISTS: LazyLock<Lists> = LazyLock::new(|| {
            let known =
                |line: &'static str| line.split(' ').any(|class| class == "short" || class == "any-case");
            let keys = include_str!("../../src/text/keys.txt").lines().filter(|line| known(line));
            let words = include_str!("../../src/text/vocabulary.txt").lines();
            Lists {
                words: words.chain(keys.filter_map(|line| line.split(' ').next())).collect(),
                packages: include_str!("../../src/text/packages.txt")
                    .lines()
                    .filter_map(|line| line.split(' ').next())
                    .collect(),
            }
        });
        &LISTS
    }

    fn has(&self, word: &str) -> bool {
        self.words.contains(word.to_ascii_lowercase().as_str())
    }

    /// A word of the vocabulary, or an identifier in camel case made of such.
    fn is_word(&self, run: &str) -> bool {
        // In how many ways it may be parted at capitals doesn't matter: one that holds is enough.
        self.has(run)
            || (1..run.len()).any(|end| {
                run.as_bytes()[end].is_ascii_uppercase() && self.has(&run[..end]) && self.is_word(&run[end..])
            })
    }

    /// A number of a stated shape: up to 5 digits, with a unit; a SQLSTATE; an end of a short form; a letter
    /// alone.
    fn is_short(run: &str) -> bool {
        let digits = run.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number =
            !digits.is_empty() && digits.len() <= 5 && digits.bytes().all(|byte| byte.is_ascii_digit());
        let unit = run.len() - digits.len() <= 3;
        let state =
            run.len() == 5 && run.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase());
        (number && unit) || state || run.len() == 1 || ["re", "ve", "ll"].contains(&run)
    }

    /// A class of a public package.
    fn is_public(&self, word: &str) -> bool {
        self.packages.iter().any(|package| {
            word.strip_prefix(package).is_some_and(|rest| rest.starts_with('.')) && word.len() <= 200
        })
    }

    /// The first of a text's words that the law doesn't allow.
    fn unlawful<'a>(&self, text: &'a str) -> Option<&'a str> {
        let is_frame = |line: &str| {
            let line = line.trim_start();
            let numbered = line.split_once(": ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
            numbered
                || line.ends_with("(...)")
                || ["at ", "File \""].iter().any(|start| line.starts_with(start))
        };
        let lines = text.lines().filter(|line| !is_frame(line));
        let words = lines.flat_map(|line| line.split(|c: char| !c.is_alphanumeric() && !"._-".contains(c)));
        let private = words.filter(|word| !self.is_public(word));
        let mut runs = private.flat_map(|word| word.split(|c: char| !c.is_alphanumeric()));
        runs.find(|run| !(run.is_empty() || run.is_ascii() && (self.is_word(run) || Self::is_short(run))))
    }
}

/// Words of the vocabulary, and others, with any signs between them.
fn prose() -> impl Strategy<Value = String> {
    let words: Vec<_> = include_str!("../../src/text/vocabulary.txt").lines().collect();
    let word = prop_oneof![
        6 => proptest::sample::select(words),
        1 => Just("password"),
        1 => Just("user"),
        1 => Just("for"),
    ];
    let piece = prop_oneof![
        6 => word.prop_map(str::to_owned),
        1 => shaped(),
        1 => plain(),
        1 => matching("[A-Za-z]{1,12}"),
        1 => matching("[0-9]{1,20}"),
        1 => matching("\\PC{1,6}"),
    ];
    let sign = matching("[ ]|[ ]|[ ]|[-_./',:;=()\"`#|]{1,2}");
    proptest::collection::vec((piece, sign), 0..30)
        .prop_map(|pieces| pieces.into_iter().map(|(piece, sign)| piece + &sign).collect())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn every_letter_and_digit_that_leaves_belongs_to_a_known_word_a_short_number_or_a_frame(prose in prose(), any in any::<String>()) {
        for text in [prose, any] {
            let kept = sanitize(&text);
            prop_assert_eq!(Lists::read().unlawful(&kept), None, "{:?} gave {:?}", text, kept);
        }
    }

    #[test]
    fn a_secret_with_a_shape_goes_wherever_it_stands(before in "\\PC{0,60}", secret in shaped(), after in "\\PC{0,60}") {
        let text = format!("{before}{secret}{after}");
        prop_assert!(!sanitize(&text).contains(&secret), "{text:?} gave {:?}", sanitize(&text));
    }

    #[test]
    fn a_secret_in_a_frame_goes(
        before in around(), frame in proptest::sample::select(FRAMES), secret in plain(), after in around(),
    ) {
        let text = format!("{before}\n{}\n{after}", frame.replacen('@', &secret, 1));
        prop_assert!(!sanitize(&text).contains(&secret), "{text:?} gave {:?}", sanitize(&text));
    }

    #[test]
    fn a_name_in_a_frame_goes(before in around(), frame in proptest::sample::select(NAMED), name in name(), after in around()) {
        let text = format!("{before}\n{}\n{after}", frame.replacen('@', &name, 1));
        prop_assert!(!sanitize(&text).contains(&name), "{text:?} gave {:?}", sanitize(&text));
    }

    #[test]
    fn many_secrets_all_go(secrets in proptest::collection::vec((shaped(), plain()), 1..8)) {
        let text: String = secrets.iter().map(|(shaped, plain)| format!("got {shaped}, {{\"password\": \"{plain}\"}} ")).collect();
        let redacted = sanitize(&text);
        for (shaped, plain) in &secrets {
            prop_assert!(!redacted.contains(shaped) && !redacted.contains(plain), "{redacted:?}");
        }
    }

    #[test]
    fn redacting_again_changes_nothing(
        before in around(), frame in proptest::sample::select(FRAMES), secret in plain(), after in around(), any in "\\PC{0,80}",
    ) {
        for text in [format!("{before}{}{after}", frame.replace('@', &secret)), any, format!("{after}{before}")] {
            let once = sanitize(&text);
            prop_assert_eq!(sanitize(&once), once.as_str());
        }
    }

    #[test]
    fn no_text_panics_and_what_leaves_is_harmless(text in any::<String>(), syntax in "[-=:;,@/\\\\%&'\"`<>(){}\\[\\]| \n\ra-cA-C0-9.]{0,200}") {
        for text in [text.clone(), syntax, format!("password={text}"), format!("at {text}"), format!("File \"{text}\", line 1, in x")] {
            let once = sanitize(&text);
            prop_assert!(once.chars().filter(|c| c.is_alphanumeric()).all(|c| c.is_ascii()), "{text:?} gave {once:?}");
            prop_assert_eq!(sanitize(&once), once.as_str());
        }
    }

    #[test]
    fn a_cut_exposes_no_half(fill in 2000usize..2100, secret in shaped()) {
        let words = "word ".repeat(fill / 5);
        let kept = ErrorText::detached(&format!("{words}{secret} {words}"));
        prop_assert!(kept.chars().count() <= MAX_TEXT_CHARS);
        for part in 12..secret.len() {
            prop_assert!(!kept.contains(&secret[..part]), "{:?}", &kept[kept.len() - 60..]);
        }
    }
}

/// What is kept of this behind a filling that leaves nothing but a mark, up to this length together.
fn kept_behind(length: usize, text: &str, behind: &str) -> String {
    let filling = "q".repeat(length - text.len() - 1);
    let kept = ErrorText::detached(&format!("{filling} {text}{behind}")).as_str().to_owned();
    kept.strip_prefix("***").unwrap_or(&kept).trim().to_owned()
}

const LOOK: usize = 16 * 1024;

#[test]
fn what_lies_past_sixteen_kib_is_not_kept_in_half() {
    let secret = "timeout-connection-refused-hunter2";
    assert_eq!(sanitize("timeout-connection-refused"), "timeout-connection-refused", "its start would leave");
    // Cut anywhere in it, none of it is kept, nor of what is behind it.
    for past in 1..secret.len() + 40 {
        assert_eq!(kept_behind(LOOK + past, secret, " and the word is out"), "", "{past}");
    }
    let whole = kept_behind(LOOK - 1, secret, " and the word is out");
    assert!(!whole.contains("timeout") && !whole.contains("hunter"), "{whole}");
}

#[test]
fn sixteen_kib_of_a_text_are_looked_at_and_no_more() {
    assert_eq!([LOOK, LOOK + 1].map(|end| kept_behind(end, "timeout", "")), ["timeout", ""]);
    assert_eq!([LOOK - 1, LOOK + 1].map(|end| kept_behind(end, "timeout", " and more")), ["timeout", ""]);
}
