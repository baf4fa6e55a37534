//! The same as the page shows, as text.

use std::fmt::Write;

use crate::store::Store;
use crate::store::counts::{BOUNDS, Distribution, Names};
use crate::store::statements::{Statement, Which};
use crate::text::plain;

/// Rows of a list; of more, how many there are is said.
const ROWS: usize = 20;

/// Characters of a text in a row.
const WIDTH: usize = 60;

/// All of it. Texts of others are shown in a way that no terminal obeys.
pub(crate) fn of(store: &Store) -> String {
    let mut out = String::new();
    // Writing to a string never fails.
    _ = now(&mut out, store);
    _ = requests(&mut out, store);
    _ = statements(&mut out, store);
    _ = fields(&mut out, store);
    _ = books(&mut out, store);
    out
}

fn now(out: &mut String, store: &Store) -> std::fmt::Result {
    let counts = &store.counts;
    writeln!(out, "NOW")?;
    writeln!(
        out,
        "{} records in {} requests ({} bytes), {} of them statements, {} with an error.",
        counts.records, counts.requests, counts.bytes, counts.statements, counts.errors
    )?;
    for (count, what) in [
        (counts.again, "records were sent again, under the same id"),
        (counts.unreadable, "records can't be read"),
        (counts.left_out, "records are of requests with more than are read"),
        (counts.broken, "bodies are no envelope"),
        (counts.strange_lines, "lines of the file are no requests, or too long"),
        (counts.not_kept, "requests could not be kept"),
        (counts.missed, "requests, or files that were set aside, were missed"),
        (counts.forgotten, "requests are held no longer: raise --memory to see them"),
    ] {
        if count > 0 {
            writeln!(out, "{count} {what}.")?;
        }
    }
    names(out, "drivers", &counts.drivers)?;
    names(out, "errors", &counts.error_names)?;
    distribution(out, "latency of statements", &counts.latency)?;
    distribution(out, "slowest chunk of a statement", &counts.chunk_latency)?;
    if counts.chunks_there + counts.chunks_read > 0 {
        writeln!(out, "\nchunks: {} there, {} read", counts.chunks_there, counts.chunks_read)?;
    }
    Ok(())
}

fn names(out: &mut String, heading: &str, names: &Names) -> std::fmt::Result {
    let sorted = names.sorted();
    if sorted.is_empty() {
        return Ok(());
    }
    writeln!(out, "\n{heading}:")?;
    for (name, count) in sorted.iter().take(ROWS) {
        writeln!(out, "{count:>9}  {}", plain(name, WIDTH))?;
    }
    more(out, sorted.len())
}

fn more(out: &mut String, rows: usize) -> std::fmt::Result {
    if rows > ROWS { writeln!(out, "           … and {} more", rows - ROWS) } else { Ok(()) }
}

fn distribution(out: &mut String, heading: &str, times: &Distribution) -> std::fmt::Result {
    let most = times.counts.iter().max().copied().unwrap_or(0);
    if most == 0 {
        return Ok(());
    }
    let below = |percent| times.below(percent).unwrap_or(0);
    writeln!(
        out,
        "\n{heading}: half within {} ms, 95 % within {} ms, 99 % within {} ms, the longest {} ms",
        below(50),
        below(95),
        below(99),
        times.longest
    )?;
    for (bucket, count) in times.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let bound = BOUNDS.get(bucket).map_or("beyond".to_owned(), |bound| format!("≤ {bound} ms"));
        let bar = "#".repeat(usize::try_from(count * 40 / most).unwrap_or(0).max(1));
        writeln!(out, "{bound:>12}  {bar} {count}")?;
    }
    Ok(())
}

fn requests(out: &mut String, store: &Store) -> std::fmt::Result {
    writeln!(out, "\nREQUESTS, the latest first")?;
    let page = store.requests("", u64::MAX, 0, ROWS);
    for line in &page.lines {
        let authorised = match line.authenticated {
            Some(true) => "with credentials",
            Some(false) => "without credentials",
            None => "credentials not said",
        };
        writeln!(
            out,
            "{:>9}  {} {}{} · {authorised} · {} bytes · {} records · {}",
            line.number,
            plain(line.method, WIDTH),
            plain(line.host, WIDTH),
            plain(line.path, WIDTH),
            line.bytes,
            line.records,
            line.answer
        )?;
    }
    more(out, page.total)
}

fn statements(out: &mut String, store: &Store) -> std::fmt::Result {
    writeln!(out, "\nSTATEMENTS, the latest first")?;
    let page = store.statements.page(Which::All, "", u64::MAX, 0, ROWS);
    for line in &page.lines {
        writeln!(out, "{:>9}  {}", line.number, statement(line))?;
    }
    more(out, page.total)
}

fn statement(line: &Statement) -> String {
    let texts =
        [&line.operation, &line.kind, &line.result, &line.id].into_iter().filter(|text| !text.is_empty());
    let mut parts: Vec<String> = texts.map(|text| plain(text, WIDTH)).collect();
    for (what, ms) in [
        ("took", line.latency),
        ("queue", line.queue),
        ("ready", line.ready),
        ("chunks", line.chunks),
        ("consumed", line.consumed),
    ] {
        if let Some(ms) = ms {
            parts.push(format!("{what} {ms} ms"));
        }
    }
    parts.extend(line.errors.iter().take(3).map(|error| format!("failed: {}", plain(&error.name, WIDTH))));
    if parts.is_empty() { "a record that names no call".to_owned() } else { parts.join(" · ") }
}

fn fields(out: &mut String, store: &Store) -> std::fmt::Result {
    writeln!(out, "\nFIELDS that were seen")?;
    for row in store.fields.rows().iter().filter(|row| row.count > 0) {
        writeln!(out, "{:>9}  {} ({})", row.count, plain(&row.path, 2 * WIDTH), row.privacy)?;
        writeln!(out, "           {}", row.meaning)?;
        let values: Vec<_> = row
            .values
            .iter()
            .take(3)
            .map(|(value, count)| format!("{} ×{count}", plain(value, WIDTH)))
            .collect();
        let others = row.values.len().saturating_sub(3) as u64 + row.others;
        let others = if others > 0 { ", and others" } else { "" };
        writeln!(out, "           {}{others}", values.join(", "))?;
    }
    if store.fields.beyond() > 0 {
        writeln!(out, "{:>9}  fields more, of names that nobody knows", store.fields.beyond())?;
    }
    Ok(())
}

fn books(out: &mut String, store: &Store) -> std::fmt::Result {
    writeln!(out, "\nBOOKS")?;
    if store.books.is_empty() {
        writeln!(out, "The driver offers none.")?;
    }
    for books in store.books.values() {
        let dropped: Vec<_> =
            books.dropped.iter().map(|(reason, count)| format!("{count} {}", plain(reason, WIDTH))).collect();
        writeln!(
            out,
            "{}: {} made = {} accepted + {} written + {} dropped ({}) + {} held: {}",
            plain(&books.driver, WIDTH),
            books.made,
            books.accepted,
            books.written,
            books.dropped.values().fold(0_u64, |sum, count| sum.saturating_add(*count)),
            if dropped.is_empty() { "none".to_owned() } else { dropped.join(", ") },
            books.held,
            if books.balance() { "they balance" } else { "they don't balance" }
        )?;
    }
    Ok(())
}
