//! What became of a row, with its details.

use crate::record::{Done, Failed, Waiting};
use crate::row::RowId;

/// What became of a row, as a report tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// Complete and durable.
    Done(&'a Done),
    /// Failed for good.
    Failed(&'a Failed),
    /// Not fetched, for this reason.
    Skipped(&'a str),
    /// Refused when the line was read, for this reason.
    Refused(&'a str),
    /// The same address as this earlier row.
    Duplicate(RowId),
    /// The row's text on disk is damaged, and the log does not know it either.
    Lost,
    /// Pending: it was being completed when the program stopped.
    InDoubt(&'a Done),
    /// Pending: between two attempts.
    Waiting(&'a Waiting),
    /// Pending: the log does not say more.
    Pending,
}
