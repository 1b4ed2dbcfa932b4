//! TLS sessions of the blocking flavour.

use std::io;

use rustls::Connection;

use super::client_auth;
use super::handshake::is_closed_by_peer;
use crate::os::{BoundedIo, PolledSocket, ReadWrite, WaitMode};
use crate::time::{Deadline, WaitLimits};

/// A TLS session, and its socket.
pub(crate) struct TlsSession {
    pub(crate) socket: PolledSocket,
    pub(crate) connection: Connection,
}

impl TlsSession {
    /// Completes the handshake before `deadline`.
    pub(crate) fn establish(
        socket: PolledSocket,
        mut connection: Connection,
        limits: &WaitLimits,
        deadline: Deadline,
    ) -> io::Result<Self> {
        let wait = WaitMode::Until(deadline);
        let mut io = BoundedIo::new(&socket, wait, limits);
        client_auth::watch_call(|| {
            while connection.is_handshaking() {
                if let Err(error) = connection.complete_io(&mut io) {
                    return Err(if is_closed_by_peer(&error) {
                        last_words(&mut connection, &mut io)
                    } else {
                        None
                    }
                    .unwrap_or(error));
                }
            }
            Ok(())
        })?;
        Ok(Self { socket, connection })
    }

    /// Runs one step of a call in plain text; the socket waits as `wait` says.
    pub(crate) fn with_io<T>(
        &mut self,
        wait: WaitMode,
        limits: &WaitLimits,
        run: impl FnOnce(&mut dyn ReadWrite) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut io = BoundedIo::new(&self.socket, wait, limits);
        match &mut self.connection {
            Connection::Client(connection) => run(&mut rustls::Stream::new(connection, &mut io)),
            Connection::Server(connection) => run(&mut rustls::Stream::new(connection, &mut io)),
        }
    }

    /// Sends buffered data, and then `close_notify`.
    pub(crate) fn send_close_notify(&mut self, wait: WaitMode, limits: &WaitLimits) -> io::Result<()> {
        self.connection.send_close_notify();
        let mut io = BoundedIo::new(&self.socket, wait, limits);
        while self.connection.wants_write() {
            self.connection.write_tls(&mut io)?;
        }
        Ok(())
    }
}

/// Why the peer closed, if it sent an alert before. A write fails first if the peer did not wait for it.
fn last_words(connection: &mut Connection, io: &mut dyn ReadWrite) -> Option<io::Error> {
    connection.read_tls(io).ok()?;
    connection.process_new_packets().err().map(io::Error::other)
}
