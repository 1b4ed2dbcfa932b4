//! Making sockets: what the async flavour and the blocking one share.

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

/// A socket for streams to `remote`, not yet connected. Without `options`, with our defaults as far as the system allows.
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
        // That an endpoint is what it says is no matter of leniency.
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

/// A socket for datagrams, bound to `local`.
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

/// A socket that does not wait; its descriptor is not inherited by other programs.
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

/// The endpoint of a socket, by what the system says of it.
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
        let text = format!("{endpoint} is no {protocol} endpoint");
        Err(io::Error::new(io::ErrorKind::InvalidInput, text))
    }
}

/// What is sent after our own direction was ended. The system calls it EPIPE, as if the peer had gone.
pub(crate) fn sent_after_end() -> io::Error {
    rustix::io::Errno::SHUTDOWN.into()
}

/// listen(2) counts with signs.
fn length(backlog: u32) -> i32 {
    i32::try_from(backlog).unwrap_or(i32::MAX)
}
