//! Encoding and decoding messages: the codecs of tokio-util, with limits.

use std::io;

use bytes::{Bytes, BytesMut};
use tokio::time::Instant;
use tokio_util::codec::{Decoder, Encoder, LengthDelimitedCodec, LinesCodec, LinesCodecError};

use crate::addressing::Address;
use crate::faults::{Fault, FaultKind, Phase};

/// The most that is received at once: enough for a good rate, and little compared with the socket's own buffers.
pub(crate) const CHUNK_BYTES: usize = 8 * 1024;

/// How a stream is divided into messages, and how long one may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    delimiter: Delimiter,
    bytes_max: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delimiter {
    Length,
    LineEnd,
}

impl Framing {
    /// Messages of any bytes, at most `bytes_max` each, after their length in four bytes, most significant first.
    pub const fn lengths(bytes_max: usize) -> Self {
        Self { delimiter: Delimiter::Length, bytes_max }
    }

    /// Messages that are lines of UTF-8, at most `bytes_max` bytes each, and end with LF or CR LF. The line end is not
    /// part of the message. The last line may lack it.
    pub const fn lines(bytes_max: usize) -> Self {
        Self { delimiter: Delimiter::LineEnd, bytes_max }
    }

    /// The bytes to send for `message`.
    ///
    /// # Errors
    /// When it is too long, or not a line.
    pub fn encode(&self, message: &[u8]) -> Result<Bytes, FramingError> {
        if message.len() > self.bytes_max {
            return Err(FramingError::TooLong(self.bytes_max));
        }
        let mut encoded = BytesMut::new();
        match self.codec() {
            Codec::Lengths(mut codec) => codec.encode(Bytes::copy_from_slice(message), &mut encoded)?,
            Codec::Lines(mut codec) => {
                if message.contains(&b'\n') || message.ends_with(b"\r") {
                    return Err(FramingError::NotALine);
                }
                let line = str::from_utf8(message).map_err(|_| FramingError::NotText)?;
                codec.encode(line, &mut encoded)?;
            }
        }
        Ok(encoded.freeze())
    }

    fn codec(&self) -> Codec {
        match self.delimiter {
            Delimiter::Length => {
                Codec::Lengths(LengthDelimitedCodec::builder().max_frame_length(self.bytes_max).new_codec())
            }
            // The codec counts the CR of the line end, which is not part of the message.
            Delimiter::LineEnd => {
                Codec::Lines(LinesCodec::new_with_max_length(self.bytes_max.saturating_add(1)))
            }
        }
    }
}

/// Why bytes are not a message, or a message cannot be sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FramingError {
    /// The message is longer than the limit of the [`Framing`].
    #[error("a message is longer than {0} bytes")]
    TooLong(usize),
    /// The line contains a line end, or ends with CR.
    #[error("a line cannot contain a line end")]
    NotALine,
    /// The line is not UTF-8.
    #[error("a line is not valid UTF-8")]
    NotText,
    /// The stream ended within a message.
    #[error("the stream ended within a message")]
    CutShort,
    /// Another error of the codec.
    #[error("a message cannot be decoded")]
    Codec(#[source] io::Error),
}

impl From<io::Error> for FramingError {
    fn from(error: io::Error) -> Self {
        Self::Codec(error)
    }
}

impl From<LinesCodecError> for FramingError {
    fn from(error: LinesCodecError) -> Self {
        match error {
            LinesCodecError::MaxLineLengthExceeded => Self::TooLong(0),
            LinesCodecError::Io(error) if error.kind() == io::ErrorKind::InvalidData => Self::NotText,
            LinesCodecError::Io(error) => Self::Codec(error),
        }
    }
}

impl FramingError {
    /// The fault of a call that began at `start` and failed with this error.
    pub(crate) fn at(self, phase: Phase, start: Instant, address: Address) -> Fault {
        let kind = match self {
            Self::CutShort => FaultKind::ClosedEarly,
            Self::TooLong(_) => FaultKind::TooLong,
            Self::NotALine | Self::NotText if phase == Phase::Send => FaultKind::Misuse,
            _ => FaultKind::Other,
        };
        Fault::new(phase, kind, start.elapsed()).at_address(address).because(self)
    }
}

#[derive(Debug)]
enum Codec {
    Lengths(LengthDelimitedCodec),
    Lines(LinesCodec),
}

/// Decodes messages from pieces of a stream. It holds at most one message, and what arrived with its last piece.
///
/// ```
/// use longhaul_socket::framing::{Framing, MessageDecoder};
///
/// let mut decoder = MessageDecoder::new(Framing::lines(80));
/// decoder.push(b"first\r\nsecond\nthi");
/// assert_eq!(decoder.next()?.as_deref(), Some(b"first".as_slice()));
/// assert_eq!(decoder.next()?.as_deref(), Some(b"second".as_slice()));
/// assert_eq!(decoder.next()?, None);
/// assert_eq!(decoder.finish()?.as_deref(), Some(b"thi".as_slice()));
/// # Ok::<(), longhaul_socket::framing::FramingError>(())
/// ```
#[derive(Debug)]
pub struct MessageDecoder {
    framing: Framing,
    codec: Codec,
    incoming: BytesMut,
    /// Whether the codec has consumed the beginning of a message.
    is_within: bool,
}

impl MessageDecoder {
    /// A decoder at the beginning of a stream.
    pub fn new(framing: Framing) -> Self {
        Self { framing, codec: framing.codec(), incoming: BytesMut::new(), is_within: false }
    }

    /// Adds bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        self.incoming.extend_from_slice(bytes);
    }

    /// The next complete message; `None` if more bytes are needed.
    ///
    /// # Errors
    /// After an error with [`Framing::lengths`] the message boundaries are lost: close the connection. With
    /// [`Framing::lines`] decoding goes on with the next line.
    #[expect(clippy::should_implement_trait, reason = "`None` is not the end: more bytes may arrive")]
    pub fn next(&mut self) -> Result<Option<Bytes>, FramingError> {
        let before = self.incoming.len();
        let message = match &mut self.codec {
            Codec::Lengths(codec) => codec
                .decode(&mut self.incoming)
                .map(|message| message.map(BytesMut::freeze))
                .map_err(FramingError::from),
            Codec::Lines(codec) => {
                codec.decode(&mut self.incoming).map(|line| line.map(Bytes::from)).map_err(FramingError::from)
            }
        };
        match message {
            Ok(None) => {
                self.is_within |= self.incoming.len() < before;
                Ok(None)
            }
            other => {
                self.is_within = false;
                self.limited(other)
            }
        }
    }

    /// Marks the end of the stream, and returns the last line if it had no line end.
    ///
    /// # Errors
    /// `CutShort` if the stream ended within a message.
    pub fn finish(&mut self) -> Result<Option<Bytes>, FramingError> {
        if let Some(message) = self.next()? {
            return Ok(Some(message));
        }
        match &mut self.codec {
            Codec::Lengths(_) if self.is_within || !self.incoming.is_empty() => Err(FramingError::CutShort),
            Codec::Lengths(_) => Ok(None),
            Codec::Lines(codec) => {
                let line = codec.decode_eof(&mut self.incoming).map_err(FramingError::from);
                self.limited(line.map(|line| line.map(Bytes::from)))
            }
        }
    }

    fn limited(&self, message: Result<Option<Bytes>, FramingError>) -> Result<Option<Bytes>, FramingError> {
        let bytes_max = self.framing.bytes_max;
        match message {
            Ok(Some(message)) if message.len() > bytes_max => Err(FramingError::TooLong(bytes_max)),
            Err(FramingError::TooLong(_)) => Err(FramingError::TooLong(bytes_max)),
            Err(FramingError::Codec(error)) if error.kind() == io::ErrorKind::InvalidData => {
                Err(FramingError::TooLong(bytes_max))
            }
            other => other,
        }
    }
}
