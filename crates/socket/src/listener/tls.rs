//! The TLS acceptor of the async flavour.

use std::io;
use std::sync::Arc;

use rustls::ServerConfig;

use super::tls_calls::tls_acceptor;
use crate::faults::{Fault, Phase, fault};
use crate::network::Transport;
use crate::stream::Stream;
use crate::time::{Deadline, clock};
use crate::tls::{InvalidIdentity, TlsServerOptions};

tls_acceptor!(async await);

impl TlsAcceptor {
    async fn handshake(&self, stream: Stream, deadline: Deadline) -> io::Result<Stream> {
        let limits = stream.limits();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::clone(&self.config));
        let transport: Box<dyn Transport> = Box::new(stream);
        let session = deadline.bound_io(acceptor.accept(transport)).await?;
        Ok(Stream::secured(session.into(), limits))
    }
}
