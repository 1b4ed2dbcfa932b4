//! The decoder of one body, with the bytes that it has not decoded yet.

use bytes::{Buf as _, Bytes};

use super::{DecodeFault, DecodeLimits, Decoder};
use crate::h1::TransferCoding;

/// Decoded bytes returned at a time: as many as one read of the connection returns at most.
const DECODED_BYTES_MAX: usize = 64 * 1024;

/// The codings of a body, and how far they are decoded.
pub(in crate::response) struct CodedBody {
    /// Codings that cannot be decoded are an error only when the body is read: nobody reads that of an error page.
    decoder: Result<Decoder, DecodeFault>,
    input: Bytes,
    output: Box<[u8]>,
}

impl CodedBody {
    /// `None` if no codings are applied.
    pub(in crate::response) fn of(codings: &[TransferCoding]) -> Option<Box<Self>> {
        let (last, before) = codings.split_last()?;
        let decoder = Decoder::new(last, before, DecodeLimits::default());
        Some(Box::new(Self { decoder, input: Bytes::new(), output: Box::default() }))
    }

    /// The next decoded bytes; `None` if more coded ones are needed.
    pub(in crate::response) fn next(&mut self) -> Result<Option<Bytes>, DecodeFault> {
        let decoder = self.decoder.as_mut().map_err(|fault| fault.clone())?;
        if self.output.is_empty() {
            self.output = vec![0; DECODED_BYTES_MAX].into();
        }
        loop {
            let done = decoder.decode(&self.input, &mut self.output)?;
            self.input.advance(done.consumed);
            if done.produced > 0 {
                return Ok(Some(Bytes::copy_from_slice(&self.output[..done.produced])));
            }
            if self.input.is_empty() {
                return Ok(None);
            }
            if done.consumed == 0 {
                return Err(DecodeFault::Corrupt);
            }
        }
    }

    /// Adds coded bytes, once [`next`](Self::next) has returned `None`.
    pub(in crate::response) fn push(&mut self, coded: Bytes) {
        self.input = coded;
    }

    /// Whether the codings are complete where the body ends.
    pub(in crate::response) fn finish(&self) -> Result<(), DecodeFault> {
        self.decoder.as_ref().map_err(Clone::clone)?.finish()
    }
}
