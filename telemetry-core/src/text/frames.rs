//! Stack frames by their grammars: Java and Scala, JavaScript, .NET, Python, Go, Rust.
//!
//! Of a frame whose package is known (`packages.txt`: runtimes and the stacks that drivers sit on), the
//! symbol, the base name of the file and the line are kept; of any other, `at ***`.

use crate::text::rules::TextRules;
use crate::text::vocabulary::PACKAGES;

/// The ends of source files' names.
const SOURCES: &[&str] =
    &["java", "scala", "kt", "py", "pyx", "js", "mjs", "cjs", "ts", "go", "rs", "cs", "cpp", "cc", "c", "h"];

const MASKED: &str = "at ***";

/// What is kept of a line that is a stack frame; `None` when it is none.
pub(super) fn frame(line: &str, rules: &TextRules) -> Option<String> {
    let line = line.trim();
    if let Some(rest) = line.strip_prefix("at ") {
        return at_frame(rest.trim_start(), rules);
    }
    if let Some(rest) = line.strip_prefix("File \"") {
        return python(rest, rules);
    }
    rust(line, rules).or_else(|| go(line, rules))
}

fn indented(text: &str) -> Option<String> {
    Some(format!("    {text}"))
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
    let looks = rest.starts_with('/')
        || rest.contains(":\\")
        || (!symbol.is_empty() && symbol.contains('.'))
        || place.starts_with("node:");
    if !looks {
        return None;
    }
    if is_symbol(symbol) && is_known(symbol, rules) {
        return match source(place) {
            Some(source) => indented(&format!("at {symbol}({source})")),
            None => indented(&format!("at {symbol}(Unknown Source)")),
        };
    }
    if let Some(place) = place.strip_prefix("node:").filter(|_| is_known(place, rules)) {
        let mut parts = place.split(':');
        let (module, line) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
        if is_symbol(module) && is_line(line) && (symbol.is_empty() || is_symbol(symbol)) {
            return indented(&format!("at {symbol}(node:{module}:{line})"));
        }
    }
    indented(MASKED)
}

/// `File "…/site-packages/urllib3/connectionpool.py", line 700, in urlopen`.
fn python(rest: &str, rules: &TextRules) -> Option<String> {
    let (path, rest) = rest.split_once("\", line ")?;
    let (line, function) = match rest.split_once(", in ") {
        Some((line, function)) => (line, Some(function)),
        None => (rest, None),
    };
    let path = path.rsplit_once("-packages/").map_or(path, |(_, path)| path);
    let path = path
        .rsplit_once("/lib/python3.")
        .map_or(path, |(_, path)| path.split_once('/').map_or(path, |(_, path)| path));
    let module = path.strip_suffix(".py").unwrap_or("");
    let function = function.unwrap_or("<module>");
    if is_symbol(module) && is_known(module, rules) && is_line(line) && is_symbol(function) {
        return Some(format!("  File \"{path}\", line {line}, in {function}"));
    }
    indented(MASKED)
}

/// `   3: tokio::runtime::task::core::poll`.
fn rust(line: &str, rules: &TextRules) -> Option<String> {
    if !line.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let (number, symbol) = line.split_once(": ")?;
    if !is_line(number) || !symbol.contains("::") || symbol.contains(' ') {
        return None;
    }
    if is_symbol(symbol) && is_known(symbol, rules) {
        return indented(&format!("{number}: {symbol}"));
    }
    indented(MASKED)
}

/// `net/http.(*Client).Do(0xc000, …)`.
fn go(line: &str, rules: &TextRules) -> Option<String> {
    let (symbol, _) = line.strip_suffix(')')?.rsplit_once('(')?;
    if line.contains(' ') && !line.contains(", ") || !symbol.contains('.') || symbol.contains(' ') {
        return None;
    }
    let symbol = symbol.trim_end_matches("(...");
    (is_go_symbol(symbol) && is_known(symbol, rules)).then(|| format!("{symbol}(...)"))
}

/// A symbol up to each of its first separators, as many as a package's name has parts, and whole.
fn packages(symbol: &str) -> impl Iterator<Item = &str> {
    let ends = symbol.match_indices(['.', ':', '/']).map(|(end, _)| end).take(4);
    ends.filter_map(|end| symbol.get(..end)).chain([symbol])
}

/// Whether a symbol belongs to a known package, or to one of the author's.
fn is_known(symbol: &str, rules: &TextRules) -> bool {
    packages(symbol).any(|package| PACKAGES.binary_search(&package).is_ok()) || rules.owns(symbol)
}

/// Whether a name in prose is a class of a public package, such as `org.apache.spark.SparkException`.
pub(super) fn is_public_name(name: &str) -> bool {
    let is_public = |package: &str| package.contains('.') || package.starts_with("java");
    name.contains('.')
        && packages(name).any(|package| is_public(package) && PACKAGES.binary_search(&package).is_ok())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && is_symbol(name)
}

/// Identifiers of up to 64 characters, joined by what joins names, with no long number in them.
fn is_symbol(symbol: &str) -> bool {
    let (mut length, mut digits) = (0, 0);
    !symbol.is_empty()
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

fn is_go_symbol(symbol: &str) -> bool {
    is_symbol(&symbol.replace(['(', ')', '*'], ""))
}

fn is_line(text: &str) -> bool {
    (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// `File.java:12`: the base name of a source file, and a line.
fn source(place: &str) -> Option<String> {
    let mut parts = place.split(':');
    let (file, line) = (parts.next()?, parts.next().filter(|line| is_line(line)));
    let (name, end) = file.rsplit_once('.')?;
    if !SOURCES.contains(&end) || !is_symbol(name) {
        return None;
    }
    Some(line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")))
}
