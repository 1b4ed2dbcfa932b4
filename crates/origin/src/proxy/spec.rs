//! The configuration and the state of proxies.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;

use longhaul_socket::{Endpoint, Host, InvalidHost, Target};
use thiserror::Error;

use super::name::Name;
use super::toxic::Toxic;
use crate::random::Share;

/// Where a proxy listens, always over TCP.
///
/// Parsed from `ADDRESS:PORT`, `localhost:PORT`, or `:PORT` for every IPv4 address of this machine; port 0 takes a free one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListenAddress(Endpoint);

impl ListenAddress {
    /// From a socket address.
    pub fn new(address: SocketAddr) -> Self {
        Self(Endpoint::tcp(address))
    }

    /// The endpoint.
    pub fn endpoint(self) -> Endpoint {
        self.0
    }
}

impl Default for ListenAddress {
    /// A free port of loopback.
    fn default() -> Self {
        Self::new((Ipv4Addr::LOCALHOST, 0).into())
    }
}

impl From<Endpoint> for ListenAddress {
    /// Keeps address and port; the protocol is TCP.
    fn from(endpoint: Endpoint) -> Self {
        Self::new(endpoint.socket_addr())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.socket_addr().fmt(f)
    }
}

impl FromStr for ListenAddress {
    type Err = InvalidListenAddress;

    fn from_str(text: &str) -> Result<Self, InvalidListenAddress> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidListenAddress)?;
        let ip: IpAddr = match host {
            "" => Ipv4Addr::UNSPECIFIED.into(),
            "localhost" => Ipv4Addr::LOCALHOST.into(),
            _ => match host.parse() {
                Ok(Host::Ip(ip)) => ip,
                _ => return Err(InvalidListenAddress),
            },
        };
        Ok(Self::new((ip, port_of(port).ok_or(InvalidListenAddress)?).into()))
    }
}

/// The text is not a [`ListenAddress`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("expected a numeric address and a port, such as 127.0.0.1:9000")]
pub struct InvalidListenAddress;

/// The host and port that a proxy connects to, such as `example.org:443`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upstream(Target);

impl Upstream {
    /// The upstream as a target, over TCP and without TLS.
    pub fn target(&self) -> &Target {
        &self.0
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Upstream {
    type Err = InvalidUpstream;

    fn from_str(text: &str) -> Result<Self, InvalidUpstream> {
        let (host, port) = text.rsplit_once(':').ok_or(InvalidUpstream::NoPort)?;
        let port = port_of(port).filter(|port| *port > 0).ok_or(InvalidUpstream::NoPort)?;
        Ok(Self(Target::new(host.parse()?, port)))
    }
}

fn port_of(text: &str) -> Option<u16> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_plain { text.parse().ok() } else { None }
}

/// Why a text is not an [`Upstream`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum InvalidUpstream {
    /// There is no port.
    #[error("expected a host and a port from 1, such as example.org:443")]
    NoPort,
    /// The host is invalid.
    #[error(transparent)]
    BadHost(#[from] InvalidHost),
}

/// The configuration of a proxy.
#[derive(Debug, Clone)]
pub struct ProxySpec {
    /// Its name.
    pub name: Name,
    /// Where it listens.
    pub listen: ListenAddress,
    /// What it connects to.
    pub upstream: Upstream,
    /// Whether it listens.
    pub enabled: bool,
}

/// A change of a proxy. `None` leaves a property as it is.
#[derive(Debug, Clone, Default)]
pub struct ProxyChange {
    /// Where it listens.
    pub listen: Option<ListenAddress>,
    /// What it connects to.
    pub upstream: Option<Upstream>,
    /// Whether it listens.
    pub enabled: Option<bool>,
}

/// The state of a proxy at one moment.
#[derive(Debug, Clone)]
pub struct ProxyState {
    /// Its name.
    pub name: Name,
    /// Where it listens, with the real port while it listens.
    pub listen: ListenAddress,
    /// What it connects to.
    pub upstream: Upstream,
    /// Whether it listens.
    pub enabled: bool,
    /// Its toxics: first those of the upstream direction, then the others, each in the order in which they were added.
    pub toxics: Vec<Toxic>,
}

/// A change of a toxic.
#[derive(Debug, Clone, Default)]
pub struct ToxicChange {
    /// The share of the connections that it affects; `None` leaves it as it is.
    pub toxicity: Option<Share>,
    /// Attributes by name, in their units; the others stay as they are.
    pub attributes: Vec<(String, u64)>,
}
