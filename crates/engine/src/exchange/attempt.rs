//! One attempt at one URL: its requests, and the body.
//!
//! It reports how the attempt ended, and never decides whether another one is made.

use std::sync::Arc;
use std::time::Duration;

use http::header::CACHE_CONTROL;
use longhaul_http::range::{self, ResumeDecision};
use longhaul_http::{Body, ContentRange, ExchangeRecord, Head, HeaderValue, Partial, RangeRequest, Request};
use longhaul_journal::Part;
use longhaul_socket::{Phase, clock};
use tokio::time::Instant;

use crate::exchange::body_range::BodyRange;
use crate::exchange::complete_body::CompleteBody;
use crate::exchange::context::ExchangeContext;
use crate::exchange::ended::Ended;
use crate::exchange::failure::Failure;
use crate::exchange::join::{Join, Placed};
use crate::exchange::no_file::no_content_mismatch;
use crate::exchange::overlap::OVERLAP_BYTES;
use crate::exchange::progress::Progress;
use crate::exchange::range_test::RangeTest;
use crate::exchange::receiving::{BodyTransfer, Received};
use crate::exchange::redirects::{self, Follow};
use crate::exchange::size_limit;
use crate::exchange::status::Meaning;
use crate::list::listed_digests;
use crate::pace::Announcement;
use crate::schedule::job::{DigestJoin, Job, RangeUse};
use crate::schedule::retry;
use crate::sink::store::ResponseRecord;
use crate::sink::{Completion, Message, Piece, SinkGone};

/// A server may send less than the requested rest, and then the attempt requests more at once. A part shorter than this
/// counts as small ...
const SMALL_PART_BYTES: u64 = 16 * 1024;
/// ... and after more small parts than this the whole is requested.
const SMALL_PARTS_MAX: u32 = 8;

/// Makes one attempt. Dropping the future drops the exchange; what the sink has been given stays.
pub(crate) async fn attempt(
    context: &ExchangeContext,
    job: &mut Job,
    progress: &Progress,
) -> Result<Ended, SinkGone> {
    if let Some(failure) = context.size_limit.refusal_of_listed(job.expected.size) {
        return Ok(Ended::Failed(failure));
    }
    let range_test = RangeTest::of_attempt(job);
    let mut attempt = Attempt {
        context,
        job,
        progress,
        begun: clock::now(),
        small_parts: 0,
        bypasses_caches: false,
        by_date: false,
        range_test,
    };
    let ended = loop {
        match attempt.exchange().await? {
            Some(Ended::Failed(failure)) if attempt.range_test.is_failed_by(attempt.job, &failure) => {
                attempt.range_test.conclude(attempt.job);
            }
            Some(ended) => break ended,
            None => {}
        }
    };
    if let Ended::Failed(failure) = &ended {
        if failure.was_cut_short {
            attempt.range_test.forget(attempt.job);
        }
        if let Some(redirected) = &mut attempt.job.redirected {
            redirected.is_used = true;
        }
    }
    Ok(ended)
}

/// An attempt in progress.
struct Attempt<'a> {
    context: &'a ExchangeContext,
    job: &'a mut Job,
    progress: &'a Progress,
    begun: Instant,
    small_parts: u32,
    bypasses_caches: bool,
    by_date: bool,
    range_test: RangeTest,
}

impl Attempt<'_> {
    /// Makes one request and handles its response. `None` where another request follows.
    async fn exchange(&mut self) -> Result<Option<Ended>, SinkGone> {
        let (asked, join) = self.range().unzip();
        let forbid_private = self.job.forbids_private();
        let request = self.request(asked.clone(), forbid_private);
        self.job.is_range_unanswered = asked.is_some();
        // A host that serves the whole and is slow with a range does not refuse ranges.
        self.progress.decides(self.range_test == RangeTest::Again);
        let asked_at = clock::now();
        let response = match self.progress.unless_cut(self.context.client.send(&request)).await {
            Some(Ok(response)) => response,
            Some(Err(error)) => {
                let now_unix_ms = self.context.clock.unix_ms();
                return Ok(Some(Ended::Failed(Failure::of_error(&error, forbid_private, now_unix_ms))));
            }
            None => {
                let failure = Failure::of_cut(Phase::Head, None, self.begun.elapsed());
                return Ok(Some(Ended::Failed(failure)));
            }
        };
        self.progress.connected(response.is_new_connection);
        let (head, body, record) = (response.head, response.body, response.record);
        self.note_head(&head, asked_at, response.is_new_connection);
        let meaning = Meaning::of(head.status);
        if redirects::is_outdated(self.job, asked.as_ref(), &head) {
            body.drain().await;
            return Ok(Some(self.go_home()));
        }
        if asked.is_some() && self.range_test.follows(self.context, self.job, &head) {
            body.drain().await;
            return Ok(None);
        }
        let range = match self.place(asked.as_ref(), join, &head) {
            Placed::At(range) => range,
            Placed::Nowhere { has_to_drain } => {
                // Dropping the body closes its connection, which costs less than the whole body.
                if has_to_drain {
                    body.drain().await;
                }
                return Ok(None);
            }
            Placed::Complete => return self.already_complete(&head).await.map(Some),
            Placed::Fault(kind) => {
                return Ok(Some(Ended::Failed(Failure::of_protocol(kind, &head, self.begun.elapsed()))));
            }
        };
        if meaning == Meaning::File && self.range_test.drops_whole(self.job) {
            // This closes the connection: the body may be large.
            return Ok(None);
        }
        if meaning == Meaning::File {
            let record = record.map(|record| self.recorded(&head, *record, &range));
            return self.receive(range, &head, body, record).await;
        }
        body.drain().await;
        Ok(self.without_body(meaning, &head))
    }

    /// Finds out where the body of a response belongs.
    fn place(&mut self, asked: Option<&RangeRequest>, join: Option<Join>, head: &Head) -> Placed {
        let Some((partial, asked)) = self.job.partial.as_ref().zip(asked) else {
            return range::refuse_unasked(head)
                .map_or_else(|| Placed::At(BodyRange::of_unasked(head)), Placed::Fault);
        };
        let from = partial.have;
        let disregards_tag = range::disregards_tag(partial, asked, head);
        match Join::decide(join, partial, asked, head) {
            ResumeDecision::Append { from: first, body_bytes, total } => Placed::At(BodyRange {
                from,
                end: Some(first + body_bytes),
                total,
                overlap: join.and_then(Join::overlap),
            }),
            ResumeDecision::Complete => Placed::Complete,
            ResumeDecision::Restart | ResumeDecision::Replace if self.may_join_despite_tags(head) => {
                Placed::Nowhere { has_to_drain: false }
            }
            // The response cannot be joined to the bytes that are there: request the whole at once.
            ResumeDecision::Restart | ResumeDecision::Refuse(_) => {
                self.job.discard_partial();
                Placed::Nowhere { has_to_drain: true }
            }
            ResumeDecision::Replace if disregards_tag => {
                self.by_date = true;
                Placed::Nowhere { has_to_drain: false }
            }
            ResumeDecision::Replace | ResumeDecision::Inapplicable => Placed::At(BodyRange::whole(head)),
        }
    }

    /// The range to request, and how its bytes will be proven to belong to those that are there; `None` for the whole.
    fn range(&self) -> Option<(RangeRequest, Join)> {
        let partial = self.job.partial.as_ref().filter(|_| self.range_test.allows(self.context, self.job))?;
        let has_digest = self.job.expected.can_prove_joins() && self.job.listed_digests.is_some();
        let is_strong = partial.validator.is_strong();
        match (self.job.digest_join, self.job.tail) {
            (DigestJoin::Allowed, _) if has_digest && !is_strong => {
                partial.request_unconditionally(0).map(|rest| (rest, Join::Digest))
            }
            (DigestJoin::DespiteTags, _) if has_digest => {
                partial.request_unconditionally(0).map(|rest| (rest, Join::Digest))
            }
            (_, Some(tail)) if !is_strong && partial.total.is_some() => {
                partial.request_unconditionally(OVERLAP_BYTES).map(|rest| (rest, Join::Overlap(tail)))
            }
            _ => {
                let rest = if self.by_date { Partial::request_by_date } else { Partial::request };
                rest(partial).map(|rest| (rest, Join::Validator))
            }
        }
    }

    /// Whether a response of another version, by its validator, may be the same content after all, which the digest of the list
    /// shows in the end. It is assumed once for a row.
    fn may_join_despite_tags(&mut self, head: &Head) -> bool {
        let Some(partial) = &self.job.partial else { return false };
        let theirs = match head.content_range() {
            Ok(Some(ContentRange::Part { total, .. })) => total,
            _ => head.content_length,
        };
        let may_join = self.job.digest_join == DigestJoin::Allowed
            && self.job.expected.can_prove_joins()
            && self.job.listed_digests.is_some()
            && partial.total.is_some()
            && theirs == partial.total
            && partial.validator.contradicts(&head.validator());
        if may_join {
            self.job.digest_join = DigestJoin::DespiteTags;
        }
        may_join
    }

    fn request(&self, range: Option<RangeRequest>, forbid_private: bool) -> Request {
        let target = self.job.target();
        let (first, max) = self.context.head_timeouts;
        let request = Request::get(target.clone())
            .with_initial_origin(self.job.home().clone())
            .with_cookies(self.job.cookies.as_ref().and_then(|jar| jar.field_for(target)))
            .with_range(range)
            .with_head_timeout(retry::head_timeout(first, max, self.job.head_timeouts))
            .with_forbid_private(forbid_private)
            .with_record(self.context.records_responses);
        if self.bypasses_caches {
            return request.with_header(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        request
    }

    fn note_head(&self, head: &Head, asked_at: Instant, is_new_connection: bool) {
        let responded_at = clock::now();
        let latency = responded_at - asked_at;
        let announced = head.rate_limit(self.context.clock.unix_ms()).map(|limit| Announcement {
            remaining: limit.remaining,
            reset_at: responded_at + limit.reset_after,
        });
        self.progress.responded(head, latency, responded_at, announced);
        let peer = head.peer.endpoint;
        tracing::debug!(status = head.status, %peer, is_new_connection, elapsed = ?latency, "a response begins");
    }

    /// The record of a response whose body has this place in the whole.
    fn recorded(&self, head: &Head, record: ExchangeRecord, range: &BodyRange) -> Arc<ResponseRecord> {
        let repeated_bytes = range.overlap.map_or(0, |_| OVERLAP_BYTES);
        Arc::new(ResponseRecord {
            row_url: self.job.url.clone(),
            target_url: self.job.target().clone(),
            request_head: record.request_head,
            response_head: record.response_head,
            first_byte_unix_ms: self.context.clock.unix_ms_at(record.first_byte_at),
            peer: head.peer,
            offset: range.from - repeated_bytes,
            repeated_bytes,
        })
    }

    async fn receive(
        &mut self,
        range: BodyRange,
        head: &Head,
        body: Body,
        record: Option<Arc<ResponseRecord>>,
    ) -> Result<Option<Ended>, SinkGone> {
        self.job.is_range_unanswered = false;
        self.job.note_body();
        match BodyTransfer::new(self.context, self.job, self.progress, range, record)
            .run(head, body, self.begun)
            .await?
        {
            Received::Ended(ended) => Ok(Some(ended)),
            Received::Different => {
                self.job.discard_partial();
                Ok(None)
            }
            Received::More { bytes } => {
                self.small_parts += u32::from(bytes < SMALL_PART_BYTES);
                if bytes == 0 || self.small_parts > SMALL_PARTS_MAX {
                    // The host sends less than ranges are worth: what was compared again, or little more.
                    self.job.range_use = RangeUse::Refused;
                }
                Ok(None)
            }
        }
    }

    /// Handles a response whose body is not the file.
    fn without_body(&mut self, meaning: Meaning, head: &Head) -> Option<Ended> {
        let elapsed = self.begun.elapsed();
        let now_unix_ms = self.context.clock.unix_ms();
        let sets_cookie = self.job.take_cookies(&head.headers, now_unix_ms);
        let failure = match meaning {
            // The request had no condition: a cache on the way confused it with another one, so the next request makes it revalidate.
            Meaning::Redirection if head.status == 304 && !self.bypasses_caches => {
                self.bypasses_caches = true;
                return None;
            }
            Meaning::Redirection => match redirects::follow(self.context, self.job, head, sets_cookie) {
                Ok(Follow::Next { wait }) => {
                    self.range_test.forget(self.job);
                    return Some(Ended::Redirected { wait });
                }
                Ok(Follow::NotReady) => self.not_ready(head),
                Err(fault) => Failure::of_redirect(&fault, head, elapsed),
            },
            Meaning::NotReady => self.not_ready(head),
            Meaning::NoContent => match no_content_mismatch(self.job, head, elapsed) {
                Some(failure) => failure,
                None => return Some(Ended::NoContent(head.status)),
            },
            Meaning::NotTheFile => Failure::of_other_content(head, elapsed),
            Meaning::File | Meaning::Failure => Failure::of_status(head, elapsed, now_unix_ms),
        };
        Some(Ended::Failed(failure))
    }

    /// The host is still making the file, and has it at this URL later.
    fn not_ready(&mut self, head: &Head) -> Failure {
        let failure = Failure::of_not_ready(head, self.begun.elapsed(), self.context.clock.unix_ms());
        self.job.stay_until(clock::now() + failure.retry_after.unwrap_or_default());
        failure
    }

    /// Requests the row's own URL again, with what is kept of the body.
    fn go_home(&mut self) -> Ended {
        self.range_test.forget(self.job);
        self.job.redirected = None;
        self.job.homecomings += 1;
        Ended::Redirected { wait: Duration::ZERO }
    }

    /// The host says with 416 that the bytes that are there are the whole.
    async fn already_complete(&mut self, head: &Head) -> Result<Ended, SinkGone> {
        let Self { context, job, progress, begun, .. } = self;
        let partial = job.partial.take().unwrap_or_default();
        if partial.have > context.size_limit.bytes_max()
            && let Some(what) = context.size_limit.refusal(partial.have, partial.have)
        {
            job.partial = Some(partial);
            return Ok(Ended::Failed(size_limit::failure(&what, head, begun.elapsed())));
        }
        let mismatch = listed_digests::mismatch(&job.expected, partial.have, job.listed_digests.as_ref());
        let complete = CompleteBody { size: partial.have, end: None, trailers: None };
        let verified = match mismatch {
            Some(what) => Err(Failure::of_mismatch(&what, head, begun.elapsed())),
            None => {
                complete.verify(job, head).map_err(|what| Failure::of_digest(&what, head, begun.elapsed()))
            }
        };
        let verification = match verified {
            Ok(verification) => verification,
            Err(failure) => {
                // The bytes that are there are not what the list expects, or the server has announced: discard them.
                job.discard_partial();
                let discard = Message::Begin { row: job.row, part: Part::default(), response: None };
                context.sink.send(discard).await?;
                return Ok(Ended::Failed(failure));
            }
        };
        let completion = Completion {
            status: head.status,
            size: partial.have,
            validator: partial.validator.clone(),
            verification,
            finished_unix_ms: context.clock.unix_ms(),
            permit: progress.held_up(context.sink.admit_body()).await?,
        };
        Ok(Ended::Complete(Piece { offset: partial.have, ..Piece::default() }, completion))
    }
}
