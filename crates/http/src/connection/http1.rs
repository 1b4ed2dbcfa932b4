//! HTTP/1.1 over one connection: moves bytes between the stream and the core in [`h1`].
//!
//! There is no task: the future of the exchange reads and writes, and dropping it closes the connection. Nothing reads between
//! exchanges; what the peer sent or closed meanwhile is noticed when the connection is taken out of the pool.

use std::future::{Future, poll_fn};
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use longhaul_socket::{Endpoint, FaultKind, Phase, Stream, clock, kind_of};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::exchange::{BodyPart, ExchangeTerms, Failure, ReceivedHead};
use super::fault_context::FaultContext;
use super::peer::Peer;
use super::session::ProtocolSession;
use super::timer::PostponedTimer;
use crate::fault::{Error, ProtocolFaultKind};
use crate::h1::request::Target;
use crate::h1::{self, FieldList, FieldName, Message};
use crate::limits::{HEAD_BYTES_LEAST, Limits};
use crate::pool::{Broken, Reserve};
use crate::request::RequestHead;
use crate::response::{ExchangeRecord, Head};
use crate::timeouts::after;

/// Room for the first read of a response: most heads, and small files with them, fit.
const READ_BYTES_MIN: usize = 8 * 1024;
/// Room for one read: enough that a fast body is not bound by system calls, and little enough to stay in the cache.
const READ_BYTES_MAX: usize = 64 * 1024;

pub(crate) struct Http1 {
    stream: Stream,
    core: h1::Session,
    /// The request, and how much of it the stream has taken.
    request: Vec<u8>,
    written: usize,
    is_flushed: bool,
    /// When the first byte of the response arrived, if the caller keeps a record.
    first_byte_at: Option<Instant>,
    keeps_record: bool,
    /// Room for the next read: grows while reads fill it.
    read_bytes: usize,
    /// No exchange is under way, and the last one allows another.
    is_persistent: bool,
    timer: PostponedTimer,
    peer: Peer,
    /// Our own address.
    local: Option<IpAddr>,
    _presence: Rc<()>,
}

/// Why no head came.
enum HeadError {
    /// The stream failed.
    Stream(io::Error),
    /// The peer broke the protocol, or closed the connection.
    Core(h1::Fault),
    /// A deadline has passed.
    TimedOut,
}

impl Http1 {
    pub(crate) fn new(stream: Stream, peer: Peer, limits: &Limits, presence: Rc<()>) -> Self {
        let local = stream.local().endpoint().map(Endpoint::ip);
        let limits = h1::Limits {
            head_bytes_max: limits.head_bytes_max.max(HEAD_BYTES_LEAST),
            fields_max: limits.fields_max,
            interim_responses_max: limits.interim_responses_max,
            ..h1::Limits::default()
        };
        Self {
            stream,
            core: h1::Session::new(limits),
            request: Vec::new(),
            written: 0,
            is_flushed: false,
            first_byte_at: None,
            keeps_record: false,
            read_bytes: READ_BYTES_MIN,
            is_persistent: true,
            timer: PostponedTimer::default(),
            peer,
            local,
            _presence: presence,
        }
    }

    /// The exchange that has brought this head.
    fn record(&self, response_head: Bytes) -> ExchangeRecord {
        ExchangeRecord {
            request_head: Bytes::copy_from_slice(&self.request),
            response_head,
            first_byte_at: self.first_byte_at.unwrap_or_else(clock::now),
        }
    }

    /// Writes and reads what it can, up to the final head.
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<(h1::Head, h1::Framing), HeadError>> {
        loop {
            match self.core.poll().map_err(HeadError::Core)? {
                Some(Message::Head(head, framing)) => return Poll::Ready(Ok((head, framing))),
                Some(_) => continue,
                None => {}
            }
            let written = if self.is_flushed { Poll::Ready(Ok(())) } else { self.poll_write(cx) };
            let filled = self.poll_fill(cx);
            if self.keeps_record && matches!(filled, Poll::Ready(Ok(1..))) {
                self.first_byte_at.get_or_insert_with(clock::now);
            }
            match (written, filled) {
                // A peer may respond and close before it has taken the whole request.
                (Poll::Ready(Err(_)), Poll::Ready(Ok(1..))) => self.is_flushed = true,
                (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => {
                    return Poll::Ready(Err(HeadError::Stream(error)));
                }
                (_, Poll::Ready(Ok(0))) => {
                    let closed = self.core.close().err().unwrap_or(h1::Fault::ClosedInHead);
                    return Poll::Ready(Err(HeadError::Core(closed)));
                }
                (_, Poll::Ready(Ok(_))) => {}
                (_, Poll::Pending) => return Poll::Pending,
            }
        }
    }

    /// Writes the rest of the request.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let rest @ [_, ..] = &self.request[self.written..] {
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.is_flushed = true;
        Poll::Ready(Ok(()))
    }

    /// Reads once, straight into the buffer of the core; zero is the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let remaining = self.core.reader().remaining();
        // No more than the body is read, so that the next response finds an empty buffer.
        let room = match remaining.map(usize::try_from) {
            Some(Ok(remaining)) => remaining.min(READ_BYTES_MAX),
            Some(Err(_)) => READ_BYTES_MAX,
            None => self.read_bytes,
        };
        let buffer = self.core.buffer_mut();
        buffer.reserve(room);
        let read = ready!(pin!(self.stream.read_buf(buffer)).poll(cx))?;
        if read >= self.read_bytes {
            self.read_bytes = (2 * self.read_bytes).min(READ_BYTES_MAX);
        }
        Poll::Ready(Ok(read))
    }

    /// Looks for the end of a response of which nothing more has to be read.
    fn find_end(&mut self) {
        if !self.is_persistent
            && let Ok(Some(Message::End(end))) = self.core.poll()
        {
            self.end(end);
        }
    }

    fn end(&mut self, end: h1::End) {
        self.is_persistent = end.is_persistent;
        // An idle connection holds no memory.
        *self.core.buffer_mut() = BytesMut::new();
        self.request = Vec::new();
    }

    fn failure(&self, error: HeadError, phase: Phase, context: &FaultContext) -> Failure {
        let (error, is_reset) = match error {
            HeadError::TimedOut => return context.socket_error(phase, FaultKind::TimedOut).into(),
            HeadError::Core(fault) if !fault.is_early_close() => {
                return error_of(fault, Phase::Head, context).into();
            }
            HeadError::Core(fault) => (error_of(fault, phase, context), false),
            HeadError::Stream(error) => {
                let kind = kind_of(&error);
                // A broken pipe is no reset: the peer had closed the connection in an orderly way before it refused what
                // came then.
                let is_reset = kind == FaultKind::Reset && error.kind() != io::ErrorKind::BrokenPipe;
                (context.socket(context.fault(phase, kind).because(error)), is_reset)
            }
        };
        let broken = match self.written {
            0 => Some(Broken::Unprocessed),
            _ if self.core.reader().has_read() => None,
            _ if is_reset => Some(Broken::Reset),
            _ => Some(Broken::Closed),
        };
        Failure { error, broken }
    }
}

impl ProtocolSession for Http1 {
    fn peer(&self) -> Peer {
        self.peer
    }

    async fn exchange(
        &mut self,
        head: &RequestHead,
        terms: &ExchangeTerms<'_>,
    ) -> Result<ReceivedHead, Failure> {
        let context = terms.context;
        self.request.clear();
        write_head(head, &mut self.request)?;
        (self.written, self.is_flushed, self.read_bytes) = (0, false, READ_BYTES_MIN);
        (self.first_byte_at, self.keeps_record) = (None, terms.keeps_record);
        self.is_persistent = false;
        // A byte before the request belongs to no response.
        if let Poll::Ready(early) = poll_fn(|cx| Poll::Ready(self.poll_fill(cx))).await {
            return Err(match early {
                Ok(0) => self.failure(HeadError::Core(h1::Fault::ClosedBeforeHead), Phase::Send, context),
                Ok(_) => context.protocol_error(Phase::Send, ProtocolFaultKind::UnaskedBytes).into(),
                Err(error) => self.failure(HeadError::Stream(error), Phase::Send, context),
            });
        }
        if self.core.begin(head.method()).is_err() {
            return Err(context.protocol_error(Phase::Send, ProtocolFaultKind::UnaskedBytes).into());
        }
        let send_due = after(clock::now(), terms.timeouts.send);
        let mut head_due = None;
        let received = poll_fn(|cx| {
            let received = self.poll_head(cx);
            let phase = if self.is_flushed { Phase::Head } else { Phase::Send };
            if let Poll::Ready(received) = received {
                return Poll::Ready(received.map_err(|error| (error, phase)));
            }
            let due = match phase {
                Phase::Head => *head_due.get_or_insert_with(|| after(clock::now(), terms.timeouts.head)),
                _ => send_due,
            };
            let due = terms.ends.map_or(due, |ends| ends.min(due));
            self.timer.poll(cx, due).map(|()| Err((HeadError::TimedOut, phase)))
        })
        .await;
        let (head, framing) = received.map_err(|(error, phase)| self.failure(error, phase, context))?;
        let is_persistent = framing.is_persistent;
        let record = terms.keeps_record.then(|| Box::new(self.record(head.raw)));
        let head = Head::of_h1(head.status, head.fields, self.peer, &framing);
        Ok(ReceivedHead { head, is_persistent, record })
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, context: &FaultContext) -> Poll<Result<BodyPart, Error>> {
        loop {
            match self.core.poll() {
                Ok(Some(Message::Body(bytes))) => return Poll::Ready(Ok(BodyPart::Data(bytes))),
                Ok(Some(Message::Trailers { fields, .. })) => {
                    return Poll::Ready(Ok(BodyPart::Trailers(fields)));
                }
                Ok(Some(Message::End(end))) => {
                    self.end(end);
                    return Poll::Ready(Ok(BodyPart::End));
                }
                Ok(Some(_)) => continue,
                Ok(None) => {}
                Err(fault) => return Poll::Ready(Err(error_of(fault, Phase::Body, context))),
            }
            match ready!(self.poll_fill(cx)) {
                Ok(0) => {
                    let closed = self.core.close().map_err(|fault| error_of(fault, Phase::Body, context));
                    return Poll::Ready(closed.map(|end| {
                        self.end(end);
                        BodyPart::End
                    }));
                }
                Ok(_) => {}
                // An end without close_notify where more was to come is an early end like any other (RFC 9112 section 9.8).
                Err(error) => {
                    let fault = context.fault(Phase::Body, kind_of(&error)).because(error);
                    return Poll::Ready(Err(context.socket(fault)));
                }
            }
        }
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        self.timer.poll(cx, due)
    }
}

impl Reserve for Http1 {
    fn is_usable(&mut self) -> bool {
        self.find_end();
        let (mut byte, mut cx) = ([0], Context::from_waker(Waker::noop()));
        // Anything that can be read, the end of the stream included, ends the use of the connection. The buffer of the core
        // would be allocated for it.
        self.is_persistent
            && Pin::new(&mut self.stream).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    fn free_slots(&self) -> usize {
        1
    }

    fn local(&self) -> Option<IpAddr> {
        self.local
    }

    fn share(&self) -> Option<Self> {
        None
    }
}

/// Appends the head of a request, from the same parts that become pseudo-fields in HTTP/2.
fn write_head(head: &RequestHead, into: &mut Vec<u8>) -> Result<(), Error> {
    let mut fields = FieldList::new();
    for (name, value) in head.fields() {
        // In the usual case: some old servers compare names with case, although they may not (RFC 9110 section 5.1).
        fields.push(FieldName::from(name), value.clone());
    }
    let url;
    let target = if head.is_forwarded() {
        url = format!("{}://{}{}", head.scheme(), head.authority(), head.path());
        Target::Absolute(&url)
    } else {
        Target::Origin(head.path())
    };
    h1::request::write(into, &head.method(), target, head.authority(), &fields)
        .map_err(|error| Error::Unsendable(error.into()))
}

/// The error that a fault of the core is. One that only says that the peer stopped is of the connection.
fn error_of(fault: h1::Fault, phase: Phase, context: &FaultContext) -> Error {
    match ProtocolFaultKind::of(fault) {
        Some(kind) => Error::Protocol(context.protocol(phase, kind).because(fault)),
        None => context.socket(context.fault(phase, FaultKind::ClosedEarly).because(fault)),
    }
}
