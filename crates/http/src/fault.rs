//! What an exchange can fail of.
//!
//! Trouble on the way is a [`Fault`] of the socket layer: it may be gone the next time. What the peer said and should not
//! have is a
//! [`ProtocolFault`]: asking again brings the same answer more often than not.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use longhaul_socket::{Fault, FaultKind, Phase};

use crate::connection::{Peer, Via};

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Trouble on the way: names, connections, TLS, silence, slowness, an early end.
    #[error(transparent)]
    Socket(SocketFault),
    /// The peer broke the protocol, or sent more than is accepted.
    #[error(transparent)]
    Protocol(ProtocolFault),
    /// The URL cannot be written as a request target, so nothing was sent.
    #[error("the URL cannot be sent as a request target")]
    Unsendable(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// In which phase of the exchange it happened.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Socket(fault) => fault.phase(),
            Self::Protocol(fault) => fault.phase,
            Self::Unsendable(_) => Phase::Send,
        }
    }

    /// The other end of the connection; `None` before its endpoint was known.
    pub fn peer(&self) -> Option<Peer> {
        match self {
            Self::Socket(fault) => fault.peer(),
            Self::Protocol(fault) => Some(fault.peer),
            Self::Unsendable(_) => None,
        }
    }

    /// Whether a proxy failed before the host was asked anything: its name was not found, it took no connection, or the
    /// TLS session with it could not be made.
    pub fn is_before_proxy(&self) -> bool {
        matches!(self, Self::Socket(fault) if fault.via == Via::Forward && fault.phase() <= Phase::Tls)
    }

    /// How long the exchange had taken.
    pub fn elapsed(&self) -> Duration {
        match self {
            Self::Socket(fault) => fault.elapsed(),
            Self::Protocol(fault) => fault.elapsed,
            Self::Unsendable(_) => Duration::ZERO,
        }
    }

    /// The kind, where it was trouble on the way.
    pub fn fault_kind(&self) -> Option<FaultKind> {
        match self {
            Self::Socket(fault) => Some(fault.kind()),
            Self::Protocol(_) | Self::Unsendable(_) => None,
        }
    }

    /// The kind, where the peer broke the protocol.
    pub fn protocol_fault_kind(&self) -> Option<ProtocolFaultKind> {
        match self {
            Self::Protocol(fault) => Some(fault.kind),
            Self::Socket(_) | Self::Unsendable(_) => None,
        }
    }

    /// Whether it is the doing of this machine, to be charged to no host and no URL.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Socket(fault) if fault.kind().is_local())
    }
}

/// A [`Fault`] of the socket layer, and how the host was to be reached when it happened. Displays as the fault.
#[derive(Debug)]
pub struct SocketFault {
    fault: Fault,
    via: Via,
}

impl SocketFault {
    /// `fault` happened on the way to a host that was to be reached like this.
    pub const fn new(fault: Fault, via: Via) -> Self {
        Self { fault, via }
    }

    /// The other end of the connection; `None` before its endpoint was known.
    pub fn peer(&self) -> Option<Peer> {
        self.endpoint().map(|endpoint| Peer { endpoint, via: self.via })
    }
}

impl Deref for SocketFault {
    type Target = Fault;

    fn deref(&self) -> &Fault {
        &self.fault
    }
}

impl fmt::Display for SocketFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fault.fmt(f)
    }
}

impl StdError for SocketFault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.fault.source()
    }
}

/// What was wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolFaultKind {
    /// What came does not begin like HTTP/1: garbage, HTTP/0.9, another protocol.
    NotHttp,
    /// The head begins well and then breaks the grammar.
    BadHead,
    /// The head is larger than is accepted.
    HeadTooLarge,
    /// The head has more fields than are accepted.
    TooManyFields,
    /// Lengths that contradict each other or are no lengths (RFC 9112 section 6.3).
    BadFraming,
    /// A chunk size, extension or trailer that is no such thing, or too long.
    BadChunk,
    /// 101 without having been asked.
    UnaskedUpgrade,
    /// More interim responses than are accepted.
    TooManyInterim,
    /// Bytes came before anything was asked.
    UnaskedBytes,
    /// A 206 whose `Content-Range` is missing, invalid or not what was asked for.
    BadContentRange,
    /// `multipart/byteranges` without having been asked.
    UnaskedMultipart,
}

impl ProtocolFaultKind {
    /// What was wrong, as the predicate of a sentence about the peer.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotHttp => "the answer is not HTTP",
            Self::BadHead => "the head of the answer is malformed",
            Self::HeadTooLarge => "the head of the answer is too large",
            Self::TooManyFields => "the head of the answer has too many fields",
            Self::BadFraming => "the length of the answer is contradictory or invalid",
            Self::BadChunk => "the answer's chunks are malformed",
            Self::UnaskedUpgrade => "the peer switched protocols unasked",
            Self::TooManyInterim => "the peer sent too many interim responses",
            Self::UnaskedBytes => "the peer spoke before it was asked",
            Self::BadContentRange => "the peer sent another range than asked for",
            Self::UnaskedMultipart => "the peer sent several ranges unasked",
        }
    }
}

impl fmt::Display for ProtocolFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The peer broke the protocol.
#[derive(Debug)]
pub struct ProtocolFault {
    kind: ProtocolFaultKind,
    phase: Phase,
    peer: Peer,
    elapsed: Duration,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ProtocolFault {
    /// A fault without a deeper cause.
    pub const fn new(kind: ProtocolFaultKind, phase: Phase, peer: Peer, elapsed: Duration) -> Self {
        Self { kind, phase, peer, elapsed, source: None }
    }

    /// The same fault with its cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What was wrong.
    pub const fn kind(&self) -> ProtocolFaultKind {
        self.kind
    }
}

impl fmt::Display for ProtocolFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, phase, peer, elapsed, .. } = self;
        write!(f, "{phase} from {peer}: {kind} after {} ms", elapsed.as_millis())
    }
}

impl StdError for ProtocolFault {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
