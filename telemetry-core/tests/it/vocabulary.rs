//! The rules that the vocabulary keeps: a word on it leaves every machine.

use std::collections::BTreeSet;

use telemetry_core::text::sanitize;

const VOCABULARY: &str = include_str!("../../src/text/vocabulary.txt");
const NAMES: &str = include_str!("vocabulary/names.txt");
const PASSWORDS: &str = include_str!("vocabulary/common_passwords.txt");

/// Words of the field, or plain words that messages need, although some people are called so.
const ALSO_NAMES: &[&str] = &[
    "april", "bean", "branch", "chan", "colon", "cross", "fields", "grant", "holder", "jackson", "jan",
    "key", "lang", "long", "mark", "marks", "max", "ora", "page", "pat", "powers", "strong", "wall", "weeks",
];

/// The same, although some people's passwords are.
const ALSO_PASSWORDS: &[&str] = &[
    "access",
    "action",
    "admin",
    "alpha",
    "apache",
    "computer",
    "cookie",
    "cookies",
    "driver",
    "enter",
    "friday",
    "gateway",
    "hello",
    "infinity",
    "magic",
    "master",
    "microsoft",
    "monday",
    "pass",
    "password",
    "pickle",
    "private",
    "random",
    "secret",
    "security",
    "simple",
    "sunday",
    "target",
    "test",
    "testing",
    "trigger",
    "windows",
];

#[test]
fn it_is_sorted_without_doubles_and_in_lower_case() {
    let words: Vec<&str> = VOCABULARY.lines().collect();
    assert!(words.windows(2).all(|pair| pair[0] < pair[1]));
    for word in words {
        let fits =
            word.len() <= 24 && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        assert!(fits && !word.bytes().all(|byte| byte.is_ascii_digit()), "{word}");
    }
}

#[test]
fn of_names_and_common_passwords_only_the_listed_ones_are_in_it() {
    let words: BTreeSet<&str> = VOCABULARY.lines().collect();
    for (list, exceptions) in [(NAMES, ALSO_NAMES), (PASSWORDS, ALSO_PASSWORDS)] {
        assert!(list.lines().count() > 500);
        let both: Vec<&str> = list.lines().filter(|word| words.contains(word)).collect();
        assert_eq!(both, exceptions);
    }
}

#[test]
fn every_word_is_found_in_lower_title_and_upper_case() {
    let title = |word: &str| word[..1].to_ascii_uppercase() + &word[1..];
    for word in VOCABULARY.lines() {
        for text in [word.to_owned(), title(word), word.to_ascii_uppercase()] {
            // A word that starts with a digit could be a number with its unit.
            assert_eq!(sanitize(&text), text);
        }
    }
    for unknown in ["tfairweather", "dapi0123456789abcdef", "Zxqv", "pASSWORD"] {
        assert_eq!(sanitize(unknown), "***");
    }
}
