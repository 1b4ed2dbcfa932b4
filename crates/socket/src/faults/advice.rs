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
    /// What the failure means and what to do: by the error number of the system if one is among the sources, otherwise by
    /// its kind.
    ///
    /// ```
    /// use std::io;
    /// use std::time::Duration;
    /// use longhaul_socket::{Fault, FaultKind, Phase};
    ///
    /// let fault = Fault::new(Phase::Connect, FaultKind::Refused, Duration::ZERO);
    /// assert_eq!(fault.advice().meaning, "nobody listens at that port, or a firewall answers in its place");
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
                "check the spelling; for a new name, wait until it has spread, or use the address itself",
            ),
            Self::NameServerFailed => Advice::new(
                "the name server answered that it cannot say at present",
                "try again in a minute; if it goes on, ask another name server",
            ),
            Self::Refused => Advice::new(
                "nobody listens at that port, or a firewall answers in its place",
                "start the service, check address and port, and see what listens with `longhaul sockets`",
            ),
            Self::Reset => Advice::new(
                "the peer, or somebody on the way, broke the connection off without a farewell",
                "connect again; if it happens each time, look into the peer's log and for a firewall that cuts",
            ),
            Self::TimedOut => Advice::new(
                "nothing came back before the deadline",
                "check that the host is up and that no firewall swallows packets; a slow peer needs a longer timeout",
            ),
            Self::WouldBlock => Advice::new(
                "it cannot be done at this moment, and the call was told not to wait",
                "wait until the socket is ready, or use a call that waits",
            ),
            Self::ClosedEarly => Advice::new(
                "the peer closed the connection in an orderly way before all had come",
                "treat what has come as incomplete, and ask again for the rest",
            ),
            Self::Unreachable => Advice::new(
                "no way leads to that address, says a router or this machine's own routing table",
                "check the address, the default route and the VPN; an IPv6 address needs IPv6 here",
            ),
            Self::TooSlow => Advice::new(
                "data moves, but slower than was asked for",
                "try again later or with fewer connections at once, or ask for less speed",
            ),
            Self::Denied => Advice::new(
                "a rule of this machine forbids it",
                "check the packet filter and the sandbox, and the user's rights on a path",
            ),
            Self::AddressInUse => Advice::new(
                "another socket holds this endpoint, or something stands at the path",
                "see who holds it with `longhaul sockets ENDPOINT`: stop that process or take another port; remove a file left over",
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
                "a datagram or a message is longer than there is room for",
                "make room for it (65,535 bytes hold any datagram), or have less sent at once",
            ),
            Self::BadPath => Advice::new(
                "the path of the Unix-domain socket cannot be used",
                "check that the directory exists and that the service has made its socket there",
            ),
            Self::Unsupported => Advice::new(
                "this system does not offer that protocol, address family, option or operation",
                "use another one; an IPv6 address needs a kernel with IPv6",
            ),
            Self::Misuse => Advice::new(
                "the call does not fit the state of the socket, or was given nonsense",
                "this is a mistake in the program that made the call: report it",
            ),
            Self::Certificate(fault) => fault.advice(),
            Self::NotTls => Advice::new(
                "the peer answered, but not in TLS",
                "check the port; a service without TLS is reached with tcp://",
            ),
            Self::TlsAlert => Advice::new(
                "the peer ended the TLS handshake with an alert",
                "look for the reason in the peer's log: often a client certificate, a protocol version or a name it wants",
            ),
            Self::TlsOther => Advice::new(
                "the two sides could not agree on how to speak TLS",
                "bring the older side up to TLS 1.2 or later",
            ),
            Self::Other => Advice::new(
                "something failed that has no common name",
                "the text after the last colon is the system's own; search for it",
            ),
        }
    }
}

impl CertificateFault {
    /// What the failure means and what to do.
    pub const fn advice(self) -> Advice {
        match self {
            Self::Expired => Advice::new(
                "the certificate's time is over, by this machine's clock",
                "check this machine's clock; otherwise the peer's owner has to renew the certificate",
            ),
            Self::NotYetValid => Advice::new(
                "the certificate's time has not begun, by this machine's clock",
                "check this machine's clock; otherwise wait",
            ),
            Self::WrongHost => Advice::new(
                "the certificate belongs to another name",
                "use a name that the certificate has; otherwise somebody may be posing as the host",
            ),
            Self::UnknownIssuer => Advice::new(
                "nobody whom this machine trusts has signed the certificate",
                "add the issuer to the trusted ones (SSL_CERT_FILE); only for a host of your own, do without the check (-k)",
            ),
            Self::Revoked => {
                Advice::new("the issuer has withdrawn the certificate", "do not go on; tell the peer's owner")
            }
            Self::Other => Advice::new(
                "the certificate is malformed, badly signed, or not meant for servers",
                "the peer's owner has to replace it",
            ),
        }
    }
}
