//! TLS on the side of the server, async flavour.

use std::sync::Arc;

use rustls::ServerConfig;

use crate::faults::{Fault, FaultKind, Phase};
use crate::network::Transport;
use crate::stream::Stream;
use crate::time::{Deadline, clock};
use crate::tls::{InvalidIdentity, TlsServerOptions};

/// Turns the streams that a listener accepts into TLS sessions. Cheap to clone.
#[derive(Clone)]
pub struct TlsAcceptor {
    pub(crate) config: Arc<ServerConfig>,
}

impl TlsAcceptor {
    /// An acceptor with this identity.
    ///
    /// # Errors
    /// When key and certificate do not belong together.
    pub fn new(options: TlsServerOptions) -> Result<Self, InvalidIdentity> {
        Ok(Self { config: options.into_config()? })
    }

    /// A TLS session over `stream`, within its [`Timeouts::tls`](crate::Timeouts::tls). Cancel safe: the connection is
    /// closed when the future is dropped.
    ///
    /// # Errors
    /// In phase `Tls`.
    pub async fn accept(&self, stream: Stream) -> Result<Stream, Fault> {
        let deadline = stream.waits().tls();
        self.accept_within(stream, deadline).await
    }

    /// The same before `deadline`.
    pub async fn accept_within(&self, stream: Stream, deadline: Deadline) -> Result<Stream, Fault> {
        let start = clock::now();
        let (remote, waits) = (stream.remote(), stream.waits());
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&self.config));
        let transport: Box<dyn Transport> = Box::new(stream);
        let fault = match waits.limited(deadline).bound(acceptor.accept(transport)).await {
            Ok(Ok(session)) => return Ok(Stream::secured(session.into(), waits)),
            Ok(Err(error)) => Fault::from_io(Phase::Tls, error, start.elapsed()),
            Err(_passed) => Fault::new(Phase::Tls, FaultKind::TimedOut, start.elapsed()),
        };
        Err(fault.at_address(remote))
    }
}

impl std::fmt::Debug for TlsAcceptor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsAcceptor").finish_non_exhaustive()
    }
}
