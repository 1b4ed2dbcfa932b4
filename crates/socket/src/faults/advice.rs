//! What a failure means and what to do about it, for people.
//!
//! The table in docs/sockets.md has the same texts; a test compares them. Programs decide by [`FaultKind`].

use std::error::Error;
use std::fmt;
use std::io;

use super::{CertificateFault, Fault, FaultKind, Platform, SystemError};

/// Real errors nest a few levels deep; the limit ends a chain of sources that is a cycle.
const NESTING_MAX: usize = 16;

/// What a failure means, and what to do: two sentences in lower case, without full stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What the failure means.
    pub meaning: &'static str,
    /// What to do.
    pub action: &'static str,
}

impl Advice {
    pub(crate) const fn new(meaning: &'static str, action: &'static str) -> Self {
        Self { meaning, action }
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.meaning, self.action)
    }
}

impl Fault {
    /// What the failure means and what to do: by the error number of the system if one is among the sources, otherwise
    /// by its kind.
    ///
    /// ```
    /// use std::io;
    /// use std::time::Duration;
    /// use longhaul_socket::{Fault, FaultKind, Phase};
    ///
    /// let fault = Fault::new(Phase::Connect, FaultKind::Refused, Duration::ZERO);
    /// assert_eq!(fault.advice().meaning, "no program listens at that port, or a firewall refuses on its behalf");
    /// ```
    pub fn advice(&self) -> Advice {
        let mut source = self.source();
        for _ in 0..NESTING_MAX {
            let Some(error) = source else { break };
            let number = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
            match number.and_then(|number| SystemError::of_number(Platform::current(), number)) {
                Some(known) if known.kind == self.kind() => return known.advice(),
                _ => source = error.source(),
            }
        }
        self.kind().advice()
    }
}

impl FaultKind {
    /// What the failure means and what to do.
    pub const fn advice(self) -> Advice {
        match self {
            Self::NameNotFound => Advice::new(
                "no name server knows an address for this name",
                "check the spelling; a new name may need time to propagate; otherwise use the address itself",
            ),
            Self::NameServerFailed => Advice::new(
                "the name server responded with an error",
                "try again in a minute; if it persists, use another name server",
            ),
            Self::Refused => Advice::new(
                "no program listens at that port, or a firewall refuses on its behalf",
                "start the service, check address and port, and see what listens with `longhaul sockets`",
            ),
            Self::Reset => Advice::new(
                "the peer, or a device on the path, aborted the connection",
                "connect again; if it happens every time, check the peer's log, and look for a firewall that cuts connections",
            ),
            Self::TimedOut => Advice::new(
                "no response arrived before the deadline",
                "check that the host is up and that no firewall drops packets; a slow peer needs a longer timeout",
            ),
            Self::WouldBlock => Advice::new(
                "the operation would have to wait, and the call does not wait",
                "wait until the socket is ready, or use a call that waits",
            ),
            Self::ClosedEarly => Advice::new(
                "the peer closed the connection in an orderly way before all data had arrived",
                "treat the data as incomplete, and request the rest again",
            ),
            Self::Unreachable => Advice::new(
                "a router or this machine's own routing table has no route to that address",
                "check the address, the default route and the VPN; an IPv6 address needs IPv6 here",
            ),
            Self::TooSlow => Advice::new(
                "data arrives, but below the minimum speed",
                "try again later or with fewer connections at once, or lower the minimum speed",
            ),
            Self::Denied => Advice::new(
                "a rule of this machine forbids it",
                "check the packet filter and the sandbox, and the user's rights on a path",
            ),
            Self::AddressInUse => Advice::new(
                "another socket holds this endpoint, or a file exists at the path",
                "find the process with `longhaul sockets ENDPOINT` and stop it, or use another port; remove a leftover file",
            ),
            Self::LocalExhausted => Advice::new(
                "this machine is out of ports, descriptors or memory",
                "hold fewer connections at once, or raise the limit",
            ),
            Self::LocalNetworkDown => Advice::new(
                "the network of this machine is down",
                "bring the interface up, or join a network, and try again",
            ),
            Self::TooLong => Advice::new(
                "a datagram is longer than the buffer, or a message longer than its limit",
                "use a larger buffer (65,535 bytes hold any datagram), or send less at once",
            ),
            Self::BadPath => Advice::new(
                "the path of the Unix-domain socket cannot be used",
                "check that the directory exists and that the service has created its socket there",
            ),
            Self::Unsupported => Advice::new(
                "this system does not offer that protocol, address family, option or operation",
                "use another one; an IPv6 address needs a kernel with IPv6",
            ),
            Self::Misuse => Advice::new(
                "the call does not fit the state of the socket, or an argument is invalid",
                "this is a bug in the program: report it",
            ),
            Self::Certificate(fault) => fault.advice(),
            Self::NotTls
            | Self::TlsVersion
            | Self::TlsParameters
            | Self::ClientCertificate
            | Self::CertificateRefused
            | Self::TlsPeerError
            | Self::TlsAlert
            | Self::TlsOther => self.tls_advice(),
            Self::Other => Advice::new(
                "the failure has no kind of its own",
                "search for the text after the last colon, which is the system's",
            ),
        }
    }

    /// The same for the kinds of TLS other than a bad certificate.
    const fn tls_advice(self) -> Advice {
        match self {
            Self::NotTls => Advice::new(
                "the peer responded, but not with TLS",
                "check the port; use tcp:// for a service without TLS",
            ),
            Self::TlsVersion => Advice::new(
                "the peer speaks only SSL or TLS 1.1 and older, which this program does not",
                "upgrade the peer to TLS 1.2 or later; no flag makes up for it",
            ),
            Self::TlsParameters => Advice::new(
                "the peer accepts none of the cipher suites, key exchanges and signatures of this program: TLS 1.3, or TLS 1.2 with ECDHE and AES-GCM or ChaCha20-Poly1305; X25519, P-256 or P-384 (in TLS 1.2 for the certificate's key too)",
                "enable one of them at the peer; no flag makes up for it",
            ),
            Self::ClientCertificate => Advice::new(
                "the peer requires a certificate from its clients, and this program sent none",
                "ask the peer's owner for another way in; another attempt ends in the same way",
            ),
            Self::CertificateRefused => Advice::new(
                "the peer does not accept the certificate of this side, or that it sent none",
                "a server: use a certificate that its clients trust; a client: ask the peer's owner which certificates it accepts",
            ),
            Self::TlsPeerError => Advice::new(
                "the peer's TLS failed, for a reason of its own",
                "try again; if it persists, look into the peer's log",
            ),
            Self::TlsAlert => Advice::new(
                "the peer ended TLS with an alert",
                "look for the reason in the text after the last colon, and in the peer's log: often the server name is unknown there",
            ),
            _ => Advice::new(
                "what the peer sent violates TLS, or was changed on the way",
                "try again; if it persists, look for a device on the path that intercepts TLS",
            ),
        }
    }
}

impl CertificateFault {
    /// What the failure means and what to do.
    pub const fn advice(self) -> Advice {
        match self {
            Self::Expired => Advice::new(
                "the certificate has expired, by this machine's clock",
                "check this machine's clock; otherwise the peer's owner has to renew the certificate",
            ),
            Self::NotYetValid => Advice::new(
                "the certificate is not valid yet, by this machine's clock",
                "check this machine's clock; otherwise wait",
            ),
            Self::WrongHost => Advice::new(
                "the certificate is for another name",
                "use a name that is in the certificate; otherwise another machine may be impersonating the host",
            ),
            Self::UnknownIssuer => Advice::new(
                "no authority that this machine trusts has signed the certificate",
                "add the issuer to the trusted certificates (SSL_CERT_FILE); skip the check (-k) for a host of your own only",
            ),
            Self::Revoked => Advice::new(
                "the issuer has revoked the certificate",
                "do not connect; inform the peer's owner",
            ),
            Self::Other => Advice::new(
                "the certificate is malformed, has an invalid signature, or is not for servers",
                "the peer's owner has to replace it",
            ),
        }
    }
}
