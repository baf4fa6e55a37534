//! Stack frames by their grammars: Java and Scala, JavaScript, .NET, Python, Go, Rust.
//!
//! Of a frame whose package is known in its language (`packages.txt`: runtimes and the stacks that drivers
//! sit on), the symbol, the base name of the file and the line are kept; of any other, `at ***`.

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
    let line = if is_trimmed { whole.trim_end_matches(is_space) } else { whole.trim_matches(is_space) };
    // One that was masked before.
    if line == MASKED.trim_start() {
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
    packages(package).any(|package| is_package(package, Language::Java))
        && class.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_'))
        && is_symbol(name)
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
