//! The body of a response, chunk by chunk. Its end gives the connection back; anything else ends the connection.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use longhaul_socket::{Deadline, FaultKind, Phase, Watch, clock};

use crate::connection::{FaultContext, Session};
use crate::fault::Error;
use crate::head::{Framing, Head};
use crate::limits::DRAIN_TIME_MAX;
use crate::pool::{Lease, Pool};

/// How the end of a body was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Every byte that was announced came; none were, where there is no body.
    Length,
    /// The last chunk came.
    LastChunk,
    /// The connection was closed: the length is unverified, and a cut body looks the same.
    Close,
}

/// The body of a response.
///
/// Read to its end, it gives its connection back to the pool at once. Dropped before, it closes the connection: the rest
/// would have to be read by somebody.
pub struct Body {
    /// `None` once the body has ended or failed.
    lease: Option<Lease<Session>>,
    pool: Rc<Pool<Session>>,
    context: FaultContext,
    framing: Framing,
    /// Whether the connection can be kept once the body has been read.
    keep_connection: bool,
    drain_bytes_max: u64,
    received: u64,
    watch: Watch,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Complete,
    Failed,
}

impl Body {
    pub(crate) fn new(
        head: &Head,
        lease: Lease<Session>,
        pool: Rc<Pool<Session>>,
        context: FaultContext,
        watch: Watch,
        drain_bytes_max: u64,
    ) -> Self {
        let mut body = Self {
            lease: Some(lease),
            pool,
            context,
            framing: head.framing,
            keep_connection: head.leaves_connection_clean(),
            drain_bytes_max,
            received: 0,
            watch,
            state: State::Reading,
        };
        if matches!(head.framing, Framing::Empty | Framing::Length(0)) {
            body.complete();
        }
        body
    }

    /// The next bytes; `None` after the last. Never empty.
    ///
    /// An error leaves [`received`](Self::received) as it is, ends the connection, and every later call fails too.
    ///
    /// Cancel safe: no bytes are lost, and the time of a cancelled wait counts as waiting.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// Bytes handed out so far.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// How the end was known; `None` before the end.
    pub fn completion(&self) -> Option<Completion> {
        (self.state == State::Complete).then_some(match self.framing {
            Framing::Empty | Framing::Length(_) => Completion::Length,
            Framing::Chunked => Completion::LastChunk,
            Framing::UntilClose => Completion::Close,
        })
    }

    /// Whether the body has ended where it was said to end; false before the end, and where its end was only a close.
    pub fn is_verified_length(&self) -> bool {
        matches!(self.completion(), Some(Completion::Length | Completion::LastChunk))
    }

    /// Reads and discards the rest, if it is small and quick, so that the connection can be used again. Whether it was.
    ///
    /// For answers whose body nobody wants. Takes at most [`DRAIN_TIME_MAX`] and
    /// [`drain_bytes_max`](crate::Limits::drain_bytes_max).
    pub async fn drain(mut self) -> bool {
        let stop_at = self.received.saturating_add(self.drain_bytes_max);
        let too_long = matches!(self.framing, Framing::Length(length) if length > stop_at);
        if self.state == State::Reading && (!self.keep_connection || too_long) {
            return false;
        }
        let rest = async {
            while self.received <= stop_at {
                match self.chunk().await {
                    Ok(Some(_)) => {}
                    Ok(None) => return self.keep_connection,
                    Err(_) => return false,
                }
            }
            false
        };
        Deadline::after(DRAIN_TIME_MAX).bound(rest).await.unwrap_or(false)
    }

    fn poll_chunk(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Error>> {
        match self.state {
            State::Reading => {}
            State::Complete => return Poll::Ready(Ok(None)),
            State::Failed => {
                return Poll::Ready(Err(self.context.socket_error(Phase::Body, FaultKind::ClosedEarly)));
            }
        }
        loop {
            match ready!(self.poll_data(cx)) {
                Some(Ok(bytes)) if bytes.is_empty() => {}
                Some(Ok(bytes)) => {
                    self.received += bytes.len() as u64;
                    self.watch.arrived(bytes.len() as u64);
                    if self.framing == Framing::Length(self.received) {
                        self.complete();
                    }
                    return Poll::Ready(Ok(Some(bytes)));
                }
                Some(Err(error)) => return Poll::Ready(Err(self.fail(error))),
                None if self.is_short() => {
                    let error = self.context.socket_error(Phase::Body, FaultKind::ClosedEarly);
                    return Poll::Ready(Err(self.fail(error)));
                }
                None => {
                    self.complete();
                    return Poll::Ready(Ok(None));
                }
            }
        }
    }

    /// The next data of the body; `None` at its end.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Error>>> {
        let Some(Lease { session, .. }) = &mut self.lease else { return Poll::Ready(None) };
        if let Poll::Ready(data) = session.poll_data(cx, &self.context, self.framing) {
            return Poll::Ready(data);
        }
        let (due, kind) = self.watch.due();
        ready!(session.poll_timer(cx, due));
        Poll::Ready(Some(Err(self.context.socket_error(Phase::Body, kind))))
    }

    /// Whether bytes were announced that never came.
    fn is_short(&self) -> bool {
        matches!(self.framing, Framing::Length(length) if self.received < length)
    }

    fn complete(&mut self) {
        self.state = State::Complete;
        if let Some(lease) = self.lease.take().filter(|_| self.keep_connection) {
            self.pool.give_back(lease, clock::now());
        }
    }

    fn fail(&mut self, error: Error) -> Error {
        self.state = State::Failed;
        self.lease = None;
        error
    }
}
