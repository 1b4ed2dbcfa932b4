//! TLS over a blocking stream, both sides of the handshake.

use std::io;

use rustls::Connection;

use crate::os::{BoundedIo, PolledSocket, ReadWrite, WaitMode};
use crate::time::{Deadline, WaitLimits};

/// The state of a session, and the socket under it.
pub(crate) struct TlsSession {
    pub(crate) socket: PolledSocket,
    pub(crate) connection: Connection,
}

impl TlsSession {
    /// Shakes hands before `deadline`.
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

    /// Runs one call in plain text over a socket that waits as `wait` says.
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

    /// Sends `close_notify`, and what was to be sent before it.
    pub(crate) fn send_close_notify(&mut self, wait: WaitMode, limits: &WaitLimits) -> io::Result<()> {
        self.connection.send_close_notify();
        let mut io = BoundedIo::new(&self.socket, wait, limits);
        while self.connection.wants_write() {
            self.connection.write_tls(&mut io)?;
        }
        Ok(())
    }
}
