//! The place of a body in the whole representation.

use longhaul_http::{Framing, Head, range};

use crate::exchange::overlap::Tail;

/// The place of a body in the whole representation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BodyRange {
    /// Offset of its first byte.
    pub(crate) from: u64,
    /// Offset of its end, if it is a part.
    pub(crate) end: Option<u64>,
    /// The length of the whole, if it is known.
    pub(crate) total: Option<u64>,
    /// Before its first byte, the end of what is there comes again, and has to be the same.
    pub(crate) overlap: Option<Tail>,
}

impl BodyRange {
    /// The response to a request without a range: the whole, which a 206 may say in its own way.
    pub(crate) fn of_unasked(head: &Head) -> Self {
        match range::whole_in_part(head) {
            Some(total) => Self { from: 0, end: Some(total), total: Some(total), overlap: None },
            None => Self::whole(head),
        }
    }

    pub(crate) fn whole(head: &Head) -> Self {
        let total = match head.framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        Self { from: 0, end: None, total, overlap: None }
    }
}
