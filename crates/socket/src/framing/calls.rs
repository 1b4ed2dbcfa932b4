//! Messages over a stream, written once for both flavours.
//!
//! `messages!(async await)` expands to the async flavour and `messages!()` to the blocking one: they differ in `async`
//! and `.await`, and in which `Stream` is in scope.

macro_rules! messages {
    ($($async:tt $await:tt)?) => {
        /// A [`Stream`] that sends and receives messages instead of bytes.
        #[derive(Debug)]
        pub struct Messages {
            stream: Stream,
            framing: Framing,
            decoder: MessageDecoder,
            chunk: Box<[u8]>,
        }

        impl Messages {
            /// Messages over `stream`. The timeouts of the stream hold for each message as a whole.
            pub fn new(stream: Stream, framing: Framing) -> Self {
                let decoder = MessageDecoder::new(framing);
                Self { stream, framing, decoder, chunk: vec![0; CHUNK_BYTES].into() }
            }

            /// Sends one message, within [`Timeouts::write`](crate::Timeouts::write). The async call is not cancel
            /// safe.
            ///
            /// # Errors
            /// In phase `Send`. Of a message that is `TooLong`, or not a line and so `Misuse`, nothing was sent.
            pub $($async)? fn send(&mut self, message: &[u8]) -> Result<(), Fault> {
                let deadline = Deadline::after(self.stream.timeouts().write);
                self.send_within(message, deadline)$(.$await)?
            }

            /// As [`send`](Self::send), before `deadline`.
            pub $($async)? fn send_within(&mut self, message: &[u8], deadline: Deadline) -> Result<(), Fault> {
                let start = clock::now();
                let encoded = self.framing.encode(message);
                let encoded = encoded.map_err(|error| error.at(Phase::Send, start, self.stream.remote()))?;
                self.stream.send_within(&encoded, deadline)$(.$await)?
            }

            /// Receives one message, however many pieces it arrives in, within
            /// [`Timeouts::read`](crate::Timeouts::read); `None` at the end of the stream. The async call is cancel
            /// safe: the part that has arrived is kept.
            ///
            /// # Errors
            /// In phase `Receive`; `ClosedEarly` if the stream ends within a message, `TooLong`, or `Other` for a line
            /// that is not UTF-8.
            pub $($async)? fn receive(&mut self) -> Result<Option<Bytes>, Fault> {
                let deadline = Deadline::after(self.stream.timeouts().read);
                self.receive_within(deadline)$(.$await)?
            }

            /// As [`receive`](Self::receive), before `deadline`.
            pub $($async)? fn receive_within(&mut self, deadline: Deadline) -> Result<Option<Bytes>, Fault> {
                let start = clock::now();
                loop {
                    if let Some(message) = self.decoded(start)? {
                        return Ok(Some(message));
                    }
                    // A peer that sends a byte now and then cannot outlive the deadline by always having one ready.
                    if deadline.has_passed() && start < deadline.instant() {
                        return Err(fault(Phase::Receive, DeadlinePassed.into(), start, self.stream.remote()));
                    }
                    let received = self.stream.receive_since(start, &mut self.chunk, deadline)$(.$await)??;
                    if received == 0 {
                        return self.finish(start);
                    }
                    self.decoder.push(&self.chunk[..received]);
                }
            }

            /// Returns the next message if it has arrived as a whole, and `None` at the end of the stream; otherwise
            /// the fault is `WouldBlock`, and the part that has arrived is kept for the next call.
            pub fn try_receive(&mut self) -> Result<Option<Bytes>, Fault> {
                let start = clock::now();
                loop {
                    if let Some(message) = self.decoded(start)? {
                        return Ok(Some(message));
                    }
                    let received = self.stream.try_receive(&mut self.chunk)?;
                    if received == 0 {
                        return self.finish(start);
                    }
                    self.decoder.push(&self.chunk[..received]);
                }
            }

            /// The stream inside.
            pub fn get_ref(&self) -> &Stream {
                &self.stream
            }

            /// The stream inside, to set its timeouts or to close it. Bytes received from it directly are lost to the
            /// next message.
            pub fn get_mut(&mut self) -> &mut Stream {
                &mut self.stream
            }

            /// Returns the stream alone. The part of the next message that has arrived is lost.
            pub fn into_inner(self) -> Stream {
                self.stream
            }

            fn decoded(&mut self, start: Instant) -> Result<Option<Bytes>, Fault> {
                self.decoder.next().map_err(|error| error.at(Phase::Receive, start, self.stream.remote()))
            }

            fn finish(&mut self, start: Instant) -> Result<Option<Bytes>, Fault> {
                self.decoder.finish().map_err(|error| error.at(Phase::Receive, start, self.stream.remote()))
            }
        }
    };
}

pub(super) use messages;
