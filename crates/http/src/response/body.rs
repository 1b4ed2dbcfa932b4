//! The body of a response, chunk by chunk, without its transfer codings. A body that is read to its end gives its connection back to the pool; otherwise the
//! connection is closed.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http::HeaderMap;
use longhaul_socket::{Deadline, FaultKind, Phase, SpeedMonitor, clock};

use crate::connection::{BodyPart, FaultContext, ProtocolSession as _, Session};
use crate::fault::{Error, ProtocolFaultKind};
use crate::limits::DRAIN_TIME_MAX;
use crate::pool::{Lease, Pool};
use crate::response::decode::{CodedBody, DecodeFault};
use crate::response::{Framing, Head};

/// How the end of a body was known. How much that proves depends on the framing of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Completion {
    /// Every byte that was announced has arrived; also of a response without a body.
    Length,
    /// The last chunk has arrived (RFC 9112 section 7.1).
    LastChunk,
    /// The stream of the exchange ended without an error (`END_STREAM`, RFC 9113 section 8.1), which proves that the body is
    /// complete although no length was announced. For protocols with streams; HTTP/1.1 never ends like this.
    StreamEnd,
    /// The connection was closed: the length is unverified, because a truncated body looks the same.
    Close,
}

/// The body of a response.
///
/// Its bytes are those of the message content: chunks and transfer codings are removed, content codings are not (RFC 9110
/// section 6.4).
///
/// Reading it to its end gives the connection back to the pool at once. Dropping it before that closes the connection, on
/// which the rest of the body would follow; a connection that carries other exchanges loses only this one.
pub struct Body {
    /// `None` once the body has ended or failed.
    lease: Option<Lease<Session>>,
    pool: Rc<Pool<Session>>,
    context: FaultContext,
    framing: Framing,
    /// `None` if no transfer codings are applied.
    coded: Option<Box<CodedBody>>,
    /// Whether the connection can be used again once the body has been read.
    keep_connection: bool,
    drain_bytes_max: u64,
    received: u64,
    trailers: Option<Box<HeaderMap>>,
    monitor: SpeedMonitor,
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
        is_persistent: bool,
        lease: Lease<Session>,
        pool: Rc<Pool<Session>>,
        context: FaultContext,
        monitor: SpeedMonitor,
        drain_bytes_max: u64,
    ) -> Self {
        let mut body = Self {
            lease: Some(lease),
            pool,
            context,
            framing: head.framing,
            coded: CodedBody::of(&head.transfer_codings),
            keep_connection: is_persistent,
            drain_bytes_max,
            received: 0,
            trailers: None,
            monitor,
            state: State::Reading,
        };
        if matches!(head.framing, Framing::Empty | Framing::Length(0)) {
            body.complete();
        }
        body
    }

    /// The next bytes of the body, at least one; `None` at its end.
    ///
    /// After an error [`received`](Self::received) stays as it is, the connection is closed, and every later call fails.
    ///
    /// Cancel safe: no bytes are lost, and the time spent in a cancelled call counts towards the timeouts.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        poll_fn(|cx| self.poll_chunk(cx)).await
    }

    /// Bytes returned so far.
    pub const fn received(&self) -> u64 {
        self.received
    }

    /// How the end was known; `None` until the body has been read to its end.
    pub fn completion(&self) -> Option<Completion> {
        (self.state == State::Complete).then_some(match self.framing {
            Framing::Empty | Framing::Length(_) => Completion::Length,
            Framing::Chunked => Completion::LastChunk,
            Framing::Stream => Completion::StreamEnd,
            Framing::UntilClose => Completion::Close,
        })
    }

    /// The trailer fields (RFC 9110 section 6.5), once the body has been read to its end; `None` if none were sent.
    pub fn trailers(&self) -> Option<&HeaderMap> {
        self.trailers.as_deref()
    }

    /// Whether the body has been read to its end and its framing proves that it is complete.
    pub fn is_verified_length(&self) -> bool {
        matches!(self.completion(), Some(Completion::Length | Completion::LastChunk | Completion::StreamEnd))
    }

    /// Reads and discards the rest, if it is small and quick, so that the connection can be used again. Returns whether it
    /// can.
    ///
    /// For responses whose body is unwanted. Reads for at most [`DRAIN_TIME_MAX`], and at most
    /// [`drain_bytes_max`](crate::Limits::drain_bytes_max).
    pub async fn drain(mut self) -> bool {
        let stop_at = self.received.saturating_add(self.drain_bytes_max);
        let too_long = matches!(self.framing, Framing::Length(length) if length > stop_at);
        if self.state == State::Reading && (!self.keep_connection || too_long) {
            return false;
        }
        self.coded = None;
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
            match self.coded.as_mut().map_or(Ok(None), |coded| coded.next()) {
                Ok(Some(bytes)) => {
                    self.received += bytes.len() as u64;
                    return Poll::Ready(Ok(Some(bytes)));
                }
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Err(self.fail_decoding(fault))),
            }
            match ready!(self.poll_part(cx)) {
                Ok(BodyPart::Data(bytes)) if bytes.is_empty() => {}
                Ok(BodyPart::Data(bytes)) => {
                    self.monitor.arrived(bytes.len() as u64);
                    if let Some(coded) = &mut self.coded {
                        coded.push(bytes);
                        continue;
                    }
                    self.received += bytes.len() as u64;
                    if self.framing == Framing::Length(self.received) {
                        self.complete();
                    }
                    return Poll::Ready(Ok(Some(bytes)));
                }
                Ok(BodyPart::Trailers(fields)) => self.trailers = Some(Box::new(fields)),
                Ok(BodyPart::End) if self.is_short() => {
                    let error = self.context.socket_error(Phase::Body, FaultKind::ClosedEarly);
                    return Poll::Ready(Err(self.fail(error)));
                }
                Ok(BodyPart::End) => {
                    if let Some(Err(fault)) = self.coded.as_ref().map(|coded| coded.finish()) {
                        return Poll::Ready(Err(self.fail_decoding(fault)));
                    }
                    self.complete();
                    return Poll::Ready(Ok(None));
                }
                Err(error) => return Poll::Ready(Err(self.fail(error))),
            }
        }
    }

    /// The next part of the body, or an error once its time is over.
    fn poll_part(&mut self, cx: &mut Context<'_>) -> Poll<Result<BodyPart, Error>> {
        let Some(lease) = &mut self.lease else { return Poll::Ready(Ok(BodyPart::End)) };
        if let Poll::Ready(part) = lease.session.poll_body(cx, &self.context) {
            return Poll::Ready(part);
        }
        let (due, kind) = self.monitor.due();
        ready!(lease.session.poll_timer(cx, due));
        Poll::Ready(Err(self.context.socket_error(Phase::Body, kind)))
    }

    /// Whether fewer bytes have come than were announced.
    fn is_short(&self) -> bool {
        matches!(self.framing, Framing::Length(length) if self.received < length)
    }

    fn complete(&mut self) {
        self.state = State::Complete;
        if let Some(lease) = self.lease.take().filter(|_| self.keep_connection) {
            self.pool.give_back(lease, clock::now());
        }
    }

    /// Ends a body that cannot be decoded.
    fn fail_decoding(&mut self, fault: DecodeFault) -> Error {
        let context = &self.context;
        let (phase, kind) = match &fault {
            // The rest may come next time.
            DecodeFault::Truncated => {
                let closed = context.fault(Phase::Body, FaultKind::ClosedEarly).because(fault);
                let error = context.socket(closed);
                return self.fail(error);
            }
            DecodeFault::Unsupported(_) | DecodeFault::TooManyCodings => {
                (Phase::Head, ProtocolFaultKind::UnsupportedCoding)
            }
            DecodeFault::Corrupt | DecodeFault::TrailingBytes | DecodeFault::NothingDecoded => {
                (Phase::Body, ProtocolFaultKind::BadCoding)
            }
            DecodeFault::TooLarge => (Phase::Body, ProtocolFaultKind::DecodedTooLarge),
        };
        let error = Error::Protocol(context.protocol(phase, kind).because(fault));
        self.fail(error)
    }

    fn fail(&mut self, error: Error) -> Error {
        self.state = State::Failed;
        self.lease = None;
        error
    }
}
