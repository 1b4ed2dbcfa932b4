//! One response: interim heads, the head, the body, the trailers, the end (RFC 9112 sections 2 to 8).

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, Method};

use super::chunked::{Chunks, Step};
use super::fault::Fault;
use super::framing::{BodyLength, Framing};
use super::head::{Head, begins_like_http};
use super::limits::Limits;
use super::scan::{SectionEnd, without_line_end};
use super::section::Section;

/// A part of a response, in the order in which they come.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A 1xx response other than 101.
    Interim(Head),
    /// The final head, and what it says about the body.
    Head(Head, Framing),
    /// The next bytes of the body, within the input of this call. Never empty.
    Body(Range<usize>),
    /// The trailer section, if there are lines in it. Nothing in it changes the framing.
    Trailers {
        /// Its fields, kept apart from those of the head (RFC 9110 section 6.5.1).
        fields: HeaderMap,
        /// Its bytes verbatim, with the empty line.
        raw: Bytes,
    },
    /// The response is complete.
    End(End),
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct End {
    /// How the end was known.
    pub by: EndedBy,
    /// Whether the response allows the connection to be used again. If the input goes on after the end, it may not:
    /// nobody asked for those bytes. The reader cannot decide that, because they may come later.
    pub is_persistent: bool,
    /// The connection was closed in the trailer section. The body is complete (RFC 9112 section 8), but a digest that was
    /// promised for its end is missing.
    pub lacks_trailers: bool,
}

/// How the end of a body was known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// There was no body.
    NoBody,
    /// All bytes that `Content-Length` announced came.
    ContentLength,
    /// The last chunk came.
    LastChunk,
    /// The connection was closed: a cut body looks the same.
    Close,
    /// CONNECT succeeded. The rest of the input belongs to the tunnel.
    Tunnel,
}

/// What [`ResponseReader::read`] has done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes at the start of the input that are not to be passed again.
    pub consumed: usize,
    /// `None` if more bytes are needed.
    pub event: Option<Event>,
}

/// Reads the response to one request.
///
/// The caller keeps the bytes: it passes all that it has and that were not consumed, drops what is consumed, and calls
/// again until the reader asks for more. What the caller keeps until then is shorter than the limit of a head or a trailer section.
///
/// ```
/// use longhaul_http::h1::{Event, Limits, ResponseReader};
/// let mut reader = ResponseReader::new(http::Method::GET, Limits::default());
/// let mut input = &b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"[..];
/// let mut body = Vec::new();
/// loop {
///     let progress = reader.read(input)?;
///     match progress.event {
///         Some(Event::Body(range)) => body.extend_from_slice(&input[range]),
///         Some(Event::End(_)) => break,
///         Some(_) => {}
///         None => unreachable!("the response is complete"),
///     }
///     input = &input[progress.consumed..];
/// }
/// assert_eq!(body, b"hello");
/// # Ok::<(), longhaul_http::h1::Fault>(())
/// ```
#[derive(Debug)]
pub struct ResponseReader {
    method: Method,
    limits: Limits,
    has_read: bool,
    interim_responses: usize,
    /// What the head said.
    is_persistent: bool,
    state: State,
}

#[derive(Debug)]
enum State {
    Head {
        skipped: usize,
        end: SectionEnd,
    },
    Length {
        remaining: u64,
    },
    Chunked(Chunked),
    Trailers(SectionEnd),
    UntilClose,
    /// Everything came but the event that says so.
    Ending(End),
    Ended(End),
    Failed(Fault),
}

#[derive(Debug)]
struct Chunked {
    chunks: Chunks,
    inner: Inner,
}

/// The data of a body whose coding was named twice, read to find out whether it was applied twice.
#[derive(Debug)]
enum Inner {
    /// It was not.
    None,
    Reading(Box<Chunks>),
    /// It was.
    Ended,
}

impl ResponseReader {
    /// A reader for the response to a request with `method`. RFC 9112 section 6.3 depends on it.
    pub fn new(method: Method, limits: Limits) -> Self {
        let state = State::Head { skipped: 0, end: SectionEnd::default() };
        Self { method, limits, has_read: false, interim_responses: 0, is_persistent: false, state }
    }

    /// Reads on, up to the next event. After a fault every call brings the same fault; after the end nothing is consumed.
    pub fn read(&mut self, input: &[u8]) -> Result<Progress, Fault> {
        self.has_read |= !input.is_empty();
        let result = match &mut self.state {
            State::Head { .. } => self.read_head(input),
            State::Length { .. } | State::UntilClose => Ok(self.read_plain(input)),
            State::Chunked(_) => self.read_chunked(input),
            State::Trailers(_) => self.read_trailers(input),
            State::Ending(end) => {
                let end = *end;
                self.state = State::Ended(end);
                Ok(Progress { consumed: 0, event: Some(Event::End(end)) })
            }
            State::Ended(_) => Ok(Progress::none(0)),
            State::Failed(fault) => Err(*fault),
        };
        result.inspect_err(|fault| self.state = State::Failed(*fault))
    }

    /// The peer has closed its side in an orderly way, after everything that [`read`](Self::read) was given. To be called
    /// once that needs more; not for a reset, and not for a TLS stream that ends without `close_notify` where
    /// [`is_until_close`](Self::is_until_close) says that the end matters (RFC 9112 section 9.8).
    pub fn close(&mut self) -> Result<End, Fault> {
        let end = |by, lacks_trailers| End { by, is_persistent: false, lacks_trailers };
        let result = match &self.state {
            State::Head { .. } if !self.has_read => Err(Fault::ClosedBeforeHead),
            State::Head { .. } => Err(Fault::ClosedInHead),
            State::Length { .. } | State::Chunked(_) => Err(Fault::ClosedInBody),
            State::Trailers(_) => Ok(end(EndedBy::LastChunk, true)),
            State::UntilClose => Ok(end(EndedBy::Close, false)),
            State::Ending(pending) | State::Ended(pending) => Ok(end(pending.by, pending.lacks_trailers)),
            State::Failed(fault) => Err(*fault),
        };
        self.state = result.map_or_else(State::Failed, State::Ended);
        result
    }

    /// Whether only the close of the connection can end the body.
    pub const fn is_until_close(&self) -> bool {
        matches!(self.state, State::UntilClose)
    }

    /// Whether a byte of the response has come.
    pub const fn has_read(&self) -> bool {
        self.has_read
    }

    /// Bytes of the body that are sure to follow, if `Content-Length` says so: for the size of the next read.
    pub const fn remaining(&self) -> Option<u64> {
        match self.state {
            State::Length { remaining } => Some(remaining),
            _ => None,
        }
    }

    fn read_head(&mut self, input: &[u8]) -> Result<Progress, Fault> {
        let State::Head { skipped, end } = &mut self.state else { return Ok(Progress::none(0)) };
        // Some servers end a body with a line end too many. RFC 9112 section 2.2 lets servers skip empty lines; as a
        // client, hyper and others do.
        let empty = if *end == SectionEnd::default() {
            input.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count()
        } else {
            0
        };
        *skipped = skipped.saturating_add(empty);
        let input = &input[empty..];
        if *skipped > self.limits.head_bytes_max {
            return Err(Fault::HeadTooLarge);
        }
        if !begins_like_http(input) {
            return Err(Fault::NotHttp);
        }
        let length = end.find(input);
        if skipped.saturating_add(length.unwrap_or(input.len())) > self.limits.head_bytes_max {
            return Err(Fault::HeadTooLarge);
        }
        let Some(length) = length else { return Ok(Progress::none(empty)) };
        let head = Head::parse(Bytes::copy_from_slice(&input[..length]), self.limits.fields_max)?;
        let event = match head.status {
            101 => return Err(Fault::UnaskedUpgrade),
            100..=199 => {
                self.interim_responses += 1;
                if self.interim_responses > self.limits.interim_responses_max {
                    return Err(Fault::TooManyInterim);
                }
                self.state = State::Head { skipped: 0, end: SectionEnd::default() };
                Event::Interim(head)
            }
            status => {
                let framing = Framing::of(&self.method, status, head.version, &head.fields)?;
                if framing.length == BodyLength::UntilClose && head.has_line_without_colon {
                    return Err(Fault::AmbiguousFraming);
                }
                self.is_persistent = framing.is_persistent;
                self.state = self.body_state(&framing);
                Event::Head(head, framing)
            }
        };
        Ok(Progress { consumed: empty + length, event: Some(event) })
    }

    fn body_state(&self, framing: &Framing) -> State {
        match framing.length {
            BodyLength::None => self.ending(EndedBy::NoBody),
            BodyLength::Tunnel => self.ending(EndedBy::Tunnel),
            BodyLength::Known(0) => self.ending(EndedBy::ContentLength),
            BodyLength::Known(remaining) => State::Length { remaining },
            BodyLength::UntilClose => State::UntilClose,
            BodyLength::Chunked => {
                let Limits { chunk_line_bytes_max, chunk_overhead_bytes_free, .. } = self.limits;
                let chunks = Chunks::new(chunk_line_bytes_max, chunk_overhead_bytes_free);
                let inner = framing.names_chunked_twice.then(|| Inner::Reading(Box::new(chunks.clone())));
                State::Chunked(Chunked { chunks, inner: inner.unwrap_or(Inner::None) })
            }
        }
    }

    const fn ending(&self, by: EndedBy) -> State {
        State::Ending(End { by, is_persistent: self.is_persistent, lacks_trailers: false })
    }

    fn read_plain(&mut self, input: &[u8]) -> Progress {
        let length = match &mut self.state {
            State::Length { remaining } => {
                let length =
                    usize::try_from(*remaining).map_or(input.len(), |remaining| remaining.min(input.len()));
                *remaining -= length as u64;
                if *remaining == 0 {
                    self.state = self.ending(EndedBy::ContentLength);
                }
                length
            }
            _ => input.len(),
        };
        let event = (length > 0).then_some(Event::Body(0..length));
        Progress { consumed: length, event }
    }

    fn read_chunked(&mut self, input: &[u8]) -> Result<Progress, Fault> {
        let State::Chunked(Chunked { chunks, inner }) = &mut self.state else { return Ok(Progress::none(0)) };
        let (consumed, step) = chunks.step(input)?;
        match step {
            Step::NeedMore => Ok(Progress::none(consumed)),
            Step::Data(range) => {
                inner.read(&input[range.clone()]);
                Ok(Progress { consumed, event: Some(Event::Body(range)) })
            }
            Step::Last if matches!(inner, Inner::Ended) => Err(Fault::ChunkedTwice),
            Step::Last => {
                self.state = State::Trailers(SectionEnd::default());
                let progress = self.read_trailers(&input[consumed..])?;
                Ok(Progress { consumed: consumed + progress.consumed, ..progress })
            }
        }
    }

    fn read_trailers(&mut self, input: &[u8]) -> Result<Progress, Fault> {
        let State::Trailers(end) = &mut self.state else { return Ok(Progress::none(0)) };
        let length = end.find(input);
        if length.unwrap_or(input.len()) > self.limits.trailer_bytes_max {
            return Err(Fault::BadTrailers);
        }
        let Some(length) = length else { return Ok(Progress::none(0)) };
        self.state = self.ending(EndedBy::LastChunk);
        if without_line_end(&input[..length]).is_empty() {
            return self.read(&[]).map(|progress| Progress { consumed: length, ..progress });
        }
        let raw = Bytes::copy_from_slice(&input[..length]);
        let section = Section::parse(&raw, self.limits.trailer_fields_max, Fault::BadTrailers, false);
        let fields = section.map_err(|_| Fault::BadTrailers)?.fields;
        Ok(Progress { consumed: length, event: Some(Event::Trailers { fields, raw }) })
    }
}

impl Progress {
    const fn none(consumed: usize) -> Self {
        Self { consumed, event: None }
    }
}

impl Inner {
    fn read(&mut self, mut data: &[u8]) {
        while let Self::Reading(chunks) = self {
            match chunks.step(data) {
                Ok((_, Step::NeedMore)) => return,
                Ok((used, Step::Data(_))) => data = &data[used..],
                Ok((_, Step::Last)) => *self = Self::Ended,
                Err(_) => *self = Self::None,
            }
        }
    }
}
