//! Datagrams.

use std::io;

use rustix::event::PollFlags;
use socket2::{SockAddr, SockRef, Socket};

use super::settings::{self, Group};
use crate::addressing::{Endpoint, Protocol};
use crate::faults::{Fault, Phase, fault};
use crate::options::{Role, SocketOptions, options_of};
use crate::os::{Descriptor, WaitMode, datagram_socket, endpoint_of, family_of, require};
use crate::time::{Deadline, Timeouts, Waits, clock};

/// A socket for datagrams, each of which arrives whole or not at all (RFC 768); the blocking
/// [`UdpSocket`](crate::UdpSocket), with the same methods.
///
/// A datagram that is longer than the buffer it is received into is lost, with the fault `TooLong` on Linux and
/// without one elsewhere: give it 65,535 bytes, or as many as the protocol above allows.
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
    socket: Descriptor,
    local: Endpoint,
    remote: Option<Endpoint>,
    waits: Waits,
}

impl UdpSocket {
    /// A socket bound to `local`; port 0 is a free one.
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
        let local = endpoint_of(socket.local_addr(), Protocol::Udp)
            .map_err(|error| fault(Phase::Bind, error, start, local.into()))?;
        let socket = Descriptor::new(socket);
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
            let socket = self.socket.socket();
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
        options_of(&SockRef::from(self.socket.socket()), family_of(self.local.socket_addr()), Role::Datagram)
    }

    /// How long its waits may take.
    pub fn timeouts(&self) -> &Timeouts {
        &self.waits.timeouts
    }

    /// Changes that.
    pub fn set_timeouts(&mut self, timeouts: Timeouts) {
        self.waits.timeouts = timeouts;
    }

    /// Sends `datagram` to `remote` within [`Timeouts::write`].
    ///
    /// # Errors
    /// In phase `Send`. That the network took it does not mean that it arrives.
    pub fn send_to(&self, datagram: &[u8], remote: Endpoint) -> Result<(), Fault> {
        self.send_to_within(datagram, remote, self.waits.write())
    }

    /// The same before `deadline`.
    pub fn send_to_within(&self, datagram: &[u8], remote: Endpoint, deadline: Deadline) -> Result<(), Fault> {
        self.send_datagram(Some(remote), datagram, WaitMode::Until(deadline))
    }

    /// The next datagram, its length and where it comes from, within [`Timeouts::read`].
    ///
    /// # Errors
    /// In phase `Receive`.
    pub fn receive_from(&self, buffer: &mut [u8]) -> Result<(usize, Endpoint), Fault> {
        self.receive_from_within(buffer, self.waits.read())
    }

    /// The same before `deadline`.
    pub fn receive_from_within(
        &self,
        buffer: &mut [u8],
        deadline: Deadline,
    ) -> Result<(usize, Endpoint), Fault> {
        self.receive_datagram(buffer, WaitMode::Until(deadline))
    }

    /// Sends `datagram` to whom the socket is connected to, within [`Timeouts::write`].
    ///
    /// # Errors
    /// In phase `Send`; without [`connect`](Self::connect) there is nobody to send to.
    pub fn send(&self, datagram: &[u8]) -> Result<(), Fault> {
        self.send_within(datagram, self.waits.write())
    }

    /// The same before `deadline`.
    pub fn send_within(&self, datagram: &[u8], deadline: Deadline) -> Result<(), Fault> {
        self.send_datagram(None, datagram, WaitMode::Until(deadline))
    }

    /// The length of the next datagram, within [`Timeouts::read`].
    ///
    /// # Errors
    /// In phase `Receive`; `Refused` when an earlier datagram found nobody.
    pub fn receive(&self, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.receive_within(buffer, self.waits.read())
    }

    /// The same before `deadline`.
    pub fn receive_within(&self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Fault> {
        self.receive_datagram(buffer, WaitMode::Until(deadline)).map(|(length, _from)| length)
    }

    /// Sends `datagram` to `remote` if there is room for it at this moment; otherwise the fault is `WouldBlock`.
    pub fn try_send_to(&self, datagram: &[u8], remote: Endpoint) -> Result<(), Fault> {
        self.send_datagram(Some(remote), datagram, WaitMode::AtOnce)
    }

    /// The next datagram if there is one at this moment; otherwise the fault is `WouldBlock`.
    pub fn try_receive_from(&self, buffer: &mut [u8]) -> Result<(usize, Endpoint), Fault> {
        self.receive_datagram(buffer, WaitMode::AtOnce)
    }

    /// Sends `datagram` to whom the socket is connected to if there is room for it at this moment; otherwise the fault is
    /// `WouldBlock`.
    pub fn try_send(&self, datagram: &[u8]) -> Result<(), Fault> {
        self.send_datagram(None, datagram, WaitMode::AtOnce)
    }

    /// The length of the next datagram if there is one at this moment; otherwise the fault is `WouldBlock`.
    pub fn try_receive(&self, buffer: &mut [u8]) -> Result<usize, Fault> {
        self.receive_datagram(buffer, WaitMode::AtOnce).map(|(length, _from)| length)
    }

    /// Waits until there is a datagram, within [`Timeouts::read`].
    ///
    /// # Errors
    /// In phase `Wait`.
    pub fn readable(&self) -> Result<(), Fault> {
        self.readable_within(self.waits.read())
    }

    /// The same before `deadline`.
    pub fn readable_within(&self, deadline: Deadline) -> Result<(), Fault> {
        self.ready(PollFlags::IN, deadline)
    }

    /// Waits until there is room for a datagram, within [`Timeouts::write`].
    ///
    /// # Errors
    /// In phase `Wait`.
    pub fn writable(&self) -> Result<(), Fault> {
        self.writable_within(self.waits.write())
    }

    /// The same before `deadline`.
    pub fn writable_within(&self, deadline: Deadline) -> Result<(), Fault> {
        self.ready(PollFlags::OUT, deadline)
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

    /// The endpoint that a fault names.
    fn place(&self) -> Endpoint {
        self.remote.unwrap_or(self.local)
    }

    fn set(&self, set: impl FnOnce(&SockRef<'_>) -> io::Result<()>) -> Result<(), Fault> {
        let start = clock::now();
        set(&SockRef::from(self.socket.socket()))
            .map_err(|error| fault(Phase::Bind, error, start, self.local.into()))
    }

    fn send_datagram(&self, remote: Option<Endpoint>, datagram: &[u8], wait: WaitMode) -> Result<(), Fault> {
        let start = clock::now();
        let place = remote.unwrap_or(self.place());
        if let Some(remote) = remote {
            require(remote, Protocol::Udp).map_err(|error| fault(Phase::Send, error, start, place.into()))?;
        }
        let address = remote.map(|remote| SockAddr::from(remote.socket_addr()));
        let send = |socket: &Socket| match &address {
            Some(address) => socket.send_to(datagram, address),
            None => socket.send(datagram),
        };
        self.when(Phase::Send, PollFlags::OUT, wait, place, send).map(drop)
    }

    fn receive_datagram(&self, buffer: &mut [u8], wait: WaitMode) -> Result<(usize, Endpoint), Fault> {
        let receive = |socket: &Socket| {
            let (received, from) = settings::receive(socket, &mut *buffer)?;
            Ok((received, Endpoint::udp(from)))
        };
        self.when(Phase::Receive, PollFlags::IN, wait, self.place(), receive)
    }

    fn when<T>(
        &self,
        phase: Phase,
        events: PollFlags,
        wait: WaitMode,
        place: Endpoint,
        operation: impl FnMut(&Socket) -> io::Result<T>,
    ) -> Result<T, Fault> {
        let start = clock::now();
        let wait = match wait {
            WaitMode::AtOnce => WaitMode::AtOnce,
            WaitMode::Until(deadline) => WaitMode::Until(self.waits.silence(self.waits.limited(deadline))),
        };
        let outcome = self.socket.when(events, wait, operation);
        outcome.map_err(|error| fault(phase, error, start, place.into()))
    }

    fn ready(&self, events: PollFlags, deadline: Deadline) -> Result<(), Fault> {
        let start = clock::now();
        let outcome = self.socket.wait(events, self.waits.limited(deadline));
        outcome.map_err(|error| fault(Phase::Wait, error, start, self.place().into()))
    }

    pub(crate) fn descriptor(&self) -> &Descriptor {
        &self.socket
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
