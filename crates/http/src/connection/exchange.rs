//! What goes into an exchange over a session, and what comes out of it, whatever the protocol.

use bytes::Bytes;
use http::HeaderMap;
use tokio::time::Instant;

use super::fault_context::FaultContext;
use crate::fault::Error;
use crate::pool::Broken;
use crate::response::{ExchangeRecord, Head};
use crate::timeouts::Timeouts;

/// What an exchange may take.
pub(crate) struct ExchangeTerms<'a> {
    pub(crate) context: &'a FaultContext,
    pub(crate) timeouts: &'a Timeouts,
    /// The end of the whole, body included.
    pub(crate) ends: Option<Instant>,
    /// Whether the caller wants an [`ExchangeRecord`].
    pub(crate) keeps_record: bool,
}

/// The final head of a response.
pub(crate) struct ReceivedHead {
    pub(crate) head: Head,
    /// Whether the session can carry another exchange once the body has been read, as far as the head tells.
    pub(crate) is_persistent: bool,
    /// What went over the connection, if the caller wanted it.
    pub(crate) record: Option<Box<ExchangeRecord>>,
}

/// A part of the body of a response.
pub(crate) enum BodyPart {
    /// The next bytes, without the framing of the protocol. May be empty.
    Data(Bytes),
    /// The trailer fields, after the data.
    Trailers(HeaderMap),
    /// There is no more.
    End,
}

/// An exchange that brought no head.
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// How it failed, if it did so before a single byte of a response came: a session out of the pool may have been closed
    /// meanwhile.
    pub(crate) broken: Option<Broken>,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, broken: None }
    }
}
