//! How many records a batch may have, of a service that has said that one was too large.

/// So many batches as large as may be are accepted before a larger one is tried again. A service or a proxy
/// that has a limit keeps it, and what goes beyond it is encoded and sent in vain: one batch in a hundred may
/// be.
pub(crate) const ACCEPTED_BEFORE_LARGER: u32 = 100;

/// The largest batch that goes, in records.
///
/// One that is too large halves it. It doubles again, up to what is configured, once
/// [`ACCEPTED_BEFORE_LARGER`] batches of that size were accepted. Where even a single record was too large it
/// was for that record, and not for how many there were: then it doubles with each success, until a batch is
/// too large again.
#[derive(Debug)]
pub(crate) struct BatchLimit {
    records: usize,
    configured: usize,
    /// Batches of this size that are still to be accepted before it grows.
    before_larger: u32,
    /// Whether a single record was too large since a batch was.
    one_was: bool,
}

impl BatchLimit {
    pub(crate) fn new(configured: usize) -> Self {
        BatchLimit { records: configured, configured, before_larger: ACCEPTED_BEFORE_LARGER, one_was: false }
    }

    pub(crate) fn records(&self) -> usize {
        self.records
    }

    /// A batch of so many records was too large. The size of the next, unless it was one record.
    pub(crate) fn too_large(&mut self, sent: usize) -> Option<usize> {
        self.before_larger = ACCEPTED_BEFORE_LARGER;
        self.one_was = sent <= 1;
        if self.one_was {
            return None;
        }
        self.records = sent / 2;
        Some(self.records)
    }

    /// A batch of so many records was not too large.
    pub(crate) fn accepted(&mut self, sent: usize) {
        if self.records == self.configured || (sent < self.records && !self.one_was) {
            return;
        }
        self.before_larger = self.before_larger.saturating_sub(1);
        if self.before_larger == 0 || self.one_was {
            self.records = (self.records * 2).min(self.configured);
            self.before_larger = ACCEPTED_BEFORE_LARGER;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A limit of 1 of 8, by three batches that were too large.
    fn halved() -> BatchLimit {
        let mut limit = BatchLimit::new(8);
        assert_eq!([8, 4, 2].map(|sent| limit.too_large(sent)), [Some(4), Some(2), Some(1)]);
        limit
    }

    /// How many batches are accepted until it grows.
    fn until_larger(limit: &mut BatchLimit) -> u32 {
        let before = limit.records();
        (1..)
            .find(|_| {
                limit.accepted(before);
                limit.records() > before
            })
            .unwrap()
    }

    #[test]
    fn it_doubles_after_a_hundred_batches_of_its_size_and_the_count_begins_again_with_a_larger_one() {
        let mut limit = halved();
        assert_eq!(until_larger(&mut limit), 100);
        (0..99).for_each(|_| limit.accepted(2));
        assert_eq!(limit.too_large(2), Some(1));
        assert_eq!([(); 3].map(|()| until_larger(&mut limit)), [100; 3]);
        assert_eq!(limit.records(), 8);
    }

    #[test]
    fn after_a_single_record_it_doubles_at_once_until_a_batch_is_too_large_again() {
        let mut limit = halved();
        assert_eq!(limit.too_large(1), None);
        assert_eq!(until_larger(&mut limit), 1);
        assert_eq!(until_larger(&mut limit), 1);
        assert_eq!(limit.too_large(4), Some(2));
        assert_eq!(until_larger(&mut limit), 100);
    }
}
