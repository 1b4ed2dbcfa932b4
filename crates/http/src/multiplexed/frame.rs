//! Frames: the number of the stream, the kind, the length of the text, the text.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

/// What the frame says about its stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    /// From the client: the control data and the fields of a request, a line each.
    Request,
    /// From the client: the exchange is of no more use.
    Cancel,
    /// The status and the fields of a response, a line each.
    Head,
    Data,
    /// The end of the stream, with the trailer fields.
    End,
    /// The stream ends with the error code that the text gives.
    Reset,
    /// No stream after this one is processed, and none may begin.
    GoAway,
}

const KINDS: [Kind; 7] =
    [Kind::Request, Kind::Cancel, Kind::Head, Kind::Data, Kind::End, Kind::Reset, Kind::GoAway];

pub(super) struct Frame {
    pub(super) stream: u8,
    pub(super) kind: Kind,
    pub(super) text: Bytes,
}

pub(super) fn write(into: &mut BytesMut, stream: u8, kind: Kind, text: &[u8]) {
    into.put_u8(stream);
    into.put_u8(kind as u8);
    into.put_u16(u16::try_from(text.len()).expect("a short text"));
    into.put_slice(text);
}

/// The frame is of no kind that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Takes the next frame, if it is complete.
pub(super) fn read(from: &mut BytesMut) -> Result<Option<Frame>, Malformed> {
    let &[stream, kind, high, low, ..] = &from[..] else { return Ok(None) };
    let kind = *KINDS.get(usize::from(kind)).ok_or(Malformed)?;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if from.len() < 4 + length {
        return Ok(None);
    }
    from.advance(4);
    Ok(Some(Frame { stream, kind, text: from.split_to(length).freeze() }))
}
