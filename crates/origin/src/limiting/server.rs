//! The host behind its listeners.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use longhaul_socket::{Endpoint, Network};

use super::connection;
use super::model_state::{ExchangeRecord, LimitingStats, ModelState};
use crate::accepting::Accepting;
use crate::limit_model::LimitModel;
use crate::{Options, Site};

/// A host with a limit model. Clones are the same host, with one limit model behind all of its listeners.
///
/// Every request is an arrival, whatever its path; the clock of the limit model starts with the first. What is served is a
/// [`Site`]'s; silence is kept for [`Options::stall`], or until the client goes.
#[derive(Debug, Clone)]
pub struct LimitingServer(Arc<Host>);

/// What all connections share.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) site: Arc<Site>,
    pub(super) options: Options,
    pub(super) model_state: ModelState,
}

impl LimitingServer {
    /// A host that listens nowhere yet. `log` is told of each exchange that has ended; it must not wait.
    pub fn new(
        limit_model: Box<dyn LimitModel>,
        site: Arc<Site>,
        options: Options,
        log: impl Fn(&ExchangeRecord) + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(Host { site, options, model_state: ModelState::new(limit_model, Box::new(log)) }))
    }

    /// Listens on one more endpoint; port 0 takes a free one, which [`RunningLimitingServer::endpoint`] tells.
    ///
    /// # Errors
    /// That of the network, where the endpoint cannot be listened on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listen(&self, network: &dyn Network, endpoint: Endpoint) -> io::Result<RunningLimitingServer> {
        VirtualHosts::new(self.clone()).listen(network, endpoint)
    }

    /// The counts of this moment, over all listeners.
    pub fn stats(&self) -> LimitingStats {
        self.0.model_state.stats()
    }
}

/// Hosts behind one listener, told apart by the name that is asked for (RFC 9110 section 7.2). Each counts for itself.
#[derive(Debug, Clone)]
pub struct VirtualHosts {
    default: LimitingServer,
    named: BTreeMap<String, LimitingServer>,
}

impl VirtualHosts {
    /// The default host answers for all names that are not given another.
    pub fn new(default: LimitingServer) -> Self {
        Self { default, named: BTreeMap::new() }
    }

    /// Who asks for this name, on whatever port, comes to this host.
    #[must_use]
    pub fn with(mut self, name: &str, host: LimitingServer) -> Self {
        self.named.insert(name.to_ascii_lowercase(), host);
        self
    }

    /// Listens on one more endpoint; port 0 takes a free one, which [`RunningLimitingServer::endpoint`] tells. Connections are
    /// kept as the [`Options`] of the default host say.
    ///
    /// # Errors
    /// That of the network, where the endpoint cannot be listened on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listen(&self, network: &dyn Network, endpoint: Endpoint) -> io::Result<RunningLimitingServer> {
        let hosts = Arc::new(self.clone());
        let serve = move |transport| {
            let hosts = Arc::clone(&hosts);
            async move { connection::serve(&hosts, transport).await }
        };
        let connections_max = self.default.0.options.connections_max;
        Accepting::start(network, endpoint, connections_max, serve, || {}).map(RunningLimitingServer)
    }

    /// How connections are kept, whoever is asked for on them.
    pub(super) fn options(&self) -> &Options {
        &self.default.0.options
    }

    /// Who answers for this name.
    pub(super) fn host(&self, name: Option<&str>) -> &Host {
        &name.and_then(|name| self.named.get(name)).unwrap_or(&self.default).0
    }
}

/// A listener at work. Dropping it ends it and its connections soon; [`stop`](Self::stop) waits for the end.
#[derive(Debug)]
pub struct RunningLimitingServer(Accepting);

impl RunningLimitingServer {
    /// Where it listens, with the real port.
    pub fn endpoint(&self) -> Endpoint {
        self.0.endpoint()
    }

    /// Ends the listener and drops its connections wherever they stand.
    ///
    /// Cancel safe: once polled, the end comes whether it is waited for or not.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}
