//! SQL in error messages, and the data that messages quote.

use super::Gone;
use super::scan::{
    LOOK_AHEAD, before, blanks, boundary, find as find_byte, goes_on, is_quote, is_word, line_end, skip,
    spaces, word,
};
use super::values::{Place, Sign, quoted, value};

pub(super) fn find(text: &str, gone: &mut Gone) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let starts = before(bytes, at).is_none_or(|last| !is_word(last));
        let next = match bytes[at] {
            b'=' => listing(text, at, gone),
            b'(' => key_and_row(text, at, gone),
            b'-' => bound(text, at, gone),
            byte if starts && byte.is_ascii_alphabetic() => {
                let found = first_line(text, at, gone)
                    .or_else(|| near(text, at, gone))
                    .or_else(|| datum(text, at, gone));
                found.or_else(|| statement(text, at, gone))
            }
            _ => None,
        };
        at = next.map_or(at + 1, |next| next.max(at + 1));
    }
}

/// `-- p0: '…' (Type = String)`, as Entity Framework logs what is bound.
fn bound(text: &str, at: usize, gone: &mut Gone) -> Option<usize> {
    let bytes = text.as_bytes();
    if !goes_on(bytes, at, "-- ") {
        return None;
    }
    let name = skip(bytes, at + 3, |byte| is_word(byte) || byte == b'@');
    let found = goes_on(bytes, name, ": '").then(|| quoted(text, name + 2))??;
    gone.push(found.range);
    Some(found.next)
}

/// What stands below `== SQL ==`, to the line of carets or the stack.
fn listing(text: &str, at: usize, gone: &mut Gone) -> Option<usize> {
    const HEAD: &str = "== SQL ==";
    if !text[at..].starts_with(HEAD) && !text[at..].starts_with("== SQL (line") {
        return None;
    }
    let bytes = text.as_bytes();
    let start = spaces(bytes, text[at + 3..].find("==").map_or(at + HEAD.len(), |close| at + 3 + close + 2));
    let mut line = start;
    while line < bytes.len() {
        let first = blanks(bytes, line);
        let end = line_end(bytes, line);
        let content = &text[first..end];
        let carets =
            content.contains("^^^") && content.bytes().all(|byte| matches!(byte, b'^' | b'-' | b' '));
        if carets || is_frame(content) {
            break;
        }
        line = skip(bytes, end, |byte| byte == b'\n' || byte == b'\r');
    }
    let end = start + text[start..line].trim_end().len();
    gone.push(start..end.max(start));
    Some(line)
}

/// A line of a stack, or one that starts another part of the message.
fn is_frame(line: &str) -> bool {
    [
        "at ",
        "Caused by",
        "Traceback",
        "File \"",
        "... ",
        "SQLSTATE",
        "JVM stacktrace",
        "goroutine ",
        "[parameters",
        "(Background",
        "==",
        "HINT",
        "DETAIL",
        "CONTEXT",
    ]
    .iter()
    .any(|start| line.starts_with(start))
}

/// `LINE 1: SELECT …`, as PostgreSQL shows it.
fn first_line(text: &str, at: usize, gone: &mut Gone) -> Option<usize> {
    let bytes = text.as_bytes();
    let number = blanks(bytes, word(bytes, at, "LINE")?);
    let end = skip(bytes, number, |byte| byte.is_ascii_digit());
    if end == number || bytes.get(end) != Some(&b':') {
        return None;
    }
    let start = blanks(bytes, end + 1);
    let end = line_end(bytes, start);
    // `line 3: could not …` is the reader of a file; PostgreSQL shouts.
    let shouted = text[at..].starts_with("LINE");
    (shouted || is_statement(text, start)).then(|| {
        gone.push(start..end);
        end
    })
}

/// What follows `near`.
fn near(text: &str, at: usize, gone: &mut Gone) -> Option<usize> {
    let bytes = text.as_bytes();
    // `syntax error line 2 at position 31 unexpected 'x'`
    let unexpected = || {
        let lead = &text[boundary(text, at.saturating_sub(80))..at];
        word(bytes, at, "unexpected")
            .filter(|end| lead.contains("syntax error") && goes_on(bytes, *end, " '"))
    };
    let mut start = blanks(bytes, word(bytes, at, "near").or_else(unexpected)?);
    for before_it in ["the keyword", "keyword", "token", "the token", "column", "unexpected"] {
        if let Some(after) = word(bytes, start, before_it) {
            start = blanks(bytes, after);
        }
    }
    if bytes.get(start) == Some(&b':') {
        start = blanks(bytes, start + 1);
    }
    let quote = *bytes.get(start)?;
    // A literal, quoted.
    if is_quote(quote) && bytes.get(start + 1) == Some(&quote) {
        start += 1;
    }
    if is_quote(quote) || quote == b'[' {
        let close = if quote == b'[' { b']' } else { quote };
        // The fragment may hold quotes of its own: where the place is told after it, it goes up to there.
        let line = boundary(text, bytes.len().min(start + LOOK_AHEAD));
        let told = text[start + 1..line].match_indices(char::from(close)).map(|(found, _)| start + 1 + found);
        let mut told = told.filter(|end| {
            let after = blanks(bytes, end + 1);
            word(bytes, after, "at").is_some_and(|at| goes_on(bytes, at, " line"))
                || goes_on(bytes, after, "(line")
        });
        let end = told
            .next_back()
            .or_else(|| find_byte(bytes, start + 1, |byte| byte == close))
            .unwrap_or_else(|| line_end(bytes, start));
        gone.push(start + 1..end);
        return Some(end + 1);
    }
    let about = [
        "line",
        "the",
        "end",
        "position",
        "column",
        "character",
        "offset",
        "pos",
        "index",
        "a",
        "real",
        "real-time",
    ];
    if about.iter().any(|about| word(bytes, start, about).is_some()) {
        return None;
    }
    // Bare, and after a word of syntax: the rest of the line is the fragment.
    let lead = &text[boundary(text, at.saturating_sub(40))..at];
    if lead.to_ascii_lowercase().contains("syntax") || is_statement(text, start) {
        let end = line_end(bytes, start);
        gone.push(start..end);
        return Some(end);
    }
    None
}

/// Data that a message quotes: `Duplicate entry 'x'`, `invalid input syntax for type integer: "x"`, `The value 'x' of the type`.
fn datum(text: &str, at: usize, gone: &mut Gone) -> Option<usize> {
    const LEADS: [&str; 12] = [
        "entry",
        "value",
        "values",
        "character string",
        "literal",
        "string",
        "convert",
        "cast",
        "parse",
        "input",
        "text",
        "mark after",
    ];
    let bytes = text.as_bytes();
    let told = ["invalid input", "out of range", "Token", "invalid byte sequence", "malformed array literal"];
    if let Some(end) = told.iter().find_map(|told| word(bytes, at, told)) {
        // To the quoted value at the end of it, or right after it.
        let line = line_end(bytes, end).min(boundary(text, bytes.len().min(end + LOOK_AHEAD)));
        let right_after =
            goes_on(bytes, end, " \"").then_some(end + 1).filter(|_| goes_on(bytes, at, "Token"));
        let open = right_after.or_else(|| text[end..line].find(": \"").map(|found| end + found + 2))?;
        let found = quoted(text, open)?;
        gone.push(found.range);
        return Some(found.next);
    }
    // `CONTEXT:  COPY users, line 3, column email: "…"`, `JSON data, line 1: {"a":…`
    if let Some(end) = word(bytes, at, "JSON data") {
        let line = line_end(bytes, end);
        let open = text[end..line].find(": ").map(|found| end + found + 2)?;
        gone.push(open..line);
        return Some(line);
    }
    if let Some(end) = word(bytes, at, "column") {
        let name = skip(bytes, blanks(bytes, end), is_word);
        if goes_on(bytes, name, ": \"") {
            let found = quoted(text, name + 2)?;
            gone.push(found.range);
            return Some(found.next);
        }
    }
    if let Some(end) = word(bytes, at, "dup key") {
        let open = find_byte(bytes, end, |byte| byte == b'{' || byte == b'\n')
            .filter(|open| bytes[*open] == b'{')?;
        let close = find_byte(bytes, open, |byte| byte == b'}')?;
        gone.push(open + 1..close);
        return Some(close);
    }
    // `DECLARE @p0 nvarchar(20) = N'…'`
    if goes_on(bytes, at, "DECLARE @") {
        let line = line_end(bytes, at);
        let open = text[at..line].find('=').map(|found| at + found + 1)?;
        gone.push(open..line);
        return Some(line);
    }
    // As Hibernate logs them: `binding parameter [1] as [VARCHAR] - [x]`.
    if let Some(end) = word(bytes, at, "binding parameter") {
        let line = line_end(bytes, end);
        let open = text[end..line].find("- [").map(|found| end + found + 3)?;
        gone.push(open..open + text[open..line].rfind(']').unwrap_or(line - open));
        return Some(line);
    }
    let end = LEADS.iter().find_map(|lead| word(bytes, at, lead))?;
    let mut open = blanks(bytes, end);
    // `value: "…"` is a field of something else, unless it is said in a sentence: `Incorrect integer value: '…'`.
    let said = before(bytes, at) == Some(b' ') && at >= 2 && bytes[at - 2].is_ascii_alphabetic();
    let colon =
        said || ["string", "convert", "cast", "parse", "literal"].iter().any(|lead| goes_on(bytes, at, lead));
    if colon && bytes.get(open) == Some(&b':') {
        open = blanks(bytes, open + 1);
    }
    let is_open = open > end && bytes.get(open).copied().is_some_and(|byte| byte == b'\'' || byte == b'"');
    let found = is_open.then(|| quoted(text, open))??;
    // `Failed to parse 'databricks.yml'`
    if is_file(&text[found.range.clone()]) {
        return None;
    }
    gone.push(found.range);
    Some(found.next)
}

/// The name of a file, or a path to one.
fn is_file(shown: &str) -> bool {
    let extension = shown.rsplit_once('.').map(|(_, extension)| extension);
    !shown.contains([' ', '@'])
        && extension.is_some_and(|extension| {
            (1..=8).contains(&extension.len()) && extension.bytes().all(|byte| byte.is_ascii_alphabetic())
        })
}

/// `Key (passport_no)=(XK4471902) already exists`, `Failing row contains (1, x)`.
fn key_and_row(text: &str, at: usize, gone: &mut Gone) -> Option<usize> {
    let bytes = text.as_bytes();
    let after_sign = bytes[..at].ends_with(b")=");
    let row = ["contains ", "VALUES ", "values ", "VALUES", "value is ", "row is "]
        .iter()
        .any(|lead| bytes[..at].ends_with(lead.as_bytes()));
    if !after_sign && !row {
        return None;
    }
    let end = find_byte(bytes, at, |byte| byte == b'\n')
        .unwrap_or_else(|| boundary(text, bytes.len().min(at + LOOK_AHEAD)));
    let inside = &text[at + 1..end];
    let told = [") already exists", ") is not present", ") conflicts", ") is still referenced"];
    let close = if after_sign {
        told.iter().find_map(|told| inside.find(told)).or_else(|| inside.find(')'))
    } else {
        inside.rfind(')')
    };
    let close = at + 1 + close.unwrap_or(inside.len());
    gone.push(at + 1..close);
    Some(close)
}

/// A statement in the text: it goes, to the end of its quotes, its bracket, or its lines.
fn statement(text: &str, at: usize, gone: &mut Gone) -> Option<usize> {
    if !is_statement(text, at) {
        return None;
    }
    let bytes = text.as_bytes();
    let opened = before(bytes, at).filter(|byte| is_quote(*byte) || matches!(byte, b'(' | b'['));
    let end = match opened {
        Some(quote) if is_quote(quote) => last_quote(text, at, quote),
        _ => lines(text, at),
    };
    gone.push(at..end);
    // `('SELECT …', ['x', 1])`
    let next = skip(bytes, end, |byte| is_quote(byte) || byte == b',' || byte == b' ');
    if next > end
        && bytes[end..next].contains(&b',')
        && matches!(bytes.get(next), Some(b'[' | b'(' | b'{'))
        && let Some(bound) = value(text, next, Sign::Equals, Place::Text)
    {
        gone.push(bound.range);
        return Some(bound.next);
    }
    Some(end)
}

/// The quote that ends a statement: literals in it may be in quotes of the same kind, so the last one that can.
fn last_quote(text: &str, at: usize, quote: u8) -> usize {
    let bytes = text.as_bytes();
    let line = find_byte(bytes, at, |byte| byte == b'\n').unwrap_or(bytes.len().min(at + LOOK_AHEAD));
    let ends = |end: &usize| {
        bytes
            .get(end + 1)
            .copied()
            .is_none_or(|next| next.is_ascii_whitespace() || b",.;:)]}>".contains(&next))
    };
    let quotes = || (at..line).filter(|end| bytes[*end] == quote);
    // An even number of quotes are those of literals; the one after them closes.
    let mut open = false;
    for end in quotes() {
        let closes = !open && ends(&end);
        let opens_literal = before(bytes, end).is_some_and(|byte| b" =(,".contains(&byte)) && !ends(&end);
        if open || opens_literal {
            open = !open;
        } else if closes {
            return end;
        }
    }
    quotes().next_back().unwrap_or(line_end(bytes, at))
}

/// The end of a statement that isn't in quotes: its line, and those that go on with it.
fn lines(text: &str, at: usize) -> usize {
    const GOES_ON: [&str; 20] = [
        "FROM", "WHERE", "AND", "OR", "JOIN", "LEFT", "INNER", "RIGHT", "GROUP", "ORDER", "LIMIT", "SET",
        "VALUES", "ON", "HAVING", "UNION", "SELECT", "WHEN", "USING", "CASE",
    ];
    let bytes = text.as_bytes();
    let mut end = line_end(bytes, at);
    loop {
        let next = skip(bytes, end, |byte| byte == b'\r').min(bytes.len());
        let line = match bytes.get(next) {
            Some(b'\n') => next + 1,
            _ => break,
        };
        let first = blanks(bytes, line);
        let content = &text[first..line_end(bytes, first)];
        let more = GOES_ON.iter().any(|keyword| word(bytes, first, keyword).is_some());
        let indented = first > line && !content.is_empty() && !content.contains('^') && !is_frame(content);
        if !more && !indented && bytes.get(first) != Some(&b')') {
            break;
        }
        end = line_end(bytes, first);
    }
    // `[SQL: …]`
    let statement = text[at..end].trim_end();
    let bracketed = statement.ends_with(']') && !statement.contains('[');
    at + statement.len() - usize::from(bracketed)
}

/// Whether a statement starts there: a verb, and what its grammar wants after it. In small letters, more of it must be there.
fn is_statement(text: &str, at: usize) -> bool {
    let bytes = text.as_bytes();
    let end = skip(bytes, at, is_word);
    let verb = &text[at..end];
    let shouted = verb.bytes().all(|byte| byte.is_ascii_uppercase());
    const VERBS: [&str; 20] = [
        "SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "MERGE", "WITH", "CREATE", "ALTER", "DROP",
        "TRUNCATE", "COPY", "CALL", "EXEC", "EXECUTE", "GRANT", "REVOKE", "SELEC", "SELCT", "SLECT",
    ];
    if !VERBS.iter().any(|known| known.eq_ignore_ascii_case(verb)) {
        return false;
    }
    let next = spaces(bytes, end);
    if next == end {
        return false;
    }
    // What is printed prettily goes over some lines.
    const REACH: usize = 400;
    let rest = text[next..boundary(text, bytes.len().min(next + REACH))].replace(['\n', '\r', '\t'], " ");
    let first = &rest[..boundary(&rest, rest.len().min(100))];
    // `SELECT DISTINCT, ORDER BY expressions must appear`, `CREATE TABLE AS SELECT is not supported`
    let said = [
        " must ",
        " is not ",
        " are not ",
        " cannot ",
        " not supported",
        " is only ",
        " is required",
        " is allowed",
    ];
    if said.iter().any(|said| first.contains(said)) && !first.contains(['=', ';', '*', '\'']) {
        return false;
    }
    let follows = |words: &[&str]| words.iter().any(|with| word(bytes, next, with).is_some());
    let lower = rest.to_ascii_lowercase();
    let any = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    let data = || rest.contains(['=', '\'', '(', '*', '"', ';', '?']);
    let objects = [
        "TABLE",
        "VIEW",
        "USER",
        "SCHEMA",
        "DATABASE",
        "CATALOG",
        "FUNCTION",
        "OR",
        "TEMPORARY",
        "EXTERNAL",
        "ROLE",
        "INDEX",
        "TEMP",
        "VOLUME",
        "LOGIN",
    ];
    // `Operation CREATE USER failed` speaks of a statement.
    let spoken = [
        "failed",
        "fails",
        "is",
        "was",
        "not",
        "privilege",
        "privileges",
        "permission",
        "permissions",
        "statement",
        "statements",
        "command",
        "commands",
        "access",
        "denied",
        "operation",
        "on",
    ];
    let second = skip(bytes, next, is_word);
    if shouted
        && [next, blanks(bytes, second)].iter().any(|at| {
            spoken.iter().any(|with| word(bytes, *at, with).is_some() && text[*at..].starts_with(with))
        })
    {
        return false;
    }
    let is = match verb.to_ascii_uppercase().as_str() {
        "SELECT" => {
            let privilege = [
                "on",
                "privilege",
                "privileges",
                "permission",
                "permissions",
                "access",
                "statement",
                "statements",
                "query",
                "queries",
                "is",
                "was",
                "or",
                "and",
                "to",
            ];
            !follows(&privilege) && (shouted || (selects(&lower) && data()))
        }
        "INSERT" => follows(&["INTO", "OVERWRITE"]) && (shouted || data()),
        "REPLACE" => follows(&["INTO"]) && shouted,
        "UPDATE" => any(&[" set "]) && (shouted || (updates(&lower) && data())),
        "DELETE" => (follows(&["FROM"]) || (shouted && any(&[" from "]))) && (shouted || data()),
        "MERGE" => follows(&["INTO"]) && (shouted || any(&["using"])),
        "WITH" => any(&[" as ("]) && (shouted || data()),
        "CREATE" | "ALTER" | "DROP" | "TRUNCATE" => {
            follows(&objects) && has_object(bytes, next) && (shouted || data())
        }
        "COPY" => (follows(&["INTO"]) || any(&[" from ", " to "])) && shouted,
        "CALL" | "EXEC" | "EXECUTE" => shouted && data(),
        "GRANT" | "REVOKE" => shouted && any(&[" to ", " from ", " on "]),
        "SELEC" | "SELCT" | "SLECT" => true,
        _ => false,
    };
    is && !rest.is_empty()
}

/// Whether the object of a statement such as `DROP TABLE IF EXISTS x` is there, and it isn't only spoken of.
fn has_object(bytes: &[u8], at: usize) -> bool {
    const BEFORE: [&str; 8] = ["IF", "NOT", "EXISTS", "OR", "REPLACE", "TEMPORARY", "TEMP", "EXTERNAL"];
    let mut at = at;
    // The kind of object, and what may stand around it.
    for _ in 0..BEFORE.len() {
        let end = skip(bytes, at, is_word);
        at = blanks(bytes, end);
        if !BEFORE
            .iter()
            .any(|word_before| word(bytes, at, word_before).is_some() && bytes[at].is_ascii_uppercase())
        {
            break;
        }
    }
    let spoken = ["or", "and", "is", "was", "on", "to"].iter().any(|with| word(bytes, at, with).is_some());
    !spoken && bytes.get(at).copied().is_some_and(|byte| is_word(byte) || is_quote(byte) || byte == b'[')
}

/// Whether what follows `select` in small letters is a list of columns and a table: `a, b from t`, and not `one from the list`.
fn selects(rest: &str) -> bool {
    let Some((columns, table)) = rest.split_once(" from ") else { return false };
    let articles = ["the ", "a ", "an ", "this ", "your ", "our ", "these ", "those ", "that "];
    let is_column = |column: &str| {
        column.split_whitespace().count() <= 1
            || column.contains(['(', '*', '.', '"', '\''])
            || column.contains(" as ")
    };
    !articles.iter().any(|article| table.starts_with(article)) && columns.split(',').all(is_column)
}

/// Whether what follows `update` is a table, perhaps with an alias, and an assignment.
fn updates(rest: &str) -> bool {
    rest.split_once(" set ")
        .is_some_and(|(table, set)| table.split_whitespace().count() <= 2 && set.contains('='))
}
