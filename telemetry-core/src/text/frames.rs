//! Stack frames by their grammars: Java and Scala, JavaScript, .NET, Python, Go, Rust.
//!
//! Of a frame whose package is known in its language (`packages.txt`: runtimes and the stacks that drivers
//! sit on), the symbol, the base name of the file and the line are kept; of any other, `at ***`.

use crate::text::bytes::split_end;
use crate::text::rules::TextRules;
use crate::text::vocabulary::{Language, is_package};
use crate::text::words::is_space;

/// The ends of source files' names, and whose they are.
const SOURCES: &[(&str, Language)] = &[
    ("java", Language::Java),
    ("scala", Language::Java),
    ("kt", Language::Java),
    ("js", Language::JavaScript),
    ("mjs", Language::JavaScript),
    ("cjs", Language::JavaScript),
    ("ts", Language::JavaScript),
];

const MASKED: &str = "    at ***";
/// The same without the white space before it.
const MASKED_LINE: &str = MASKED.trim_ascii_start();

/// What is kept of a stack frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) text: String,
    /// Whether it takes the line behind it, too.
    pub(super) takes_two: bool,
}

/// What is kept of a line that is a stack frame, given the line behind it; `None` when it is none.
pub(super) fn frame(whole: &str, behind: Option<&str>, rules: &TextRules) -> Option<Frame> {
    let is_trimmed = whole.as_bytes().first().is_some_and(u8::is_ascii_graphic);
    let line = if is_trimmed { whole } else { whole.trim_start_matches(is_space) };
    let (line, _) = split_end(line, is_space);
    // One that was masked before.
    if line == MASKED_LINE {
        return Some(Frame { text: whole.to_owned(), takes_two: false });
    }
    if let Some(frame) = behind.and_then(|behind| go(line, behind, rules)) {
        return Some(Frame { text: frame, takes_two: true });
    }
    let text = if let Some(rest) = line.strip_prefix("at ") {
        at_frame(rest.trim_start_matches(is_space), rules)
    } else if let Some(rest) = line.strip_prefix("File \"") {
        python(rest, rules)
    } else {
        rust(line, rules)
    };
    text.map(|text| Frame { text, takes_two: false })
}

fn masked() -> Option<String> {
    Some(MASKED.to_owned())
}

/// `at pkg.Class.method(File.java:12)`, `at fn (node:net:1:2)`, `at Ns.Type.Method(args) in path:line 12`,
/// `at /path/file.rs:1:2`.
fn at_frame(rest: &str, rules: &TextRules) -> Option<String> {
    let (symbol, place) = match rest.split_once('(') {
        Some((symbol, place)) => (symbol.trim_end(), place.split(')').next().unwrap_or("")),
        None => ("", rest),
    };
    // A module's name and version may stand before: `java.base/java.lang.Thread.run`, `app//`.
    let symbol = symbol.rsplit('/').next().unwrap_or(symbol);
    let is_node = |place: &str| packages(place).any(|module| is_package(module, Language::JavaScript));
    if let Some(place) = Some(place).filter(|place| place.starts_with("node:") && is_node(place)) {
        let place = place.trim_start_matches("node:");
        let mut parts = place.split(':');
        let (module, line) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if is_symbol(module) && is_line(line) && (symbol.is_empty() || is_symbol(symbol)) {
            return Some(format!("    at {symbol}(node:{module}:{line})"));
        }
    }
    // The compiler's names for what it makes: `<SendAsync>g__Core|83_0`, `Dictionary`2`, `Start[T]`.
    let made: String = symbol.split('[').next().unwrap_or("").replace(['|', '`'], "_");
    let is_made =
        made != symbol && is_symbol(&made) && packages(&made).any(|name| is_package(name, Language::DotNet));
    let symbol = if is_made { &*made } else { symbol };
    if rest.starts_with('/') || rest.contains(":\\") {
        return masked();
    }
    if !is_symbol(symbol) || !symbol.contains('.') {
        return None;
    }
    let unknown = ["Unknown Source", "Native Method"].contains(&place);
    match source(place) {
        Some((source, language)) if is_known(symbol, language, rules) => {
            Some(format!("    at {symbol}({source})"))
        }
        None if unknown && is_known(symbol, Language::Java, rules) => {
            Some(format!("    at {symbol}({place})"))
        }
        // Its arguments, and nothing that tells its source.
        None if is_known(symbol, Language::DotNet, rules) => Some(format!("    at {symbol}(Unknown Source)")),
        _ => masked(),
    }
}

/// `File "…/site-packages/urllib3/connectionpool.py", line 700, in urlopen`: of the path, what stands behind
/// the folder of packages or of the language.
fn python(rest: &str, rules: &TextRules) -> Option<String> {
    let (path, rest) = rest.split_once("\", line ")?;
    let (line, function) = match rest.split_once(", in ") {
        Some((line, function)) => (line, function),
        None => (rest, "<module>"),
    };
    let packages = path.rsplit_once("-packages/").map(|(_, path)| ("site-packages", path));
    let library = || path.rsplit_once("lib/python3").and_then(|(_, path)| path.split_once('/'));
    let (folder, path) =
        packages.or_else(|| library().map(|(_, path)| ("lib/python3", path))).unwrap_or_default();
    let module = path.strip_suffix(".py").unwrap_or("");
    let known = !folder.is_empty() && is_known(module, Language::Python, rules);
    if known && is_symbol(module) && is_line(line) && is_symbol(function) {
        return Some(format!("  File \"{folder}/{path}\", line {line}, in {function}"));
    }
    masked()
}

/// `   3: tokio::runtime::task::core::poll`.
fn rust(line: &str, rules: &TextRules) -> Option<String> {
    if !line.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (number, symbol) = line.split_once(": ")?;
    if !is_line(number) || !symbol.contains("::") || !is_symbol(symbol) {
        return None;
    }
    if is_known(symbol, Language::Rust, rules) {
        return Some(format!("    {number}: {symbol}"));
    }
    masked()
}

/// `net/http.(*Client).Do(0xc000, …)`, and on the line behind it where that is:
/// `\t/usr/local/go/src/net/http/client.go:585 +0x1d8`.
fn go(line: &str, behind: &str, rules: &TextRules) -> Option<String> {
    let behind = behind.strip_prefix(char::is_whitespace)?.trim_start();
    let (path, rest) = behind.split_once(".go:")?;
    let file = path.rsplit('/').next().unwrap_or(path);
    let number = rest.split(' ').next().unwrap_or(rest);
    let (symbol, _) = line.strip_suffix(')')?.rsplit_once('(')?;
    if !symbol.contains('.') || symbol.contains(' ') || !is_line(number) {
        return None;
    }
    let plain = symbol.replace(['(', ')', '*'], "");
    if !is_symbol(&plain) {
        return None;
    }
    if is_known(&plain, Language::Go, rules) && is_symbol(file) && !file.contains(':') {
        return Some(format!("{symbol}(...)\n    {file}.go:{number}"));
    }
    masked()
}

/// A symbol up to each of its first separators, as many as a package's name has parts, and whole.
fn packages(symbol: &str) -> impl Iterator<Item = &str> {
    let ends = symbol.match_indices(['.', ':', '/']).map(|(end, _)| end).take(4);
    ends.filter_map(|end| symbol.get(..end)).chain([symbol])
}

/// Whether a symbol belongs to a package that is known in this language, or to one of the author's.
fn is_known(symbol: &str, language: Language, rules: &TextRules) -> bool {
    packages(symbol).any(|package| is_package(package, language)) || rules.owns(symbol)
}

/// Whether a name in prose is a class of a public package, such as `org.apache.spark.SparkException`.
pub(super) fn is_public_name(name: &str) -> bool {
    let Some((package, class)) = name.rsplit_once('.') else { return false };
    class.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'))
        && is_symbol(name)
        && packages(package).any(|package| is_package(package, Language::Java))
}

/// Identifiers of up to 64 characters, joined by what joins names, with no long number in them.
fn is_symbol(symbol: &str) -> bool {
    let (mut length, mut digits) = (0, 0);
    symbol.starts_with(|c: char| c.is_ascii_alphanumeric() || "_<@".contains(c))
        && symbol.len() <= 200
        && symbol.bytes().all(|byte| {
            if matches!(byte, b'.' | b'$' | b'/' | b':' | b'<' | b'>' | b'-') {
                (length, digits) = (0, 0);
                return true;
            }
            length += 1;
            digits += u32::from(byte.is_ascii_digit());
            (byte.is_ascii_alphanumeric() || byte == b'_') && length <= 64 && digits <= 4
        })
}

fn is_line(text: &str) -> bool {
    (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `File.java:12`: the base name of a source file, and a line; and the file's language.
fn source(place: &str) -> Option<(String, Language)> {
    let place = place.rsplit('/').next()?;
    let mut parts = place.split(':');
    let (file, line) = (parts.next()?, parts.next().filter(|line| is_line(line)));
    let (name, end) = file.rsplit_once('.')?;
    let (_, language) = SOURCES.iter().find(|(known, _)| *known == end)?;
    if !is_symbol(name) {
        return None;
    }
    Some((line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")), *language))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept of a text's first line, and of the second if that belongs to it.
    fn kept(text: &str) -> Option<String> {
        let (line, behind) =
            text.split_once('\n').map_or((text, None), |(line, behind)| (line, Some(behind)));
        frame(line, behind, &TextRules::default()).map(|frame| frame.text)
    }

    #[test]
    fn of_a_frame_of_a_known_package_symbol_file_and_line_are_kept() {
        for (text, frame) in [
            (
                "\tat org.apache.spark.SparkContext.runJob(SparkContext.scala:123)",
                "    at org.apache.spark.SparkContext.runJob(SparkContext.scala:123)",
            ),
            (
                "at java.base/java.lang.Thread.run(Thread.java:829)",
                "    at java.lang.Thread.run(Thread.java:829)",
            ),
            ("at app//java.lang.Thread.run(Thread.java)", "    at java.lang.Thread.run(Thread.java)"),
            ("at java.lang.Object.wait(Native Method)", "    at java.lang.Object.wait(Native Method)"),
            ("at java.lang.Object.wait(Unknown Source)", "    at java.lang.Object.wait(Unknown Source)"),
            ("at kotlin.io.Path.<init>(Path.kt:12)", "    at kotlin.io.Path.<init>(Path.kt:12)"),
            ("at Socket.emit (node:net:519:28)", "    at Socket.emit(node:net:519)"),
            ("at node:internal/process/queues:95:5", "    at (node:internal/process/queues:95)"),
            ("at axios.request (/home/ann/a/axios.js:12:3)", "    at axios.request(axios.js:12)"),
            ("at System.IO.File.Open(String path)", "    at System.IO.File.Open(Unknown Source)"),
            (
                "at System.Collections.Generic.Dictionary`2.FindValue(TKey key)",
                "    at System.Collections.Generic.Dictionary_2.FindValue(Unknown Source)",
            ),
            (
                "File \"/home/ann/site-packages/urllib3/connectionpool.py\", line 700, in urlopen",
                "  File \"site-packages/urllib3/connectionpool.py\", line 700, in urlopen",
            ),
            (
                "  File \"/usr/lib/python3.11/ssl.py\", line 1, in read",
                "  File \"lib/python3/ssl.py\", line 1, in read",
            ),
            (
                "  File \"/usr/lib/python3.11/ssl.py\", line 1",
                "  File \"lib/python3/ssl.py\", line 1, in <module>",
            ),
            ("   3: tokio::runtime::task::core::poll", "    3: tokio::runtime::task::core::poll"),
            (
                "net/http.(*Client).Do(0xc000, 0x1)\n\t/usr/local/go/src/net/http/client.go:585 +0x1d8",
                "net/http.(*Client).Do(...)\n    client.go:585",
            ),
        ] {
            assert_eq!(kept(text).as_deref(), Some(frame), "{text}");
        }
    }

    #[test]
    fn a_frame_of_no_known_package_is_masked() {
        for text in [
            "at com.acme.Frob.run(Frob.java:12)",
            "at com.acme.Frob.run(Native Method)",
            "at com.acme.Frob.run(String ann)",
            // A package of another language.
            "at org.apache.Frob.run(String ann)",
            "at axios.request(Frob.java:12)",
            "at System.IO.File.Open(Frob.java:12)",
            "at /home/ann/frob.rs:1:2",
            "at C:\\ann\\frob.js:1:2",
            "at System.IO.File.Open(String path) in C:\\ann.cs:line 12",
            "File \"/home/ann/site-packages/acme/frob.py\", line 1, in run",
            "File \"/home/ann/urllib3/frob.py\", line 1, in run",
            "File \"/x/site-packages/urllib3/frob.txt\", line 1, in run",
            "File \"/x/site-packages/urllib3/frob.py\", line 1234567, in run",
            "File \"/x/site-packages/urllib3/frob.py\", line 1, in ann@acme",
            "File \"/x/site-packages/urllib3/ann@acme.py\", line 1, in run",
            "3: acme::frob::run",
            "acme/frob.(*Frob).Run(0x1)\n\t/home/ann/frob.go:1 +0x1",
            "net/http.(*Client).Do(0x1)\n\t/home/ann:frob.go:1 +0x1",
            "net/http.(*Client).Do(0x1)\n\t/home/ann@frob.go:1 +0x1",
        ] {
            assert_eq!(kept(text).as_deref(), Some("    at ***"), "{text}");
        }
    }

    #[test]
    fn what_has_no_frames_grammar_is_none() {
        for text in [
            "at noon (Frob.java:12)",
            "at 10 % of max. load (Frob.java:12)",
            "at run (node:acme:1:2)",
            "at a.b c (axios:1:2)",
            "at run (node:net:1234567:2)",
            "at run (node:net)",
            "at f%n (node:net:1:2)",
            "at org.apache.Frob[T](Frob.java:12)",
            "3: tokio",
            "3: tokio::run and more",
            "1234567: tokio::run",
            "3 tokio::run",
            "x: tokio::run",
            "net/http.Do(0x1)",
            "Do(0x1)\n\t/x/client.go:585 +0x1",
            "in net/http.Do(0x1)\n\t/x/client.go:585 +0x1",
            "net/http.Do(0x1)\n\t/x/client.go:x +0x1",
            "net/http.Do%(0x1)\n\t/x/client.go:585 +0x1",
            "net/http.Do(0x1)\n/x/client.go:585 +0x1",
            "net/http.Do\n\t/x/client.go:585 +0x1",
        ] {
            assert_eq!(kept(text), None, "{text}");
        }
    }

    #[test]
    fn a_symbol_is_of_identifiers_with_no_long_number_in_them() {
        let long = "x".repeat(64);
        let longest = format!("{0}.{0}.{0}.{1}", "x".repeat(49), "x".repeat(50));
        for symbol in ["a", "_a", "<init>", "a1234", "a1234.b1234", "a1234-b$c:d", &long, &longest] {
            assert!(is_symbol(symbol), "{symbol}");
        }
        assert!(is_symbol(&format!("{long}/{long}")));
        for other in ["", "$a", "a b", "a@b", "a12345", "\u{e4}", &format!("{long}x"), &format!("{longest}x")]
        {
            assert!(!is_symbol(other), "{other}");
        }
        assert!(is_line("1") && is_line("123456"));
        assert!(!is_line("") && !is_line("1234567") && !is_line("1a"));
    }

    #[test]
    fn in_prose_a_class_of_a_public_package_is_a_name() {
        for name in ["org.apache.spark.SparkException", "java.lang.My_Error", "org.apache.X1234"] {
            assert!(is_public_name(name), "{name}");
        }
        for other in [
            "SparkException",
            "com.acme.Frob",
            "acme.org.apache.Frob",
            "org.apache.frob",
            "org.apache.Frob-x",
            "org.apache.X12345",
            "axios.Frob",
        ] {
            assert!(!is_public_name(other), "{other}");
        }
    }
}
