//! TLS over a blocking stream, both sides of the handshake.

use std::io;

use rustls::Connection;

use crate::os::{Descriptor, ReadWrite, WaitMode, Wire};
use crate::time::{Deadline, Waits};

/// The state of a session, and the socket under it.
pub(crate) struct Session {
    pub(crate) descriptor: Descriptor,
    pub(crate) connection: Connection,
}

impl Session {
    /// Shakes hands before `deadline`.
    pub(crate) fn establish(
        descriptor: Descriptor,
        mut connection: Connection,
        waits: &Waits,
        deadline: Deadline,
    ) -> io::Result<Self> {
        let wait = WaitMode::Until(waits.limited(deadline));
        let mut wire = Wire::new(&descriptor, wait, waits);
        while connection.is_handshaking() {
            connection.complete_io(&mut wire)?;
        }
        Ok(Self { descriptor, connection })
    }

    /// Runs one call in plain text over a socket that waits as `wait` says.
    pub(crate) fn with_io<T>(
        &mut self,
        wait: WaitMode,
        waits: &Waits,
        run: impl FnOnce(&mut dyn ReadWrite) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut wire = Wire::new(&self.descriptor, wait, waits);
        match &mut self.connection {
            Connection::Client(connection) => run(&mut rustls::Stream::new(connection, &mut wire)),
            Connection::Server(connection) => run(&mut rustls::Stream::new(connection, &mut wire)),
        }
    }

    /// Sends `close_notify`, and what was to be sent before it.
    pub(crate) fn say_farewell(&mut self, wait: WaitMode, waits: &Waits) -> io::Result<()> {
        self.connection.send_close_notify();
        let mut wire = Wire::new(&self.descriptor, wait, waits);
        while self.connection.wants_write() {
            self.connection.write_tls(&mut wire)?;
        }
        Ok(())
    }
}
