//! UDP by the system.

use std::io;
use std::net::SocketAddr;

use socket2::SockRef;
#[cfg(unix)]
use tokio::io::Interest;

use super::settings::{self, Group};
use crate::addressing::{Endpoint, Protocol};
use crate::faults::{Fault, Phase, fault, timed_out};
use crate::options::{Role, SocketOptions, options_of};
use crate::os::{datagram_socket, endpoint_of, family_of, require};
use crate::time::{Deadline, Timeouts, Waits, clock};

/// A socket for datagrams, each of which arrives whole or not at all (RFC 768).
///
/// A datagram that is longer than the buffer it is received into is lost, with the fault `TooLong` on Linux and
/// without one elsewhere: give it 65,535 bytes, or as many as the protocol above allows.
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
    waits: Waits,
}

impl UdpSocket {
    /// A socket bound to `local`; port 0 is a free one. Must be called within a runtime.
    ///
    /// # Errors
    /// In phase `Bind`; `Misuse` for an endpoint of TCP.
    pub fn bind(local: Endpoint) -> Result<Self, Fault> {
        Self::open(local, None)
    }

    /// The same with these options.
    pub fn bind_with(local: Endpoint, options: &SocketOptions) -> Result<Self, Fault> {
        Self::open(local, Some(options))
    }

    fn open(local: Endpoint, options: Option<&SocketOptions>) -> Result<Self, Fault> {
        let start = clock::now();
        let socket = datagram_socket(local, options)?;
        let open = || {
            let endpoint = endpoint_of(socket.local_addr(), Protocol::Udp)?;
            Ok((tokio::net::UdpSocket::from_std(socket.into())?, endpoint))
        };
        let (socket, local) = open().map_err(|error| fault(Phase::Bind, error, start, local.into()))?;
        Ok(Self { socket, local, remote: None, waits: Waits::new(Timeouts::default()) })
    }

    /// Connected mode, udp(7): from now on [`send`](Self::send) goes to `remote`, and only its datagrams are received.
    /// Nothing is sent, and nobody need be there; that nobody is (ICMP) shows as `Refused` in a later call.
    ///
    /// # Errors
    /// In phase `Connect`.
    pub fn connect(&mut self, remote: Endpoint) -> Result<(), Fault> {
        let start = clock::now();
        let connected = || {
            require(remote, Protocol::Udp)?;
            let socket = SockRef::from(&self.socket);
            socket.connect(&remote.socket_addr().into())?;
            endpoint_of(socket.local_addr(), Protocol::Udp)
        };
        self.local = connected().map_err(|error| fault(Phase::Connect, error, start, remote.into()))?;
        self.remote = Some(remote);
        Ok(())
    }

    /// Where it is bound, with the port that the system chose.
    pub fn local(&self) -> Endpoint {
        self.local
    }

    /// Whom it is connected to, in connected mode.
    pub fn remote(&self) -> Option<Endpoint> {
        self.remote
    }

    /// The options that are set at present.
    pub fn options(&self) -> SocketOptions {
        options_of(&SockRef::from(&self.socket), family_of(self.local.socket_addr()), Role::Datagram)
    }

    /// How long its waits may take.
    pub fn timeouts(&self) -> &Timeouts {
        &self.waits.timeouts
    }

    /// Changes that.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.waits.timeouts = timeouts;
    }

    /// Sends `datagram` to `remote` within [`Timeouts::write`]. Cancel safe.
    ///
    /// # Errors
    /// In phase `Send`. That the network took it does not mean that it arrives.
    pub async fn send_to(&self, datagram: &[u8], remote: Endpoint) -> Result<(), Fault> {
        self.send_to_within(datagram, remote, self.waits.write()).await
    }

    /// The same before `deadline`.
    pub async fn send_to_within(
        &self,
        datagram: &[u8],
        remote: Endpoint,
        deadline: Deadline,
    ) -> Result<(), Fault> {
        let send = async {
            require(remote, Protocol::Udp)?;
            self.socket.send_to(datagram, remote.socket_addr()).await
        };
        self.within(Phase::Send, remote, deadline, send).await.map(drop)
    }

    /// The next datagram, its length and where it comes from, within [`Timeouts::read`]. Cancel safe.
    ///
    /// # Errors
    /// In phase `Receive`.
    pub async fn receive_from(&self, buffer: &mut [u8]) -> Result<(usize, Endpoint), Fault> {
        self.receive_from_within(buffer, self.waits.read()).await
    }

    /// The same before `deadline`.
    pub async fn receive_from_within(
        &self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<(usize, Endpoint), Fault> {
        let receive = self.take(buffer);
        let (length, from) = self.within(Phase::Receive, self.place(), deadline, receive).await?;
        Ok((length, Endpoint::udp(from)))
    }

    /// Sends `datagram` to whom the socket is connected to, within [`Timeouts::write`]. Cancel safe.
    ///
    /// # Errors
    /// In phase `Send`; without [`connect`](Self::connect) there is nobody to send to.
    pub async fn send(&self, datagram: &[u8]) -> Result<(), Fault> {
        self.send_within(datagram, self.waits.write()).await
    }

    /// The same before `deadline`.
    pub async fn send_within(&self, datagram: &[u8], deadline: Deadline) -> Result<(), Fault> {
        self.within(Phase::Send, self.place(), deadline, self.socket.send(datagram)).await.map(drop)
    }

    /// The length of the next datagram, within [`Timeouts::read`]. Cancel safe.
    ///
    /// # Errors
    /// In phase `Receive`; `Refused` when an earlier datagram found nobody.
    pub async fn receive(&self, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.receive_within(buffer, self.waits.read()).await
    }

    /// The same before `deadline`.
    pub async fn receive_within(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Fault> {
        let receive = self.take(buffer);
        self.within(Phase::Receive, self.place(), deadline, receive).await.map(|(length, _from)| length)
    }

    /// Sends `datagram` to `remote` if there is room for it at this moment; otherwise the fault is `WouldBlock`.
    pub fn try_send_to(&self, datagram: &[u8], remote: Endpoint) -> Result<(), Fault> {
        let send = || {
            require(remote, Protocol::Udp)?;
            SockRef::from(&self.socket).send_to(datagram, &remote.socket_addr().into())
        };
        at_once(Phase::Send, remote, send()).map(drop)
    }

    /// The next datagram if there is one at this moment; otherwise the fault is `WouldBlock`.
    pub fn try_receive_from(&self, buffer: &mut [u8]) -> Result<(usize, Endpoint), Fault> {
        #[cfg(unix)]
        let received = settings::receive(&self.socket, buffer);
        #[cfg(not(unix))]
        let received = self.socket.try_recv_from(buffer);
        let (length, from) = at_once(Phase::Receive, self.place(), received)?;
        Ok((length, Endpoint::udp(from)))
    }

    /// Sends `datagram` to whom the socket is connected to if there is room for it at this moment; otherwise the fault is
    /// `WouldBlock`.
    pub fn try_send(&self, datagram: &[u8]) -> Result<(), Fault> {
        at_once(Phase::Send, self.place(), SockRef::from(&self.socket).send(datagram)).map(drop)
    }

    /// The length of the next datagram if there is one at this moment; otherwise the fault is `WouldBlock`.
    pub fn try_receive(&self, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.try_receive_from(buffer).map(|(length, _from)| length)
    }

    /// Waits until there is a datagram, within [`Timeouts::read`]. Cancel safe.
    ///
    /// # Errors
    /// In phase `Wait`.
    pub async fn readable(&self) -> Result<(), Fault> {
        self.readable_within(self.waits.read()).await
    }

    /// The same before `deadline`.
    pub async fn readable_within(&self, deadline: Deadline) -> Result<(), Fault> {
        self.within(Phase::Wait, self.place(), deadline, self.socket.readable()).await
    }

    /// Waits until there is room for a datagram, within [`Timeouts::write`]. Cancel safe.
    ///
    /// # Errors
    /// In phase `Wait`.
    pub async fn writable(&self) -> Result<(), Fault> {
        self.writable_within(self.waits.write()).await
    }

    /// The same before `deadline`.
    pub async fn writable_within(&self, deadline: Deadline) -> Result<(), Fault> {
        self.within(Phase::Wait, self.place(), deadline, self.socket.writable()).await
    }

    /// Whether datagrams may go to broadcast addresses, `SO_BROADCAST`, socket(7); otherwise they are `Denied`.
    pub fn set_broadcast(&self, on: bool) -> Result<(), Fault> {
        self.set(|socket| socket.set_broadcast(on))
    }

    /// Receives what is sent to `group` too, over `interface`: an address of ours for IPv4 (`0.0.0.0` for any), an
    /// index for IPv6 (0 for any); ip(7), ipv6(7).
    pub fn join_multicast(&self, group: Group) -> Result<(), Fault> {
        self.set(|socket| settings::join(socket, group))
    }

    /// Undoes [`join_multicast`](Self::join_multicast).
    pub fn leave_multicast(&self, group: Group) -> Result<(), Fault> {
        self.set(|socket| settings::leave(socket, group))
    }

    /// Sends to groups by the interface of `group`; which group it is does not matter.
    pub fn set_multicast_interface(&self, group: Group) -> Result<(), Fault> {
        self.set(|socket| settings::set_interface(socket, group))
    }

    /// Whether this machine receives the multicast datagrams that it sends, `IP_MULTICAST_LOOP`. Systems: yes.
    pub fn set_multicast_loop(&self, on: bool) -> Result<(), Fault> {
        self.set(|socket| settings::set_loop(socket, self.local.ip(), on))
    }

    /// How many routers a multicast datagram may pass, less one, `IP_MULTICAST_TTL`. Systems: 1, the own network.
    pub fn set_multicast_hops(&self, hops: u8) -> Result<(), Fault> {
        self.set(|socket| settings::set_hops(socket, self.local.ip(), hops))
    }

    #[cfg(unix)]
    async fn take(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        // What ICMP says (nobody is there) makes the socket ready for nothing but its error.
        let interest = Interest::READABLE.add(Interest::ERROR);
        self.socket.async_io(interest, || settings::receive(&self.socket, &mut *buffer)).await
    }

    #[cfg(not(unix))]
    async fn take(&self, buffer: &mut [u8]) -> io::Result<(usize, SocketAddr)> {
        self.socket.recv_from(buffer).await
    }

    /// The endpoint that a fault names.
    fn place(&self) -> Endpoint {
        self.remote.unwrap_or(self.local)
    }

    fn set(&self, set: impl FnOnce(&SockRef<'_>) -> io::Result<()>) -> Result<(), Fault> {
        let start = clock::now();
        set(&SockRef::from(&self.socket)).map_err(|error| fault(Phase::Bind, error, start, self.local.into()))
    }

    async fn within<T>(
        &self,
        phase: Phase,
        place: Endpoint,
        deadline: Deadline,
        operation: impl Future<Output = io::Result<T>>,
    ) -> Result<T, Fault> {
        let start = clock::now();
        let deadline = self.waits.silence(self.waits.limited(deadline));
        match deadline.bound(operation).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(fault(phase, error, start, place.into())),
            Err(_passed) => Err(timed_out(phase, start, place.into())),
        }
    }
}

impl std::fmt::Debug for UdpSocket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UdpSocket")
            .field("local", &self.local)
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}

fn at_once<T>(phase: Phase, place: Endpoint, outcome: io::Result<T>) -> Result<T, Fault> {
    outcome.map_err(|error| fault(phase, error, clock::now(), place.into()))
}
