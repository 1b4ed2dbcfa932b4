//! The client's side. Whichever exchange is polled reads for all of them.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;
use std::future::{Future as _, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};
use longhaul_socket::{Endpoint, FaultKind, Phase, Stream, clock};
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};
use tokio::time::Instant;

use super::frame::{self, Frame, Kind, Malformed};
use crate::connection::{
    BodyPart, ExchangeTerms, Failure, FaultContext, Opened, Peer, PostponedTimer, ProtocolSession,
    ReceivedHead,
};
use crate::fault::{Error, ProtocolFaultKind, StreamReset};
use crate::pool::{Broken, Reserve};
use crate::request::RequestHead;
use crate::response::{Framing, Head};
use crate::timeouts::after;

/// Exchanges at a time.
pub(super) const SLOTS_MAX: usize = 4;
/// The error code of a stream that was not processed (RFC 9113 section 7).
pub(super) const REFUSED_STREAM: u32 = 7;

/// One of the handles to a connection.
pub(crate) struct Multiplexed {
    connection: Rc<RefCell<Connection>>,
    peer: Peer,
    /// The exchange of this handle.
    stream: Option<u8>,
    timer: PostponedTimer,
}

struct Connection {
    io: Stream,
    outgoing: BytesMut,
    incoming: BytesMut,
    streams: BTreeMap<u8, Incoming>,
    last_stream: u8,
    is_going_away: bool,
    is_closed: bool,
    /// The peer has sent a malformed frame: what follows it cannot be read.
    is_malformed: bool,
    _presence: Rc<()>,
}

/// What has come on a stream and was not read yet.
#[derive(Default)]
struct Incoming {
    frames: VecDeque<Frame>,
    waker: Option<Waker>,
}

/// Why a stream brings no further frame.
enum StreamEnd {
    Closed,
    Malformed,
    Reset(u32),
}

impl Multiplexed {
    pub(crate) fn new(Opened { stream, peer, presence, .. }: Opened) -> Self {
        let connection = Connection {
            io: stream,
            outgoing: BytesMut::new(),
            incoming: BytesMut::new(),
            streams: BTreeMap::new(),
            last_stream: 0,
            is_going_away: false,
            is_closed: false,
            is_malformed: false,
            _presence: presence,
        };
        Self {
            connection: Rc::new(RefCell::new(connection)),
            peer,
            stream: None,
            timer: PostponedTimer::default(),
        }
    }

    fn begin(&mut self, head: &RequestHead) {
        let mut connection = self.connection.borrow_mut();
        connection.last_stream += 1;
        let stream = connection.last_stream;
        let (method, scheme) = (head.method(), head.scheme());
        let mut text = format!("{method}\n{scheme}\n{}\n{}\n", head.authority(), head.path());
        for (name, value) in head.fields() {
            let value = value.to_str().expect("the tests send text");
            let _ = writeln!(text, "{name}: {value}");
        }
        frame::write(&mut connection.outgoing, stream, Kind::Request, text.as_bytes());
        connection.streams.insert(stream, Incoming::default());
        self.stream = Some(stream);
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, StreamEnd>> {
        let stream = self.stream.expect("an exchange has begun");
        self.connection.borrow_mut().poll_frame(stream, cx)
    }

    fn error(broken: &StreamEnd, phase: Phase, context: &FaultContext) -> Error {
        match broken {
            StreamEnd::Closed => context.socket_error(phase, FaultKind::ClosedEarly),
            StreamEnd::Malformed => context.protocol_error(phase, ProtocolFaultKind::BadFrame),
            &StreamEnd::Reset(code) => {
                context.socket(context.fault(phase, FaultKind::Reset).because(StreamReset { code }))
            }
        }
    }
}

impl Connection {
    fn poll_frame(&mut self, stream: u8, cx: &mut Context<'_>) -> Poll<Result<Frame, StreamEnd>> {
        loop {
            let incoming = self.streams.get_mut(&stream).expect("the stream of a handle");
            if let Some(frame) = incoming.frames.pop_front() {
                self.wake_all();
                return Poll::Ready(match frame.kind {
                    Kind::Reset => Err(StreamEnd::Reset(code(&frame.text))),
                    _ => Ok(frame),
                });
            }
            if self.is_malformed {
                return Poll::Ready(Err(StreamEnd::Malformed));
            }
            if self.is_closed {
                return Poll::Ready(Err(StreamEnd::Closed));
            }
            incoming.waker = Some(cx.waker().clone());
            ready!(self.poll_io(cx));
        }
    }

    /// Writes what it can, and reads once.
    fn poll_io(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.write(cx);
        let read = ready!(pin!(self.io.read_buf(&mut self.incoming)).poll(cx));
        self.is_closed |= !matches!(read, Ok(1..));
        while !self.is_malformed {
            let frame = match frame::read(&mut self.incoming) {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(Malformed) => {
                    (self.is_malformed, self.is_closed) = (true, true);
                    break;
                }
            };
            if frame.kind == Kind::GoAway {
                self.is_going_away = true;
                for (&stream, incoming) in self.streams.range_mut(frame.stream + 1..) {
                    let text = Bytes::from(REFUSED_STREAM.to_string());
                    incoming.frames.push_back(Frame { stream, kind: Kind::Reset, text });
                }
            } else if let Some(incoming) = self.streams.get_mut(&frame.stream) {
                incoming.frames.push_back(frame);
            }
        }
        self.wake_all();
        Poll::Ready(())
    }

    fn write(&mut self, cx: &mut Context<'_>) {
        while !self.outgoing.is_empty() {
            match Pin::new(&mut self.io).poll_write(cx, &self.outgoing) {
                Poll::Ready(Ok(written)) => drop(self.outgoing.split_to(written)),
                Poll::Ready(Err(_)) => self.is_closed = true,
                Poll::Pending => return,
            }
            if self.is_closed {
                return;
            }
        }
        let _ = Pin::new(&mut self.io).poll_flush(cx);
    }

    /// One of the other exchanges reads next.
    fn wake_all(&mut self) {
        for incoming in self.streams.values_mut() {
            if let Some(waker) = incoming.waker.take() {
                waker.wake();
            }
        }
    }
}

impl ProtocolSession for Multiplexed {
    fn peer(&self) -> Peer {
        self.peer
    }

    async fn exchange(
        &mut self,
        head: &RequestHead,
        terms: &ExchangeTerms<'_>,
    ) -> Result<ReceivedHead, Failure> {
        self.begin(head);
        let due = after(clock::now(), terms.timeouts.head);
        let received = poll_fn(|cx| {
            if let Poll::Ready(frame) = self.poll_frame(cx) {
                return Poll::Ready(Some(frame));
            }
            self.timer.poll(cx, due).map(|()| None)
        });
        let context = terms.context;
        let frame = match received.await {
            None => return Err(context.socket_error(Phase::Head, FaultKind::TimedOut).into()),
            Some(Ok(frame)) => frame,
            Some(Err(broken)) => {
                let error = Self::error(&broken, Phase::Head, context);
                let broken = match broken {
                    StreamEnd::Closed => Some(Broken::Closed),
                    StreamEnd::Reset(REFUSED_STREAM) => Some(Broken::Unprocessed),
                    StreamEnd::Malformed | StreamEnd::Reset(_) => None,
                };
                return Err(Failure { error, broken });
            }
        };
        let (status, fields) = head_of(&frame.text);
        let received = Head::of_fields(&head.method(), status, fields, self.peer, Framing::Stream);
        let head = received.map_err(|kind| context.protocol_error(Phase::Head, kind))?;
        Ok(ReceivedHead { head, is_persistent: true, record: None })
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, context: &FaultContext) -> Poll<Result<BodyPart, Error>> {
        if !self.connection.borrow().streams.contains_key(&self.stream.unwrap_or_default()) {
            return Poll::Ready(Ok(BodyPart::End));
        }
        let frame = match ready!(self.poll_frame(cx)) {
            Ok(frame) => frame,
            Err(broken) => return Poll::Ready(Err(Self::error(&broken, Phase::Body, context))),
        };
        if frame.kind == Kind::Data {
            return Poll::Ready(Ok(BodyPart::Data(frame.text)));
        }
        self.connection.borrow_mut().streams.remove(&frame.stream);
        let has_trailers = !frame.text.is_empty();
        Poll::Ready(Ok(if has_trailers { BodyPart::Trailers(fields_of(&frame.text)) } else { BodyPart::End }))
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        self.timer.poll(cx, due)
    }
}

impl Reserve for Multiplexed {
    fn is_usable(&mut self) -> bool {
        let mut connection = self.connection.borrow_mut();
        let _ = connection.poll_io(&mut Context::from_waker(Waker::noop()));
        connection.wake_all();
        !connection.is_closed && !connection.is_going_away
    }

    fn free_slots(&self) -> usize {
        SLOTS_MAX.saturating_sub(self.connection.borrow().streams.len())
    }

    fn local(&self) -> Option<IpAddr> {
        self.connection.borrow().io.local().endpoint().map(Endpoint::ip)
    }

    fn share(&self) -> Option<Self> {
        let connection = Rc::clone(&self.connection);
        Some(Self { connection, peer: self.peer, stream: None, timer: PostponedTimer::default() })
    }
}

/// The exchange ends, and no other one with it.
impl Drop for Multiplexed {
    fn drop(&mut self) {
        let mut connection = self.connection.borrow_mut();
        if let Some(stream) = self.stream
            && connection.streams.remove(&stream).is_some()
        {
            frame::write(&mut connection.outgoing, stream, Kind::Cancel, b"");
            connection.write(&mut Context::from_waker(Waker::noop()));
            connection.wake_all();
        }
    }
}

fn code(text: &[u8]) -> u32 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).expect("a number")
}

fn head_of(text: &[u8]) -> (u16, HeaderMap) {
    let end = text.iter().position(|&byte| byte == b'\n').unwrap_or(text.len());
    let (status, fields) = text.split_at(end);
    (u16::try_from(code(status)).expect("a status"), fields_of(fields))
}

fn fields_of(text: &[u8]) -> HeaderMap {
    let text = std::str::from_utf8(text).expect("the tests send text");
    let fields = text.lines().filter_map(|line| line.split_once(": "));
    let parsed = |(name, value): (&str, &str)| {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        (name, HeaderValue::from_str(value).expect("a value"))
    };
    fields.map(parsed).collect()
}
