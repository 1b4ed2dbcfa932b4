//! Transfers a body to the sink in pieces, and keeps what is needed to resume it.
//!
//! It never reports a part of the whole as complete, and it refuses bytes beyond the announced or expected length, and beyond the
//! size that a file may have.

mod keeping;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use longhaul_http::{Body, Head, Partial, ProtocolFaultKind, Validator};
use longhaul_socket::{Deadline, Phase, clock};
use tokio::time::Instant;

use crate::exchange::body_range::BodyRange;
use crate::exchange::complete_body::CompleteBody;
use crate::exchange::content_format;
use crate::exchange::context::ExchangeContext;
use crate::exchange::ended::Ended;
use crate::exchange::failure::Failure;
use crate::exchange::overlap::{self, Compared, OverlapCheck, RecentBytes};
use crate::exchange::progress::Progress;
use crate::exchange::server_digests::ServerDigests;
use crate::exchange::{size_limit, unstorable};
use crate::list::listed_digests::{self, ListedDigests};
use crate::report::Event;
use crate::schedule::job::{DigestJoin, Job};
use crate::sink::resume;
use crate::sink::store::ResponseRecord;
use crate::sink::{Completion, Message, Piece, SinkGone};

/// Size of the pieces in which a body goes to the sink; a smaller body goes in one piece.
const PIECE_BYTES: u64 = 256 * 1024;
/// A piece goes to the sink after this long however small it is, so that a killed process loses little.
const PIECE_WAIT_MAX: Duration = Duration::from_secs(1);
/// Fewer bytes than this are neither kept nor count as progress: requesting the whole costs no more than a range request.
const RESUME_BYTES_MIN: u64 = 1024;

/// A body for which there is more room than at the start is checked again after this many bytes.
const SIZE_CHECK_BYTES: u64 = 1024 * 1024;

/// How the transfer of one body ended.
pub(crate) enum Received {
    /// The attempt has ended with it.
    Ended(Ended),
    /// The end of what is there was sent again, and differs: the part is of another version.
    Different,
    /// The announced part is complete, and the whole is not.
    More {
        /// Bytes of the part.
        bytes: u64,
    },
}

/// The transfer of one body.
pub(crate) struct BodyTransfer<'a> {
    context: &'a ExchangeContext,
    job: &'a mut Job,
    progress: &'a Progress,
    /// Offset of the pending bytes in the whole.
    offset: u64,
    pending: Vec<Bytes>,
    pending_bytes: u64,
    pending_since: Option<Instant>,
    /// The sink has been told of this body.
    is_begun: bool,
    /// The size at which it has to be found out whether the file is too large.
    size_max: u64,
    range: BodyRange,
    /// The digests of this response's content, where it is a part of the whole.
    content_digests: Option<Box<ServerDigests>>,
    /// The response, if the store records responses.
    response: Option<Arc<ResponseRecord>>,
    /// The comparison that comes before the body, while it lasts.
    overlap: Option<OverlapCheck>,
    /// The end of what was received, for such a comparison later; `None` where a validator is enough.
    recent: Option<RecentBytes>,
}

impl<'a> BodyTransfer<'a> {
    pub(crate) fn new(
        context: &'a ExchangeContext,
        job: &'a mut Job,
        progress: &'a Progress,
        range: BodyRange,
        response: Option<Arc<ResponseRecord>>,
    ) -> Self {
        Self {
            context,
            job,
            progress,
            offset: range.from,
            pending: Vec::new(),
            pending_bytes: 0,
            pending_since: None,
            is_begun: range.from > 0,
            size_max: context.size_limit.bytes_max(),
            overlap: range.overlap.map(OverlapCheck::new),
            recent: range.overlap.map(|_| RecentBytes::default()),
            range,
            content_digests: None,
            response,
        }
    }

    /// Reads the body to its end.
    pub(crate) async fn run(
        &mut self,
        head: &Head,
        mut body: Body,
        begun: Instant,
    ) -> Result<Received, SinkGone> {
        let wrong_size = self.range.total.and_then(|total| self.job.expected.wrong_size(total));
        if let Some(what) = wrong_size.or_else(|| self.wrong_type(head)) {
            // No byte of it is kept, so it costs no part: a page of somebody on the way is not the file.
            let failure = Failure::of_mismatch(&what, head, begun.elapsed());
            body.drain().await;
            return Ok(Received::Ended(Ended::Failed(failure)));
        }
        let total = self.range.total.filter(|total| *total > self.size_max);
        if let Some(what) = total.and_then(|total| self.context.size_limit.refusal(total, self.range.from)) {
            // The body is large: dropping it closes its connection, which costs less.
            return Ok(Received::Ended(Ended::Failed(size_limit::failure(&what, head, begun.elapsed()))));
        }
        self.prepare(head);
        loop {
            let next_chunk = self.progress.unless_cut(body.chunk());
            let arrived = match self.pending_since {
                None => next_chunk.await,
                Some(since) => match Deadline::at(since + PIECE_WAIT_MAX).bound(next_chunk).await {
                    Ok(arrived) => arrived,
                    Err(_passed) => {
                        self.hand_over().await?;
                        continue;
                    }
                },
            };
            let Some(next) = arrived else {
                let failure = Failure::of_cut(Phase::Body, Some(head.peer), begun.elapsed());
                return self.keep(failure).await;
            };
            match next {
                Ok(Some(chunk)) => {
                    if let Some(digests) = &mut self.content_digests {
                        digests.update(&chunk);
                    }
                    let chunk = match self.compare(chunk, head) {
                        Compared::NotYet => continue,
                        Compared::Different => return Ok(Received::Different),
                        Compared::Same(rest) => rest,
                    };
                    let size_min = self.received() + chunk.len() as u64;
                    let unexpected = || {
                        // A body without an announced length may be endless.
                        let what = self.job.expected.too_long(size_min)?;
                        Some(Failure::of_mismatch(&what, head, begun.elapsed()))
                    };
                    // More than was announced: which of the bytes are right is unknown, so none is kept.
                    let is_beyond = self.range.end.is_some_and(|end| size_min > end);
                    let beyond = || wrong_range(head, begun);
                    let unstorable = || unstorable::failure(self.context, self.job.row, head);
                    if let Some(failure) = is_beyond.then(beyond).or_else(unexpected).or_else(unstorable) {
                        return self.refuse(failure).await;
                    }
                    if let Some(what) = self.too_large(size_min) {
                        return self.refuse(size_limit::failure(&what, head, begun.elapsed())).await;
                    }
                    self.take(chunk).await?;
                }
                Ok(None) => return self.end(head, &body, begun).await,
                Err(error) => {
                    let now_unix_ms = self.context.clock.unix_ms();
                    return self.keep(Failure::of_error(&error, false, now_unix_ms)).await;
                }
            }
        }
    }

    /// The body has ended as its framing says.
    async fn end(&mut self, head: &Head, body: &Body, begun: Instant) -> Result<Received, SinkGone> {
        let BodyRange { from, end, total, .. } = self.range;
        if self.overlap.is_some() {
            let is_only_overlap = end.is_some_and(|end| end <= from);
            return if is_only_overlap {
                Ok(Received::More { bytes: 0 })
            } else {
                self.keep(wrong_range(head, begun)).await
            };
        }
        let size = self.received();
        if let Some(end) = end {
            if size < end {
                return self.keep(wrong_range(head, begun)).await;
            }
            if let Some(digests) = &mut self.content_digests
                && let Err(what) = digests.check(head, body.trailers())
            {
                return self.refuse(Failure::of_digest(&what, head, begun.elapsed())).await;
            }
            if total != Some(size) {
                return self.keep_part().await;
            }
        }
        if let Some(what) =
            listed_digests::mismatch(&self.job.expected, size, self.job.listed_digests.as_ref())
        {
            if from > 0 && self.job.expected.can_prove_joins() {
                self.job.digest_join = DigestJoin::Refused;
            }
            return self.refuse(Failure::of_mismatch(&what, head, begun.elapsed())).await;
        }
        let complete = CompleteBody { size, end: body.completion(), trailers: body.trailers() };
        let verification = match complete.verify(self.job, head) {
            Ok(verification) => verification,
            Err(what) => return self.refuse(Failure::of_digest(&what, head, begun.elapsed())).await,
        };
        // A part may repeat only one of the validators.
        let validator = match &self.job.partial {
            Some(partial) if from > 0 => partial.validator.clone(),
            _ => head.validator(),
        };
        let permit = self.progress.held_up(self.context.sink.admit_body()).await?;
        let piece = self.piece().await?;
        let finished_unix_ms = self.context.clock.unix_ms();
        let completion =
            Completion { status: head.status, size, validator, verification, finished_unix_ms, permit };
        Ok(Received::Ended(Ended::Complete(piece, completion)))
    }

    /// Notes in the job what the head says of the body.
    fn prepare(&mut self, head: &Head) {
        let from = self.range.from;
        // Where the list has a digest, that one decides.
        let compares = self.job.expected.digests.is_empty();
        if from == 0 {
            self.begin(head);
            self.job.format = content_format::of_head(head);
            self.job.server_digests = if compares { ServerDigests::of_whole(head) } else { None };
        } else {
            self.content_digests = if compares { ServerDigests::of_content(head) } else { None };
            if self.overlap.is_none() {
                self.adopt(head);
            }
        }
    }

    /// Notes what the head of a part says of the whole. Until it is proven that the part is of the same version, that may be
    /// wrong.
    fn adopt(&mut self, head: &Head) {
        self.job.format = content_format::of_part(head, std::mem::take(&mut self.job.format));
        let (digests, from) = (self.job.server_digests.take(), self.range.from);
        self.job.server_digests =
            digests.and_then(|mut digests| digests.append(head, from).then_some(digests));
    }

    /// How the media type differs from what is expected. A part may leave out what an earlier response said of the whole.
    fn wrong_type(&self, head: &Head) -> Option<String> {
        let earlier = self.job.format.content_type.as_deref().filter(|_| self.range.from > 0);
        let content_type = head.content_type().or(earlier);
        self.job.expected.wrong_type(content_type, &self.context.expected_types)
    }

    /// Notes what is needed to resume a body that begins.
    fn begin(&mut self, head: &Head) {
        let total = self.range.total;
        // The offsets of a range are not those of a coded body, so its part is resumed only if a digest proves the whole.
        let validator = if head.is_coded() { Validator::default() } else { head.validator() };
        let is_long = total.is_some_and(|total| total > overlap::PART_BYTES_MIN);
        let needs_tail = is_long && !validator.is_strong() && !head.is_coded();
        self.recent = needs_tail.then(RecentBytes::default);
        self.job.discard_partial();
        self.job.partial = Some(Partial { have: 0, validator, total });
        self.job.listed_digests = ListedDigests::wanted(&self.job.expected);
    }

    /// Compares bytes with the end of what is there, as long as they are sent again; returns those behind them.
    fn compare(&mut self, chunk: Bytes, head: &Head) -> Compared {
        let (Some(check), Some(recent)) = (&mut self.overlap, &mut self.recent) else {
            return Compared::Same(chunk);
        };
        let compared = check.take(chunk, recent);
        if matches!(compared, Compared::Same(_)) {
            self.overlap = None;
            self.job.is_joined_by_overlap = true;
            self.adopt(head);
        }
        compared
    }

    /// Why a body that has `size` bytes or more is too large.
    fn too_large(&mut self, size: u64) -> Option<String> {
        if size <= self.size_max {
            return None;
        }
        let refusal = self.context.size_limit.refusal(size, self.offset);
        if refusal.is_none() {
            // There is more room than at the start; it is measured again once this is used up.
            self.size_max = size.saturating_add(SIZE_CHECK_BYTES);
        }
        refusal
    }

    /// Offset behind the last byte received.
    fn received(&self) -> u64 {
        self.offset + self.pending_bytes
    }

    async fn take(&mut self, chunk: Bytes) -> Result<(), SinkGone> {
        let bytes = chunk.len() as u64;
        self.progress.add(bytes);
        if let Some(digests) = &mut self.job.listed_digests {
            digests.update(&chunk);
        }
        if let Some(recent) = &mut self.recent {
            recent.push(chunk.clone());
        }
        if let Some(digests) = &mut self.job.server_digests {
            digests.update(&chunk);
        }
        self.pending.push(chunk);
        self.pending_bytes += bytes;
        if let Some(rate) = &self.context.rate {
            self.progress.held_up(rate.take(bytes)).await;
        }
        let now = clock::now();
        let since = *self.pending_since.get_or_insert(now);
        if self.pending_bytes >= PIECE_BYTES || now - since >= PIECE_WAIT_MAX {
            self.hand_over().await?;
        }
        Ok(())
    }

    /// Hands the pending bytes to the sink; the body is not complete yet.
    async fn hand_over(&mut self) -> Result<(), SinkGone> {
        if !std::mem::replace(&mut self.is_begun, true) {
            let part = self.job.partial.as_ref().map(|partial| resume::part(partial, self.can_be_proven()));
            let part = part.unwrap_or_default();
            let begin = Message::Begin { row: self.job.row, part, response: self.response.clone() };
            self.progress.held_up(self.context.sink.send(begin)).await?;
        }
        let piece = self.piece().await?;
        let body = Message::Body { row: self.job.row, piece };
        self.progress.held_up(self.context.sink.send(body)).await
    }

    async fn piece(&mut self) -> Result<Piece, SinkGone> {
        let bytes = std::mem::take(&mut self.pending_bytes);
        if bytes > 0 {
            self.context.observer.emit(&Event::Received { row: self.job.row, bytes });
        }
        let permit = Some(self.progress.held_up(self.context.sink.admit(bytes)).await?);
        let offset = self.offset;
        self.offset += bytes;
        self.pending_since = None;
        Ok(Piece {
            offset,
            chunks: std::mem::take(&mut self.pending),
            response: self.response.clone(),
            permit,
        })
    }
}

/// The failure of a response that has not the range that it announces.
fn wrong_range(head: &Head, begun: Instant) -> Failure {
    Failure::of_protocol(ProtocolFaultKind::BadContentRange, head, begun.elapsed())
}
