//! The server, behind its listeners.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{Endpoint, Network};

use super::model_state::{ExchangeRecord, LimitingStats, ModelState};
use super::serve;
use super::shared::{ServersByName, Shared};
use crate::accept_loop::{AcceptSettings, Accepted, ListenerTask};
use crate::hostile::{Options, Site};
use crate::limit_model::LimitModel;

/// A server with a limit model. Clones are the same server, with one limit model behind all of its listeners.
///
/// The model decides about every request, whatever its path; its clock starts with the first one. A [`Site`] is served. A
/// request that gets no response is held open for [`Options::stall`], or until the client goes.
#[derive(Debug, Clone)]
pub struct LimitingServer(Arc<Shared>);

impl LimitingServer {
    /// A server that does not listen yet. `log` is called with the record of each exchange that has ended; it must not
    /// block.
    pub fn new(
        limit_model: Box<dyn LimitModel>,
        site: Arc<Site>,
        options: Options,
        log: impl Fn(&ExchangeRecord) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Shared { site, options, model_state: ModelState::new(limit_model, Box::new(log)) }))
    }

    /// Listens on one more endpoint; port 0 takes a free one, which [`RunningLimitingServer::endpoint`] returns.
    ///
    /// # Errors
    /// That of the network, where the endpoint cannot be listened on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listen(&self, network: &dyn Network, endpoint: Endpoint) -> io::Result<RunningLimitingServer> {
        VirtualHosts::new(self.clone()).listen(network, endpoint)
    }

    /// The present counts, over all listeners.
    pub fn stats(&self) -> LimitingStats {
        self.0.model_state.stats()
    }
}

/// Servers behind one listener, told apart by the host name of the request (RFC 9110 section 7.2). Each has its own limits
/// and counts.
#[derive(Debug, Clone)]
pub struct VirtualHosts(ServersByName);

impl VirtualHosts {
    /// The default server gets the requests for all names that have no other one.
    pub fn new(default: LimitingServer) -> Self {
        Self(ServersByName { default: default.0, named: BTreeMap::new() })
    }

    /// Sends requests for this name, on whatever port, to `server`.
    #[must_use]
    pub fn with(mut self, name: &str, server: LimitingServer) -> Self {
        self.0.named.insert(name.to_ascii_lowercase(), server.0);
        self
    }

    /// Listens on one more endpoint; port 0 takes a free one, which [`RunningLimitingServer::endpoint`] returns. The
    /// [`Options`] of the default server apply to the connections.
    ///
    /// # Errors
    /// That of the network, where the endpoint cannot be listened on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listen(&self, network: &dyn Network, endpoint: Endpoint) -> io::Result<RunningLimitingServer> {
        let settings = AcceptSettings {
            connections_max: self.0.options().connections_max,
            stop_grace: Duration::ZERO,
            counts: Arc::default(),
        };
        let servers = Arc::new(self.0.clone());
        let serve = move |Accepted { transport, .. }| {
            let servers = Arc::clone(&servers);
            async move { serve::serve(&servers, transport).await }
        };
        let listener = network.listen(endpoint)?;
        Ok(RunningLimitingServer(ListenerTask::accept(listener, settings, serve, |_| {})))
    }
}

/// A listener of a server. Dropping it ends it and its connections soon; [`stop`](Self::stop) waits for that.
#[derive(Debug)]
pub struct RunningLimitingServer(ListenerTask);

impl RunningLimitingServer {
    /// The endpoint of its socket, with the real port.
    pub fn endpoint(&self) -> Endpoint {
        self.0.endpoint()
    }

    /// Ends the listener and drops its connections.
    ///
    /// Cancel safe: once polled, the listener ends whether or not the caller waits for it.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}
