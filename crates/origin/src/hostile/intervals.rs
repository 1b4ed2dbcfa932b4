//! Which bytes of a content were sent already.

use std::iter;
use std::ops::Range;

/// Separate ranges remembered for one content. Beyond this number a range that touches no other is forgotten, so the count
/// of repeated bytes can be too low and never too high.
const RANGES_MAX: usize = 64;

/// A set of offsets, as sorted ranges that neither overlap nor touch.
#[derive(Debug, Clone, Default)]
pub(crate) struct Intervals(Vec<Range<u64>>);

impl Intervals {
    /// Adds `added` and returns how many of its offsets were in the set before.
    pub(crate) fn add(&mut self, added: Range<u64>) -> u64 {
        if added.is_empty() {
            return 0;
        }
        let first = self.0.partition_point(|known| known.end < added.start);
        let after = self.0.partition_point(|known| known.start <= added.end);
        let touched = &self.0[first..after];
        let repeated = touched
            .iter()
            .map(|known| known.end.min(added.end).saturating_sub(known.start.max(added.start)))
            .sum();

        if touched.is_empty() && self.0.len() >= RANGES_MAX {
            return repeated;
        }
        let start = touched.first().map_or(added.start, |known| known.start.min(added.start));
        let end = touched.last().map_or(added.end, |known| known.end.max(added.end));
        self.0.splice(first..after, iter::once(start..end));
        repeated
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Compared with the simplest model: a set of single offsets.
        #[test]
        fn counts_what_a_set_of_offsets_counts(
            ranges in prop::collection::vec((0_u64..200, 0_u64..40), 0..60),
        ) {
            let (mut intervals, mut model) = (Intervals::default(), BTreeSet::new());
            for (start, len) in ranges {
                let repeated = (start..start + len).filter(|&offset| !model.insert(offset)).count();
                prop_assert_eq!(intervals.add(start..start + len), repeated as u64);
            }
        }
    }

    #[test]
    fn is_bounded_and_then_counts_too_little() {
        let mut intervals = Intervals::default();
        for number in 0..1_000 {
            assert_eq!(intervals.add(number * 10..number * 10 + 1), 0);
        }
        assert_eq!(intervals.0.len(), RANGES_MAX);
        assert_eq!(intervals.add(0..10_000), RANGES_MAX as u64);
    }
}
