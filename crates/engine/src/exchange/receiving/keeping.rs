//! What is kept of a body whose transfer has ended before the whole was there, and what proves later that the rest belongs to it.

use longhaul_journal::Part;

use super::{BodyTransfer, RESUME_BYTES_MIN, Received};
use crate::exchange::ended::Ended;
use crate::exchange::failure::Failure;
use crate::exchange::overlap::{self, RecentBytes};
use crate::schedule::job::DigestJoin;
use crate::sink::{Message, SinkGone};

impl BodyTransfer<'_> {
    /// Ends a transfer whose bytes are wrong: discards those of this body and those kept before.
    pub(super) async fn refuse(&mut self, failure: Failure) -> Result<Received, SinkGone> {
        self.job.discard_partial();
        if self.is_begun {
            let (row, part) = (self.job.row, Part::default());
            let begin = Message::Begin { row, part, response: None };
            self.progress.held_up(self.context.sink.send(begin)).await?;
        }
        Ok(Received::Ended(Ended::Failed(failure)))
    }

    /// Keeps a complete part, so that the rest can be requested.
    pub(super) async fn keep_part(&mut self) -> Result<Received, SinkGone> {
        let have = self.received();
        self.job.note_kept(self.range.from, have, RESUME_BYTES_MIN);
        if self.pending_bytes > 0 {
            self.hand_over().await?;
        }
        if let Some(partial) = &mut self.job.partial {
            partial.have = have;
            partial.total = self.range.total;
        }
        self.job.tail = self.recent.as_ref().and_then(RecentBytes::tail);
        Ok(Received::More { bytes: have - self.range.from })
    }

    /// Ends a transfer that failed, and keeps the bytes that a range request can continue.
    pub(super) async fn keep(&mut self, mut failure: Failure) -> Result<Received, SinkGone> {
        if self.overlap.is_some() {
            // Nothing new came: what is there stays as it is.
            return Ok(Received::Ended(Ended::Failed(failure)));
        }
        let have = self.received();
        let is_strong = self.job.partial.as_ref().is_some_and(|partial| partial.validator.is_strong());
        let tail =
            self.recent.as_ref().and_then(RecentBytes::tail).filter(|_| have >= overlap::PART_BYTES_MIN);
        let resumable = is_strong || self.has_digest() || tail.is_some();
        if resumable && have >= RESUME_BYTES_MIN {
            self.job.tail = tail;
            if self.pending_bytes > 0 {
                self.hand_over().await?;
            }
            failure.made_progress = self.job.note_kept(self.range.from, have, RESUME_BYTES_MIN);
            if let Some(partial) = &mut self.job.partial {
                partial.have = have;
            }
        } else {
            self.job.discard_partial();
        }
        Ok(Received::Ended(Ended::Failed(failure)))
    }

    /// Whether the digest of the list shows in the end whether parts belong together.
    fn has_digest(&self) -> bool {
        self.job.expected.can_prove_joins() && self.job.digest_join != DigestJoin::Refused
    }

    /// Whether a later run can prove that the rest of this body belongs to it.
    pub(super) fn can_be_proven(&self) -> bool {
        let is_strong = self.job.partial.as_ref().is_some_and(|partial| partial.validator.is_strong());
        is_strong || self.has_digest() || self.recent.is_some()
    }
}
