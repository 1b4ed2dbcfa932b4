//! The kinds of failure that callers decide by.

use std::fmt;

/// What went wrong. Causes that call for different reactions have different kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum FaultKind {
    /// The name does not exist, or has no address.
    NameNotFound,
    /// The name server responded with an error.
    NameServerFailed,
    /// No socket listens at the endpoint, or a firewall refuses on its behalf (TCP: RST in answer to SYN).
    Refused,
    /// The peer, or a device on the path, aborted the connection (TCP: RST).
    Reset,
    /// The deadline passed.
    TimedOut,
    /// The operation cannot be done without waiting, and the call does not wait.
    WouldBlock,
    /// The peer closed in an orderly way before all data had arrived.
    ClosedEarly,
    /// There is no route to the address, by a router's report or our own routing table.
    Unreachable,
    /// Data arrives, but below the minimum speed.
    TooSlow,
    /// Not allowed, by a rule of this machine or by a restriction to public addresses.
    Denied,
    /// Another socket of this machine holds the endpoint or the path.
    AddressInUse,
    /// This machine is out of ports, descriptors or memory.
    LocalExhausted,
    /// The network of this machine is down.
    LocalNetworkDown,
    /// A datagram is larger than the protocol, the path or the buffer allows, or a message is longer than its limit.
    TooLong,
    /// The path of a Unix-domain socket cannot be used.
    BadPath,
    /// The system does not offer the protocol, address family, option or operation.
    Unsupported,
    /// The call does not fit the state of the socket, or an argument is wrong: an error of the caller.
    Misuse,
    /// The peer's certificate does not prove its identity.
    Certificate(CertificateFault),
    /// The peer does not speak TLS.
    NotTls,
    /// The peer speaks only versions of TLS that are older than 1.2.
    TlsVersion,
    /// Both sides speak a common version of TLS, and have no cipher suite, key exchange or signature algorithm in common.
    TlsParameters,
    /// The peer requires a certificate of ours, and got none.
    ClientCertificate,
    /// The peer refused the certificate of ours.
    CertificateRefused,
    /// The TLS of the peer failed by its own word; another attempt may succeed.
    TlsPeerError,
    /// The peer ended TLS with another alert.
    TlsAlert,
    /// TLS failed in another way.
    TlsOther,
    /// None of the above; see the source of the fault.
    Other,
}

impl FaultKind {
    /// A few words in lower case, to be followed by "after 12 ms". Stable: logs and reports use them as keys.
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
            Self::TlsVersion => "no common tls version",
            Self::TlsParameters => "no common tls parameters",
            Self::ClientCertificate => "client certificate required",
            Self::CertificateRefused => "client certificate refused",
            Self::TlsPeerError => "tls error of the peer",
            Self::TlsAlert => "tls alert",
            Self::TlsOther => "tls failure",
            Self::Other => "failed",
        }
    }

    /// Whether the cause is this machine, so that neither a host nor a URL is at fault.
    pub const fn is_local(self) -> bool {
        matches!(self, Self::AddressInUse | Self::LocalExhausted | Self::LocalNetworkDown)
    }
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a certificate was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum CertificateFault {
    /// It has expired, by the clock of this machine.
    Expired,
    /// It is not valid yet, by the clock of this machine.
    NotYetValid,
    /// It is for another host.
    WrongHost,
    /// No trusted authority has signed it; self-signed certificates included.
    UnknownIssuer,
    /// Its issuer has revoked it.
    Revoked,
    /// It is malformed, has an invalid signature, or is not for servers.
    Other,
}

impl CertificateFault {
    /// A few words in lower case, as for [`FaultKind::as_str`].
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
