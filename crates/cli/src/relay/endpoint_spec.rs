//! Endpoints as typed on the command line: with a name or an address, and with TLS as a scheme.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str::FromStr;

use longhaul_socket::{
    Address, Deadline, Endpoint, Fault, Host, OpenSocket, Protocol, Resolver, SocketName, UnixPath,
};

use super::{datagrams, stdio};

const EXPECTED: &str = "expected tcp://HOST:PORT, tls://HOST:PORT, udp://HOST:PORT or unix:///PATH";

/// An endpoint to connect to or to listen on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EndpointSpec {
    Tcp(HostPort),
    Tls(HostPort),
    Udp(HostPort),
    Unix(UnixPath),
}

/// A host and a port; no host means every IPv4 address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostPort {
    pub(crate) host: Host,
    pub(crate) port: u16,
}

impl HostPort {
    /// The endpoints of the host, at least one.
    pub(crate) async fn endpoints(
        &self,
        protocol: Protocol,
        resolver: &Resolver,
        deadline: Deadline,
    ) -> Result<Vec<Endpoint>, Fault> {
        let endpoint = |ip: &IpAddr| Endpoint::new(*ip, protocol, self.port);
        match &self.host {
            Host::Ip(ip) => Ok(vec![endpoint(ip)]),
            Host::Name(name) => {
                resolver.resolve(name, deadline).await.map(|ips| ips.iter().map(endpoint).collect())
            }
        }
    }
}

impl EndpointSpec {
    /// The most that is read from standard input at once: a datagram, or a piece of a stream.
    pub(crate) const fn piece_bytes_max(&self) -> usize {
        match self {
            Self::Udp(_) => datagrams::PIECE_BYTES_MAX,
            Self::Tcp(_) | Self::Tls(_) | Self::Unix(_) => stdio::PIECE_BYTES_MAX,
        }
    }
}

impl FromStr for EndpointSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (scheme, rest) = text.split_once("://").ok_or(EXPECTED)?;
        match scheme {
            "tcp" => server(rest).map(Self::Tcp),
            "tls" => server(rest).map(Self::Tls),
            "udp" => server(rest).map(Self::Udp),
            "unix" => UnixPath::new(rest).map(Self::Unix).map_err(|error| error.to_string()),
            _ => Err(EXPECTED.to_owned()),
        }
    }
}

fn server(text: &str) -> Result<HostPort, String> {
    let (host, port) = text.rsplit_once(':').ok_or("the port is missing: expected HOST:PORT")?;
    let port = port_of(port)?;
    if host.is_empty() {
        return Ok(HostPort { host: Host::Ip(Ipv4Addr::UNSPECIFIED.into()), port });
    }
    if host.contains(':') && !host.starts_with('[') {
        return Err("write an IPv6 address in brackets, such as [::1]:80".to_owned());
    }
    let host = host.parse::<Host>().map_err(|error| error.to_string())?;
    Ok(HostPort { host, port })
}

/// Parses a port. `u16::from_str` would accept a sign as well.
fn port_of(text: &str) -> Result<u16, String> {
    let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_plain
        .then(|| text.parse().ok())
        .flatten()
        .ok_or_else(|| "a port is a number from 0 to 65535".to_owned())
}

impl fmt::Display for EndpointSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(server) => write!(f, "tcp://{server}"),
            Self::Tls(server) => write!(f, "tls://{server}"),
            Self::Udp(server) => write!(f, "udp://{server}"),
            Self::Unix(path) => path.fmt(f),
        }
    }
}

impl fmt::Display for HostPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]:{}", self.port),
            host => write!(f, "{host}:{}", self.port),
        }
    }
}

/// Selects sockets by their local or remote endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SocketFilter {
    At(Address),
    /// The port at any address.
    Port(Protocol, u16),
}

impl SocketFilter {
    pub(crate) fn includes(&self, socket: &OpenSocket) -> bool {
        match self {
            Self::At(Address::Endpoint(endpoint)) => socket.touches(*endpoint),
            Self::At(Address::Unix(path)) => {
                matches!(&socket.local, SocketName::Unix(other) if path.as_path() == std::path::Path::new(other))
            }
            Self::Port(protocol, port) => [Some(&socket.local), socket.remote.as_ref()]
                .into_iter()
                .flatten()
                .filter_map(SocketName::endpoint)
                .any(|endpoint| (endpoint.protocol(), endpoint.port()) == (*protocol, *port)),
        }
    }
}

impl FromStr for SocketFilter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(port) = text.strip_prefix("tcp://:") {
            return port_of(port).map(|port| Self::Port(Protocol::Tcp, port));
        }
        if let Some(port) = text.strip_prefix("udp://:") {
            return port_of(port).map(|port| Self::Port(Protocol::Udp, port));
        }
        text.parse().map(Self::At).map_err(|error: longhaul_socket::InvalidAddress| match error {
            longhaul_socket::InvalidAddress::BadEndpoint(why) => why.to_string(),
            other => other.to_string(),
        })
    }
}

impl fmt::Display for SocketFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(address) => address.fmt(f),
            Self::Port(protocol, port) => write!(f, "{protocol}://:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_is_displayed_as_typed() {
        for text in [
            "tcp://127.0.0.1:80",
            "tcp://[::1]:80",
            "tls://example.org:443",
            "udp://localhost:53",
            "unix:///run/a.sock",
            "tcp://0.0.0.0:0",
        ] {
            assert_eq!(text.parse::<EndpointSpec>().map(|peer| peer.to_string()).as_deref(), Ok(text));
        }
        assert_eq!(
            "tcp://:7".parse::<EndpointSpec>().map(|peer| peer.to_string()).as_deref(),
            Ok("tcp://0.0.0.0:7")
        );
    }

    #[test]
    fn invalid_endpoints_are_refused() {
        for text in [
            "",
            "127.0.0.1:80",
            "http://a.test:80",
            "tcp://a.test",
            "tcp://a.test:",
            "tcp://a.test:+80",
            "tcp://a.test:65536",
            "tcp://::1:80",
            "tcp://[::1:80",
            "tcp://a b:80",
            "tcp://127.1:80",
            "unix://",
        ] {
            assert!(text.parse::<EndpointSpec>().is_err(), "{text}");
        }
        for text in ["", "tcp://localhost:80", "tls://127.0.0.1:443", "tcp://:", "tcp://:99999", "unix://"] {
            assert!(text.parse::<SocketFilter>().is_err(), "{text}");
        }
        for text in ["tcp://:80", "udp://127.0.0.1:53", "unix:///run/a.sock", "tcp://[::]:0"] {
            assert_eq!(text.parse::<SocketFilter>().map(|subject| subject.to_string()).as_deref(), Ok(text));
        }
    }
}
