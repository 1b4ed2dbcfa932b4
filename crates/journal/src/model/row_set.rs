//! A set of rows that are mostly neighbours.

use std::collections::BTreeMap;

use crate::model::RowId;

/// A set of rows, kept as ranges: its memory grows with the number of ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RowSet {
    /// The end of each range by its start. No two of them touch.
    ranges: BTreeMap<u64, u64>,
}

impl RowSet {
    /// Whether a row is in the set.
    pub fn contains(&self, row: RowId) -> bool {
        self.range_of(row.0).is_some()
    }

    /// Whether no row is in the set.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// The ranges, in order: the first row of each, and how many rows it has.
    pub fn ranges(&self) -> impl Iterator<Item = (RowId, u64)> {
        self.ranges.iter().map(|(start, end)| (RowId(*start), end - start))
    }

    pub(crate) fn insert(&mut self, row: RowId) {
        if self.contains(row) {
            return;
        }
        let (mut start, mut end) = (row.0, row.0.saturating_add(1));
        if let Some((&before, _)) = self.ranges.range(..start).next_back().filter(|(_, end)| **end == start) {
            start = before;
        }
        if let Some(after) = self.ranges.remove(&end) {
            end = after;
        }
        self.ranges.insert(start, end);
    }

    /// Adds the rows from `first` to before `end`, all of them behind the rows of the set; `false` if they are not. Takes no longer for
    /// many rows than for one.
    #[must_use]
    pub(crate) fn append(&mut self, first: RowId, end: u64) -> bool {
        let fits = self.end() <= first.0 && first.0 < end;
        if fits {
            match self.ranges.last_entry() {
                Some(mut last) if *last.get() == first.0 => _ = last.insert(end),
                _ => _ = self.ranges.insert(first.0, end),
            }
        }
        fits
    }

    /// The number behind the last row; 0 for an empty set.
    pub(crate) fn end(&self) -> u64 {
        self.ranges.last_key_value().map_or(0, |(_, end)| *end)
    }

    pub(crate) fn remove(&mut self, row: RowId) {
        let Some((start, end)) = self.range_of(row.0) else { return };
        self.ranges.remove(&start);
        if start < row.0 {
            self.ranges.insert(start, row.0);
        }
        if row.0 + 1 < end {
            self.ranges.insert(row.0 + 1, end);
        }
    }

    /// Removes the rows from this one on.
    pub(crate) fn truncate(&mut self, row: RowId) {
        self.ranges.split_off(&row.0);
        if let Some(mut last) = self.ranges.last_entry() {
            let end = *last.get();
            last.insert(end.min(row.0));
        }
    }

    fn range_of(&self, row: u64) -> Option<(u64, u64)> {
        let (start, end) = self.ranges.range(..=row).next_back()?;
        (row < *end).then_some((*start, *end))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(changes in prop::collection::vec((0_u64..20, any::<bool>()), 0..100), end in 0_u64..20) {
            let (mut rows, mut expected) = (RowSet::default(), BTreeSet::new());
            for (row, is_new) in changes {
                if is_new {
                    rows.insert(RowId(row));
                    expected.insert(row);
                } else {
                    rows.remove(RowId(row));
                    expected.remove(&row);
                }
            }
            let all = |rows: &RowSet| -> Vec<u64> {
                rows.ranges().flat_map(|(first, count)| first.0..first.0 + count).collect()
            };
            prop_assert!(all(&rows).into_iter().eq(expected.iter().copied()));
            prop_assert!((0..20).all(|row| rows.contains(RowId(row)) == expected.contains(&row)));
            prop_assert_eq!(rows.is_empty(), expected.is_empty());
            prop_assert_eq!(rows.end(), expected.last().map_or(0, |row| row + 1));
            let mut copy = RowSet::default();
            prop_assert!(rows.ranges().all(|(first, count)| copy.append(first, first.0 + count)));
            prop_assert_eq!(&copy, &rows);
            prop_assert!(rows.is_empty() || !copy.append(RowId(0), RowId::COUNT_MAX), "behind the others only");
            rows.truncate(RowId(end));
            prop_assert!(all(&rows).into_iter().eq(expected.range(..end).copied()));
        }
    }
}
