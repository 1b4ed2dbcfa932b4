//! TLS sessions of the blocking flavour.

use std::io;

use rustls::Connection;

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
        while connection.is_handshaking() {
            connection.complete_io(&mut io)?;
        }
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
