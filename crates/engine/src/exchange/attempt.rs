//! One attempt at one URL: request, redirects within the host, and what of the answer is wanted.
//!
//! It reports what happened and decides nothing about what happens next.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::CACHE_CONTROL;
use longhaul_http::range::{self, ResumeDecision};
use longhaul_http::redirect::{self, RedirectPolicy, Redirection};
use longhaul_http::{Client, Head, HeaderValue, Partial, Peer, ProtocolFaultKind, Request};
use longhaul_journal::{Part, Verification};
use longhaul_socket::clock::{self, WallClock};
use longhaul_socket::{Endpoint, Phase};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::exchange::byte_rate::RateLimit;
use crate::exchange::failure::Failure;
use crate::exchange::receiving::{Received, Receiving, Span};
use crate::list::expectation;
use crate::pace::Announcement;
use crate::report::event::Observer;
use crate::schedule::job::{Job, Redirected};
use crate::sink::{Completion, Message, Piece, SinkGone, SinkHandle};

/// A server may send less than the rest that was asked for, and is asked for more at once. Ranges shorter than this are
/// crumbs ...
const CRUMB_BYTES: u64 = 16 * 1024;
/// ... of which one attempt takes so many.
const CRUMBS_MAX: u32 = 8;

/// What exchanges of one shard share.
pub(crate) struct ExchangeContext {
    pub(crate) client: Client,
    pub(crate) redirects: RedirectPolicy,
    pub(crate) sink: SinkHandle,
    pub(crate) observer: Arc<Observer>,
    pub(crate) clock: WallClock,
    pub(crate) rate: Option<Arc<RateLimit>>,
}

/// How far an exchange is, for those who watch over it.
#[derive(Debug)]
pub(crate) struct Progress {
    bytes: Cell<u64>,
    /// From the request to the head, once it has come.
    latency: Cell<Option<Duration>>,
    /// The peer over which the host sent its last head, and when.
    heard: Cell<Option<(Peer, Instant)>>,
    /// Whether the last request opened a connection of its own.
    is_new_connection: Cell<bool>,
    /// What the last head announced of the host's limit.
    announced: Cell<Option<Announcement>>,
    /// It waits for our own disk, or for the user's rate limit.
    is_held_up: Cell<bool>,
    cut: Notify,
}

impl Progress {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            bytes: Cell::new(0),
            latency: Cell::new(None),
            heard: Cell::new(None),
            is_new_connection: Cell::new(false),
            announced: Cell::new(None),
            is_held_up: Cell::new(false),
            cut: Notify::new(),
        })
    }

    /// Bytes of bodies so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        self.latency.get()
    }

    /// The peer over which the host sent its last head, and when; `None` before the first. A head that may be a proxy's own
    /// does not count.
    pub(crate) fn heard(&self) -> Option<(Peer, Instant)> {
        self.heard.get()
    }

    /// Whether the request that was answered last opened a connection of its own.
    pub(crate) fn is_new_connection(&self) -> bool {
        self.is_new_connection.get()
    }

    pub(crate) fn announced(&self) -> Option<Announcement> {
        self.announced.get()
    }

    pub(crate) fn add(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
    }

    /// Whether it makes no progress because of us, so that the host must not be taken for stalled.
    pub(crate) fn is_held_up(&self) -> bool {
        self.is_held_up.get()
    }

    /// Tells the exchange to give up, where it waits for its host.
    pub(crate) fn cut_short(&self) {
        self.cut.notify_one();
    }

    /// Waits for the host; `None` if the exchange was told to give up. Then the wait has been dropped.
    pub(crate) async fn unless_cut<T>(&self, wait: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            arrived = wait => Some(arrived),
            () = self.cut.notified() => None,
        }
    }

    /// Waits for something of our own.
    pub(crate) async fn held_up<T>(&self, wait: impl Future<Output = T>) -> T {
        self.is_held_up.set(true);
        let waited = wait.await;
        self.is_held_up.set(false);
        waited
    }
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The body is complete with this last piece.
    Complete(Piece, Completion),
    /// A redirect leads to another host: `job.moved` says where.
    Redirected,
    /// It failed; what is kept is in `job.partial`.
    Failed(Failure),
}

/// Makes one attempt. Dropping the future drops the exchange; what the sink has been given stays.
pub(crate) async fn attempt(
    context: &ExchangeContext,
    job: &mut Job,
    progress: &Progress,
) -> Result<Ended, SinkGone> {
    let begun = clock::now();
    let mut crumbs = 0;
    let mut passes_caches = false;
    let mut by_date = false;
    loop {
        let rest = if by_date { Partial::request_by_date } else { Partial::request };
        let asked = job.partial.as_ref().and_then(rest);
        let forbid_private = job.redirected.as_ref().is_some_and(|redirected| redirected.forbid_private);
        let mut request = Request::get(job.target().clone())
            .with_initial_origin(job.home().clone())
            .with_range(asked.clone())
            .with_forbid_private(forbid_private);
        if passes_caches {
            request = request.with_header(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        }
        let asked_at = clock::now();
        let response = match progress.unless_cut(context.client.send(&request)).await {
            Some(Ok(response)) => response,
            Some(Err(error)) => return Ok(Ended::Failed(Failure::of_error(&error, forbid_private))),
            None => return Ok(Ended::Failed(Failure::of_cut(Phase::Head, None, begun.elapsed()))),
        };
        progress.is_new_connection.set(response.is_new_connection);
        let (head, body) = (response.head, response.body);
        let heard_at = clock::now();
        progress.latency.set(Some(heard_at - asked_at));
        if !head.may_be_from_proxy() {
            progress.heard.set(Some((head.peer, heard_at)));
        }
        let announced = head.rate_limit(context.clock.unix_ms());
        progress.announced.set(
            announced.map(|said| Announcement {
                remaining: said.remaining,
                reset_at: heard_at + said.reset_after,
            }),
        );
        tracing::debug!(
            status = head.status,
            peer = %head.peer.endpoint,
            is_new_connection = response.is_new_connection,
            elapsed = ?(heard_at - asked_at),
            "a response begins"
        );
        let span = match (&job.partial, &asked) {
            (Some(partial), Some(asked)) => match range::decide(partial, asked, &head) {
                ResumeDecision::Append { from, body_bytes, total } => {
                    Span { from, end: Some(from + body_bytes), total }
                }
                ResumeDecision::Complete => {
                    return already_complete(context, job, progress, &head, begun).await;
                }
                // An answer that cannot be joined to what is there is of no use; the whole is asked for at once.
                ResumeDecision::Restart | ResumeDecision::Refuse(_) => {
                    job.partial = None;
                    body.drain().await;
                    continue;
                }
                // Asking once more costs less than the whole; a body that nobody reads ends its connection.
                ResumeDecision::Replace if range::disregards_tag(partial, asked, &head) => {
                    by_date = true;
                    continue;
                }
                ResumeDecision::Replace | ResumeDecision::Inapplicable => Span::whole(&head),
            },
            _ => match range::refuse_unasked(&head) {
                Some(kind) => return Ok(Ended::Failed(Failure::of_protocol(kind, &head, begun.elapsed()))),
                None => Span::whole(&head),
            },
        };
        match head.status {
            200..=299 => match Receiving::new(context, job, progress, span).run(&head, body, begun).await? {
                Received::Ended(ended) => return Ok(ended),
                Received::More { bytes } => {
                    crumbs += u32::from(bytes < CRUMB_BYTES);
                    if crumbs > CRUMBS_MAX {
                        let kind = ProtocolFaultKind::BadContentRange;
                        return Ok(Ended::Failed(Failure::of_protocol(kind, &head, begun.elapsed())));
                    }
                }
            },
            // We ask on no condition: a cache on the way has mixed us up with somebody else, and is told to ask anew.
            304 if !passes_caches => {
                body.drain().await;
                passes_caches = true;
            }
            300..=399 => {
                body.drain().await;
                match follow(context, job, &head) {
                    Ok(Follow::CurrentThread) => {}
                    Ok(Follow::Elsewhere) => return Ok(Ended::Redirected),
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

/// 416 for exactly what is there: nothing is missing.
async fn already_complete(
    context: &ExchangeContext,
    job: &mut Job,
    progress: &Progress,
    head: &Head,
    begun: Instant,
) -> Result<Ended, SinkGone> {
    let partial = job.partial.take().unwrap_or_default();
    if let Some(what) = expectation::mismatch(&job.expected, partial.have, job.sha256.as_ref()) {
        // What is kept will never be what is expected.
        context.sink.send(Message::Begin { row: job.row, part: Part::default() }).await?;
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
        place: progress.held_up(context.sink.admit_body()).await?,
    };
    Ok(Ended::Complete(Piece { offset: partial.have, ..Piece::default() }, completion))
}

enum Follow {
    CurrentThread,
    Elsewhere,
}

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
    Ok(if hop.other_origin { Follow::Elsewhere } else { Follow::CurrentThread })
}
