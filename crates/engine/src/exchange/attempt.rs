//! One attempt at one URL: requests, redirects within the host, and the body.
//!
//! It reports how the attempt ended, and never decides whether another one is made.

use std::sync::Arc;

use http::header::CACHE_CONTROL;
use longhaul_http::range::{self, ResumeDecision};
use longhaul_http::redirect::{self, Redirection};
use longhaul_http::{ExchangeRecord, Head, HeaderValue, Partial, ProtocolFaultKind, RangeRequest, Request};
use longhaul_journal::{Part, Verification};
use longhaul_socket::clock;
use longhaul_socket::{Endpoint, Phase};
use tokio::time::Instant;

use crate::exchange::context::ExchangeContext;
use crate::exchange::ended::Ended;
use crate::exchange::failure::Failure;
use crate::exchange::progress::Progress;
use crate::exchange::receiving::{BodyRange, BodyTransfer, Received};
use crate::list::expectation;
use crate::pace::Announcement;
use crate::schedule::job::{Job, Redirected};
use crate::sink::store::ResponseRecord;
use crate::sink::{Completion, Message, Piece, SinkGone};

/// A server may send less than the requested rest, and then the attempt requests more at once. A part shorter than this
/// counts as small ...
const SMALL_PART_BYTES: u64 = 16 * 1024;
/// ... and one attempt accepts so many small parts.
const SMALL_PARTS_MAX: u32 = 8;

/// Makes one attempt. Dropping the future drops the exchange; what the sink has been given stays.
pub(crate) async fn attempt(
    context: &ExchangeContext,
    job: &mut Job,
    progress: &Progress,
) -> Result<Ended, SinkGone> {
    let begun = clock::now();
    let mut small_parts = 0;
    let mut bypasses_caches = false;
    let mut by_date = false;
    loop {
        let rest = if by_date { Partial::request_by_date } else { Partial::request };
        let asked = job.partial.as_ref().and_then(rest);
        let forbid_private = job.forbids_private();
        let request = request(context, job, asked.clone(), bypasses_caches);
        let asked_at = clock::now();
        let response = match progress.unless_cut(context.client.send(&request)).await {
            Some(Ok(response)) => response,
            Some(Err(error)) => {
                let now_unix_ms = context.clock.unix_ms();
                return Ok(Ended::Failed(Failure::of_error(&error, forbid_private, now_unix_ms)));
            }
            None => return Ok(Ended::Failed(Failure::of_cut(Phase::Head, None, begun.elapsed()))),
        };
        progress.connected(response.is_new_connection);
        let (head, body, record) = (response.head, response.body, response.record);
        let responded_at = clock::now();
        let announced = head.rate_limit(context.clock.unix_ms()).map(|limit| Announcement {
            remaining: limit.remaining,
            reset_at: responded_at + limit.reset_after,
        });
        progress.responded(&head, responded_at - asked_at, responded_at, announced);
        tracing::debug!(
            status = head.status,
            peer = %head.peer.endpoint,
            is_new_connection = response.is_new_connection,
            elapsed = ?(responded_at - asked_at),
            "a response begins"
        );
        let range = match (&job.partial, &asked) {
            (Some(partial), Some(asked)) => match range::decide(partial, asked, &head) {
                ResumeDecision::Append { from, body_bytes, total } => {
                    BodyRange { from, end: Some(from + body_bytes), total }
                }
                ResumeDecision::Complete => {
                    return already_complete(context, job, progress, &head, begun).await;
                }
                // The response cannot be joined to the bytes that are there: request the whole at once.
                ResumeDecision::Restart | ResumeDecision::Refuse(_) => {
                    job.partial = None;
                    body.drain().await;
                    continue;
                }
                // Another request costs less than the whole body. Dropping the body closes its connection.
                ResumeDecision::Replace if range::disregards_tag(partial, asked, &head) => {
                    by_date = true;
                    continue;
                }
                ResumeDecision::Replace | ResumeDecision::Inapplicable => BodyRange::whole(&head),
            },
            _ => match range::refuse_unasked(&head) {
                Some(kind) => return Ok(Ended::Failed(Failure::of_protocol(kind, &head, begun.elapsed()))),
                None => BodyRange::whole(&head),
            },
        };
        match head.status {
            200..=299 => {
                let record = record.map(|record| recorded(context, job, &head, *record, range.from));
                let transfer = BodyTransfer::new(context, job, progress, range, record);
                match transfer.run(&head, body, begun).await? {
                    Received::Ended(ended) => return Ok(ended),
                    Received::More { bytes } => {
                        small_parts += u32::from(bytes < SMALL_PART_BYTES);
                        if small_parts > SMALL_PARTS_MAX {
                            let kind = ProtocolFaultKind::BadContentRange;
                            return Ok(Ended::Failed(Failure::of_protocol(kind, &head, begun.elapsed())));
                        }
                    }
                }
            }
            // The request had no condition: a cache on the way confused it with another one. The next request makes it revalidate.
            304 if !bypasses_caches => {
                body.drain().await;
                bypasses_caches = true;
            }
            300..=399 => {
                body.drain().await;
                match follow(context, job, &head) {
                    Ok(Follow::SameHost) => {}
                    Ok(Follow::OtherHost) => return Ok(Ended::Redirected),
                    Err(fault) => {
                        return Ok(Ended::Failed(Failure::of_redirect(&fault, &head, begun.elapsed())));
                    }
                }
            }
            _ => {
                body.drain().await;
                let now_unix_ms = context.clock.unix_ms();
                return Ok(Ended::Failed(Failure::of_status(&head, begun.elapsed(), now_unix_ms)));
            }
        }
    }
}

/// The request for what is missing of the job's body.
fn request(
    context: &ExchangeContext,
    job: &Job,
    range: Option<RangeRequest>,
    bypasses_caches: bool,
) -> Request {
    let request = Request::get(job.target().clone())
        .with_initial_origin(job.home().clone())
        .with_range(range)
        .with_forbid_private(job.forbids_private())
        .with_record(context.records_responses);
    if bypasses_caches {
        request.with_header(CACHE_CONTROL, HeaderValue::from_static("no-cache"))
    } else {
        request
    }
}

/// What the store is told of a response whose body begins at this offset of the whole.
fn recorded(
    context: &ExchangeContext,
    job: &Job,
    head: &Head,
    record: ExchangeRecord,
    offset: u64,
) -> Arc<ResponseRecord> {
    Arc::new(ResponseRecord {
        row_url: job.url.clone(),
        target_url: job.target().clone(),
        request_head: record.request_head,
        response_head: record.response_head,
        first_byte_unix_ms: context.clock.unix_ms_at(record.first_byte_at),
        peer: head.peer,
        offset,
    })
}

/// The host says with 416 that the bytes that are there are the whole.
async fn already_complete(
    context: &ExchangeContext,
    job: &mut Job,
    progress: &Progress,
    head: &Head,
    begun: Instant,
) -> Result<Ended, SinkGone> {
    let partial = job.partial.take().unwrap_or_default();
    if let Some(what) = expectation::mismatch(&job.expected, partial.have, job.sha256.as_ref()) {
        // The bytes that are there are not what the list expects: discard them.
        let discard = Message::Begin { row: job.row, part: Part::default(), response: None };
        context.sink.send(discard).await?;
        return Ok(Ended::Failed(Failure::of_mismatch(&what, head, begun.elapsed())));
    }
    let verification = match job.sha256 {
        Some(_) => Verification::Digest("sha-256".to_owned()),
        None => Verification::Length,
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

/// Where a redirect leads.
enum Follow {
    /// The attempt requests it at once.
    SameHost,
    /// The shard of that host requests it.
    OtherHost,
}

/// Notes in the job where the redirect leads.
fn follow(context: &ExchangeContext, job: &mut Job, head: &Head) -> Result<Follow, redirect::RedirectFault> {
    let host_ip = head.peer.host_endpoint().map(Endpoint::ip);
    let redirection = Redirection { status: head.status, location: head.location(), host_ip };
    let from = job.target().clone();
    let Some(hop) = redirect::next(&context.redirects, &from, job.earlier(), redirection)? else {
        return Err(redirect::RedirectFault::NoLocation(head.status));
    };
    let mut earlier = job.redirected.take().map(|redirected| redirected.earlier).unwrap_or_default();
    earlier.push(from);
    job.redirected = Some(Redirected { url: hop.url, earlier, forbid_private: hop.forbid_private });
    Ok(if hop.other_origin { Follow::OtherHost } else { Follow::SameHost })
}
