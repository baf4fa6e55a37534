//! Error text: held to the rules where it enters, and bounded in what all of it together may take.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::config::TextLevel;
use crate::text::fields::cut;
use crate::text::message::sanitize;
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
    budget: Arc<TextBudget>,
}

impl ErrorText {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// A text for a record that belongs to no client: sanitized and cut as any other.
    pub fn detached(raw: &str) -> Self {
        let text = kept("", raw, &TextRules::default()).into_boxed_str();
        ErrorText { budget: Arc::new(TextBudget::new(text.len() as u64)), text }
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
        self.budget.give_back(self.text.len() as u64);
    }
}

impl Clone for ErrorText {
    /// A copy counts as text of its own, also past the bound: copies are for those who read records, not for
    /// buffers.
    fn clone(&self) -> Self {
        self.budget.held.fetch_add(self.text.len() as u64, Ordering::Relaxed);
        ErrorText { text: self.text.clone(), budget: Arc::clone(&self.budget) }
    }
}

impl fmt::Debug for ErrorText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.text, f)
    }
}

/// How much error text one client holds, wherever it is: in handles, in the buffer, with open statements, in
/// records.
#[derive(Debug)]
pub(crate) struct TextBudget {
    limit: u64,
    held: AtomicU64,
    refused: AtomicU64,
}

impl TextBudget {
    pub(crate) fn new(limit: u64) -> Self {
        TextBudget { limit, held: AtomicU64::new(0), refused: AtomicU64::new(0) }
    }

    /// Keeps what the rules leave of the text, if it fits; an error whose text doesn't fit travels by name.
    /// `own` is the author's, and is no foreign text.
    pub(crate) fn admit(self: &Arc<Self>, own: &str, raw: &str, rules: &TextRules) -> Option<ErrorText> {
        // A text that may not fit isn't looked at, which would cost the driver's thread for nothing.
        let most = (own.len() + raw.len()).min(MAX_TEXT_CHARS) as u64;
        if !self.take(most) {
            return None;
        }
        let text = kept(own, raw, rules).into_boxed_str();
        let bytes = text.len() as u64;
        if bytes > most && !self.take(bytes - most) {
            self.give_back(most);
            return None;
        }
        self.give_back(most.saturating_sub(bytes));
        (!text.is_empty()).then(|| ErrorText { text, budget: Arc::clone(self) })
    }

    /// Takes so many bytes, or counts that they aren't there.
    fn take(&self, bytes: u64) -> bool {
        let fits = |held: u64| held.checked_add(bytes).filter(|held| *held <= self.limit);
        let taken = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        self.refused.fetch_add(u64::from(!taken), Ordering::Relaxed);
        taken
    }

    fn give_back(&self, bytes: u64) {
        // Saturating, because a detached text's copies may outgrow its budget.
        let less = |held: u64| Some(held.saturating_sub(bytes));
        let _ = self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
    }

    /// Bytes held now.
    pub(crate) fn held(&self) -> u64 {
        self.held.load(Ordering::Relaxed)
    }

    /// Texts left out because they did not fit.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }
}

/// What is kept of an author's text and a foreign one: of the foreign one the first 16 KiB are held to the
/// rules, without a last word that was torn, and both together are cut.
fn kept(own: &str, raw: &str, rules: &TextRules) -> String {
    let mut text = if rules.level() == TextLevel::None { String::new() } else { own.to_owned() };
    let looked_at = if raw.len() <= LOOK_BYTES { raw } else { whole_words(raw) };
    let foreign = sanitize(looked_at, rules);
    if !text.is_empty() && !foreign.is_empty() {
        text.push('\n');
    }
    text.push_str(&foreign);
    cut(&mut text, MAX_TEXT_CHARS);
    text
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
    use crate::text::tokens::STEPS;

    #[test]
    fn text_past_the_bound_is_left_out_and_counted_until_some_is_given_back() {
        let (budget, rules) = (Arc::new(TextBudget::new(10)), TextRules::default());
        let first = budget.admit("", "timeouts", &rules).unwrap();
        assert!(budget.admit("", "not", &rules).is_none());
        assert_eq!((budget.held(), budget.refused()), (8, 1));
        // It isn't even looked at.
        let before = STEPS.get();
        assert!(budget.admit("", "timeouts and other words", &rules).is_none());
        assert_eq!((STEPS.get(), budget.refused()), (before, 2));
        drop(first);
        assert_eq!(budget.held(), 0);
        assert!(budget.admit("", "not", &rules).is_some());
    }
}
