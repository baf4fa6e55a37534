//! What a line is cut into.

use crate::text::words::Word;

/// What stands for what isn't kept.
pub(crate) const MARK: &str = "***";

/// What a part of a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One character of punctuation that keeps its place.
    Sign,
    Word,
    /// A short number, or a single letter: harmless alone, and a part of something beside another.
    Number,
    /// Between these quotes, which keep their place; one may be on another line.
    Quoted(Option<char>, Option<char>),
    Masked,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Atom<'a> {
    /// The white space before it.
    pub(super) space: &'a str,
    pub(super) text: &'a str,
    pub(super) kind: Kind,
    /// What is known of a word, or of what stands in its place.
    pub(super) word: Word,
}

impl Atom<'_> {
    /// Whether it stands right behind what is before it.
    pub(super) fn adjoins(&self) -> bool {
        self.space.is_empty()
    }

    pub(super) fn is_sign(&self) -> bool {
        matches!(self.kind, Kind::Sign)
    }

    /// Whether it is this character of ASCII.
    pub(super) fn is(&self, sign: u8) -> bool {
        self.text.as_bytes() == [sign]
    }
}

/// The atoms of a line, so far.
pub(super) struct Atoms<'a> {
    pub(super) atoms: Vec<Atom<'a>>,
    /// The white space behind the last.
    pub(super) space: &'a str,
    /// How many of them are bare words, at the most.
    pub(super) bare: usize,
}

impl<'a> Atoms<'a> {
    pub(super) fn with_capacity(atoms: usize) -> Self {
        Atoms { atoms: Vec::with_capacity(atoms), space: "", bare: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.atoms.clear();
        (self.space, self.bare) = ("", 0);
    }

    #[inline]
    pub(super) fn push(&mut self, text: &'a str, kind: Kind, word: Word) {
        let space = std::mem::take(&mut self.space);
        self.bare += usize::from(word.bare);
        self.atoms.push(Atom { space, text, kind, word });
    }

    pub(super) fn sign(&mut self, text: &'a str) {
        self.push(text, Kind::Sign, Word::default());
    }

    pub(super) fn signs(&mut self, text: &'a str) {
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let Some((sign, behind)) = rest.split_at_checked(c.len_utf8()) else { break };
            self.sign(sign);
            rest = behind;
        }
    }
}
