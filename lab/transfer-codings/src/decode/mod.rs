//! Undoing transfer codings (RFC 9112 section 7.2) with bounded memory: bytes in, bytes out into a buffer of the caller.
//!
//! The same decoder serves content codings of the same names.

mod gzip;
mod inflate;

use self::gzip::Gzip;
use self::inflate::Deflate;
use super::transfer::TransferCoding;

/// Codings that are undone one after another. Two are seen where a server compresses what was compressed already.
pub const CODINGS_MAX: usize = 2;

/// Decoded bytes for each coded byte. Logs and zeros of real files stay below it; deflate itself reaches 1,032.
pub const DECODED_RATIO_MAX: u64 = 200;

/// Decoded bytes before the ratio is looked at, so that a small file of zeros is no bomb.
pub const DECODED_BYTES_FREE: u64 = 1024 * 1024;

/// Bytes between two codings.
const BETWEEN_BYTES: usize = 16 * 1024;

/// The limits of one body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeLimits {
    /// Decoded bytes in all.
    pub decoded_bytes_max: u64,
    /// Decoded bytes for each coded byte; see [`DECODED_RATIO_MAX`].
    pub ratio_max: u64,
    /// Decoded bytes before that; see [`DECODED_BYTES_FREE`].
    pub bytes_free: u64,
}

impl Default for DecodeLimits {
    fn default() -> Self {
        Self { decoded_bytes_max: u64::MAX, ratio_max: DECODED_RATIO_MAX, bytes_free: DECODED_BYTES_FREE }
    }
}

/// Why a body cannot be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeFault {
    /// A coding without a decoder here.
    #[error("the coding is not supported")]
    Unsupported,
    /// More than [`CODINGS_MAX`].
    #[error("too many codings are applied")]
    TooManyCodings,
    /// The bytes are not what the coding says, or a checksum does not hold.
    #[error("the coded bytes are corrupt")]
    Corrupt,
    /// The bytes end before the coding does.
    #[error("the coded bytes are cut short")]
    Truncated,
    /// Bytes follow the end of the coding.
    #[error("bytes follow the end of the coded ones")]
    TrailingBytes,
    /// Beyond [`DecodeLimits`].
    #[error("the decoded bytes are too many")]
    TooLarge,
}

/// What one call has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// Bytes of the input that are not to be passed again.
    pub consumed: usize,
    /// Bytes at the start of the output that were written.
    pub produced: usize,
}

/// Undoes the codings of one body.
#[derive(Debug)]
pub struct Decoder {
    /// The coding that was applied last.
    outer: Stage,
    inner: Option<Inner>,
    limits: DecodeLimits,
    coded: u64,
    decoded: u64,
}

#[derive(Debug)]
struct Inner {
    stage: Stage,
    between: Box<[u8]>,
    filled: std::ops::Range<usize>,
}

#[derive(Debug)]
enum Stage {
    Identity,
    Gzip(Gzip),
    Deflate(Deflate),
}

impl Decoder {
    /// A decoder for codings in the order in which they were applied. Without any it copies.
    pub fn new(codings: &[TransferCoding], limits: DecodeLimits) -> Result<Self, DecodeFault> {
        if codings.len() > CODINGS_MAX {
            return Err(DecodeFault::TooManyCodings);
        }
        let mut stages = codings.iter().rev().map(|coding| Stage::new(*coding));
        let outer = stages.next().unwrap_or(Ok(Stage::Identity))?;
        let inner = match stages.next() {
            None => None,
            Some(stage) => Some(Inner {
                stage: stage?,
                between: vec![0; BETWEEN_BYTES].into_boxed_slice(),
                filled: 0..0,
            }),
        };
        Ok(Self { outer, inner, limits, coded: 0, decoded: 0 })
    }

    /// Decodes what fits. To be called again with the rest of the input, until the input is empty and the output is not
    /// filled.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded, DecodeFault> {
        let done = match &mut self.inner {
            None => self.outer.decode(input, output)?,
            Some(inner) => inner.decode(&mut self.outer, input, output)?,
        };
        self.coded += done.consumed as u64;
        self.decoded += done.produced as u64;
        let DecodeLimits { decoded_bytes_max, ratio_max, bytes_free } = self.limits;
        let allowed = bytes_free.saturating_add(self.coded.saturating_mul(ratio_max)).min(decoded_bytes_max);
        if self.decoded > allowed {
            return Err(DecodeFault::TooLarge);
        }
        Ok(done)
    }

    /// The body has ended: whether the codings have, too. To be called once [`decode`](Self::decode) has nothing left.
    pub fn finish(&self) -> Result<(), DecodeFault> {
        let inner_is_complete =
            self.inner.as_ref().is_none_or(|inner| inner.filled.is_empty() && inner.stage.is_complete());
        if self.outer.is_complete() && inner_is_complete { Ok(()) } else { Err(DecodeFault::Truncated) }
    }

    /// Decoded bytes so far.
    pub const fn decoded(&self) -> u64 {
        self.decoded
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
    fn new(coding: TransferCoding) -> Result<Self, DecodeFault> {
        match coding {
            TransferCoding::Gzip => Ok(Self::Gzip(Gzip::new())),
            TransferCoding::Deflate => Ok(Self::Deflate(Deflate::new())),
            // LZW of 1985, which no server has sent in decades.
            TransferCoding::Compress | TransferCoding::Unknown => Err(DecodeFault::Unsupported),
        }
    }

    fn decode(&mut self, input: &[u8], output: &mut [u8]) -> Result<Decoded, DecodeFault> {
        match self {
            Self::Identity => {
                let length = input.len().min(output.len());
                output[..length].copy_from_slice(&input[..length]);
                Ok(Decoded { consumed: length, produced: length })
            }
            Self::Gzip(gzip) => gzip.decode(input, output),
            Self::Deflate(deflate) => deflate.decode(input, output),
        }
    }

    fn is_complete(&self) -> bool {
        match self {
            Self::Identity => true,
            Self::Gzip(gzip) => gzip.is_complete(),
            Self::Deflate(deflate) => deflate.is_complete(),
        }
    }
}
