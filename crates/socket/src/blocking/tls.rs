//! TLS over a blocking stream, both sides of the handshake.

use std::io;
use std::sync::Arc;

use rustls::{Connection, ServerConfig, ServerConnection};

use super::descriptor::{Descriptor, WaitMode, Wire};
use super::stream::{ReadWrite, Stream};
use crate::system::opening::fault;
use crate::timeouts::Waits;
use crate::{Deadline, Fault, InvalidIdentity, Phase, TlsServerOptions, clock};

/// The state of a session, and the socket under it.
pub(super) struct Session {
    pub(super) descriptor: Descriptor,
    pub(super) connection: Connection,
}

impl Session {
    /// Shakes hands before `deadline`.
    pub(super) fn establish(
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
    pub(super) fn with_io<T>(
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
    pub(super) fn say_farewell(&mut self, wait: WaitMode, waits: &Waits) -> io::Result<()> {
        self.connection.send_close_notify();
        let mut wire = Wire::new(&self.descriptor, wait, waits);
        while self.connection.wants_write() {
            self.connection.write_tls(&mut wire)?;
        }
        Ok(())
    }
}

/// Turns the streams that a listener accepts into TLS sessions; the blocking
/// [`TlsAcceptor`](crate::TlsAcceptor), with the same methods. Cheap to clone.
#[derive(Clone)]
pub struct TlsAcceptor {
    config: Arc<ServerConfig>,
}

impl TlsAcceptor {
    /// An acceptor with this identity.
    ///
    /// # Errors
    /// When key and certificate do not belong together.
    pub fn new(options: TlsServerOptions) -> Result<Self, InvalidIdentity> {
        let config = crate::TlsAcceptor::new(options)?.config;
        Ok(Self { config })
    }

    /// A TLS session over `stream`, within its [`Timeouts::tls`](crate::Timeouts::tls).
    ///
    /// # Errors
    /// In phase `Tls`; the connection is closed then.
    pub fn accept(&self, stream: Stream) -> Result<Stream, Fault> {
        let deadline = stream.tls_deadline();
        self.accept_within(stream, deadline)
    }

    /// The same before `deadline`.
    pub fn accept_within(&self, stream: Stream, deadline: Deadline) -> Result<Stream, Fault> {
        let start = clock::now();
        let remote = stream.remote();
        let secured = stream.secured(|descriptor, waits| {
            let connection = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
            Session::establish(descriptor, connection.into(), waits, deadline)
        });
        secured.map_err(|error| fault(Phase::Tls, error, start, remote))
    }
}

impl std::fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsAcceptor").finish_non_exhaustive()
    }
}
