//! The connection that a provider opened last, beside which the next is cleaned.

use std::sync::{Arc, Weak};

use crate::guard::lock::try_lock;
use crate::guard::sync::Mutex;
use crate::record::SessionContext;
use crate::record::message::Held;

/// The connection that was opened last, as it was cleaned, for as long as anything else holds it: most are
/// configured alike, and what is equal is cleaned once. Nobody waits for it.
#[derive(Debug, Default)]
pub(crate) struct LastOpened(Mutex<Option<(Weak<SessionContext>, Held)>>);

impl LastOpened {
    /// It, and what is known of its texts.
    pub(crate) fn get(&self) -> Option<(Arc<SessionContext>, Held)> {
        let last = try_lock(&self.0)?;
        let (context, held) = last.as_ref()?;
        Some((context.upgrade()?, *held))
    }

    pub(crate) fn set(&self, context: &Arc<SessionContext>, held: Held) {
        if let Some(mut last) = try_lock(&self.0) {
            *last = Some((Arc::downgrade(context), held));
        }
    }
}
