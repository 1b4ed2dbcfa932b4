//! The host: a site and its faults behind listeners.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use longhaul_socket::clock::WallClock;
use longhaul_socket::{Endpoint, Network, Transport};

use super::connection;
use super::stats::{PathKey, Tally};
use crate::accepting::Accepting;
use crate::{FaultMix, Site, Stats, Target};

/// The last millisecond that a `Date` can name: the end of the year 9999.
const DATE_UNIX_MS_MAX: u64 = 253_402_300_799_999;

/// Limits and manners.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Connections open at once, per listener; further ones wait to be accepted. At least one.
    pub connections_max: usize,
    /// The size of a request head, in bytes; beyond it the answer is `431`.
    pub head_bytes_max: usize,
    /// The time for the next request to arrive with its whole head, counted from the end of the last answer.
    pub head_time: Duration,
    /// The time for the peer to take one piece of an answer, of at most about 64 KiB.
    pub write_time: Duration,
    /// How long a fault keeps the peer waiting before the connection is closed.
    pub stall: Duration,
    /// How long each answer waits.
    pub latency: Duration,
    /// What `Date` is read from.
    pub clock: WallClock,
}

impl Default for Options {
    /// Thousands of connections, heads of 32 KiB, a minute for everything that waits, no latency, the
    /// system's date.
    fn default() -> Self {
        let minute = Duration::from_mins(1);
        Self {
            connections_max: 4_096,
            head_bytes_max: 32 * 1024,
            head_time: minute,
            write_time: minute,
            stall: minute,
            latency: Duration::ZERO,
            clock: WallClock::system(),
        }
    }
}

impl Options {
    /// The time for `Date`.
    pub(crate) fn date(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_millis(self.clock.unix_ms().min(DATE_UNIX_MS_MAX))
    }
}

/// A host. Clones are the same host, with the same attempts and [`Stats`].
#[derive(Debug, Clone)]
pub struct HostileServer(Arc<Host>);

/// What all connections of an origin share.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) site: Arc<Site>,
    pub(crate) faults: FaultMix,
    pub(crate) options: Options,
    pub(crate) tally: Tally,
}

impl Host {
    /// The time for `Date`.
    pub(crate) fn date(&self) -> SystemTime {
        self.options.date()
    }
}

impl HostileServer {
    /// A host that listens nowhere yet.
    pub fn new(site: Arc<Site>, faults: FaultMix, options: Options) -> Self {
        Self(Arc::new(Host { site, faults, options, tally: Tally::default() }))
    }

    /// A host with one listener: [`new`](Self::new) and [`listen`](Self::listen) in one.
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

    /// Listens on one more endpoint; port 0 takes a free one, which [`RunningHostileServer::endpoint`] tells.
    ///
    /// # Errors
    /// That of the network, where the endpoint cannot be listened on.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listen(&self, network: &dyn Network, endpoint: Endpoint) -> io::Result<RunningHostileServer> {
        let serving = Arc::clone(&self.0);
        let serve = move |transport| {
            let host = Arc::clone(&serving);
            async move { connection::serve(&host, transport).await }
        };
        let counting = Arc::clone(&self.0);
        let failed = move || counting.tally.accept_failure();
        let connections_max = self.0.options.connections_max;
        let accepting = Accepting::start(network, endpoint, connections_max, serve, failed)?;
        Ok(RunningHostileServer { origin: self.clone(), accepting })
    }

    /// Serves one connection that somebody else has accepted, until either side ends it.
    pub(crate) async fn serve(&self, transport: Box<dyn Transport>) {
        connection::serve(&self.0, transport).await;
    }

    /// The counts of this moment, over all listeners.
    pub fn stats(&self) -> Stats {
        self.0.tally.stats()
    }

    /// How many requests there were for a path. A `?size=N` makes it another path, the rest of a query not.
    pub fn requests_of(&self, path: &str) -> u64 {
        self.0.tally.requests_of(PathKey::of(&Target::parse(path)))
    }

    /// What is served.
    pub fn site(&self) -> &Arc<Site> {
        &self.0.site
    }
}

/// A listener at work. Dropping it ends it and its connections soon; [`stop`](Self::stop) waits for the end.
#[derive(Debug)]
pub struct RunningHostileServer {
    origin: HostileServer,
    accepting: Accepting,
}

impl RunningHostileServer {
    /// Where it listens, with the real port.
    pub fn endpoint(&self) -> Endpoint {
        self.accepting.endpoint()
    }

    /// The host behind it.
    pub fn origin(&self) -> &HostileServer {
        &self.origin
    }

    /// The counts of this moment: those of [`HostileServer::stats`].
    pub fn stats(&self) -> Stats {
        self.origin.stats()
    }

    /// Ends the listener, drops its connections wherever they stand, and returns the last counts.
    ///
    /// Cancel safe: once polled, the end comes whether it is waited for or not.
    pub async fn stop(self) -> Stats {
        self.accepting.stop().await;
        self.origin.stats()
    }
}
