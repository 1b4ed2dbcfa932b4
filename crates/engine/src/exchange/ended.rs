//! The end of an attempt.

use crate::exchange::failure::Failure;
use crate::sink::{Completion, Piece};

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The body is complete with this last piece.
    Complete(Piece, Completion),
    /// A redirect leads to another host; `job.redirected` has its URL.
    Redirected,
    /// It failed; `job.partial` has what is kept of the body.
    Failed(Failure),
}
