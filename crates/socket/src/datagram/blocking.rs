//! The datagram socket of the blocking flavour.

use std::io;
use std::net::SocketAddr;

use rustix::event::PollFlags;
use socket2::{SockAddr, SockRef, Socket};
use tokio::time::Instant;

use super::calls::datagram_calls;
use super::settings::{self, Group};
use crate::addressing::{Endpoint, Protocol};
use crate::faults::{Fault, Phase, fault};
use crate::options::{Role, SocketOptions, options_of};
use crate::os::{PolledSocket, WaitMode, datagram_socket, endpoint_of, family_of, require};
use crate::time::{Deadline, Timeouts, WaitLimits, clock};

/// A socket for datagrams, each of which arrives as a whole or not at all (RFC 768); the blocking
/// [`UdpSocket`](crate::UdpSocket), with the same methods.
///
/// A datagram that is longer than the buffer is lost; Linux reports it as `TooLong`, other systems do not. Use a buffer
/// of 65,535 bytes, or of the maximum of the protocol above.
///
/// ```
/// use longhaul_socket::blocking::UdpSocket;
///
/// let server = UdpSocket::bind("udp://127.0.0.1:0".parse()?)?;
/// let client = UdpSocket::bind("udp://127.0.0.1:0".parse()?)?;
/// client.send_to(b"hello", server.local())?;
///
/// let mut buffer = [0; 1500];
/// let (length, from) = server.receive_from(&mut buffer)?;
/// assert_eq!((&buffer[..length], from), (b"hello".as_slice(), client.local()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct UdpSocket {
    socket: PolledSocket,
    local: Endpoint,
    remote: Option<Endpoint>,
    limits: WaitLimits,
}

datagram_calls!();

impl UdpSocket {
    fn send_one(&self, to: Option<SocketAddr>, datagram: &[u8], deadline: Deadline) -> io::Result<()> {
        let to = to.map(SockAddr::from);
        let send = |socket: &Socket| match &to {
            Some(to) => socket.send_to(datagram, to),
            None => socket.send(datagram),
        };
        self.socket.when(PollFlags::OUT, WaitMode::Until(deadline), send).map(drop)
    }

    fn receive_one(&self, buffer: &mut [u8], deadline: Deadline) -> io::Result<(usize, SocketAddr)> {
        let receive = |socket: &Socket| settings::receive(socket, &mut *buffer);
        self.socket.when(PollFlags::IN, WaitMode::Until(deadline), receive)
    }

    fn try_receive_one(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        settings::receive(&self.socket, buffer)
    }

    fn wait_readable(&self, deadline: Deadline) -> io::Result<()> {
        self.socket.wait(PollFlags::IN, deadline)
    }

    fn wait_writable(&self, deadline: Deadline) -> io::Result<()> {
        self.socket.wait(PollFlags::OUT, deadline)
    }

    pub(crate) fn socket(&self) -> &PolledSocket {
        &self.socket
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the runtime of the async flavour can refuse a socket")]
fn register(socket: Socket) -> io::Result<PolledSocket> {
    Ok(PolledSocket::new(socket))
}
