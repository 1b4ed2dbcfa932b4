//! The kinds of failure that a decision above may depend on.

use std::fmt;

/// What went wrong. Two causes that call for two reactions have two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The name does not exist, or has no address.
    NameNotFound,
    /// The name server answered that it cannot say.
    NameServerFailed,
    /// Nobody listens there, or a firewall says so.
    Refused,
    /// The peer, or somebody in its name, broke the connection off.
    Reset,
    /// Silence until the deadline.
    TimedOut,
    /// It cannot be done at once, and the call was told not to wait.
    WouldBlock,
    /// The peer closed in an orderly way, where more had to come.
    ClosedEarly,
    /// There is no way to the address, says a router or our own routing table.
    Unreachable,
    /// It moves, but below the speed that was asked for.
    TooSlow,
    /// Not allowed: by a rule of this machine, or by a limit on the addresses that may be used.
    Denied,
    /// Another socket of this machine holds the endpoint or the path.
    AddressInUse,
    /// This machine is out of ports, descriptors or memory.
    LocalExhausted,
    /// The network of this machine is down.
    LocalNetworkDown,
    /// A datagram is larger than the protocol, the way or the buffer allows, or a message longer than was agreed on.
    TooLong,
    /// The path of a Unix-domain socket cannot be used.
    BadPath,
    /// The system does not offer the protocol, family, option or operation.
    Unsupported,
    /// The call does not fit the state of the socket, or an argument is wrong: a mistake of the caller.
    Misuse,
    /// The peer's certificate does not prove who it is.
    Certificate(CertificateFault),
    /// The peer does not speak TLS.
    NotTls,
    /// The peer ended TLS with an alert.
    TlsAlert,
    /// TLS failed in another way.
    TlsOther,
    /// None of the above; the source of the fault says more.
    Other,
}

impl FaultKind {
    /// A few words in lower case that stand well before "after 12 ms". Stable: logs and reports count by them.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NameNotFound => "name not found",
            Self::NameServerFailed => "name server failed",
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::TimedOut => "timed out",
            Self::WouldBlock => "would block",
            Self::ClosedEarly => "closed early",
            Self::Unreachable => "unreachable",
            Self::TooSlow => "too slow",
            Self::Denied => "denied",
            Self::AddressInUse => "address in use",
            Self::LocalExhausted => "local resources exhausted",
            Self::LocalNetworkDown => "local network down",
            Self::TooLong => "too long",
            Self::BadPath => "unusable path",
            Self::Unsupported => "not supported",
            Self::Misuse => "misuse",
            Self::Certificate(fault) => fault.as_str(),
            Self::NotTls => "peer does not speak tls",
            Self::TlsAlert => "tls alert",
            Self::TlsOther => "tls failure",
            Self::Other => "failed",
        }
    }

    /// Whether this is trouble of our own machine, for which no host and no URL may be charged.
    pub const fn is_local(self) -> bool {
        matches!(self, Self::AddressInUse | Self::LocalExhausted | Self::LocalNetworkDown)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a certificate was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CertificateFault {
    /// Its time is over, by our clock.
    Expired,
    /// Its time has not begun, by our clock.
    NotYetValid,
    /// It belongs to another host.
    WrongHost,
    /// Nobody whom we trust has signed it; also a self-signed one.
    UnknownIssuer,
    /// Its issuer has withdrawn it.
    Revoked,
    /// Malformed, badly signed, or not meant for servers.
    Other,
}

impl CertificateFault {
    /// A few words in lower case, as [`FaultKind::as_str`].
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired certificate",
            Self::NotYetValid => "certificate not yet valid",
            Self::WrongHost => "certificate for another host",
            Self::UnknownIssuer => "certificate from an unknown issuer",
            Self::Revoked => "revoked certificate",
            Self::Other => "bad certificate",
        }
    }
}

impl fmt::Display for CertificateFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
