//! The words that are known to be harmless (`vocabulary.txt`, one a line), and what words say of those beside
//! them (`keys.txt`), as one table that the build script lays out.

mod hash {
    include!("hash.rs");
}

pub(super) use hash::{Folded, fold};

mod table {
    use super::hash::Folded;

    include!(concat!(env!("OUT_DIR"), "/vocabulary.rs"));
}

use table::{PACKAGES, SLOTS, WORDS};

/// A language, by whose rules packages are named. The build script numbers them by their names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Java = 0,
    JavaScript = 1,
    DotNet = 2,
    Python = 3,
    Go = 4,
    Rust = 5,
}

/// Whether a package is known (`packages.txt`) in this language.
pub(super) fn is_package(package: &str, language: Language) -> bool {
    let found = PACKAGES.binary_search_by_key(&package, |(known, _)| known);
    found.is_ok_and(|at| PACKAGES[at].1 & (1 << language as u8) != 0)
}

/// What is known of a word: a set of marks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Class(u32);

macro_rules! marks {
    ($($(#[$doc:meta])* $name:ident = $bit:literal,)*) => {
        impl Class {
            $($(#[$doc])* pub(super) const $name: Class = Class(1 << $bit);)*
        }
    };
}

// The build script numbers them by their names.
marks! {
    /// It is in the vocabulary.
    KNOWN = 0,
    /// It names a secret. What such a key is said to be is never kept.
    SECRET = 1,
    /// It makes a secret of a `key`.
    OF_KEY = 2,
    /// `key`, which may be a secret's or a table's.
    KEY = 3,
    /// It names a person or an account.
    PERSON = 4,
    /// It is said *about* a secret or a person, and is none.
    ABOUT = 5,
    /// Behind it a number is a code: a status, an error number, a SQLSTATE.
    CODE = 6,
    /// It is a unit that may stand right behind a number.
    UNIT = 7,
    /// In capitals, a SQL statement starts with it; `select` in any case.
    VERB = 8,
    /// It is known however its letters are cased.
    ANY_CASE = 9,
    /// It says that there is no value.
    NOTHING = 10,
    /// It is known before `'t`.
    SHORT = 11,
    /// Some people are called so.
    NAME = 12,
    /// Behind a key and this, its value follows.
    SAYS = 13,
    /// The scheme of an authorization header, whose credentials follow.
    SCHEME = 14,
    /// It begins another part of a sentence.
    LINK = 15,
    /// Behind it, values of a row or of parameters stand in brackets.
    ROWS = 16,
    /// It makes a person's of a `name`.
    OF_NAME = 17,
    /// `name`, which may be a person's or a table's.
    NAMING = 18,
    /// A header whose value goes to the end of the line.
    HEADER = 19,
    /// `value`: where it is said to be, a row may stand in brackets.
    VALUE = 20,
    /// A keyword of SQL's, which says nothing of the statement it is in.
    SQL = 21,
    /// What SQL creates, drops and alters.
    OBJECT = 22,
}

impl Class {
    /// Whether it has this mark, or one of these.
    #[inline]
    pub(super) fn has(self, mark: Class) -> bool {
        self.0 & mark.0 != 0
    }

    /// Either mark.
    pub(super) const fn or(self, other: Class) -> Class {
        Class(self.0 | other.0)
    }
}

/// What is known of the word that a text begins with: so many ASCII letters and digits, in whatever case.
pub(super) fn class(text: &[u8], len: usize) -> Class {
    let Some(folded) = fold(text, len) else { return Class::default() };
    let [first, second, third] = folded;
    let mut slot = hash::hash(folded) as usize % SLOTS.len();
    // The table is at most half full, so that a free slot ends the search soon.
    while let Some(found) = (SLOTS[slot] as usize).checked_sub(1) {
        let ([word, word_second, word_third], marks) = &WORDS[found];
        if (word ^ first) | (word_second ^ second) | (word_third ^ third) == 0 {
            return Class(*marks);
        }
        slot = (slot + 1) % SLOTS.len();
    }
    Class::default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_folded_alike_in_any_case_and_whatever_stands_behind_it() {
        let letters = b"abcdefghijklmnopqrstuvwxyz0123456789";
        for len in 1..=hash::LONGEST {
            let word = &letters[letters.len() - len..];
            let alone = fold(word, len);
            assert!(alone.is_some());
            assert_eq!(fold(&word.to_ascii_uppercase(), len), alone);
            for behind in 1..20 {
                let text = [word, &b"-Behind it, and more"[..behind]].concat();
                assert_eq!(fold(&text, len), alone, "{len} and {behind}");
            }
            for other in 0..len {
                let mut text = word.to_vec();
                text[other] = b'_';
                assert_ne!(fold(&text, len), alone, "{len} and {other}");
            }
            assert_ne!(fold(word, len - 1), alone);
        }
        assert_eq!(fold(letters, hash::LONGEST + 1), None);
        assert_eq!(fold(b"", 0), Some(Folded::default()));
    }

    #[test]
    fn a_word_of_the_vocabulary_is_found_before_anything_that_may_follow() {
        for behind in ["", " ", "s", " and so on", "\u{e4}"] {
            assert!(class(format!("server{behind}").as_bytes(), 6).has(Class::KNOWN), "{behind:?}");
            assert!(!class(format!("serverx{behind}").as_bytes(), 7).has(Class::KNOWN), "{behind:?}");
        }
    }
}
