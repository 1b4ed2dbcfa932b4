//! The calls of the listeners, written once for TCP and Unix-domain sockets and for both flavours.
//!
//! `async await` in the arguments gives the async flavour, their absence the blocking one: they differ in `async` and
//! `.await` only. Beside the expansion each flavour writes by hand how it takes over a socket (`register`), waits for a
//! connection (`accept_one`), and makes a stream of one (`stream_of`).

/// A TCP listener: binding, and the calls of [`accept_calls`].
macro_rules! tcp_listener_calls {
    ($($async:tt $await:tt)?) => {
        impl TcpListener {
            /// Listens on `local` with the default [`SocketOptions`] and a backlog of 1,024 connections. Port 0 lets
            /// the system choose. The async flavour must be called within a runtime.
            ///
            /// # Errors
            /// In phase `Bind` or `Listen`.
            pub fn bind(local: Endpoint) -> Result<Self, Fault> {
                Self::open(local, None, BACKLOG)
            }

            /// As [`bind`](Self::bind), with these options, which accepted connections inherit as far as the system
            /// allows, and this backlog: so many connections wait to be accepted, or fewer if the system's own limit is
            /// lower, listen(2).
            pub fn bind_with(local: Endpoint, options: &SocketOptions, backlog: u32) -> Result<Self, Fault> {
                Self::open(local, Some(options), backlog)
            }

            fn open(local: Endpoint, options: Option<&SocketOptions>, backlog: u32) -> Result<Self, Fault> {
                let start = clock::now();
                let socket = listening(local, options, backlog)?;
                let opened = || {
                    let local = endpoint_of(socket.local_addr(), Protocol::Tcp)?;
                    let no_delay = options.is_none_or(|options| options.no_delay == Some(true));
                    let limits = WaitLimits::new(Timeouts::default());
                    Ok(Self { socket: Self::register(socket)?, local, no_delay, limits })
                };
                opened().map_err(|error| fault(Phase::Listen, error, start, local.into()))
            }

            /// The endpoint that it listens on, with the port that the system chose.
            pub fn local(&self) -> Endpoint {
                self.local
            }

            fn family(&self) -> Family {
                family_of(self.local.socket_addr())
            }
        }

        accept_calls!(TcpListener $($async $await)?);
    };
}

/// A Unix-domain listener: binding, and the calls of [`accept_calls`].
macro_rules! unix_listener_calls {
    ($($async:tt $await:tt)?) => {
        impl UnixListener {
            /// Listens on `path`, where no file may exist. The async flavour must be called within a runtime.
            ///
            /// # Errors
            /// In phase `Bind` or `Listen`.
            pub fn bind(path: UnixPath) -> Result<Self, Fault> {
                Self::open(path, None, BACKLOG)
            }

            /// As [`bind`](Self::bind), with these options, of which only the buffer sizes apply, and this backlog.
            pub fn bind_with(path: UnixPath, options: &SocketOptions, backlog: u32) -> Result<Self, Fault> {
                Self::open(path, Some(options), backlog)
            }

            fn open(local: UnixPath, options: Option<&SocketOptions>, backlog: u32) -> Result<Self, Fault> {
                let start = clock::now();
                let socket = listening_unix(&local, options, backlog)?;
                match Self::register(socket) {
                    Ok(socket) => Ok(Self { socket, local, limits: WaitLimits::new(Timeouts::default()) }),
                    Err(error) => Err(fault(Phase::Listen, error, start, local.into())),
                }
            }

            /// The path that it listens on.
            pub fn local(&self) -> UnixPath {
                self.local.clone()
            }

            const fn family(&self) -> Family {
                Family::Unix
            }
        }

        accept_calls!(UnixListener $($async $await)?);
    };
}

/// What all listeners have: options, timeouts, and accepting.
macro_rules! accept_calls {
    ($Listener:ident $($async:tt $await:tt)?) => {
        impl $Listener {
            /// The options as the system reports them now.
            pub fn options(&self) -> SocketOptions {
                options_of(&SockRef::from(&self.socket), self.family(), Role::Listener)
            }

            /// How long the calls of this listener may take.
            pub fn timeouts(&self) -> &Timeouts {
                &self.limits.timeouts
            }

            /// Replaces the timeouts. Connections that are accepted from now on get the same ones.
            pub fn set_timeouts(&mut self, timeouts: Timeouts) {
                self.limits.timeouts = timeouts;
            }

            /// Accepts the next connection, within [`Timeouts::accept`]. Several tasks or threads may wait at once;
            /// each gets a different connection. The async call is cancel safe: no connection is lost.
            ///
            /// # Errors
            /// In phase `Accept`. The listener stays usable; after `LocalExhausted`, wait a moment before the next
            /// call.
            pub $($async)? fn accept(&self) -> Result<Stream, Fault> {
                self.accept_within(self.limits.accept())$(.$await)?
            }

            /// As [`accept`](Self::accept), before `deadline`.
            pub $($async)? fn accept_within(&self, deadline: Deadline) -> Result<Stream, Fault> {
                let start = clock::now();
                let accepted = self.accept_one(self.limits.capped(deadline))$(.$await)?;
                self.accepted(start, accepted)
            }

            /// Accepts a connection that is waiting; the fault is `WouldBlock` if there is none.
            pub fn try_accept(&self) -> Result<Stream, Fault> {
                let start = clock::now();
                // Ask the system itself: a runtime may not have looked at the socket yet.
                let accepted = SockRef::from(&self.socket).accept();
                self.accepted(start, accepted.and_then(|(socket, from)| self.stream_of(socket, from)))
            }

            fn accepted(&self, start: Instant, accepted: io::Result<Stream>) -> Result<Stream, Fault> {
                match accepted {
                    Ok(mut stream) => {
                        stream.set_timeouts(self.limits.timeouts);
                        Ok(stream)
                    }
                    Err(error) => Err(fault(Phase::Accept, error, start, self.local().into())),
                }
            }
        }

        impl std::fmt::Debug for $Listener {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($Listener)).field("local", &self.local).finish_non_exhaustive()
            }
        }
    };
}

pub(super) use accept_calls;
pub(super) use tcp_listener_calls;
#[cfg(unix)]
pub(super) use unix_listener_calls;
