//! A queue in blocks: growing moves nothing that is in it, so that no thread is held up by what others left.

use std::collections::VecDeque;

/// How many have place in a block. The last block is kept when it is empty.
const BLOCK: usize = 256;

#[derive(Debug)]
pub(crate) struct Queue<T> {
    blocks: VecDeque<VecDeque<T>>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Queue { blocks: VecDeque::new() }
    }
}

impl<T> Queue<T> {
    #[inline]
    pub(crate) fn push_back(&mut self, value: T) {
        match self.blocks.back_mut() {
            Some(block) if block.len() < BLOCK => block.push_back(value),
            _ => self.push_block(value),
        }
    }

    #[cold]
    fn push_block(&mut self, value: T) {
        let mut block = VecDeque::with_capacity(BLOCK);
        block.push_back(value);
        self.blocks.push_back(block);
    }

    pub(crate) fn front(&self) -> Option<&T> {
        self.blocks.front()?.front()
    }

    /// Takes out those at the front of which this holds; it holds of none that follows one of which it
    /// doesn't.
    pub(crate) fn take_while(&mut self, holds: impl Fn(&T) -> bool, mut each: impl FnMut(T)) {
        while let Some(block) = self.blocks.front_mut() {
            // One after another, as memory is read ahead; a search would wait for it at each step.
            while block.front().is_some_and(&holds)
                && let Some(value) = block.pop_front()
            {
                each(value);
            }
            if !block.is_empty() || self.blocks.len() == 1 {
                break;
            }
            self.blocks.pop_front();
        }
        if self.blocks.len() == 1 {
            self.blocks.shrink_to(1);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.blocks.iter().map(VecDeque::len).sum()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.front().is_none()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Each step adds so many, and takes so many.
        #[test]
        fn what_goes_in_comes_out_in_order(steps in proptest::collection::vec((0usize..700, 0usize..700), 0..20)) {
            let (mut queue, mut model) = (Queue::default(), VecDeque::new());
            let mut next = 0;
            for (add, take) in steps {
                for _ in 0..add {
                    queue.push_back(next);
                    model.push_back(next);
                    next += 1;
                }
                let end = model.front().map_or(0, |front| front + take);
                let mut taken = Vec::new();
                queue.take_while(|value| *value < end, |value| taken.push(value));
                prop_assert_eq!(taken, model.drain(..take.min(model.len())).collect::<Vec<_>>());
                prop_assert_eq!((queue.len(), queue.front()), (model.len(), model.front()));
                prop_assert_eq!(queue.is_empty(), model.is_empty());
                prop_assert!(queue.blocks.len() <= model.len().div_ceil(BLOCK) + 1);
                prop_assert!(queue.blocks.len() != 1 || queue.blocks.capacity() < 4);
            }
        }
    }

    #[test]
    fn what_waits_stays_where_it_is_when_more_comes() {
        let mut queue = Queue::default();
        queue.push_back(0);
        let place = std::ptr::from_ref(queue.front().unwrap());
        (1..10_000).for_each(|value| queue.push_back(value));
        assert_eq!(std::ptr::from_ref(queue.front().unwrap()), place);
    }
}
