//! The end of an attempt.

use crate::exchange::failure::Failure;
use crate::sink::{Completion, Piece};

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The body is complete with this last piece.
    Complete(Piece, Completion),
    /// The host served a row that is not fetched: see [`Job::is_witness`].
    ///
    /// [`Job::is_witness`]: crate::schedule::job::Job::is_witness
    Served,
    /// A redirect leads to another host; `job.redirected` has its URL.
    Redirected,
    /// It failed; `job.partial` has what is kept of the body.
    Failed(Failure),
}
