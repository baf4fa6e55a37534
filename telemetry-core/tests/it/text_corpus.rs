//! Real-looking error texts, each marked with the secrets in it, and with words to keep.

use serde::Deserialize;
use telemetry_core::text::sanitize;

#[derive(Deserialize)]
struct Sample {
    id: String,
    text: String,
    gone: Vec<String>,
    stays: Vec<String>,
}

fn known() -> Vec<Sample> {
    read(include_str!("text_corpus/known.jsonl"))
}

fn blind() -> Vec<Sample> {
    read(include_str!("text_corpus/blind.jsonl"))
}

/// Written to break the rules, by somebody who had read them.
fn adversary() -> Vec<Sample> {
    read(include_str!("text_corpus/adversary.jsonl"))
}

/// What got through before, of some thousand texts that a reviewer wrote: words and numbers that are harmless
/// by themselves, where secrets and persons stand.
fn reviewed() -> Vec<Sample> {
    read(include_str!("text_corpus/reviewed.jsonl"))
}

fn read(lines: &str) -> Vec<Sample> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The parts of a secret that would give it away: all of it, and each run of eight characters of one that is
/// a single word.
fn parts(secret: &str) -> Vec<String> {
    let letters: Vec<char> = secret.chars().collect();
    let mut parts = vec![secret.to_owned()];
    if letters.len() >= 12 && !letters.contains(&' ') {
        parts.extend(letters.windows(8).map(|part| part.iter().collect()));
    }
    parts
}

/// What a half of the corpus came to.
#[derive(Default)]
struct Score {
    secrets: usize,
    survived: Vec<String>,
    words: usize,
    lost: Vec<String>,
}

fn score(samples: &[Sample]) -> Score {
    let mut score = Score::default();
    for Sample { id, text, gone, stays } in samples {
        let redacted = sanitize(text);
        for secret in gone {
            score.secrets += 1;
            if parts(secret).iter().any(|part| redacted.contains(part)) {
                score.survived.push(format!("{id}: {secret}"));
            }
        }
        for phrase in stays {
            score.words += phrase.split_whitespace().count();
            if !redacted.contains(phrase) {
                let lost = phrase.split_whitespace().filter(|word| !redacted.contains(word));
                score.lost.extend(lost.map(|word| format!("{id}: {word}")));
            }
        }
    }
    score
}

/// Every secret goes. Words to keep are measured: `lost` in a hundred may go, as the vocabulary doesn't have
/// them, or they stand where values stand.
fn assert_holds(samples: &[Sample], most: usize) {
    let Score { secrets, survived, words, lost } = score(samples);
    assert!(secrets > 100 && words > 1000, "{secrets} secrets, {words} words");
    assert!(survived.is_empty(), "{} of {secrets} survived: {survived:#?}", survived.len());
    assert!(lost.len() * 100 < most * words, "{} of {words} words were lost: {lost:#?}", lost.len());
}

#[test]
fn of_the_known_half_every_secret_goes() {
    assert_holds(&known(), 40);
}

#[test]
fn of_the_blind_half_every_secret_goes() {
    assert_holds(&blind(), 40);
}

#[test]
fn of_what_was_written_to_break_rules_every_secret_goes() {
    assert_holds(&adversary(), 40);
}

#[test]
fn of_what_was_reviewed_every_secret_goes_and_the_rest_stays() {
    let Score { survived, lost, .. } = score(&reviewed());
    assert!(survived.is_empty(), "{survived:#?}");
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn there_are_two_hundred_texts_and_each_is_marked_with_what_is_in_it() {
    let (known, blind, adversary) = (known(), blind(), adversary());
    assert!(known.len() + blind.len() >= 200 && blind.len() >= 100);
    for Sample { id, text, gone, stays } in known.iter().chain(&blind).chain(&adversary) {
        assert!(gone.iter().chain(stays).all(|marked| text.contains(marked)), "{id}");
    }
}

#[test]
fn redacting_again_changes_nothing() {
    for Sample { id, text, .. } in known().iter().chain(&blind()).chain(&adversary()).chain(&reviewed()) {
        let once = sanitize(text);
        assert_eq!(sanitize(&once), once, "{id}");
    }
}
