//! One attempt at one URL: request, redirects within the host, resuming, and the body's way to the sink.
//!
//! It reports what happened and decides nothing about what happens next.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use longhaul_http::range::{self, Plan};
use longhaul_http::redirect::{self, Answer, Policy};
use longhaul_http::{
    Body, Client, Completion as BodyEnd, Framing, Head, HeaderMap, Partial, ProtocolFaultKind, Request,
};
use longhaul_journal::Verification;
use longhaul_socket::clock::{self, WallClock};
use tokio::time::Instant;

use crate::event::{Event, Observer};
use crate::failure::Failure;
use crate::job::{Job, Moved};
use crate::rate::RateLimit;
use crate::resume;
use crate::sink::{Completion, Message, Piece, SinkGone, SinkHandle};

/// A body goes to the sink in pieces of about this size; one that is smaller goes as a whole.
const PIECE_BYTES: u64 = 256 * 1024;
/// However small, what has come is handed over after this long, so that a kill costs little.
const PIECE_WAIT_MAX: Duration = Duration::from_secs(1);
/// A server may send less than the rest that was asked for, and is asked for more at once. One that does so in crumbs is
/// asked so many times in one attempt.
const SMALL_RANGES_MAX: u32 = 8;
/// Fewer bytes than this are not worth a range request, nor the name of progress: asking for the whole costs no more.
const KEEP_BYTES_MIN: u64 = 1024;

/// What exchanges of one shard share.
pub(crate) struct Context {
    pub(crate) client: Client,
    pub(crate) redirects: Policy,
    pub(crate) sink: SinkHandle,
    pub(crate) observer: Arc<Observer>,
    pub(crate) clock: WallClock,
    pub(crate) rate: Option<Arc<RateLimit>>,
    /// The user's fields that are for the hosts of the list alone.
    pub(crate) confidential: HeaderMap,
}

impl Context {
    /// The request for where the job is now. What is confidential does not follow it to another origin.
    fn request(&self, job: &Job) -> Request {
        let request = Request::get(job.target().clone());
        if job.target().origin() != job.home() {
            return request;
        }
        let has_own = |name| name == AUTHORIZATION && job.target().credentials().is_some();
        let fields = self.confidential.iter().filter(|(name, _)| !has_own(*name));
        fields.fold(request, |request, (name, value)| request.with_header(name.clone(), value.clone()))
    }
}

/// How far an exchange is, for those who watch over it.
#[derive(Debug)]
pub(crate) struct Progress {
    bytes: Cell<u64>,
    /// From the request to the head, once it has come.
    latency: Cell<Option<Duration>>,
}

impl Progress {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self { bytes: Cell::new(0), latency: Cell::new(None) })
    }

    /// Bytes of bodies so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    pub(crate) fn latency(&self) -> Option<Duration> {
        self.latency.get()
    }

    fn add(&self, bytes: u64) {
        self.bytes.set(self.bytes.get() + bytes);
    }
}

/// How an attempt ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// The body is complete with this last piece.
    Complete(Piece, Completion),
    /// A redirect leads to another host: `job.moved` says where.
    Moved,
    /// It failed; what is kept is in `job.partial`.
    Failed(Failure),
}

/// Makes one attempt. Dropping the future drops the exchange; what the sink has been given stays.
pub(crate) async fn attempt(
    context: &Context,
    job: &mut Job,
    progress: &Progress,
) -> Result<Ended, SinkGone> {
    let begun = clock::now();
    let mut small_ranges = 0;
    loop {
        let asked = job.partial.as_ref().and_then(Partial::request);
        let forbid_private = job.moved.as_ref().is_some_and(|moved| moved.forbid_private);
        let request = context.request(job).with_range(asked.clone()).with_forbid_private(forbid_private);
        let asked_at = clock::now();
        let response = match context.client.send(&request).await {
            Ok(response) => response,
            Err(error) => return Ok(Ended::Failed(Failure::of_error(&error, forbid_private))),
        };
        progress.latency.set(Some(clock::now() - asked_at));
        let (head, body) = (response.head, response.body);
        let span = match (&job.partial, &asked) {
            (Some(partial), Some(asked)) => match range::plan(partial, asked, &head) {
                Plan::Append { from, body_bytes, total } => {
                    Span { from, end: Some(from + body_bytes), total }
                }
                Plan::Complete => return Ok(already_complete(context, partial, &head)),
                // An answer that cannot be joined to what is there is of no use; the whole is asked for at once.
                Plan::Restart | Plan::Refuse(_) => {
                    job.partial = None;
                    body.drain().await;
                    continue;
                }
                Plan::Replace | Plan::Inapplicable => Span::whole(&head),
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
                    small_ranges += u32::from(bytes < PIECE_BYTES);
                    if small_ranges > SMALL_RANGES_MAX {
                        let kind = ProtocolFaultKind::BadContentRange;
                        return Ok(Ended::Failed(Failure::of_protocol(kind, &head, begun.elapsed())));
                    }
                }
            },
            300..=399 => {
                body.drain().await;
                match follow(context, job, &head) {
                    Ok(Follow::Here) => {}
                    Ok(Follow::Elsewhere) => return Ok(Ended::Moved),
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
fn already_complete(context: &Context, partial: &Partial, head: &Head) -> Ended {
    let completion = Completion {
        status: head.status,
        size: partial.have,
        validator: partial.validator.clone(),
        verification: Verification::Length,
        finished_unix_ms: context.clock.unix_ms(),
    };
    Ended::Complete(Piece { offset: partial.have, ..Piece::default() }, completion)
}

enum Follow {
    Here,
    Elsewhere,
}

fn follow(context: &Context, job: &mut Job, head: &Head) -> Result<Follow, redirect::RedirectFault> {
    let answer = Answer { status: head.status, location: head.location(), answered_by: head.endpoint.ip() };
    let from = job.target().clone();
    let Some(hop) = redirect::next(&context.redirects, &from, job.earlier(), answer)? else {
        return Err(redirect::RedirectFault::NoLocation(head.status));
    };
    let mut earlier = job.moved.take().map(|moved| moved.earlier).unwrap_or_default();
    earlier.push(from);
    job.moved = Some(Moved { url: hop.url, earlier, forbid_private: hop.forbid_private });
    Ok(if hop.other_origin { Follow::Elsewhere } else { Follow::Here })
}

/// Where a body belongs in the whole.
#[derive(Debug, Clone, Copy)]
struct Span {
    from: u64,
    /// Where it has to end, if it is a part.
    end: Option<u64>,
    /// The length of the whole, where it is known.
    total: Option<u64>,
}

impl Span {
    fn whole(head: &Head) -> Self {
        let total = match head.framing {
            Framing::Length(length) => Some(length),
            _ => None,
        };
        Self { from: 0, end: None, total }
    }
}

/// What became of one body.
enum Received {
    Ended(Ended),
    /// It was the part that was announced, of so many bytes, and not yet the end of the whole.
    More {
        bytes: u64,
    },
}

/// A body on its way to the sink.
struct Receiving<'a> {
    context: &'a Context,
    job: &'a mut Job,
    progress: &'a Progress,
    /// Where the pending bytes belong.
    offset: u64,
    pending: Vec<Bytes>,
    pending_bytes: u64,
    pending_since: Option<Instant>,
    /// The sink knows of this body.
    is_begun: bool,
    span: Span,
}

impl<'a> Receiving<'a> {
    fn new(context: &'a Context, job: &'a mut Job, progress: &'a Progress, span: Span) -> Self {
        Self {
            context,
            job,
            progress,
            offset: span.from,
            pending: Vec::new(),
            pending_bytes: 0,
            pending_since: None,
            is_begun: span.from > 0,
            span,
        }
    }

    async fn run(mut self, head: &Head, mut body: Body, begun: Instant) -> Result<Received, SinkGone> {
        let Span { from, end, total } = self.span;
        if from == 0 {
            self.job.partial = Some(Partial { have: 0, validator: head.validator(), total });
        }
        let misfit = || Failure::of_protocol(ProtocolFaultKind::BadContentRange, head, begun.elapsed());
        loop {
            match body.chunk().await {
                Ok(Some(chunk)) if end.is_some_and(|end| self.received() + chunk.len() as u64 > end) => {
                    // More than was announced: nobody knows which of the bytes are meant.
                    self.job.partial = None;
                    return Ok(Received::Ended(Ended::Failed(misfit())));
                }
                Ok(Some(chunk)) => self.take(chunk).await?,
                Ok(None) => break,
                Err(error) => return self.keep(Failure::of_error(&error, false)).await,
            }
        }
        let size = self.received();
        if let Some(end) = end {
            if size < end {
                return self.keep(misfit()).await;
            }
            if total != Some(size) {
                return self.go_on().await;
            }
        }
        // A part need not say again what the whole is called; it was asked for under that name.
        let validator = match &self.job.partial {
            Some(partial) if from > 0 => partial.validator.clone(),
            _ => head.validator(),
        };
        let verification = match body.completion() {
            Some(BodyEnd::Close) => Verification::LengthUnverified,
            _ => Verification::Length,
        };
        let piece = self.piece().await?;
        let finished_unix_ms = self.context.clock.unix_ms();
        let completion = Completion { status: head.status, size, validator, verification, finished_unix_ms };
        Ok(Received::Ended(Ended::Complete(piece, completion)))
    }

    /// The end of the whole as far as it has come.
    fn received(&self) -> u64 {
        self.offset + self.pending_bytes
    }

    /// A part has come as it was announced: it is kept, and the rest is to be asked for.
    async fn go_on(mut self) -> Result<Received, SinkGone> {
        let have = self.received();
        if self.pending_bytes > 0 {
            self.hand_over().await?;
        }
        if let Some(partial) = &mut self.job.partial {
            partial.have = have;
            partial.total = self.span.total;
        }
        Ok(Received::More { bytes: have - self.span.from })
    }

    async fn take(&mut self, chunk: Bytes) -> Result<(), SinkGone> {
        let bytes = chunk.len() as u64;
        self.progress.add(bytes);
        self.pending.push(chunk);
        self.pending_bytes += bytes;
        if let Some(rate) = &self.context.rate {
            rate.take(bytes).await;
        }
        let now = clock::now();
        let since = *self.pending_since.get_or_insert(now);
        if self.pending_bytes >= PIECE_BYTES || now - since >= PIECE_WAIT_MAX {
            self.hand_over().await?;
        }
        Ok(())
    }

    /// Gives what is pending to the sink; the body is not complete yet.
    async fn hand_over(&mut self) -> Result<(), SinkGone> {
        if !std::mem::replace(&mut self.is_begun, true) {
            let part = self.job.partial.as_ref().map(resume::part).unwrap_or_default();
            self.context.sink.send(Message::Begin { row: self.job.row, part }).await?;
        }
        let piece = self.piece().await?;
        self.context.sink.send(Message::Body { row: self.job.row, piece }).await
    }

    async fn piece(&mut self) -> Result<Piece, SinkGone> {
        let bytes = std::mem::take(&mut self.pending_bytes);
        if bytes > 0 {
            self.context.observer.tell(&Event::Received { row: self.job.row, bytes });
        }
        let permit = Some(self.context.sink.admit(bytes).await?);
        let offset = self.offset;
        self.offset += bytes;
        self.pending_since = None;
        Ok(Piece { offset, chunks: std::mem::take(&mut self.pending), permit })
    }

    /// The body broke off: what can be built upon is kept.
    async fn keep(mut self, mut failure: Failure) -> Result<Received, SinkGone> {
        let have = self.received();
        let resumable = self.job.partial.as_ref().is_some_and(|partial| partial.validator.is_strong());
        if resumable && have >= KEEP_BYTES_MIN {
            if self.pending_bytes > 0 {
                self.hand_over().await?;
            }
            failure.made_progress = have >= self.span.from + KEEP_BYTES_MIN;
            if let Some(partial) = &mut self.job.partial {
                partial.have = have;
            }
        } else {
            self.job.partial = None;
        }
        Ok(Received::Ended(Ended::Failed(failure)))
    }
}
