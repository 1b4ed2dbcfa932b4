//! The TLS acceptor of the blocking flavour.

use std::io;
use std::sync::Arc;

use rustls::{ServerConfig, ServerConnection};

use super::tls_calls::tls_acceptor;
use crate::faults::{Fault, Phase, fault};
use crate::stream::blocking::Stream;
use crate::time::{Deadline, clock};
use crate::tls::{InvalidIdentity, TlsServerOptions, TlsSession};

tls_acceptor!();

impl TlsAcceptor {
    fn handshake(&self, stream: Stream, deadline: Deadline) -> io::Result<Stream> {
        stream.secured(|socket, limits| {
            let connection = ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
            TlsSession::establish(socket, connection.into(), limits, deadline)
        })
    }
}
