//! What a haul may do, resolved: every value is in its final type and range.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use longhaul_http::{HttpUrl, Limits, Timeouts};
use longhaul_socket::Host;

use crate::list::MediaRange;
use crate::pace::{ControllerFactory, PaceKind, WINDOW_MAX};
use crate::report::SuspectPolicy;
use crate::schedule::retry::{HEAD_TIMEOUT_MAX, HOST_PATIENCE, READY_PATIENCE, Tries};

/// Exchanges at a time, all hosts together. With the default caps of a host this keeps dozens of hosts busy, and the
/// sockets and files stay well below the usual limit of 1,024 descriptors.
pub const JOBS_DEFAULT: u32 = 256;

/// The settings of a haul. `Settings::default()` needs no change for an ordinary list.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Deadlines of every phase of an exchange.
    pub timeouts: Timeouts,
    /// The deadline of a response head grows from `timeouts.head` up to this while the attempts of a URL end at it. As long as that,
    /// or shorter, if it is not to grow.
    pub head_timeout_max: Duration,
    /// Limits of heads and connections.
    pub limits: Limits,
    /// How often one URL is tried.
    pub tries: Tries,
    /// How long a host that answers nothing at all is tried before its other rows are failed without being tried.
    pub host_patience: Duration,
    /// How long a file is waited for that its host is still making (202).
    pub ready_patience: Duration,
    /// Exchanges at a time, all hosts together.
    pub jobs_max: u32,
    /// Exchanges at a time with one host; `None` for the default caps (8; 16 on loopback and private addresses).
    pub jobs_per_host_max: Option<u32>,
    /// Makes the controllers of the pace: a [`PaceKind`], or one's own.
    pub pace: Arc<dyn ControllerFactory>,
    /// The least time between two requests to a host; zero for none.
    pub spacing: Duration,
    /// Whose pace is kept: that of each host, or that of each address.
    pub pace_per: PacePer,
    /// The least time between two requests to these hosts, whatever their ports; the first that names a host counts.
    pub spacings: Vec<(Host, Duration)>,
    /// Statuses that are tried again although they are permanent by default.
    pub retry_statuses: Vec<u16>,
    /// Bytes a second, all hosts together.
    pub rate_limit: Option<u64>,
    /// Bytes of a file, decoded; a longer one fails. `None` for nine tenths of the room on the disk: what is free when the run
    /// begins, or later, and what the file takes already. That limit does not apply while the disk is nearly full (less than
    /// 16 MiB), nor to a store of one's own.
    pub file_bytes_max: Option<u64>,
    /// The `User-Agent` field.
    pub user_agent: String,
    /// Further request fields, checked.
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
    /// Follow redirects from https to http.
    pub allow_downgrade: bool,
    /// A file that stands where a row's file belongs makes the row skipped rather than failed.
    pub no_clobber: bool,
    /// A file that stands where a row's file belongs and has the size on the list is adopted also if the list has no digest of it.
    pub adopt_by_size: bool,
    /// The media types that are expected of rows without a type of their own; any type if there are none.
    pub expected_types: Vec<MediaRange>,
    /// What becomes of rows whose bodies look like one error page.
    pub suspect: SuspectPolicy,
    /// Hosts whose certificates are not checked.
    pub insecure_hosts: Vec<String>,
    /// Name servers to ask instead of the system's, over UDP and TCP; then neither the hosts file nor getaddrinfo(3) is
    /// consulted.
    pub name_servers: Vec<SocketAddr>,
    /// A host to connect to, when no other host responds any more, to find out whether our own network is down. Nothing is
    /// requested. If the router reaches the host through a proxy, the connection is made to the proxy.
    pub canary: Option<HttpUrl>,
    /// Threads that do exchanges; each host belongs to one of them.
    pub shards: usize,
    /// Seed of every random choice.
    pub seed: u64,
}

/// What has a pace of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PacePer {
    /// Each host (scheme, name and port). Hosts at one address share a pace once it has turned out that they are limited
    /// together.
    #[default]
    Host,
    /// Each address and port, whatever the names that lead to it: up to 1,024 names of one address, and 4,096 addresses;
    /// what is beyond that has a pace of its own.
    Address,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            timeouts: Timeouts::default(),
            head_timeout_max: HEAD_TIMEOUT_MAX,
            // As many idle connections as a host may have in use, so that none is opened twice.
            limits: Limits { idle_per_route_max: WINDOW_MAX as usize, ..Limits::default() },
            tries: Tries::default(),
            host_patience: HOST_PATIENCE,
            ready_patience: READY_PATIENCE,
            jobs_max: JOBS_DEFAULT,
            jobs_per_host_max: None,
            pace: Arc::new(PaceKind::default()),
            spacing: Duration::ZERO,
            pace_per: PacePer::default(),
            spacings: Vec::new(),
            retry_statuses: Vec::new(),
            rate_limit: None,
            file_bytes_max: None,
            user_agent: concat!("longhaul/", env!("CARGO_PKG_VERSION")).to_owned(),
            headers: Vec::new(),
            allow_downgrade: false,
            no_clobber: false,
            adopt_by_size: false,
            expected_types: Vec::new(),
            suspect: SuspectPolicy::default(),
            insecure_hosts: Vec::new(),
            name_servers: Vec::new(),
            canary: None,
            shards: std::thread::available_parallelism().map_or(1, usize::from),
            seed: fastrand::u64(..),
        }
    }
}

impl Settings {
    /// One deadline for every wait on a socket. It does not grow.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeouts = Timeouts::all(timeout);
        self.head_timeout_max = timeout;
    }
}
