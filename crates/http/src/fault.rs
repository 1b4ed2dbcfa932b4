//! Why an exchange fails.
//!
//! A [`SocketFault`] happens on the way to the peer and may be gone at the next attempt. A [`ProtocolFault`] is in what the
//! peer sent, and the next attempt usually meets it again.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use longhaul_socket::{Fault, FaultKind, Phase};

use crate::connection::{Party, Peer, TunnelRefusal, Via};
use crate::h1;

/// Why an exchange failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The connection failed: name resolution, connecting, TLS, a timeout, a slow body, an early close.
    #[error(transparent)]
    Socket(SocketFault),
    /// The peer broke the protocol, or sent more than a limit allows.
    #[error(transparent)]
    Protocol(ProtocolFault),
    /// A proxy refused to open a tunnel to the host.
    #[error(transparent)]
    TunnelRefused(TunnelFault),
    /// The request cannot be written, so nothing was sent.
    #[error("the request cannot be written")]
    Unsendable(#[source] Box<dyn StdError + Send + Sync>),
}

impl Error {
    /// The phase of the exchange in which it failed.
    pub fn phase(&self) -> Phase {
        match self {
            Self::Socket(fault) => fault.phase(),
            Self::Protocol(fault) => fault.phase,
            Self::TunnelRefused(_) => Phase::Tunnel,
            Self::Unsendable(_) => Phase::Send,
        }
    }

    /// The other end of the connection; `None` before its endpoint was known.
    pub fn peer(&self) -> Option<Peer> {
        match self {
            Self::Socket(fault) => fault.peer(),
            Self::Protocol(fault) => Some(fault.peer),
            Self::TunnelRefused(fault) => Some(fault.peer),
            Self::Unsendable(_) => None,
        }
    }

    /// Whose failure it is. Of the proxy: its name was not found, it accepted no connection, TLS with it failed, or it
    /// refused or broke off the handshake of a tunnel. Everything else is of the host.
    pub fn party(&self) -> Party {
        match self {
            Self::Socket(fault) => fault.party,
            Self::Protocol(fault) => fault.peer.via.party(fault.phase),
            Self::TunnelRefused(fault) => fault.refusal.party(),
            Self::Unsendable(_) => Party::Host,
        }
    }

    /// What the proxy responded, if it refused to open a tunnel.
    pub const fn tunnel_refusal(&self) -> Option<&TunnelRefusal> {
        match self {
            Self::TunnelRefused(fault) => Some(&fault.refusal),
            Self::Socket(_) | Self::Protocol(_) | Self::Unsendable(_) => None,
        }
    }

    /// Time from the start of the exchange to the failure.
    pub fn elapsed(&self) -> Duration {
        match self {
            Self::Socket(fault) => fault.elapsed(),
            Self::Protocol(fault) => fault.elapsed,
            Self::TunnelRefused(fault) => fault.elapsed,
            Self::Unsendable(_) => Duration::ZERO,
        }
    }

    /// The kind, if the connection failed.
    pub fn fault_kind(&self) -> Option<FaultKind> {
        match self {
            Self::Socket(fault) => Some(fault.kind()),
            Self::Protocol(_) | Self::TunnelRefused(_) | Self::Unsendable(_) => None,
        }
    }

    /// The kind, if the peer broke the protocol.
    pub fn protocol_fault_kind(&self) -> Option<ProtocolFaultKind> {
        match self {
            Self::Protocol(fault) => Some(fault.kind),
            Self::Socket(_) | Self::TunnelRefused(_) | Self::Unsendable(_) => None,
        }
    }

    /// Whether this machine is the cause, so that neither the host nor the URL is to blame.
    pub fn is_local(&self) -> bool {
        matches!(self, Self::Socket(fault) if fault.kind().is_local())
    }
}

/// A [`Fault`] of the socket layer, and how the host was to be reached when it happened. Displays as the fault.
#[derive(Debug)]
pub struct SocketFault {
    fault: Fault,
    via: Via,
    party: Party,
}

impl SocketFault {
    /// `fault` happened on the way to a host that was to be reached like this.
    pub fn new(fault: Fault, via: Via) -> Self {
        let party = via.party(fault.phase());
        Self { fault, via, party }
    }

    /// The same where `fault` is of the host, although the phase alone does not say so: at the far end of a tunnel.
    pub(crate) const fn of_host(fault: Fault, via: Via) -> Self {
        Self { fault, via, party: Party::Host }
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

/// A proxy refused to open a tunnel: its response, its endpoint, and the elapsed time.
#[derive(Debug)]
pub struct TunnelFault {
    refusal: TunnelRefusal,
    peer: Peer,
    elapsed: Duration,
}

impl TunnelFault {
    /// `peer` refused so, after this time.
    pub const fn new(refusal: TunnelRefusal, peer: Peer, elapsed: Duration) -> Self {
        Self { refusal, peer, elapsed }
    }
}

impl fmt::Display for TunnelFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { refusal, peer, elapsed } = self;
        write!(f, "tunnel with {peer}: refused with {} after {} ms", refusal.reply, elapsed.as_millis())
    }
}

impl StdError for TunnelFault {}

/// The peer ended the stream of one exchange with an error, and the connection goes on (`RST_STREAM`, RFC 9113 section 6.4).
/// The source of a fault of the kind `Reset`. For protocols with streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the peer reset the stream with the error code {code:#x}")]
pub struct StreamReset {
    /// Why, as the protocol numbers it (RFC 9113 section 7).
    pub code: u32,
}

/// How a peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProtocolFaultKind {
    /// The response does not begin like HTTP/1.x: garbage, HTTP/0.9, another protocol.
    NotHttp,
    /// The head begins like HTTP/1.x and then breaks the grammar.
    BadHead,
    /// The head is larger than [`Limits::head_bytes_max`](crate::Limits::head_bytes_max).
    HeadTooLarge,
    /// The head has more fields than [`Limits::fields_max`](crate::Limits::fields_max).
    TooManyFields,
    /// The lengths in the head are invalid or contradict each other (RFC 9112 section 6.3).
    BadFraming,
    /// A chunk size, a chunk extension or a trailer is invalid or too long (RFC 9112 section 7.1).
    BadChunk,
    /// The body has a transfer coding that this crate does not decode, or too many; the source names it (RFC 9112 section 7).
    UnsupportedCoding,
    /// The bytes of the body do not match its transfer coding.
    BadCoding,
    /// The body decodes to far more than was sent, as only a decompression bomb does.
    DecodedTooLarge,
    /// The peer switched protocols (101) without a request to do so.
    UnaskedUpgrade,
    /// More interim responses than [`Limits::interim_responses_max`](crate::Limits::interim_responses_max).
    TooManyInterim,
    /// The peer sent bytes before the request.
    UnaskedBytes,
    /// The `Content-Range` of a 206 is missing, invalid or not what was requested.
    BadContentRange,
    /// The peer sent a part of the representation in response to a request without a range (RFC 9110 section 15.3.7).
    UnaskedPart,
    /// The peer sent `multipart/byteranges`, which was not requested.
    UnaskedMultipart,
    /// The proxy responded to the handshake of a tunnel with something else than its protocol.
    BadTunnel,
    /// A frame of a protocol that carries several exchanges at a time is malformed, or breaks that protocol's rules.
    BadFrame,
}

impl ProtocolFaultKind {
    /// The kind of a fault of the HTTP/1 core; `None` if the peer only closed the connection too early.
    pub(crate) const fn of(fault: h1::Fault) -> Option<Self> {
        use h1::Fault;
        Some(match fault {
            Fault::NotHttp | Fault::UnsupportedVersion | Fault::BadStatus => Self::NotHttp,
            Fault::ControlInHead => Self::BadHead,
            Fault::HeadTooLarge => Self::HeadTooLarge,
            Fault::TooManyFields => Self::TooManyFields,
            Fault::BadContentLength | Fault::BadTransferEncoding | Fault::AmbiguousFraming => {
                Self::BadFraming
            }
            Fault::UnaskedUpgrade => Self::UnaskedUpgrade,
            Fault::TooManyInterim => Self::TooManyInterim,
            Fault::BadChunkSize
            | Fault::BadChunkEnd
            | Fault::ChunkExtensionsTooLarge
            | Fault::BadTrailers
            | Fault::ChunkedTwice => Self::BadChunk,
            Fault::ClosedBeforeHead | Fault::ClosedInHead | Fault::ClosedInBody => return None,
        })
    }

    /// The fault as a clause, in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotHttp => "the response is not HTTP",
            Self::BadHead => "the head of the response is malformed",
            Self::HeadTooLarge => "the head of the response is too large",
            Self::TooManyFields => "the head of the response has too many fields",
            Self::BadFraming => "the lengths in the response are contradictory or invalid",
            Self::BadChunk => "the chunks of the response are malformed",
            Self::UnsupportedCoding => "the transfer codings of the response are not supported",
            Self::BadCoding => "the body does not match its transfer coding",
            Self::DecodedTooLarge => "the body decodes to too many bytes",
            Self::UnaskedUpgrade => "the peer switched protocols without a request to do so",
            Self::TooManyInterim => "the peer sent too many interim responses",
            Self::UnaskedBytes => "the peer sent bytes before the request",
            Self::BadContentRange => "the peer sent another range than requested",
            Self::UnaskedPart => "the peer sent a part of the file, although no range was requested",
            Self::UnaskedMultipart => "the peer sent several ranges, which were not requested",
            Self::BadTunnel => "the proxy's response to the handshake of the tunnel is malformed",
            Self::BadFrame => "a frame of the session is malformed or breaks the rules of its protocol",
        }
    }
}

impl fmt::Display for ProtocolFaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A violation of the protocol by the peer: kind, phase, peer, elapsed time, and the error underneath.
#[derive(Debug)]
pub struct ProtocolFault {
    kind: ProtocolFaultKind,
    phase: Phase,
    peer: Peer,
    elapsed: Duration,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl ProtocolFault {
    /// A fault without an error underneath.
    pub const fn new(kind: ProtocolFaultKind, phase: Phase, peer: Peer, elapsed: Duration) -> Self {
        Self { kind, phase, peer, elapsed, source: None }
    }

    /// The same fault with the error underneath.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// How the peer broke the protocol.
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
