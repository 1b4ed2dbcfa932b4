//! Faults: a failed operation, with the context to understand it.

use std::error::Error;
use std::fmt;
use std::time::Duration;

use super::FaultKind;
use crate::addressing::{Address, Endpoint, Host};

/// The step in which an operation failed, roughly in the order in which the steps happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Phase {
    /// Resolving a host name.
    Resolve,
    /// Opening a socket, setting its options and binding it.
    Bind,
    /// Making a socket listen for connections.
    Listen,
    /// Accepting a connection.
    Accept,
    /// Connecting to one of the addresses.
    Connect,
    /// The TLS handshake.
    Tls,
    /// The handshake with a proxy that relays bytes to a host.
    Tunnel,
    /// Waiting until a socket is ready.
    Wait,
    /// Sending bytes, a datagram, or the request of an HTTP exchange.
    Send,
    /// Receiving bytes or a datagram.
    Receive,
    /// Waiting for and reading the head of an HTTP response.
    Head,
    /// Reading the body of an HTTP response.
    Body,
    /// Ending one direction or both, in an orderly way.
    Shutdown,
}

impl Phase {
    /// One word in lower case. Stable: logs and reports use it as a key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Bind => "bind",
            Self::Listen => "listen",
            Self::Accept => "accept",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Tunnel => "tunnel",
            Self::Wait => "wait",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Head => "head",
            Self::Body => "body",
            Self::Shutdown => "shutdown",
        }
    }

    /// The word between the phase and the endpoint in messages.
    const fn preposition(self) -> &'static str {
        match self {
            Self::Resolve | Self::Tls | Self::Tunnel => "with",
            Self::Bind | Self::Connect | Self::Send => "to",
            Self::Listen | Self::Accept | Self::Wait => "on",
            Self::Receive | Self::Head | Self::Body => "from",
            Self::Shutdown => "of",
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One failed operation: phase, kind, address, host, elapsed time, and the underlying error.
///
/// `Display` shows this level only; [`source`](Error::source) has the rest.
///
/// ```
/// use std::time::Duration;
/// use longhaul_socket::{Fault, FaultKind, Phase};
///
/// let fault = Fault::new(Phase::Connect, FaultKind::Refused, Duration::from_millis(12))
///     .at("tcp://127.0.0.1:9".parse().unwrap())
///     .of("example.org".parse().unwrap());
/// assert_eq!(fault.to_string(), "connect to tcp://127.0.0.1:9 (example.org): refused after 12 ms");
/// ```
pub struct Fault(Box<Inner>);

/// Boxed, so that the results of the fast path stay small.
#[derive(Debug)]
struct Inner {
    phase: Phase,
    kind: FaultKind,
    elapsed: Duration,
    address: Option<Address>,
    host: Option<Host>,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// A fault without address, host or source.
    pub fn new(phase: Phase, kind: FaultKind, elapsed: Duration) -> Self {
        Self(Box::new(Inner { phase, kind, elapsed, address: None, host: None, source: None }))
    }

    /// Sets the endpoint at which it happened.
    #[must_use]
    pub fn at(self, endpoint: Endpoint) -> Self {
        self.at_address(endpoint.into())
    }

    /// Sets the address at which it happened.
    #[must_use]
    pub fn at_address(mut self, address: Address) -> Self {
        self.0.address = Some(address);
        self
    }

    /// Sets the host that the operation was for.
    #[must_use]
    pub fn of(mut self, host: Host) -> Self {
        self.0.host = Some(host);
        self
    }

    /// Sets the underlying error.
    #[must_use]
    pub fn because(mut self, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.0.source = Some(error.into());
        self
    }

    /// The step in which the operation failed.
    pub fn phase(&self) -> Phase {
        self.0.phase
    }

    /// What went wrong.
    pub fn kind(&self) -> FaultKind {
        self.0.kind
    }

    /// How long the operation had taken when it failed.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// The endpoint, if one was known.
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.0.address.as_ref().and_then(Address::endpoint)
    }

    /// The address, if one was known: an endpoint, or the path of a Unix-domain socket.
    pub fn address(&self) -> Option<&Address> {
        self.0.address.as_ref()
    }

    /// The host that the operation was for, if known.
    pub fn host(&self) -> Option<&Host> {
        self.0.host.as_ref()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { phase, kind, elapsed, address, host, .. } = &*self.0;
        match (address, host) {
            (Some(address), Some(host)) => write!(f, "{phase} {} {address} ({host})", phase.preposition())?,
            (Some(address), None) => write!(f, "{phase} {} {address}", phase.preposition())?,
            (None, Some(host)) if *phase == Phase::Resolve => write!(f, "{phase} {host}")?,
            (None, Some(host)) => write!(f, "{phase} {} {host}", phase.preposition())?,
            (None, None) => write!(f, "{phase}")?,
        }
        write!(f, ": {kind} after {} ms", elapsed.as_millis())
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { phase, kind, elapsed, address, host, source } = &*self.0;
        f.debug_struct("Fault")
            .field("phase", phase)
            .field("kind", kind)
            .field("elapsed", elapsed)
            .field("address", address)
            .field("host", host)
            .field("source", source)
            .finish()
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source.as_deref().map(|error| error as _)
    }
}
