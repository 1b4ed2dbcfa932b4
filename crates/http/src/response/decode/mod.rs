//! Decodes transfer codings (RFC 9112 section 7.2) with bounded memory: bytes in, bytes out into a buffer of the caller.
//!
//! It decodes `gzip` and `deflate`, and refuses all others. Content codings are part of the representation and stay as they are.

mod coded_body;
mod gzip;
mod inflate;
#[cfg(test)]
mod tests;

pub(super) use self::coded_body::CodedBody;
use self::gzip::Gzip;
use self::inflate::Deflate;
use crate::h1::TransferCoding;

/// Codings that are decoded one after another. Two are seen where a server compresses what was compressed already.
const CODINGS_MAX: usize = 2;

/// Decoded bytes for each coded byte. Logs and tables stay well below it; deflate itself reaches 1,032.
const DECODED_RATIO_MAX: u64 = 200;

/// Decoded bytes before the ratio counts, so that a small file of zeros is no bomb.
const DECODED_BYTES_FREE: u64 = 1024 * 1024;

/// Coded bytes in a row that decode to nothing. The header of a gzip member has no limit of its own; 64 KiB of extra field, a name and a
/// comment stay far below this one, and so does the padding of archives that were written for tapes.
const CODED_BYTES_IDLE_MAX: u64 = 1024 * 1024;

/// Bytes between two codings.
const BETWEEN_BYTES: usize = 16 * 1024;

/// The limits of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct DecodeLimits {
    /// Decoded bytes for each coded byte; see [`DECODED_RATIO_MAX`].
    ratio_max: u64,
    /// Decoded bytes before the ratio counts; see [`DECODED_BYTES_FREE`].
    bytes_free: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { ratio_max: DECODED_RATIO_MAX, bytes_free: DECODED_BYTES_FREE }
    }
}

/// Why a body cannot be decoded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum DecodeFault {
    /// A coding that is not decoded here.
    #[error("the transfer coding {0} is not supported")]
    Unsupported(TransferCoding),
    /// More than [`CODINGS_MAX`].
    #[error("more than {CODINGS_MAX} transfer codings are applied")]
    TooManyCodings,
    /// The bytes are not what the coding says, or a checksum does not match.
    #[error("the coded bytes are corrupt")]
    Corrupt,
    /// The bytes end before the coding does.
    #[error("the coded bytes are cut short")]
    Truncated,
    /// Bytes follow the end of the coding.
    #[error("bytes follow the end of the coded data")]
    TrailingBytes,
    /// More than [`CODED_BYTES_IDLE_MAX`].
    #[error("more than {CODED_BYTES_IDLE_MAX} coded bytes in a row decode to nothing")]
    NothingDecoded,
    /// Beyond [`DecodeLimits`].
    #[error("the body decodes to more than {DECODED_RATIO_MAX} times its size")]
    TooLarge,
}

/// What one call has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Decoded {
    /// Bytes of the input that were used.
    consumed: usize,
    /// Bytes at the start of the output that were written.
    produced: usize,
}

/// Decodes the codings of one body.
#[derive(Debug)]
struct Decoder {
    /// The coding that was applied last.
    outer: Stage,
    inner: Option<Inner>,
    limits: DecodeLimits,
    coded: u64,
    decoded: u64,
    /// Coded bytes since the last decoded one.
    coded_idle: u64,
}

#[derive(Debug)]
struct Inner {
    stage: Stage,
    between: Box<[u8]>,
    filled: std::ops::Range<usize>,
}

#[derive(Debug)]
enum Stage {
    Gzip(Gzip),
    Deflate(Deflate),
}

impl Decoder {
    /// A decoder for the coding that was applied last and those before it, in the order in which they were applied.
    fn new(
        last: &TransferCoding,
        before: &[TransferCoding],
        limits: DecodeLimits,
    ) -> Result<Self, DecodeFault> {
        if before.len() >= CODINGS_MAX {
            return Err(DecodeFault::TooManyCodings);
        }
        let outer = Stage::new(last)?;
        let inner = match before.last() {
            None => None,
            Some(coding) => Some(Inner {
                stage: Stage::new(coding)?,
                between: vec![0; BETWEEN_BYTES].into_boxed_slice(),
                filled: 0..0,
            }),
        };
        Ok(Self { outer, inner, limits, coded: 0, decoded: 0, coded_idle: 0 })
    }

    /// Decodes what fits. The caller calls it again with the rest of the input, until the input is empty and the output is not
    /// filled.
    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded, DecodeFault> {
        let done = match &mut self.inner {
            None => self.outer.decode(input, output)?,
            Some(inner) => inner.decode(&mut self.outer, input, output)?,
        };
        self.coded += done.consumed as u64;
        self.decoded += done.produced as u64;
        self.coded_idle = if done.produced > 0 { 0 } else { self.coded_idle + done.consumed as u64 };
        if self.coded_idle > CODED_BYTES_IDLE_MAX {
            return Err(DecodeFault::NothingDecoded);
        }
        let DecodeLimits { ratio_max, bytes_free } = self.limits;
        let allowed = bytes_free.saturating_add(self.coded.saturating_mul(ratio_max));
        if self.decoded > allowed {
            return Err(DecodeFault::TooLarge);
        }
        Ok(done)
    }

    /// Whether the codings are complete at the end of the body, once [`decode`](Self::decode) has nothing left.
    fn finish(&self) -> Result<(), DecodeFault> {
        let inner_is_complete =
            self.inner.as_ref().is_none_or(|inner| inner.filled.is_empty() && inner.stage.is_complete());
        if self.outer.is_complete() && inner_is_complete { Ok(()) } else { Err(DecodeFault::Truncated) }
    }
}

impl Inner {
    fn decode(&mut self, outer: &mut Stage, input: &[u8], output: &mut [u8]) -> Result<Decoded, DecodeFault> {
        let mut done = Decoded::default();
        loop {
            if self.filled.is_empty() {
                let step = outer.decode(&input[done.consumed..], &mut self.between)?;
                done.consumed += step.consumed;
                self.filled = 0..step.produced;
            }
            let step = self.stage.decode(&self.between[self.filled.clone()], &mut output[done.produced..])?;
            self.filled.start += step.consumed;
            done.produced += step.produced;
            // The outer coding had nothing, and the inner one is out of input or out of room.
            if step == Decoded::default() {
                return Ok(done);
            }
        }
    }
}

impl Stage {
    fn new(coding: &TransferCoding) -> Result<Self, DecodeFault> {
        match coding {
            TransferCoding::Gzip => Ok(Self::Gzip(Gzip::new())),
            TransferCoding::Deflate => Ok(Self::Deflate(Deflate::new())),
            // `compress` is LZW of 1985, which no server has sent in decades.
            TransferCoding::Compress | TransferCoding::Unknown(_) => {
                Err(DecodeFault::Unsupported(coding.clone()))
            }
        }
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded, DecodeFault> {
        match self {
            Self::Gzip(gzip) => gzip.decode(input, output),
            Self::Deflate(deflate) => deflate.decode(input, output),
        }
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::Gzip(gzip) => gzip.is_complete(),
            Self::Deflate(deflate) => deflate.is_complete(),
        }
    }
}
