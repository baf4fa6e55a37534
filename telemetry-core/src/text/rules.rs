//! How much of a text may leave, and what a driver's author adds to it.

use crate::config::TextLevel;
use crate::error::BuildError;
use crate::text::vocabulary::{Folded, fold};

/// By which text is held to the allow-list: the vocabulary, a driver's own words and packages, and the level.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct TextRules {
    level: TextLevel,
    /// Folded and sorted.
    words: Vec<Folded>,
    packages: &'static [&'static str],
}

impl TextRules {
    /// Rules with an author's own words, each 1 to 24 ASCII letters and digits with a letter among them, and
    /// packages, by which a frame's symbol begins.
    pub(crate) fn new(
        level: TextLevel,
        words: &[&str],
        packages: &'static [&'static str],
    ) -> Result<Self, BuildError> {
        let mut folded = Vec::with_capacity(words.len());
        for word in words {
            let fits = word.bytes().all(|byte| byte.is_ascii_alphanumeric())
                && word.bytes().any(|byte| byte.is_ascii_alphabetic());
            let word = fold(word.as_bytes(), word.len()).filter(|_| fits);
            folded.push(word.ok_or(BuildError::InvalidWord("own_words"))?);
        }
        let is_package = |package: &&str| {
            let mut names = package.split(['.', ':', '/']).filter(|name| !name.is_empty()).peekable();
            names.peek().is_some()
                && names.all(|name| {
                    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-@".contains(&byte))
                })
        };
        if !packages.iter().all(is_package) {
            return Err(BuildError::InvalidWord("own_packages"));
        }
        folded.sort_unstable();
        Ok(TextRules { level, words: folded, packages })
    }

    pub(crate) fn level(&self) -> TextLevel {
        self.level
    }

    /// Whether the author has said that this word is harmless.
    pub(super) fn knows(&self, word: &[u8]) -> bool {
        !self.words.is_empty()
            && fold(word, word.len()).is_some_and(|word| self.words.binary_search(&word).is_ok())
    }

    /// Whether a symbol belongs to a package of the author's.
    pub(super) fn owns(&self, symbol: &str) -> bool {
        self.packages.iter().any(|package| starts_with_package(symbol, package))
    }
}

/// Whether a symbol begins with a package, and a separator follows.
fn starts_with_package(symbol: &str, package: &str) -> bool {
    symbol.strip_prefix(package).is_some_and(|rest| {
        rest.is_empty() || package.ends_with(['.', ':', '/']) || rest.starts_with(['.', ':', '/'])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_owns_the_symbols_behind_its_separator() {
        let rules = TextRules::new(TextLevel::Message, &[], &["com.acme", "frob::"]).unwrap();
        for symbol in ["com.acme", "com.acme.Frob.run", "com.acme/x", "com.acme:x", "frob::", "frob::run"] {
            assert!(rules.owns(symbol), "{symbol}");
        }
        for other in ["com.acmeX", "com", "frob", "frob:run", "x.com.acme", ""] {
            assert!(!rules.owns(other), "{other}");
        }
    }

    #[test]
    fn what_is_no_word_or_package_is_refused_when_the_provider_is_built() {
        for word in ["", "two words", "123", "p\u{e4}ckchen", "a-b", &"x".repeat(25)] {
            assert!(TextRules::new(TextLevel::Message, &[word], &[]).is_err(), "{word}");
        }
        for packages in [&[""] as &'static [&'static str], &["a b"], &["."], &["a\n"]] {
            assert!(TextRules::new(TextLevel::Message, &[], packages).is_err(), "{packages:?}");
        }
        assert!(
            TextRules::new(TextLevel::Message, &[], &["acme_driver::", "@acme", "github.com/acme"]).is_ok()
        );
    }
}
