//! What proves that a body is complete and right, once its last byte is there.
//!
//! It compares nothing with the length and the digests of the list: that comes before.

use longhaul_http::{Completion as BodyEnd, Head, HeaderMap};
use longhaul_journal::Verification;

use crate::list::listed_digests::ListedDigests;
use crate::schedule::job::Job;

/// A complete body, in one response or in several.
pub(super) struct CompleteBody<'a> {
    /// Its length in bytes.
    pub(super) size: u64,
    /// How its last response ended; `None` if that had no body.
    pub(super) end: Option<BodyEnd>,
    /// The trailers of that response.
    pub(super) trailers: Option<&'a HeaderMap>,
}

impl CompleteBody<'_> {
    /// How the body is verified. `head` is that of its last response.
    ///
    /// # Errors
    /// How it contradicts a digest of the server.
    pub(super) fn verify(&self, job: &mut Job, head: &Head) -> Result<Verification, String> {
        if let Some(algorithm) = job.listed_digests.as_ref().and_then(ListedDigests::strongest) {
            return Ok(Verification::Digest(algorithm.to_string()));
        }
        if let Some(digests) =
            job.server_digests.as_mut().filter(|digests| digests.hashed_bytes() == self.size)
            && let Some(name) = digests.check(head, self.trailers)?
        {
            return Ok(Verification::Digest(name));
        }
        Ok(match self.end {
            _ if job.is_joined_by_overlap => Verification::Overlap,
            Some(BodyEnd::Close) if job.expected.size.is_none() => Verification::LengthUnverified,
            // The end of a stream proves as much as an announced length does.
            _ => Verification::Length,
        })
    }
}
