//! The server: a site and its faults behind listeners.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{Endpoint, Network, Transport};

use super::mix::FaultMix;
use super::options::Options;
use super::serve;
use super::shared::Shared;
use super::site::Site;
use super::stats::{PathKey, Stats};
use super::target::Target;
use crate::accept_loop::{AcceptSettings, Accepted, ConnectionCounts, ListenerTask};

/// A server of a [`Site`] with the faults of a [`FaultMix`]. Clones are the same server, with the same attempts and
/// [`Stats`].
#[derive(Debug, Clone)]
pub struct HostileServer(Arc<Shared>);

impl HostileServer {
    /// A server that does not listen yet.
    pub fn new(site: Arc<Site>, faults: FaultMix, options: Options) -> Self {
        Self(Arc::new(Shared::new(site, faults, options)))
    }

    /// A server with one listener: [`new`](Self::new) and [`listen`](Self::listen) in one.
    ///
    /// # Errors
    /// That of the network, where the endpoint cannot be listened on.
    pub fn start(
        network: &dyn Network,
        endpoint: Endpoint,
        site: Arc<Site>,
        faults: FaultMix,
        options: Options,
    ) -> io::Result<RunningHostileServer> {
        Self::new(site, faults, options).listen(network, endpoint)
    }

    /// Listens on one more endpoint; port 0 takes a free one, which [`RunningHostileServer::endpoint`] returns.
    ///
    /// # Errors
    /// That of the network, where the endpoint cannot be listened on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listen(&self, network: &dyn Network, endpoint: Endpoint) -> io::Result<RunningHostileServer> {
        let settings = AcceptSettings {
            connections_max: self.0.options.connections_max,
            stop_grace: Duration::ZERO,
            counts: self.connection_counts(),
        };
        let server = self.clone();
        let serve = move |Accepted { transport, .. }| {
            let server = server.clone();
            async move { server.serve(transport).await }
        };
        let listener = ListenerTask::accept(network.listen(endpoint)?, settings, serve, |_| {});
        Ok(RunningHostileServer { server: self.clone(), listener })
    }

    /// Serves one connection until either side ends it. Whoever accepted it counts it.
    pub(crate) async fn serve(&self, transport: Box<dyn Transport>) {
        serve::serve(&self.0, transport).await;
    }

    /// Where the connections are counted.
    pub(crate) fn connection_counts(&self) -> Arc<ConnectionCounts> {
        Arc::clone(&self.0.connections)
    }

    /// The present counts, over all listeners.
    pub fn stats(&self) -> Stats {
        self.0.stats.stats(&self.0.connections)
    }

    /// How many requests there were for a path. A `?size=N` makes it another path; the rest of a query does not.
    pub fn requests_of(&self, path: &str) -> u64 {
        self.0.stats.requests_of(PathKey::of(&Target::parse(path)))
    }

    /// The site that is served.
    pub fn site(&self) -> &Arc<Site> {
        &self.0.site
    }
}

/// A listener of a server. Dropping it ends it and its connections soon; [`stop`](Self::stop) waits for that.
#[derive(Debug)]
pub struct RunningHostileServer {
    server: HostileServer,
    listener: ListenerTask,
}

impl RunningHostileServer {
    /// The endpoint of its socket, with the real port.
    pub fn endpoint(&self) -> Endpoint {
        self.listener.endpoint()
    }

    /// The server that it belongs to.
    pub fn server(&self) -> &HostileServer {
        &self.server
    }

    /// The present counts: those of [`HostileServer::stats`].
    pub fn stats(&self) -> Stats {
        self.server.stats()
    }

    /// Ends the listener, drops its connections, and returns the last counts.
    ///
    /// Cancel safe: once polled, the listener ends whether or not the caller waits for it.
    pub async fn stop(self) -> Stats {
        self.listener.stop().await;
        self.server.stats()
    }
}
