//! Opening sockets, for both flavours. All of them are non-blocking.

use std::io;
use std::net::SocketAddr;

#[cfg(unix)]
use socket2::SockAddr;
use socket2::{Domain, SockRef, Socket, Type};

#[cfg(unix)]
use crate::addressing::UnixPath;
use crate::addressing::{Endpoint, Protocol};
use crate::faults::{Fault, Phase, fault};
use crate::options::{Family, Role, SocketOptions};
use crate::time::clock;

/// A stream socket for `remote`, not yet connected. Without `options`, it has the default options as far as the system
/// accepts them.
pub(crate) fn stream_socket(remote: SocketAddr, options: Option<&SocketOptions>) -> io::Result<Socket> {
    let socket = new_socket(Domain::for_address(remote), Type::STREAM)?;
    set_options(&socket, family_of(remote), Role::Stream, options)?;
    Ok(socket)
}

/// A socket that listens on `local`.
pub(crate) fn listening(
    local: Endpoint,
    options: Option<&SocketOptions>,
    backlog: u32,
) -> Result<Socket, Fault> {
    let start = clock::now();
    let bound = || {
        require(local, Protocol::Tcp)?;
        let address = local.socket_addr();
        let socket = new_socket(Domain::for_address(address), Type::STREAM)?;
        // Not lenient: `[::]` must not include `0.0.0.0`.
        if address.is_ipv6() && options.is_none() {
            socket.set_only_v6(true)?;
        }
        set_options(&socket, family_of(address), Role::Listener, options)?;
        socket.bind(&address.into())?;
        Ok(socket)
    };
    let socket = bound().map_err(|error| fault(Phase::Bind, error, start, local.into()))?;
    socket.listen(length(backlog)).map_err(|error| fault(Phase::Listen, error, start, local.into()))?;
    Ok(socket)
}

/// A socket that listens on `path`.
#[cfg(unix)]
pub(crate) fn listening_unix(
    path: &UnixPath,
    options: Option<&SocketOptions>,
    backlog: u32,
) -> Result<Socket, Fault> {
    let start = clock::now();
    let bound = || {
        let socket = new_socket(Domain::UNIX, Type::STREAM)?;
        set_options(&socket, Family::Unix, Role::Listener, options)?;
        socket.bind(&SockAddr::unix(path.as_path())?)?;
        Ok(socket)
    };
    let socket = bound().map_err(|error| fault(Phase::Bind, error, start, path.clone().into()))?;
    socket
        .listen(length(backlog))
        .map_err(|error| fault(Phase::Listen, error, start, path.clone().into()))?;
    Ok(socket)
}

/// A datagram socket, bound to `local`.
pub(crate) fn datagram_socket(local: Endpoint, options: Option<&SocketOptions>) -> Result<Socket, Fault> {
    let start = clock::now();
    let bound = || {
        require(local, Protocol::Udp)?;
        let address = local.socket_addr();
        let socket = new_socket(Domain::for_address(address), Type::DGRAM)?;
        set_options(&socket, family_of(address), Role::Datagram, options)?;
        socket.bind(&address.into())?;
        Ok(socket)
    };
    bound().map_err(|error| fault(Phase::Bind, error, start, local.into()))
}

/// A non-blocking socket; child processes do not inherit its descriptor.
pub(crate) fn new_socket(domain: Domain, kind: Type) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind, None)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

pub(crate) fn set_options(
    socket: &Socket,
    family: Family,
    role: Role,
    options: Option<&SocketOptions>,
) -> io::Result<()> {
    let socket = SockRef::from(socket);
    if let Some(options) = options {
        return options.apply(&socket, family, role);
    }
    SocketOptions::default().apply_leniently(&socket, family, role);
    Ok(())
}

pub(crate) const fn family_of(address: SocketAddr) -> Family {
    match address {
        SocketAddr::V4(_) => Family::Ipv4,
        SocketAddr::V6(_) => Family::Ipv6,
    }
}

/// The endpoint of an address that the system returned.
pub(crate) fn endpoint_of(
    address: io::Result<socket2::SockAddr>,
    protocol: Protocol,
) -> io::Result<Endpoint> {
    let address = address?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
    Ok(Endpoint::new(address.ip(), protocol, address.port()))
}

pub(crate) fn require(endpoint: Endpoint, protocol: Protocol) -> io::Result<()> {
    if endpoint.protocol() == protocol {
        Ok(())
    } else {
        let text = format!("{endpoint} is not a {protocol} endpoint");
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }
}

/// The error of sending after our own direction was ended. The system returns EPIPE, as if the peer had closed.
pub(crate) fn sent_after_end() -> io::Error {
    rustix::io::Errno::SHUTDOWN.into()
}

/// listen(2) takes a signed number.
fn length(backlog: u32) -> i32 {
    i32::try_from(backlog).unwrap_or(i32::MAX)
}
