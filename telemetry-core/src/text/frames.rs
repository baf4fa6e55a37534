//! Stack frames by their grammars: Java and Scala, JavaScript, .NET, Python, Go, Rust.
//!
//! Of a frame whose package is known, the symbol, the base name of the file and the line are kept; of any other, `at ***`.

use crate::text::rules::{TextRules, starts_with_package};

/// Packages and modules of runtimes and of the stacks that drivers sit on. A symbol belongs to one when it begins with it and a
/// separator follows.
const KNOWN: &[&str] = &[
    // Java, Scala
    "java",
    "javax",
    "jdk",
    "sun",
    "com.sun",
    "scala",
    "kotlin",
    "org.apache",
    "com.databricks",
    "io.netty",
    "io.grpc",
    "org.postgresql",
    "com.mysql",
    "com.fasterxml",
    "okhttp3",
    "com.zaxxer.hikari",
    "py4j",
    // .NET
    "System",
    "Microsoft",
    "Apache.Arrow",
    // Rust
    "std",
    "core",
    "alloc",
    "tokio",
    "hyper",
    "hyper_util",
    "reqwest",
    "rustls",
    "h2",
    "tonic",
    "tower",
    "arrow",
    "parquet",
    "telemetry_core",
    // Go
    "net",
    "net/http",
    "crypto/tls",
    "crypto/x509",
    "database/sql",
    "context",
    "runtime",
    "io",
    "encoding/json",
    "bufio",
    "sync",
    "internal/poll",
    "github.com/databricks",
    "github.com/apache",
    "google.golang.org/grpc",
    "golang.org/x",
    // Python
    "urllib3",
    "requests",
    "databricks",
    "thrift",
    "pyarrow",
    "pyspark",
    "pandas",
    "http",
    "socket",
    "ssl",
    "asyncio",
    "concurrent",
    "threading",
    "json",
    "httpx",
    "httpcore",
    "aiohttp",
    "sqlalchemy",
    "urllib",
    "http/client",
    // JavaScript
    "node:internal",
    "node:net",
    "node:tls",
    "node:http",
    "node:https",
    "node:dns",
    "node:events",
    "node:stream",
    "undici",
    "axios",
    "node-fetch",
    "@databricks",
];

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

/// `at pkg.Class.method(File.java:12)`, `at fn (node:net:1:2)`, `at Ns.Type.Method(args) in path:line 12`, `at /path/file.rs:1:2`.
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

/// Whether a symbol belongs to a known package, or to one of the author's.
fn is_known(symbol: &str, rules: &TextRules) -> bool {
    KNOWN.iter().any(|known| starts_with_package(symbol, known)) || rules.owns(symbol)
}

/// Whether a name in prose is a class of a public package, such as `org.apache.spark.SparkException`.
pub(super) fn is_public_name(name: &str) -> bool {
    let mut packages = KNOWN.iter().filter(|known| known.contains('.') || known.starts_with("java"));
    name.contains('.')
        && packages.any(|known| name.strip_prefix(known).is_some_and(|rest| rest.starts_with('.')))
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-'))
        && is_symbol(name)
}

/// Identifiers of up to 64 characters, joined by what joins names, with no long number in them.
fn is_symbol(symbol: &str) -> bool {
    let joins = |c: char| matches!(c, '.' | '$' | '/' | ':' | '<' | '>' | '-');
    !symbol.is_empty()
        && symbol.len() <= 200
        && symbol.split(joins).all(|name| {
            name.len() <= 64
                && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
                && name.bytes().filter(u8::is_ascii_digit).count() <= 4
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
