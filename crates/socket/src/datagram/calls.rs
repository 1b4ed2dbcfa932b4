//! The calls of a datagram socket, written once for both flavours.
//!
//! `datagram_calls!(async await)` expands to the async flavour and `datagram_calls!()` to the blocking one: they differ
//! in `async` and `.await` only. Beside the expansion each flavour writes by hand how it takes over a socket, waits,
//! sends and receives: `register`, `wait_readable`, `wait_writable`, `send_one`, `receive_one` and `try_receive_one`.

macro_rules! datagram_calls {
    ($($async:tt $await:tt)?) => {
        impl UdpSocket {
            /// A socket bound to `local`; port 0 lets the system choose. The async flavour must be called within a
            /// runtime.
            ///
            /// # Errors
            /// In phase `Bind`; `Misuse` for a TCP endpoint.
            pub fn bind(local: Endpoint) -> Result<Self, Fault> {
                Self::open(local, None)
            }

            /// As [`bind`](Self::bind), with these options.
            pub fn bind_with(local: Endpoint, options: &SocketOptions) -> Result<Self, Fault> {
                Self::open(local, Some(options))
            }

            fn open(local: Endpoint, options: Option<&SocketOptions>) -> Result<Self, Fault> {
                let start = clock::now();
                let socket = datagram_socket(local, options)?;
                let opened = || {
                    let local = endpoint_of(socket.local_addr(), Protocol::Udp)?;
                    let limits = WaitLimits::new(Timeouts::default());
                    Ok(Self { socket: register(socket)?, local, remote: None, limits })
                };
                opened().map_err(|error| fault(Phase::Bind, error, start, local.into()))
            }

            /// Connected mode, udp(7): [`send`](Self::send) goes to `remote`, and only datagrams from there are
            /// received. Sends nothing. If no socket is bound there (ICMP), a later call fails as `Refused`.
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

            /// The endpoint that the socket is bound to, with the port that the system chose.
            pub fn local(&self) -> Endpoint {
                self.local
            }

            /// The peer, in connected mode.
            pub fn remote(&self) -> Option<Endpoint> {
                self.remote
            }

            /// The options as the system reports them now.
            pub fn options(&self) -> SocketOptions {
                let family = family_of(self.local.socket_addr());
                options_of(&SockRef::from(&self.socket), family, Role::Datagram)
            }

            /// How long the calls of this socket may take.
            pub fn timeouts(&self) -> &Timeouts {
                &self.limits.timeouts
            }

            /// Replaces the timeouts, from the next call on.
            pub fn set_timeouts(&mut self, timeouts: Timeouts) {
                self.limits.timeouts = timeouts;
            }

            /// Sends `datagram` to `remote`, within [`Timeouts::write`]. The async call is cancel safe.
            ///
            /// # Errors
            /// In phase `Send`. Success means that the system took the datagram, not that it arrives.
            pub $($async)? fn send_to(&self, datagram: &[u8], remote: Endpoint) -> Result<(), Fault> {
                self.send_to_within(datagram, remote, self.limits.write())$(.$await)?
            }

            /// As [`send_to`](Self::send_to), before `deadline`.
            pub $($async)? fn send_to_within(
                &self,
                datagram: &[u8],
                remote: Endpoint,
                deadline: Deadline,
            ) -> Result<(), Fault> {
                let start = clock::now();
                let sent = match require(remote, Protocol::Udp) {
                    Ok(()) => {
                        let deadline = self.limits.capped_by_idle(deadline);
                        self.send_one(Some(remote.socket_addr()), datagram, deadline)$(.$await)?
                    }
                    Err(error) => Err(error),
                };
                sent.map_err(|error| fault(Phase::Send, error, start, remote.into()))
            }

            /// Receives one datagram, and returns its length and its sender, within [`Timeouts::read`]. The async call
            /// is cancel safe.
            ///
            /// # Errors
            /// In phase `Receive`.
            pub $($async)? fn receive_from(&self, buffer: &mut [u8]) -> Result<(usize, Endpoint), Fault> {
                self.receive_from_within(buffer, self.limits.read())$(.$await)?
            }

            /// As [`receive_from`](Self::receive_from), before `deadline`.
            pub $($async)? fn receive_from_within(
                &self,
                buffer: &mut [u8],
                deadline: Deadline,
            ) -> Result<(usize, Endpoint), Fault> {
                let start = clock::now();
                let received = self.receive_one(buffer, self.limits.capped_by_idle(deadline))$(.$await)?;
                self.in_phase(Phase::Receive, start, received.map(|(length, from)| (length, Endpoint::udp(from))))
            }

            /// Sends `datagram` to the peer that the socket is connected to, within [`Timeouts::write`]. The async call
            /// is cancel safe.
            ///
            /// # Errors
            /// In phase `Send`; also if the socket is not [`connect`](Self::connect)ed.
            pub $($async)? fn send(&self, datagram: &[u8]) -> Result<(), Fault> {
                self.send_within(datagram, self.limits.write())$(.$await)?
            }

            /// As [`send`](Self::send), before `deadline`.
            pub $($async)? fn send_within(&self, datagram: &[u8], deadline: Deadline) -> Result<(), Fault> {
                let start = clock::now();
                let sent = self.send_one(None, datagram, self.limits.capped_by_idle(deadline))$(.$await)?;
                self.in_phase(Phase::Send, start, sent)
            }

            /// Receives one datagram, and returns its length, within [`Timeouts::read`]. The async call is cancel safe.
            ///
            /// # Errors
            /// In phase `Receive`; `Refused` if the peer has reported (ICMP) that an earlier datagram found no socket.
            pub $($async)? fn receive(&self, buffer: &mut [u8]) -> Result<usize, Fault> {
                self.receive_within(buffer, self.limits.read())$(.$await)?
            }

            /// As [`receive`](Self::receive), before `deadline`.
            pub $($async)? fn receive_within(
                &self,
                buffer: &mut [u8],
                deadline: Deadline,
            ) -> Result<usize, Fault> {
                self.receive_from_within(buffer, deadline)$(.$await)?.map(|(length, _from)| length)
            }

            /// Sends `datagram` to `remote` if the system has room for it now; otherwise the fault is `WouldBlock`.
            pub fn try_send_to(&self, datagram: &[u8], remote: Endpoint) -> Result<(), Fault> {
                let send = || {
                    require(remote, Protocol::Udp)?;
                    SockRef::from(&self.socket).send_to(datagram, &remote.socket_addr().into())
                };
                send().map(drop).map_err(|error| fault(Phase::Send, error, clock::now(), remote.into()))
            }

            /// Receives a datagram that has arrived; the fault is `WouldBlock` if there is none.
            pub fn try_receive_from(&self, buffer: &mut [u8]) -> Result<(usize, Endpoint), Fault> {
                let received = self.try_receive_one(buffer).map(|(length, from)| (length, Endpoint::udp(from)));
                self.in_phase(Phase::Receive, clock::now(), received)
            }

            /// Sends `datagram` to the peer that the socket is connected to if the system has room for it now;
            /// otherwise the fault is `WouldBlock`.
            pub fn try_send(&self, datagram: &[u8]) -> Result<(), Fault> {
                self.in_phase(Phase::Send, clock::now(), SockRef::from(&self.socket).send(datagram).map(drop))
            }

            /// Receives a datagram that has arrived, and returns its length; the fault is `WouldBlock` if there is
            /// none.
            pub fn try_receive(&self, buffer: &mut [u8]) -> Result<usize, Fault> {
                self.try_receive_from(buffer).map(|(length, _from)| length)
            }

            /// Waits until a datagram has arrived, within [`Timeouts::read`]. The async call is cancel safe.
            ///
            /// # Errors
            /// In phase `Wait`.
            pub $($async)? fn readable(&self) -> Result<(), Fault> {
                self.readable_within(self.limits.read())$(.$await)?
            }

            /// As [`readable`](Self::readable), before `deadline`.
            pub $($async)? fn readable_within(&self, deadline: Deadline) -> Result<(), Fault> {
                let start = clock::now();
                let ready = self.wait_readable(self.limits.capped(deadline))$(.$await)?;
                self.in_phase(Phase::Wait, start, ready)
            }

            /// Waits until the system has room for a datagram, within [`Timeouts::write`]. The async call is cancel
            /// safe.
            ///
            /// # Errors
            /// In phase `Wait`.
            pub $($async)? fn writable(&self) -> Result<(), Fault> {
                self.writable_within(self.limits.write())$(.$await)?
            }

            /// As [`writable`](Self::writable), before `deadline`.
            pub $($async)? fn writable_within(&self, deadline: Deadline) -> Result<(), Fault> {
                let start = clock::now();
                let ready = self.wait_writable(self.limits.capped(deadline))$(.$await)?;
                self.in_phase(Phase::Wait, start, ready)
            }

            /// Whether datagrams may go to broadcast addresses, `SO_BROADCAST`, socket(7); if not, sending there is
            /// `Denied`.
            pub fn set_broadcast(&self, on: bool) -> Result<(), Fault> {
                self.set(|socket| socket.set_broadcast(on))
            }

            /// Receives what is sent to `group` too, ip(7), ipv6(7).
            pub fn join_multicast(&self, group: Group) -> Result<(), Fault> {
                self.set(|socket| settings::join(socket, group))
            }

            /// Undoes [`join_multicast`](Self::join_multicast).
            pub fn leave_multicast(&self, group: Group) -> Result<(), Fault> {
                self.set(|socket| settings::leave(socket, group))
            }

            /// Sends multicast datagrams through the interface that `group` names; the group itself does not matter.
            pub fn set_multicast_interface(&self, group: Group) -> Result<(), Fault> {
                self.set(|socket| settings::set_interface(socket, group))
            }

            /// Whether this machine receives the multicast datagrams that it sends, `IP_MULTICAST_LOOP`. System
            /// default: yes.
            pub fn set_multicast_loop(&self, on: bool) -> Result<(), Fault> {
                self.set(|socket| settings::set_loop(socket, self.local.ip(), on))
            }

            /// The time to live of multicast datagrams, `IP_MULTICAST_TTL`. System default: 1, which keeps them on the
            /// local network.
            pub fn set_multicast_hops(&self, hops: u8) -> Result<(), Fault> {
                self.set(|socket| settings::set_hops(socket, self.local.ip(), hops))
            }

            fn set(&self, set: impl FnOnce(&SockRef<'_>) -> io::Result<()>) -> Result<(), Fault> {
                let start = clock::now();
                set(&SockRef::from(&self.socket))
                    .map_err(|error| fault(Phase::Bind, error, start, self.local.into()))
            }

            fn in_phase<T>(&self, phase: Phase, start: Instant, result: io::Result<T>) -> Result<T, Fault> {
                let endpoint = self.remote.unwrap_or(self.local);
                result.map_err(|error| fault(phase, error, start, endpoint.into()))
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
    };
}

pub(super) use datagram_calls;
