//! The datagram socket of the async flavour.

use std::io;
use std::net::SocketAddr;

use socket2::{SockRef, Socket};
#[cfg(unix)]
use tokio::io::Interest;
use tokio::time::Instant;

use super::calls::datagram_calls;
use super::settings::{self, Group};
use crate::addressing::{Endpoint, Protocol};
use crate::faults::{Fault, Phase, fault};
use crate::options::{Role, SocketOptions, options_of};
use crate::os::{datagram_socket, endpoint_of, family_of, require};
use crate::time::{Deadline, Timeouts, WaitLimits, clock};

/// A socket for datagrams, each of which arrives as a whole or not at all (RFC 768).
///
/// A datagram that is longer than the buffer is lost; Linux reports it as `TooLong`, other systems do not. Use a buffer
/// of 65,535 bytes, or of the maximum of the protocol above.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use longhaul_socket::UdpSocket;
///
/// let server = UdpSocket::bind("udp://127.0.0.1:0".parse()?)?;
/// let client = UdpSocket::bind("udp://127.0.0.1:0".parse()?)?;
/// client.send_to(b"hello", server.local()).await?;
///
/// let mut buffer = [0; 1500];
/// let (length, from) = server.receive_from(&mut buffer).await?;
/// assert_eq!((&buffer[..length], from), (b"hello".as_slice(), client.local()));
/// # Ok(())
/// # }
/// ```
pub struct UdpSocket {
    socket: tokio::net::UdpSocket,
    local: Endpoint,
    remote: Option<Endpoint>,
    limits: WaitLimits,
}

datagram_calls!(async await);

impl UdpSocket {
    async fn send_one(&self, to: Option<SocketAddr>, datagram: &[u8], deadline: Deadline) -> io::Result<()> {
        let sent = match to {
            Some(to) => deadline.bound_io(self.socket.send_to(datagram, to)).await,
            None => deadline.bound_io(self.socket.send(datagram)).await,
        };
        sent.map(drop)
    }

    #[cfg(unix)]
    async fn receive_one(&self, buffer: &mut [u8], deadline: Deadline) -> io::Result<(usize, SocketAddr)> {
        // The ICMP message that no socket is bound there makes this one ready for its error only, not readable.
        let interest = Interest::READABLE.add(Interest::ERROR);
        let receive = self.socket.async_io(interest, || settings::receive(&self.socket, &mut *buffer));
        deadline.bound_io(receive).await
    }

    #[cfg(not(unix))]
    async fn receive_one(&self, buffer: &mut [u8], deadline: Deadline) -> io::Result<(usize, SocketAddr)> {
        deadline.bound_io(self.socket.recv_from(buffer)).await
    }

    fn try_receive_one(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        #[cfg(unix)]
        return settings::receive(&self.socket, buffer);
        #[cfg(not(unix))]
        return self.socket.try_recv_from(buffer);
    }

    async fn wait_readable(&self, deadline: Deadline) -> io::Result<()> {
        deadline.bound_io(self.socket.readable()).await
    }

    async fn wait_writable(&self, deadline: Deadline) -> io::Result<()> {
        deadline.bound_io(self.socket.writable()).await
    }
}

fn register(socket: Socket) -> io::Result<tokio::net::UdpSocket> {
    tokio::net::UdpSocket::from_std(socket.into())
}
