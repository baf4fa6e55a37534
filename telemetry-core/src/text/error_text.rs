//! Error text: held to the rules where it enters, and bounded in what all of it together may take.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::config::TextLevel;
use crate::guard::memory::{Memory, Part};
use crate::text::fields::start;
use crate::text::message::sanitize_onto;
use crate::text::rules::TextRules;

/// The longest error text that is kept, in characters.
pub const MAX_TEXT_CHARS: usize = 2048;

/// How much of a text is looked at, in bytes.
pub(crate) const LOOK_BYTES: usize = 16 * 1024;

/// A sanitized text that counts towards its client's bound for as long as it lives.
///
/// It can't be made of a foreign text otherwise.
pub struct ErrorText {
    text: Box<str>,
    memory: Arc<Memory>,
}

impl ErrorText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A text for a record that belongs to no client: sanitized and cut as any other.
    pub fn detached(raw: &str) -> Self {
        ErrorText::nobodys(kept(&mut String::new(), raw, &TextRules::default()))
    }

    fn nobodys(text: Box<str>) -> Self {
        let memory = Arc::new(Memory::nobodys());
        memory.count(Part::Text, text.len() as u64);
        ErrorText { text, memory }
    }

    /// A copy that doesn't count towards the client's bound, for whoever counts it by themselves.
    pub(crate) fn uncounted(&self) -> Self {
        ErrorText::nobodys(self.text.clone())
    }

    /// Keeps what the rules leave of the text, if it fits; an error whose text doesn't fit travels by name.
    /// `own` is the author's, and is no foreign text; what is kept is written behind it.
    pub(crate) fn admit(
        memory: &Arc<Memory>,
        own: &mut String,
        raw: &str,
        rules: &TextRules,
    ) -> Option<Self> {
        // A text that may not fit isn't looked at, which would cost the driver's thread for nothing.
        let most = (own.len() + raw.len()).min(MAX_TEXT_CHARS) as u64;
        if !memory.has_room(Part::Text, most) {
            return None;
        }
        let text = kept(own, raw, rules);
        let fits = !text.is_empty() && memory.take(Part::Text, text.len() as u64);
        fits.then(|| ErrorText { text, memory: Arc::clone(memory) })
    }
}

impl Deref for ErrorText {
    type Target = str;

    fn deref(&self) -> &str {
        &self.text
    }
}

impl Drop for ErrorText {
    fn drop(&mut self) {
        self.memory.give_back(Part::Text, self.text.len() as u64);
    }
}

impl Clone for ErrorText {
    /// A copy counts as text of its own, also past the bound: copies are for those who read records, not for
    /// buffers.
    fn clone(&self) -> Self {
        self.memory.count(Part::Text, self.text.len() as u64);
        ErrorText { text: self.text.clone(), memory: Arc::clone(&self.memory) }
    }
}

impl fmt::Debug for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

/// What is kept of an author's text and a foreign one: of the foreign one the first 16 KiB are held to the
/// rules, without a last word that was torn, and both together are cut. They are put together behind the
/// author's, and what is kept is copied, as it takes no more than it needs then.
fn kept(own: &mut String, raw: &str, rules: &TextRules) -> Box<str> {
    if rules.level() == TextLevel::None {
        own.clear();
    }
    if !raw.is_empty() {
        // Where nothing of the foreign one is kept, this goes with the white space at the end.
        if !own.is_empty() {
            own.push('\n');
        }
        sanitize_onto(own, if raw.len() <= LOOK_BYTES { raw } else { whole_words(raw) }, rules);
    }
    start(own, MAX_TEXT_CHARS).into()
}

/// The start of a text, up to the end of a word.
fn whole_words(raw: &str) -> &str {
    let end = (0..=LOOK_BYTES).rev().find(|end| raw.is_char_boundary(*end)).unwrap_or(0);
    let start = &raw[..end];
    start.rfind(char::is_whitespace).map_or("", |end| &start[..end])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::memory::MemoryPool;
    use crate::text::tokens::STEPS;

    #[test]
    fn text_past_the_bound_is_left_out_and_counted_until_some_is_given_back() {
        let memory = Arc::new(Memory::new(20, Arc::new(MemoryPool::new(u64::MAX))));
        let rules = TextRules::default();
        let admit = |text| ErrorText::admit(&memory, &mut String::new(), text, &rules);
        let first = admit("timeouts").unwrap();
        assert!(admit("not").is_none());
        assert_eq!((memory.of(Part::Text), memory.texts_left_out()), (8, 1));
        // It isn't even looked at.
        let before = STEPS.get();
        assert!(admit("timeouts and other words").is_none());
        assert_eq!((STEPS.get(), memory.texts_left_out()), (before, 2));
        let copy = first.clone();
        assert_eq!(memory.of(Part::Text), 16);
        drop((first, copy));
        assert_eq!(memory.of(Part::Text), 0);
        assert!(admit("not").is_some());
    }

    #[test]
    fn an_authors_text_ends_as_it_did_where_nothing_is_kept_behind_it() {
        let rules = TextRules::new(TextLevel::Frames, &[], &[]).unwrap();
        let text = |raw| kept(&mut "ours".to_owned(), raw, &rules).into_string();
        assert_eq!((text("no frame").as_str(), text("at /x.rs:1").as_str()), ("ours", "ours\n    at ***"));
    }

    #[test]
    fn a_text_counts_as_it_is_kept_where_masking_makes_it_longer_too() {
        let (longer, rules) = ("$", TextRules::default());
        let memory = |text| Arc::new(Memory::new(2 * text, Arc::new(MemoryPool::new(u64::MAX))));
        let enough = memory(3);
        let text = ErrorText::admit(&enough, &mut String::new(), longer, &rules).unwrap();
        assert_eq!((text.as_str(), enough.of(Part::Text)), ("***", 3));
        drop(text);
        assert_eq!(enough.of(Part::Text), 0);
        let little = memory(longer.len() as u64);
        assert!(ErrorText::admit(&little, &mut String::new(), longer, &rules).is_none());
        assert_eq!((little.of(Part::Text), little.texts_left_out()), (0, 1));
    }
}
