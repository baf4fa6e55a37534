//! Who and where: users in URLs, e-mail addresses, user names in paths, servers in UNC paths, IP addresses.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::Gone;
use super::scan::{LOOK_AHEAD, before, boundary, find as find_byte, goes_on, is_quote, is_word, skip};

pub(super) fn find(text: &str, gone: &mut Gone) {
    let bytes = text.as_bytes();
    // Up to where an `@` has been dealt with.
    let mut seen = 0;
    for at in 0..bytes.len() {
        match bytes[at] {
            b':' if goes_on(bytes, at, "://") => seen = seen.max(authority(text, at + 3, gone)),
            b'@' if at >= seen => seen = email(text, at, seen, gone),
            b'/' => home(text, at, gone),
            b'\\' => {
                unc(text, at, gone);
                home(text, at, gone);
            }
            b'~' => tilde(text, at, gone),
            _ => {}
        }
    }
    addresses(text, gone);
}

/// Takes user and password of a URL; the place after them.
fn authority(text: &str, at: usize, gone: &mut Gone) -> usize {
    let bytes = text.as_bytes();
    let is_end = |byte: u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'`' | b'<' | b'>');
    let end = find_byte(bytes, at, is_end).unwrap_or(bytes.len().min(at + LOOK_AHEAD));
    let Some(sign) = bytes[at..end].iter().rposition(|byte| *byte == b'@').map(|sign| at + sign) else {
        // A path that is e-mailed has its `@` elsewhere.
        return at;
    };
    let colon = bytes[at..sign].iter().position(|byte| *byte == b':').map(|colon| at + colon);
    // With a colon before the `@`, what else ends an authority may be of the password.
    let ends = |byte: &u8| *byte == b'/' || (colon.is_none() && matches!(byte, b'?' | b'#'));
    let slash = bytes[at..end].iter().position(ends).map_or(end, |slash| at + slash);
    let (start, sign) = if sign < slash {
        (at, sign)
    } else {
        // The `@` of the authority, or one in the path; a password may hold a slash, but a port is a number.
        match bytes[at..slash].iter().rposition(|byte| *byte == b'@') {
            Some(inside) => (at, at + inside),
            None => match colon.filter(|colon| *colon < slash) {
                Some(colon) if bytes[colon + 1..slash].iter().any(|byte| !byte.is_ascii_digit()) => {
                    (at, sign)
                }
                _ => return at,
            },
        }
    };
    // User and password apart, so that it still shows which there were.
    match bytes[start..sign].iter().position(|byte| *byte == b':').map(|colon| start + colon) {
        Some(colon) => {
            gone.push(start..colon);
            gone.push(colon + 1..sign);
        }
        None => gone.push(start..sign),
    }
    sign + 1
}

/// Takes an e-mail address, or a user and what follows it, around an `@`; the place after it.
fn email(text: &str, sign: usize, seen: usize, gone: &mut Gone) -> usize {
    let bytes = text.as_bytes();
    let local = |byte: &u8| is_word(*byte) || b".%+-'!#$&*=?^{|}~".contains(byte) || !byte.is_ascii();
    let reach = |at: usize, such: &dyn Fn(&u8) -> bool| {
        at - bytes[seen.min(at)..at].iter().rev().take(LONGEST).take_while(|byte| such(byte)).count()
    };
    // `'user'@'host'`
    if before(bytes, sign) == Some(b'\'') && bytes.get(sign + 1) == Some(&b'\'') {
        let open = reach(sign - 1, &|byte| !matches!(byte, b'\'' | b'\n'));
        gone.push(boundary(text, open)..sign - 1);
        return sign + 1;
    }
    let mut start = reach(sign, &local);
    start = skip(bytes, start, |byte| b"'=$&{*?!".contains(&byte));
    // `key=user@host`: the key stays.
    if let Some(equals) = bytes[start..sign].iter().rposition(|byte| matches!(byte, b'=' | b'&' | b'\'')) {
        start += equals + 1;
    }
    if start >= sign {
        return sign + 1;
    }
    let end = skip(bytes, sign + 1, |byte| is_word(byte) || matches!(byte, b'.' | b'-') || !byte.is_ascii());
    let mut end = sign + 1 + text[sign + 1..end].trim_end_matches(['.', '-']).len();
    let domain = &text[sign + 1..end];
    // `scott/tiger@//host:1521/service`
    let of_oracle = domain.is_empty() && goes_on(bytes, sign + 1, "//");
    if (domain.is_empty() && !of_oracle)
        || is_object(domain)
        || is_version(domain)
        || &text[start..sign] == "git"
    {
        return end.max(sign + 1);
    }
    // `user:p/w@tcp(host:3306)/db`, `user:password@host` and `scott/tiger@host`, without a scheme.
    match without_scheme(text, seen, sign, end) {
        Some(from) => (start, end) = (from, sign),
        None => {
            if let Some(b'/') = before(bytes, start) {
                let more = reach(start - 1, &|byte| is_word(*byte) || b".%+-".contains(byte));
                let whole = before(bytes, more).is_none_or(|byte| byte != b'/' && byte != b'.');
                if more < start - 1 && whole {
                    (start, end) = (more, sign);
                }
            }
        }
    }
    gone.push(boundary(text, start)..if of_oracle { sign } else { end });
    end.max(sign + 1)
}

/// Where `user:password` before an `@` starts, if that is what it is: a name, a colon, anything, and the name of a host or a protocol
/// after the `@`.
fn without_scheme(text: &str, seen: usize, sign: usize, end: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let such =
        |byte: &u8| !byte.is_ascii_whitespace() && !matches!(byte, b'"' | b'\'' | b'`' | b',' | b'<' | b'>');
    let length = bytes[seen.min(sign)..sign].iter().rev().take(LONGEST).take_while(|byte| such(byte)).count();
    let mut start = sign - length;
    // `dsn=user:…`
    if let Some(equals) = bytes[start..sign].iter().position(|byte| *byte == b'=') {
        let colon = bytes[start..sign].iter().position(|byte| *byte == b':').unwrap_or(0);
        if equals < colon {
            start += equals + 1;
        }
    }
    let name = skip(bytes, start, |byte| is_word(byte) || matches!(byte, b'.' | b'-' | b'%' | b'\\'));
    let is_host = bytes.get(end) == Some(&b'(')
        || text[sign + 1..end].contains('.')
        || matches!(bytes.get(end), Some(b':' | b'/'));
    let is_pair =
        name > start && bytes.get(name) == Some(&b':') && name + 1 < sign && !goes_on(bytes, name, "://");
    (is_pair && is_host && !is_scheme(&text[start..name])).then_some(start)
}

/// How long a local part may be.
const LONGEST: usize = 256;

/// What Java gives an object instead of a name: `Object@1b2c3d4`.
fn is_object(domain: &str) -> bool {
    domain.len() >= 4 && domain.len() <= 16 && domain.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// `@babel/core@7.24.0`, `go-module@v1.2.3`.
fn is_version(domain: &str) -> bool {
    let number = domain.strip_prefix('v').unwrap_or(domain);
    // An image's digest.
    if domain == "sha256" {
        return true;
    }
    number.parse::<Ipv4Addr>().is_err()
        && (number.starts_with(|first: char| first.is_ascii_digit())
            || matches!(domain, "latest" | "main" | "master"))
}

fn is_scheme(word: &str) -> bool {
    matches!(
        word,
        "mailto" | "user" | "email" | "User" | "Email" | "from" | "to" | "principal" | "sip" | "acct"
    )
}

/// Directories that hold one directory per user.
const HOMES: [&str; 8] =
    ["home", "Users", "users", "Documents and Settings", "user", "Home", "homes", "USERS"];

/// Accounts that images and services are shipped with: nobody's name.
const NOBODY: [&str; 15] = [
    "site",
    "runner",
    "ubuntu",
    "ec2-user",
    "hadoop",
    "spark",
    "app",
    "node",
    "vscode",
    "jenkins",
    "airflow",
    "jovyan",
    "circleci",
    "root",
    "linuxbrew",
];

/// Takes the user's name out of a path: at the separator before the directory of homes.
fn home(text: &str, at: usize, gone: &mut Gone) {
    let bytes = text.as_bytes();
    let Some(directory) = HOMES.iter().find(|home| text[at + 1..].starts_with(**home)) else { return };
    let after = at + 1 + directory.len();
    let separator = match bytes.get(after) {
        Some(separator @ (b'/' | b'\\')) => *separator,
        _ => return,
    };
    // Escaped separators are two.
    let start = skip(bytes, after, |byte| byte == separator);
    // `/api/users/42` is a route, `/user/hive/warehouse` everyone's.
    let rooted = match before(bytes, at) {
        None => true,
        Some(byte) if bytes[at] == b'/' => {
            !is_word(byte) || matches!(*directory, "Users" | "user") || is_root(bytes, at)
        }
        Some(byte) => matches!(byte, b':' | b'\\' | b'/') || is_root(bytes, at),
    };
    let everyone = ["hive/", "Shared/", "Public/", "Public\\", "Default/", "Default\\", "linuxbrew/"];
    if !rooted || everyone.iter().any(|name| text[start..].starts_with(name)) {
        return;
    }
    // Below the host of a file system: `hdfs://namenode:8020/user/ann`.
    let far = text[boundary(text, at.saturating_sub(128))..at]
        .rsplit([' ', '"', '\'', '\n'])
        .next()
        .unwrap_or_default();
    let of_store = far
        .split_once("://")
        .is_some_and(|(scheme, host)| !scheme.starts_with("http") && !host.contains('/'));
    if matches!(*directory, "user" | "users")
        && bytes[at] == b'/'
        && before(bytes, at).is_some_and(is_word)
        && !of_store
        && !is_root(bytes, at)
    {
        return;
    }
    let mut end = component(text, start, separator);
    // `/home/users/ann` speaks for itself; `/home/DOMAIN/ann` has two names.
    if HOMES.contains(&&text[start..end]) && bytes.get(end) == Some(&separator) {
        return;
    }
    let domain = &text[start..end];
    if domain.len() > 1
        && domain.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'.')
        && bytes.get(end) == Some(&separator)
    {
        end = component(text, end + 1, separator);
    }
    if end > start && !NOBODY.contains(&&text[start..end]) {
        gone.push(start..end);
    }
}

/// `/mnt/c`, `/var`, `/export`, `C:`, `/Workspace`, `file:` and their likes.
fn is_root(bytes: &[u8], at: usize) -> bool {
    const ROOTS: [&str; 17] = [
        "/mnt/c",
        "/mnt/d",
        "/var",
        "/export",
        "/Workspace",
        "file:",
        "/c",
        "/nfs",
        "/System/Volumes/Data",
        "/data",
        "/dbfs",
        "/home",
        "/efs",
        "/u01",
        "+ubuntu",
        "$\\Ubuntu",
        "localhost\\Ubuntu",
    ];
    ROOTS.iter().any(|root| bytes[..at].ends_with(root.as_bytes()))
}

/// The end of a path's component: spaces are of it where another separator follows soon.
fn component(text: &str, start: usize, separator: u8) -> usize {
    const LONGEST: usize = 64;
    let bytes = text.as_bytes();
    let ends = |at: usize| {
        let byte = bytes[at];
        // An apostrophe in a name.
        let inside = byte == b'\''
            && at > start
            && bytes[at - 1].is_ascii_alphanumeric()
            && bytes.get(at + 1).is_some_and(u8::is_ascii_alphabetic);
        byte.is_ascii_whitespace()
            || (is_quote(byte) && !inside)
            || matches!(byte, b'/' | b'\\' | b':' | b',' | b';' | b')' | b']' | b'>' | b'<' | b'|')
    };
    let plain = (start..bytes.len()).find(|at| ends(*at)).unwrap_or(bytes.len());
    if bytes.get(plain) != Some(&b' ') {
        return trimmed(text, start, plain);
    }
    let end = boundary(text, bytes.len().min(plain + LONGEST));
    let wide = (plain..end).find(|at| {
        bytes[*at] != b' '
            && !bytes[*at].is_ascii_alphanumeric()
            && (ends(*at) || matches!(bytes[*at], b'(' | b'['))
    });
    match wide {
        Some(wide) if bytes[wide] == separator && bytes[wide - 1] != b' ' => wide,
        _ => trimmed(text, start, plain),
    }
}

fn trimmed(text: &str, start: usize, end: usize) -> usize {
    start + text[start..end].trim_end_matches('.').len()
}

/// `~user/`.
fn tilde(text: &str, at: usize, gone: &mut Gone) {
    let bytes = text.as_bytes();
    if before(bytes, at)
        .is_some_and(|byte| !byte.is_ascii_whitespace() && !is_quote(byte) && !matches!(byte, b'=' | b'/'))
    {
        return;
    }
    let end = skip(bytes, at + 1, |byte| is_word(byte) || matches!(byte, b'.' | b'-'));
    if end > at + 1 && bytes.get(end) == Some(&b'/') {
        gone.push(at + 1..end);
    }
}

/// Takes server, share and directories of `\\server\share\directory\file`, and leaves the file's name.
fn unc(text: &str, at: usize, gone: &mut Gone) {
    let bytes = text.as_bytes();
    let preceded = before(bytes, at)
        .is_some_and(|byte| !byte.is_ascii_whitespace() && !is_quote(byte) && !b"=([{<,;:>".contains(&byte));
    if !goes_on(bytes, at, "\\\\") || preceded || before(bytes, at) == Some(b'\\') {
        return;
    }
    let mut start = skip(bytes, at, |byte| byte == b'\\');
    let width = start - at;
    if !matches!(width, 2 | 4 | 8)
        || (before(bytes, at) == Some(b':') && at >= 2 && is_word(bytes[at - 2]) && !is_word_at(bytes, at, 3))
    {
        return;
    }
    for prefix in ["?\\UNC\\", "?\\\\UNC\\\\", ".\\", "?\\"] {
        if text[start..].starts_with(prefix) {
            if !prefix.contains("UNC") {
                return;
            }
            start += prefix.len();
            break;
        }
    }
    // To the last separator before the path's end; spaces may stand inside, but not after a separator.
    let is_end = |byte: u8| {
        is_quote(byte)
            || matches!(
                byte,
                b'\n' | b'\r' | b'\t' | b'<' | b'>' | b'|' | b'*' | b'?' | b'"' | b',' | b';' | b')'
            )
    };
    let end = skip(bytes, start, |byte| !is_end(byte) && byte != b' ');
    let end = match bytes.get(end) {
        Some(b' ') => {
            // A directory with a space in it: more of the path follows.
            let wide = skip(bytes, end, |byte| !is_end(byte) && byte != b':');
            let further = bytes[end..wide].iter().rposition(|byte| *byte == b'\\').map(|last| end + last);
            further
                .filter(|last| bytes[last - 1] != b' ' && last - end < 200)
                .map_or(end, |last| skip(bytes, last, |byte| !is_end(byte) && byte != b' '))
        }
        _ => end,
    };
    let parts = bytes[start..end].iter().filter(|byte| **byte == b'\\').count();
    if parts == 0 || end == start || !is_word(bytes[start]) && bytes[start].is_ascii() {
        return;
    }
    let last = bytes[start..end].iter().rposition(|byte| *byte == b'\\').map_or(end, |last| start + last);
    // `\\server\share` alone has no file.
    let name = &text[last + 1..end];
    let only_share = bytes[start..last].iter().all(|byte| *byte != b'\\');
    let to = if only_share || !name.contains('.') { end } else { last };
    gone.push(start..to);
}

/// Whether the byte that many places before is part of a word: `re:\\` against `C:\\`.
fn is_word_at(bytes: &[u8], at: usize, back: usize) -> bool {
    at.checked_sub(back).is_some_and(|at| is_word(bytes[at]))
}

/// Takes IP addresses, old and new.
fn addresses(text: &str, gone: &mut Gone) {
    let bytes = text.as_bytes();
    let is_part = |byte: u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let mut at = 0;
    while at < bytes.len() {
        if goes_on(bytes, at, "ip-") && before(bytes, at).is_none_or(|byte| !is_word(byte)) {
            let end = skip(bytes, at + 3, |byte| byte.is_ascii_digit() || byte == b'-');
            if text[at + 3..end].trim_end_matches('-').replace('-', ".").parse::<Ipv4Addr>().is_ok() {
                gone.push(at + 3..at + 3 + text[at + 3..end].trim_end_matches('-').len());
                at = end;
                continue;
            }
        }
        if !is_part(bytes[at]) {
            at += 1;
            continue;
        }
        let end = skip(bytes, at, is_part);
        // What a letter stands beside is a name, up to a colon: `std::fs`, `v1.2.3.4`, `ipv4:10.0.0.1`.
        let start = match before(bytes, at).filter(|byte| is_word(*byte)) {
            Some(_) => bytes[at..end].iter().position(|byte| *byte == b':').map(|colon| at + colon + 1),
            None => Some(at),
        };
        let open = bytes.get(end).is_some_and(u8::is_ascii_alphanumeric);
        let stop = if open {
            bytes[at..end].iter().rposition(|byte| *byte == b':').map(|colon| at + colon)
        } else {
            Some(end)
        };
        if let (Some(start), Some(stop)) = (start, stop)
            && start < stop
        {
            address(text, start, stop, start == at && stop == end, gone);
        }
        at = end.max(at + 1);
    }
}

/// Takes the addresses of a run; a new one only where the run stands alone.
fn address(text: &str, start: usize, end: usize, alone: bool, gone: &mut Gone) {
    let run = text[start..end].trim_end_matches('.');
    let lead = run.len() - run.trim_start_matches(['.']).len();
    let (start, run) = (start + lead, &run[lead..]);
    let run = run.strip_suffix("::").map_or(run.trim_end_matches(':'), |_| run);
    if alone && is_v6(run) {
        gone.push(start..start + run.len());
        return;
    }
    // A port, or what came before: `::ffff:10.0.0.1` is read above, `addr:10.0.0.1:443` here.
    let mut at = start;
    for part in run.split(':') {
        let is_v4 = part.parse::<Ipv4Addr>().is_ok();
        if is_v4 && !is_release(text, at, at + part.len()) {
            gone.push(at..at + part.len());
        } else if alone && is_v6_with_port(run) {
            gone.push(start..start + run.len());
            return;
        }
        at += part.len() + 1;
    }
}

fn is_v6(run: &str) -> bool {
    let colons = run.bytes().filter(|byte| *byte == b':').count();
    let digits = run.bytes().any(|byte| byte.is_ascii_digit());
    colons >= 2 && (digits || colons >= 5) && run.parse::<Ipv6Addr>().is_ok()
}

/// An address that a port was put to without brackets.
fn is_v6_with_port(run: &str) -> bool {
    run.rsplit_once(':').is_some_and(|(address, port)| {
        port.len() > 4 - usize::from(port.len() == 4)
            && port.bytes().all(|byte| byte.is_ascii_digit())
            && is_v6(address)
    })
}

/// Versions have four numbers too: `2.6.29.1049` doesn't parse, `1.2.3.4-rc1` does.
fn is_release(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    const TAGS: [&str; 9] = ["rc", "beta", "alpha", "snapshot", "dev", "pre", "build", "preview", "release"];
    let tagged = (bytes.get(end) == Some(&b'-') && TAGS.iter().any(|tag| goes_on(bytes, end + 1, tag)))
        || bytes.get(end) == Some(&b'+');
    let lead = text[..start].trim_end_matches([' ', ':', '=', '"', '\'']);
    let last = lead.rsplit(|byte: char| !byte.is_ascii_alphanumeric()).next().unwrap_or_default();
    let named = ["version", "release", "build", "ver"].iter().any(|word| last.eq_ignore_ascii_case(word));
    // `Chrome/120.0.0.0`, but not `host.com/10.0.0.1` or `/10.0.0.1`.
    let private = text[start..end]
        .parse::<Ipv4Addr>()
        .is_ok_and(|address| address.is_private() || address.is_loopback() || address.is_link_local());
    let product = !private && before(bytes, start) == Some(b'/') && {
        let name_end = start - 1;
        let name = bytes[..name_end]
            .iter()
            .rev()
            .take(32)
            .take_while(|byte| is_word(**byte) || **byte == b'-')
            .count();
        let first = bytes[name_end - name..name_end].first().copied();
        first.is_some_and(|first| first.is_ascii_uppercase()) && before(bytes, name_end - name) != Some(b'.')
    };
    tagged || named || product
}
