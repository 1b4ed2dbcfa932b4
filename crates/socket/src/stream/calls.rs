//! The calls of a stream, written once for both flavours.
//!
//! `stream_calls!(async await)` expands to the async flavour and `stream_calls!()` to the blocking one: they differ in
//! `async` and `.await` only. Beside the expansion each flavour writes by hand how it connects, reads, writes, waits
//! and closes: `dial`, `read_some`, `write_some`, `flush_all`, `try_read`, `try_write`, `wait_readable`,
//! `wait_writable`, `end_write`, `end_read`, `current_options`, `change_options`, `tls_state` and `holds_bytes`.

macro_rules! stream_calls {
    ($($async:tt $await:tt)?) => {
        impl Stream {
            /// Connects to `remote` with the default [`SocketOptions`], within the default timeout. A `Connector`
            /// connects to host names. The async call is cancel safe: dropping the future closes the socket.
            ///
            /// # Errors
            /// In phase `Connect`; `Misuse` for a UDP endpoint.
            pub $($async)? fn connect(remote: impl Into<Address>) -> Result<Self, Fault> {
                Self::connect_within(remote, Deadline::after(Timeouts::default().connect))$(.$await)?
            }

            /// As [`connect`](Self::connect), before `deadline`.
            pub $($async)? fn connect_within(
                remote: impl Into<Address>,
                deadline: Deadline,
            ) -> Result<Self, Fault> {
                Self::open(remote.into(), None, deadline)$(.$await)?
            }

            /// As [`connect`](Self::connect), with these options, before `deadline`.
            pub $($async)? fn connect_with(
                remote: impl Into<Address>,
                options: &SocketOptions,
                deadline: Deadline,
            ) -> Result<Self, Fault> {
                Self::open(remote.into(), Some(options), deadline)$(.$await)?
            }

            $($async)? fn open(
                remote: Address,
                options: Option<&SocketOptions>,
                deadline: Deadline,
            ) -> Result<Self, Fault> {
                let start = clock::now();
                let opened = Self::dial(&remote, options, deadline)$(.$await)?;
                opened.map_err(|error| fault(Phase::Connect, error, start, remote))
            }

            /// What the TLS handshake agreed on; `None` on a plain stream.
            pub fn tls(&self) -> Option<TlsSummary> {
                self.tls_state().map(summary_of)
            }

            /// The peer's certificates in DER form, its own first; empty on a plain stream.
            pub fn peer_certificates(&self) -> Vec<Vec<u8>> {
                self.tls_state().map(certificates_of).unwrap_or_default()
            }

            /// The options as the system reports them now.
            ///
            /// # Errors
            /// In phase `Connect`; `Unsupported` if the transport has no socket.
            pub fn options(&self) -> Result<SocketOptions, Fault> {
                self.in_phase(Phase::Connect, clock::now(), self.current_options())
            }

            /// Sets the options that are not `None`.
            ///
            /// # Errors
            /// In phase `Connect`, when the system refuses an option; the ones before it are set.
            pub fn set_options(&self, options: &SocketOptions) -> Result<(), Fault> {
                self.in_phase(Phase::Connect, clock::now(), self.change_options(options))
            }

            /// How long the calls of this stream may take.
            pub fn timeouts(&self) -> &Timeouts {
                &self.limits.timeouts
            }

            /// Replaces the timeouts, from the next call on.
            pub fn set_timeouts(&mut self, timeouts: Timeouts) {
                self.limits.timeouts = timeouts;
            }

            /// Sends all of `bytes`, within [`Timeouts::write`]. The async call is not cancel safe: it is unknown how
            /// many bytes were sent.
            ///
            /// # Errors
            /// In phase `Send`; `TimedOut` if the peer did not take all bytes in time. It is unknown how many it took:
            /// close the connection.
            pub $($async)? fn send(&mut self, bytes: &[u8]) -> Result<(), Fault> {
                self.send_within(bytes, self.limits.write())$(.$await)?
            }

            /// As [`send`](Self::send), before `deadline`.
            pub $($async)? fn send_within(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Fault> {
                let start = clock::now();
                let sent = self.send_all(bytes, deadline)$(.$await)?;
                self.in_phase(Phase::Send, start, sent)
            }

            $($async)? fn send_all(&mut self, bytes: &[u8], deadline: Deadline) -> io::Result<()> {
                self.check_open_for(bytes)?;
                let mut rest = bytes;
                while !rest.is_empty() {
                    self.limits.check_progress(rest.len() < bytes.len(), deadline)?;
                    let sent = self.write_some(rest, deadline)$(.$await)??;
                    if sent == 0 {
                        return Err(io::ErrorKind::WriteZero.into());
                    }
                    rest = &rest[sent..];
                }
                self.flush_all(deadline)$(.$await)?
            }

            /// Receives at least one byte, as many as have arrived, within [`Timeouts::read`]. Returns 0 at the end of
            /// the stream, or when `buffer` is empty. The async call is cancel safe.
            ///
            /// # Errors
            /// In phase `Receive`; `TimedOut` if nothing arrived in time.
            pub $($async)? fn receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
                self.receive_within(buffer, self.limits.read())$(.$await)?
            }

            /// As [`receive`](Self::receive), before `deadline`.
            pub $($async)? fn receive_within(
                &mut self,
                buffer: &mut [u8],
                deadline: Deadline,
            ) -> Result<usize, Fault> {
                self.receive_since(clock::now(), buffer, deadline)$(.$await)?
            }

            /// As [`receive_within`](Self::receive_within), as a step of a call that began at `start`.
            pub(crate) $($async)? fn receive_since(
                &mut self,
                start: Instant,
                buffer: &mut [u8],
                deadline: Deadline,
            ) -> Result<usize, Fault> {
                if buffer.is_empty() {
                    return Ok(0);
                }
                let received = self.read_some(buffer, deadline)$(.$await)?;
                self.in_phase(Phase::Receive, start, received)
            }

            /// Receives until `buffer` is full, within [`Timeouts::read`]. The async call is not cancel safe: it is
            /// unknown how many bytes were received.
            ///
            /// # Errors
            /// In phase `Receive`; `ClosedEarly` if the stream ends first.
            pub $($async)? fn receive_exact(&mut self, buffer: &mut [u8]) -> Result<(), Fault> {
                self.receive_exact_within(buffer, self.limits.read())$(.$await)?
            }

            /// As [`receive_exact`](Self::receive_exact), before `deadline`.
            pub $($async)? fn receive_exact_within(
                &mut self,
                buffer: &mut [u8],
                deadline: Deadline,
            ) -> Result<(), Fault> {
                let start = clock::now();
                let received = self.fill(buffer, deadline)$(.$await)?;
                self.in_phase(Phase::Receive, start, received)
            }

            $($async)? fn fill(&mut self, buffer: &mut [u8], deadline: Deadline) -> io::Result<()> {
                let mut filled = 0;
                while filled < buffer.len() {
                    self.limits.check_progress(filled > 0, deadline)?;
                    let received = self.read_some(&mut buffer[filled..], deadline)$(.$await)??;
                    if received == 0 {
                        return Err(io::ErrorKind::UnexpectedEof.into());
                    }
                    filled += received;
                }
                Ok(())
            }

            /// Sends what the system takes without waiting, and returns how many bytes that was; the fault is
            /// `WouldBlock` if it takes none. Over TLS, accepted bytes may leave with a later call. In the async
            /// flavour the runtime decides: it knows the state of the socket as of the last time this task yielded.
            pub fn try_send(&mut self, bytes: &[u8]) -> Result<usize, Fault> {
                let sent = self.check_open_for(bytes).and_then(|()| self.try_write(bytes));
                self.in_phase(Phase::Send, clock::now(), sent)
            }

            /// Receives what has arrived, as [`receive`](Self::receive); the fault is `WouldBlock` if nothing has. As
            /// for
            /// [`try_send`](Self::try_send), the async runtime decides.
            pub fn try_receive(&mut self, buffer: &mut [u8]) -> Result<usize, Fault> {
                if buffer.is_empty() {
                    return Ok(0);
                }
                let received = self.try_read(buffer);
                self.in_phase(Phase::Receive, clock::now(), received)
            }

            /// Waits until there is something to receive, or the end of the stream, within [`Timeouts::read`]. The
            /// async call is cancel safe. To wait for several sockets, use tokio's `select!` or, in the blocking
            /// flavour, `wait_ready`.
            ///
            /// # Errors
            /// In phase `Wait`; `Unsupported` for a stream in memory.
            pub $($async)? fn readable(&self) -> Result<(), Fault> {
                self.readable_within(self.limits.read())$(.$await)?
            }

            /// As [`readable`](Self::readable), before `deadline`.
            pub $($async)? fn readable_within(&self, deadline: Deadline) -> Result<(), Fault> {
                if self.holds_bytes() {
                    return Ok(());
                }
                let start = clock::now();
                let ready = self.wait_readable(self.limits.capped(deadline))$(.$await)?;
                self.in_phase(Phase::Wait, start, ready)
            }

            /// Waits until the system has room for bytes to send, within [`Timeouts::write`]. The async call is cancel
            /// safe.
            ///
            /// # Errors
            /// As for [`readable`](Self::readable).
            pub $($async)? fn writable(&self) -> Result<(), Fault> {
                self.writable_within(self.limits.write())$(.$await)?
            }

            /// As [`writable`](Self::writable), before `deadline`.
            pub $($async)? fn writable_within(&self, deadline: Deadline) -> Result<(), Fault> {
                let start = clock::now();
                let ready = self.wait_writable(self.limits.capped(deadline))$(.$await)?;
                self.in_phase(Phase::Wait, start, ready)
            }

            /// Ends our direction (FIN; over TLS `close_notify` first), within [`Timeouts::write`]: the peer receives
            /// what was sent, and then the end. The peer may go on sending. The async call is not cancel safe.
            ///
            /// # Errors
            /// In phase `Shutdown`.
            pub $($async)? fn shutdown_write(&mut self) -> Result<(), Fault> {
                self.shutdown_write_within(self.limits.write())$(.$await)?
            }

            /// As [`shutdown_write`](Self::shutdown_write), before `deadline`.
            pub $($async)? fn shutdown_write_within(&mut self, deadline: Deadline) -> Result<(), Fault> {
                let start = clock::now();
                self.has_ended = true;
                let ended = self.end_write(deadline)$(.$await)?;
                self.in_phase(Phase::Shutdown, start, ended)
            }

            /// Ends the peer's direction, shutdown(2): [`receive`](Self::receive) returns what has arrived, and then
            /// the end. The peer does not notice.
            ///
            /// # Errors
            /// In phase `Shutdown`; `Unsupported` for a stream in memory.
            pub fn shutdown_read(&self) -> Result<(), Fault> {
                self.in_phase(Phase::Shutdown, clock::now(), self.end_read())
            }

            /// Ends our direction within [`Timeouts::write`], and closes. Dropping a stream closes it too, but over TLS
            /// sends no `close_notify`.
            ///
            /// # Errors
            /// In phase `Shutdown`; the stream is closed nevertheless.
            pub $($async)? fn close(mut self) -> Result<(), Fault> {
                self.shutdown_write()$(.$await)?
            }

            fn check_open_for(&self, bytes: &[u8]) -> io::Result<()> {
                if self.has_ended && !bytes.is_empty() { Err(sent_after_end()) } else { Ok(()) }
            }

            fn in_phase<T>(&self, phase: Phase, start: Instant, result: io::Result<T>) -> Result<T, Fault> {
                result.map_err(|error| fault(phase, error, start, self.remote()))
            }
        }

        impl std::fmt::Debug for Stream {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct("Stream")
                    .field("remote", &self.remote())
                    .field("tls", &self.tls())
                    .finish_non_exhaustive()
            }
        }
    };
}

pub(super) use stream_calls;
