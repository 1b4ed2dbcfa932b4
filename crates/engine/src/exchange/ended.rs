//! The end of an attempt.

use std::time::Duration;

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
    /// The attempt continues with [`Job::target`](crate::schedule::job::Job::target), which its host's controller permits like any other
    /// request.
    Redirected {
        /// The pause that the redirect asked for.
        wait: Duration,
    },
    /// The host answered, with this status, that there is nothing to download.
    NoContent(u16),
    /// It failed; `job.partial` has what is kept of the body.
    Failed(Failure),
}
