//! A reader with a buffer: the body comes as shared `Bytes`, one response follows another.

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, Method};

use super::fault::Fault;
use super::framing::Framing;
use super::head::Head;
use super::limits::Limits;
use super::reader::{End, Event, Progress, ResponseReader};

/// A part of a response, as [`Event`], with the bytes of the body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Message {
    /// A 1xx response other than 101.
    Interim(Head),
    /// The final head, and what it says about the body.
    Head(Head, Framing),
    /// The next bytes of the body. Never empty.
    Body(Bytes),
    /// The trailer section.
    Trailers {
        /// Its fields.
        fields: HeaderMap,
        /// Its bytes verbatim, with the empty line.
        raw: Bytes,
    },
    /// The response is complete. Here [`End::is_persistent`] is false if bytes follow the end.
    End(End),
}

/// The peer sent bytes that belong to no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer sent bytes before it was asked")]
pub struct UnaskedBytes;

/// The responses on one connection, read from a buffer that the transport fills.
///
/// ```
/// use longhaul_http::h1::{Limits, Message, Session};
/// let mut session = Session::new(Limits::default());
/// session.begin(http::Method::GET).unwrap();
/// session.buffer_mut().extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
/// assert!(matches!(session.poll()?, Some(Message::Head(head, _)) if head.status == 200));
/// assert_eq!(session.poll()?, Some(Message::Body("hello".into())));
/// assert!(matches!(session.poll()?, Some(Message::End(end)) if end.is_persistent));
/// # Ok::<(), longhaul_http::h1::Fault>(())
/// ```
#[derive(Debug)]
pub struct Session {
    limits: Limits,
    reader: ResponseReader,
    buffer: BytesMut,
}

impl Session {
    /// A session on a new connection.
    pub fn new(limits: Limits) -> Self {
        Self { limits, reader: ResponseReader::new(Method::GET, limits), buffer: BytesMut::new() }
    }

    /// A request with `method` is about to be sent. Fails if bytes came before it.
    pub fn begin(&mut self, method: Method) -> Result<(), UnaskedBytes> {
        if !self.buffer.is_empty() {
            return Err(UnaskedBytes);
        }
        self.reader = ResponseReader::new(method, self.limits);
        Ok(())
    }

    /// Where the transport appends what it reads: only after [`poll`](Self::poll) has returned `None`, or the buffer
    /// grows beyond the limits.
    pub fn buffer_mut(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next part of the response; `None` if more bytes are needed.
    pub fn poll(&mut self) -> Result<Option<Message>, Fault> {
        let Progress { consumed, event } = self.reader.read(&self.buffer)?;
        let event = match event {
            // Only the body is shared. A shared buffer costs a reference count each time.
            Some(Event::Body(range)) => {
                self.buffer.advance(range.start);
                return Ok(Some(Message::Body(self.buffer.split_to(range.len()).freeze())));
            }
            other => other,
        };
        self.buffer.advance(consumed);
        Ok(match event {
            None | Some(Event::Body(_)) => None,
            Some(Event::Interim(head)) => Some(Message::Interim(head)),
            Some(Event::Head(head, framing)) => Some(Message::Head(head, framing)),
            Some(Event::Trailers { fields, raw }) => Some(Message::Trailers { fields, raw }),
            Some(Event::End(end)) => {
                Some(Message::End(End { is_persistent: end.is_persistent && self.buffer.is_empty(), ..end }))
            }
        })
    }

    /// The peer has closed the connection; see [`ResponseReader::close`].
    pub fn close(&mut self) -> Result<End, Fault> {
        self.reader.close()
    }

    /// The reader, for what it knows.
    pub const fn reader(&self) -> &ResponseReader {
        &self.reader
    }

    /// What came after the response: in a tunnel, its first bytes.
    pub fn into_rest(self) -> Bytes {
        self.buffer.freeze()
    }
}
