//! Tokens by their shape, and what looks drawn at random.

use std::ops::Range;

use super::Gone;
use super::scan::{before, is_token, is_word, skip};

/// What a token goes on with after its prefix.
#[derive(Clone, Copy)]
enum Alphabet {
    /// Hexadecimal digits.
    Hex,
    /// Capitals and digits.
    Upper,
    /// Letters and digits.
    Letters,
    /// Letters, digits, `_` and `-`: base64 for URLs.
    Url,
    /// What base64 and JWTs are made of, dots included.
    Any,
}

impl Alphabet {
    fn has(self, byte: u8) -> bool {
        match self {
            Alphabet::Hex => byte.is_ascii_hexdigit(),
            Alphabet::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Alphabet::Letters => byte.is_ascii_alphanumeric(),
            Alphabet::Url => byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-',
            Alphabet::Any => is_token(byte),
        }
    }
}

use Alphabet::{Any, Hex, Letters, Upper, Url};

/// Prefix, the characters that follow and how many at least, and whether the prefix is too ordinary to count inside a word.
const SHAPES: &[(&str, Alphabet, usize, bool)] = &[
    // Databricks: personal access tokens, OAuth secrets, and others of the family.
    ("dapi", Hex, 8, false),
    ("dose", Hex, 16, false),
    ("dkea", Hex, 16, false),
    ("dsapi", Hex, 16, false),
    // AWS access key ids, and the start of session tokens.
    ("AKIA", Upper, 12, false),
    ("ASIA", Upper, 12, false),
    ("AROA", Upper, 12, false),
    ("AIDA", Upper, 12, false),
    ("AGPA", Upper, 12, false),
    ("AIPA", Upper, 12, false),
    ("ANPA", Upper, 12, false),
    ("ANVA", Upper, 12, false),
    ("ABIA", Upper, 12, false),
    ("ACCA", Upper, 12, false),
    ("IQoJb3JpZ2lu", Any, 8, false),
    ("FwoGZXIv", Any, 8, false),
    // Google: API keys, access and refresh tokens, OAuth client secrets.
    ("AIza", Url, 20, false),
    ("ya29.", Any, 10, false),
    ("GOCSPX-", Url, 16, false),
    ("1//0", Url, 20, true),
    // GitHub, GitLab.
    ("ghp_", Letters, 16, false),
    ("gho_", Letters, 16, false),
    ("ghu_", Letters, 16, false),
    ("ghs_", Any, 16, false),
    ("ghr_", Letters, 16, false),
    ("github_pat_", Url, 16, false),
    ("glpat-", Any, 16, false),
    ("glptt-", Any, 16, false),
    ("gldt-", Any, 16, false),
    ("glrt-", Any, 16, false),
    ("glcbt-", Any, 16, false),
    ("glft-", Any, 16, false),
    ("glsoat-", Any, 16, false),
    ("glimt-", Any, 16, false),
    ("glagent-", Any, 16, false),
    ("GR1348941", Url, 16, false),
    // Slack.
    ("xoxb-", Url, 10, false),
    ("xoxp-", Url, 10, false),
    ("xoxa-", Url, 10, false),
    ("xoxr-", Url, 10, false),
    ("xoxs-", Url, 10, false),
    ("xoxo-", Url, 10, false),
    ("xoxe-", Url, 10, false),
    ("xoxc-", Url, 10, false),
    ("xoxd-", Any, 10, false),
    ("xoxe.", Any, 10, false),
    ("xapp-", Url, 10, false),
    ("hooks.slack.com/services/", Any, 8, false),
    ("hooks.slack.com/workflows/", Any, 8, false),
    // Registries.
    ("npm_", Letters, 20, false),
    ("pypi-", Url, 16, false),
    ("dckr_pat_", Url, 16, false),
    ("dckr_oat_", Url, 16, false),
    ("rubygems_", Hex, 20, false),
    // OpenAI and its likes, payment, mail, and others.
    ("sk-proj-", Url, 12, false),
    ("sk-ant-", Url, 12, false),
    ("sk-or-", Url, 12, false),
    ("sk-", Url, 20, true),
    ("sk_live_", Letters, 10, false),
    ("sk_test_", Letters, 10, false),
    ("rk_live_", Letters, 10, false),
    ("rk_test_", Letters, 10, false),
    ("pk_live_", Letters, 10, false),
    ("whsec_", Any, 16, false),
    ("hf_", Letters, 20, false),
    ("gsk_", Letters, 20, false),
    ("SG.", Any, 20, true),
    ("hvs.", Url, 16, true),
    ("hvb.", Url, 16, true),
    ("dop_v1_", Hex, 16, false),
    ("doo_v1_", Hex, 16, false),
    ("shpat_", Hex, 16, false),
    ("shpss_", Hex, 16, false),
    ("sq0atp-", Url, 16, false),
    ("sq0csp-", Url, 16, false),
    ("glsa_", Url, 16, false),
    ("glc_", Any, 20, false),
    ("ATATT3", Any, 20, false),
    ("ATBB", Letters, 20, false),
    ("lin_api_", Letters, 16, false),
    ("sntrys_", Any, 16, false),
    ("pul-", Hex, 20, true),
    ("NRAK-", Upper, 16, false),
    ("PMAK-", Url, 16, false),
    ("xkeysib-", Url, 16, false),
    ("AGE-SECRET-KEY-1", Upper, 16, false),
    ("EAACEdEose0cBA", Letters, 8, false),
    // JSON Web Tokens, whole or cut: `{"` in base64.
    ("eyJ", Any, 10, false),
];

/// For each first byte, the first shape that starts with it; and for each shape, the next that starts with the same. Past the
/// last: [`NONE`].
const CHAINS: ([u8; 128], [u8; SHAPES.len()]) = {
    let (mut first, mut next) = ([NONE; 128], [NONE; SHAPES.len()]);
    let mut shape = SHAPES.len();
    while shape > 0 {
        shape -= 1;
        let byte = SHAPES[shape].0.as_bytes()[0] as usize;
        next[shape] = first[byte];
        first[byte] = shape as u8;
    }
    (first, next)
};

const NONE: u8 = u8::MAX;

fn chain(byte: u8) -> impl Iterator<Item = &'static (&'static str, Alphabet, usize, bool)> {
    let mut shape = CHAINS.0.get(usize::from(byte)).copied().unwrap_or(NONE);
    std::iter::from_fn(move || {
        let found = SHAPES.get(usize::from(shape))?;
        shape = CHAINS.1[usize::from(shape)];
        Some(found)
    })
}

pub(super) fn find(text: &str, gone: &mut Gone) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !is_token(bytes[at]) {
            at += 1;
            continue;
        }
        let end = skip(bytes, at, is_token);
        let shaped = shapes(bytes, at, end, gone);
        if !shaped {
            random(bytes, at, end, gone);
        }
        at = end;
    }
}

/// Whether an id holds a token by its shape. UUIDs and hexadecimal numbers, as most ids are, are seen at a glance not to.
pub(crate) fn holds_token(id: &str) -> bool {
    let bytes = id.as_bytes();
    !bytes.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b'-')
        && shapes(bytes, 0, bytes.len(), &mut Gone::new())
}

/// Whether a run of token characters has a token in it; all of them go.
fn shapes(bytes: &[u8], start: usize, end: usize, gone: &mut Gone) -> bool {
    let mut found = false;
    let mut at = start;
    while at < end {
        match shape_at(bytes, at, end) {
            Some(range) => {
                at = range.end;
                gone.push(range);
                found = true;
            }
            None => at += 1,
        }
    }
    // Azure's client secrets have their mark inside.
    if let Some(mark) = bytes[start..end].windows(3).position(|w| w[0].is_ascii_digit() && &w[1..] == b"Q~") {
        let from = (start..start + mark).rev().find(|at| bytes[*at] == b'=').map_or(start, |at| at + 1);
        gone.push(from..end);
        found = true;
    }
    found
}

fn shape_at(bytes: &[u8], at: usize, end: usize) -> Option<Range<usize>> {
    let rest = &bytes[at..end];
    let (prefix, alphabet, least, _) = chain(bytes[at]).find(|(prefix, alphabet, least, ordinary)| {
        rest.starts_with(prefix.as_bytes())
            && !(*ordinary && before(bytes, at).is_some_and(is_word))
            && rest.len() >= prefix.len() + least
            && rest[prefix.len()..prefix.len() + least].iter().all(|byte| alphabet.has(*byte))
            && (!*ordinary || rest.iter().take(64).any(u8::is_ascii_digit))
    })?;
    let mut to = skip(bytes, at + prefix.len() + least, |byte| alphabet.has(byte)).min(end);
    // A version of the key may follow: `dapi…-2`.
    if matches!(alphabet, Hex) && bytes.get(to) == Some(&b'-') {
        to = skip(bytes, to + 1, |byte| byte.is_ascii_digit());
    }
    // Prose ends with a full stop.
    while matches!(alphabet, Any) && to > at && bytes[to - 1] == b'.' {
        to -= 1;
    }
    // Of a webhook's URL the host stays.
    let from = if prefix.ends_with('/') { at + prefix.len() } else { at };
    Some(from..to)
}

/// The shortest piece that is looked at, in bytes: what is shorter looks random too easily.
const SHORTEST: usize = 16;

/// The parts of a run that look drawn at random.
fn random(bytes: &[u8], start: usize, end: usize, gone: &mut Gone) {
    if end - start < SHORTEST {
        return;
    }
    // `key=value`, and a sentence's end.
    let (mut start, mut end) = (start, end);
    while end > start && matches!(bytes[end - 1], b'.' | b'-' | b'_' | b'~' | b'/') {
        end -= 1;
    }
    if let Some(sign) = bytes[start..end].iter().position(|byte| *byte == b'=') {
        let value = start + sign + 1;
        if value + SHORTEST <= end {
            start = value;
        }
    }
    let whole = &bytes[start..end];
    if is_base64(whole) {
        gone.push(start..end);
        return;
    }
    let mut at = start;
    while at < end {
        let to = skip(bytes, at, |byte| byte.is_ascii_alphanumeric() || byte == b'+').min(end);
        if is_random(&bytes[at..to]) {
            // What hangs on it is of it: base64 for URLs has `-` and `_`, and padding at its end.
            let from = (start..at).rev().find(|at| b"/.=~".contains(&bytes[*at])).map_or(start, |at| at + 1);
            let to = skip(bytes, to, |byte| byte.is_ascii_alphanumeric() || b"-_+=".contains(&byte)).min(end);
            gone.push(from..to);
        }
        at = to + 1;
    }
}

/// Long base64 with all that it is made of, also where a slash makes it look like a path: 40 characters is an AWS secret key.
fn is_base64(run: &[u8]) -> bool {
    const SHORTEST: usize = 32;
    if run.len() < SHORTEST || run.iter().any(|byte| b".-_~".contains(byte)) {
        return false;
    }
    let slashes = run.iter().filter(|byte| **byte == b'/').count();
    let padded = run.ends_with(b"=");
    let mix = Mix::of(run);
    let is_mixed = mix.lower > 0 && mix.upper > 0 && mix.digits > 0 && !mix.hex;
    is_mixed && mix.changes * 100 >= run.len() * if padded { 25 } else { 35 } && slashes * 8 <= run.len()
}

/// Whether letters and digits in one piece look drawn at random: words and names change between capitals, small letters and
/// digits seldom; digests are hexadecimal, and are no secrets by themselves.
fn is_random(piece: &[u8]) -> bool {
    if piece.len() < SHORTEST {
        return false;
    }
    let mix = Mix::of(piece);
    if mix.hex {
        return false;
    }
    let letters = mix.lower + mix.upper;
    let changes = mix.changes * 100 / piece.len();
    let of_three = mix.lower > 0 && mix.upper > 0 && mix.digits > 0;
    (of_three && mix.digit_groups >= 2 && letters * 2 > piece.len() && changes >= 35)
        || (piece.len() >= 20 && letters * 3 > piece.len() && mix.digit_groups >= 4 && changes >= 35)
        || (mix.lower > 2 && mix.upper > 2 && piece.len() >= 24 && changes >= 50)
}

/// What a piece is made of.
#[derive(Default)]
struct Mix {
    lower: usize,
    upper: usize,
    digits: usize,
    digit_groups: usize,
    /// Changes from one kind to another.
    changes: usize,
    /// Nothing but hexadecimal digits, in one case.
    hex: bool,
}

impl Mix {
    fn of(piece: &[u8]) -> Mix {
        let mut mix = Mix::default();
        let mut last = 0;
        for byte in piece {
            let kind = match byte {
                b'a'..=b'z' => 1,
                b'A'..=b'Z' => 2,
                b'0'..=b'9' => 3,
                _ => 4,
            };
            match kind {
                1 => mix.lower += 1,
                2 => mix.upper += 1,
                3 => {
                    mix.digits += 1;
                    mix.digit_groups += usize::from(last != 3);
                }
                _ => {}
            }
            mix.changes += usize::from(last != 0 && last != kind);
            last = kind;
        }
        mix.hex = piece.iter().all(u8::is_ascii_hexdigit) && (mix.lower == 0 || mix.upper == 0);
        mix
    }
}
