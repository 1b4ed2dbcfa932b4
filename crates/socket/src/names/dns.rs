//! DNS through hickory, on a thread with its own runtime.
//!
//! hickory spawns the tasks for its sockets in the runtime that first uses it. In a program with several runtimes, all
//! look-ups would depend on that one; so the resolver has its own runtime, and the others send it messages.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::thread;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{LookupIpStrategy, NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError, NoRecords};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::Name;
use tokio::runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::addressing::HostName;
use crate::faults::{FaultKind, kind_of};
use crate::network::LookupError;
use crate::time::Deadline;

/// Concurrent look-ups; further ones wait in the queue, under the deadlines of their callers.
const IN_FLIGHT_MAX: usize = 256;
/// Look-ups in the queue; further callers wait to enter it, under their deadlines.
const QUEUE_MAX: usize = 256;
/// How long to wait for one response. Then the query is sent again, because datagrams get lost. Short enough to leave
/// time for getaddrinfo(3) within the usual 10 s when no server responds.
const RESPONSE_WAIT_MAX: Duration = Duration::from_secs(2);
/// How often a server is asked.
const ATTEMPTS_MAX: usize = 2;
/// How long to wait for the other address family once one has responded. RFC 8305 section 3 proposes 50 ms to clients
/// that can use a later response; here it is lost.
const OTHER_FAMILY_WAIT: Duration = Duration::from_millis(250);
/// The limit of a look-up, however many servers and aliases are involved.
const LOOKUP_MAX: Duration = Duration::from_secs(30);
/// Cached records of each address family; their time to live applies.
const CACHE_RECORDS_MAX: u64 = 4096;

/// Which name servers to ask.
#[derive(Clone, Debug, Default)]
pub(crate) enum NameServers {
    /// The configured servers of the system, after its hosts file.
    #[default]
    System,
    /// These only.
    Only(Vec<SocketAddr>),
}

type LookupResult = Result<Vec<IpAddr>, LookupError>;

struct Query {
    name: HostName,
    reply: oneshot::Sender<LookupResult>,
}

/// The handle of the resolver thread, which ends when this is dropped.
pub(crate) struct Dns {
    queries: mpsc::Sender<Query>,
}

impl Dns {
    /// Starts the thread. If that fails, or the system has no usable configuration, look-ups return `None`.
    pub(crate) fn start(servers: NameServers) -> Self {
        let (queries, queue) = mpsc::channel(QUEUE_MAX);
        let builder = thread::Builder::new().name("longhaul-dns".into());
        // Without the thread the queue is dropped here, and every look-up finds it closed.
        let _ = builder.spawn(move || {
            if let Ok(runtime) = runtime::Builder::new_current_thread().enable_all().build() {
                runtime.block_on(serve(servers, queue));
            }
        });
        Self { queries }
    }

    /// The addresses of `name`; `None` if this machine has no DNS. Cancel safe: the query is cancelled.
    pub(crate) async fn lookup(&self, name: &HostName) -> Option<LookupResult> {
        let (reply, result) = oneshot::channel();
        self.queries.send(Query { name: name.clone(), reply }).await.ok()?;
        result.await.ok()
    }
}

async fn serve(servers: NameServers, mut queue: mpsc::Receiver<Query>) {
    let Ok(resolvers) = Resolvers::new(&servers) else { return };
    let mut in_flight = JoinSet::new();
    while let Some(query) = queue.recv().await {
        while in_flight.try_join_next().is_some() {}
        if in_flight.len() >= IN_FLIGHT_MAX {
            in_flight.join_next().await;
        }
        in_flight.spawn(run_query(resolvers.clone(), query));
    }
}

async fn run_query(resolvers: Resolvers, Query { name, mut reply }: Query) {
    let lookup = Deadline::after(LOOKUP_MAX).bound(lookup(&resolvers, &name));
    tokio::select! {
        biased;
        () = reply.closed() => {}
        result = lookup => {
            // An error means that the caller has given up.
            let _ = reply.send(result.unwrap_or(Err(LookupError::Silent)));
        }
    }
}

/// Queries both address families at once. After the first response, the other is not waited for long: some servers
/// never respond to queries for IPv6.
async fn lookup(resolvers: &Resolvers, name: &HostName) -> LookupResult {
    let mut ipv6 = pin!(lookup_family(&resolvers.ipv6, name));
    let mut ipv4 = pin!(lookup_family(&resolvers.ipv4, name));
    let (first, second) = tokio::select! {
        biased;
        first = &mut ipv6 => {
            let second = other_family(first.is_ok(), ipv4).await;
            (first, second)
        }
        first = &mut ipv4 => {
            let second = other_family(first.is_ok(), ipv6).await;
            (first, second)
        }
    };
    match (first, second) {
        (Ok(mut addresses), Some(Ok(others))) => {
            addresses.extend(others);
            Ok(addresses)
        }
        (Ok(addresses), _) | (Err(_), Some(Ok(addresses))) => Ok(addresses),
        // If the two fail differently, the error after which a retry may succeed.
        (Err(LookupError::NotFound), Some(Err(error))) | (Err(error), _) => Err(error),
    }
}

/// The result for the other address family; `None` if there are addresses already and it does not arrive in time.
async fn other_family(
    has_addresses: bool,
    result: impl Future<Output = LookupResult>,
) -> Option<LookupResult> {
    if has_addresses {
        Deadline::after(OTHER_FAMILY_WAIT).bound(result).await.ok()
    } else {
        Some(result.await)
    }
}

async fn lookup_family(resolver: &TokioResolver, name: &HostName) -> LookupResult {
    // The final dot makes the name absolute: no search domain is tried. Read as ASCII, a name may contain characters
    // that IDNA forbids and people use, such as an underscore. A name that does not fit into a query does not exist.
    let name = Name::from_ascii(format!("{name}.")).map_err(|_| LookupError::NotFound)?;
    let records = resolver.lookup_ip(name).await.map_err(classify)?;
    let addresses: Vec<IpAddr> = records.iter().collect();
    if addresses.is_empty() { Err(LookupError::NotFound) } else { Ok(addresses) }
}

/// One resolver for each address family: a single one of the library would wait for both families.
#[derive(Clone)]
struct Resolvers {
    ipv6: TokioResolver,
    ipv4: TokioResolver,
}

impl Resolvers {
    fn new(servers: &NameServers) -> Result<Self, NetError> {
        Ok(Self {
            ipv6: resolver(servers, LookupIpStrategy::Ipv6Only)?,
            ipv4: resolver(servers, LookupIpStrategy::Ipv4Only)?,
        })
    }
}

fn resolver(servers: &NameServers, strategy: LookupIpStrategy) -> Result<TokioResolver, NetError> {
    let mut builder = match servers {
        NameServers::System => TokioResolver::builder_tokio()?,
        NameServers::Only(servers) => {
            let servers = servers.iter().copied().map(name_server).collect();
            let config = ResolverConfig::from_name_servers(servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.ip_strategy = strategy;
    options.timeout = options.timeout.min(RESPONSE_WAIT_MAX);
    options.attempts = options.attempts.min(ATTEMPTS_MAX);
    options.cache_size = CACHE_RECORDS_MAX;
    // The caller asks twice whether a name does not exist, and caches the result itself.
    options.negative_max_ttl = Some(Duration::ZERO);
    builder.build()
}

fn name_server(address: SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    for connection in &mut server.connections {
        connection.port = address.port();
    }
    server
}

fn classify(error: NetError) -> LookupError {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(NoRecords {
            response_code: ResponseCode::NXDomain | ResponseCode::NoError,
            ..
        })) => LookupError::NotFound,
        NetError::Timeout => LookupError::Silent,
        NetError::Io(error) => match kind_of(&error) {
            FaultKind::TimedOut => LookupError::Silent,
            FaultKind::Unreachable => LookupError::Local(error),
            kind if kind.is_local() => LookupError::Local(error),
            _ => server_failed(&error),
        },
        error => server_failed(&error),
    }
}

fn server_failed(error: &dyn std::error::Error) -> LookupError {
    LookupError::ServerFailed(error.to_string().into())
}
