//! What a service is to the host: something that serves one connection at a time.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::clock::WallClock;
use longhaul_socket::{BoxFuture, TlsAcceptor};
use tokio::sync::watch;

use super::expectation::PeerExpectation;
use super::guarded_transport::GuardedTransport;
use super::limits::Limits;
use super::report::Ending;
use crate::accept_loop::ConnectionCounts;

/// A connection as its handler gets it.
pub(crate) struct ServedConnection {
    pub(crate) transport: GuardedTransport,
    pub(crate) limits: Limits,
    pub(crate) clock: WallClock,
    /// The handler has to accept a TLS session first.
    pub(crate) tls: Option<TlsAcceptor>,
    /// Its sender is dropped when the service stops; nothing is ever sent.
    pub(crate) stopping: watch::Receiver<()>,
}

/// Serves the connections of a socket.
pub(crate) trait ConnectionHandler: fmt::Debug + Send + Sync + 'static {
    /// The name of the service in reports.
    fn name(&self) -> &'static str;

    /// What a client has to send, and how soon.
    fn expectation(&self, limits: &Limits) -> PeerExpectation {
        let _ = limits;
        PeerExpectation::Nothing
    }

    /// The time for a client to take a piece of what it is sent; `None` where the handler has deadlines of its own.
    fn write_time(&self, limits: &Limits) -> Option<Duration> {
        Some(limits.write_time)
    }

    /// Where the connections are counted.
    fn counts(&self) -> Arc<ConnectionCounts> {
        Arc::default()
    }

    /// Serves a connection until either side ends it or the service stops.
    fn serve(&self, connection: ServedConnection) -> BoxFuture<'_, Result<(), Ending>>;
}

/// The output of `future`, unless the service stops first.
pub(crate) async fn until_stopped<F: Future>(
    stopping: &mut watch::Receiver<()>,
    future: F,
) -> Result<F::Output, Ending> {
    tokio::select! {
        biased;
        output = future => Ok(output),
        _ = stopping.changed() => Err(Ending::Stopped),
    }
}
