//! A body under way as the log leaves it to a later run: what it belongs to, and the marks by which its part file is
//! checked.

use crate::record::{Mark, Part};

/// Marks that are remembered of one part. A body of any length leaves so many: what cannot be proven is at most about a
/// thirtieth of it.
const MARKS_MAX: usize = 64;

/// What an earlier run kept of a body. The part file beside it holds what the marks prove, and whatever came behind the last
/// of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// What is needed to resume it.
    pub part: Part,
    /// What the part file held, by rising length. The last one says where the body had come to.
    pub marks: Vec<Mark>,
    /// As many bytes were on stable storage; there is a mark for that length, unless a version wrote the log that made none.
    pub synced_len: u64,
}

impl Kept {
    /// A body of which nothing is there yet.
    pub(crate) fn new(part: Part) -> Self {
        Self { part, ..Self::default() }
    }

    /// The file holds this now, and nothing behind it.
    pub(crate) fn hold(&mut self, mark: Mark) {
        self.marks.retain(|earlier| earlier.len < mark.len);
        self.synced_len = self.synced_len.min(mark.len);
        self.marks.push(mark);
        if self.marks.len() > MARKS_MAX {
            self.thin();
        }
    }

    pub(crate) fn synced(&mut self, len: u64) {
        self.synced_len = len;
    }

    /// One mark goes: the one whose neighbours lie closest together, so that the others lie evenly. Never the one that a
    /// power failure leaves.
    fn thin(&mut self) {
        let middle = |at: &usize| self.marks[*at].len != self.synced_len;
        let span = |at: &usize| self.marks[*at + 1].len - self.marks[*at - 1].len;
        if let Some(at) = (1..self.marks.len() - 1).filter(middle).min_by_key(span) {
            self.marks.remove(at);
        }
    }
}
