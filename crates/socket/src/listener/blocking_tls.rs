//! TLS on the side of the server, blocking flavour.

use std::io;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};

use crate::faults::{Fault, Phase, fault};
use crate::stream::blocking::Stream;
use crate::time::{Deadline, clock};
use crate::tls::{InvalidIdentity, Session, TlsServerOptions};

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
