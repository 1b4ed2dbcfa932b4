//! DNS by hickory, on a thread with a runtime of its own.
//!
//! hickory serves its sockets with tasks in the runtime that first used it. In a program with several runtimes the
//! names of all would hang on that one, so the resolver has its own, and the others talk to it by messages.

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

/// Look-ups under way at the same moment; further ones wait in the queue, under the deadlines of their callers.
const IN_FLIGHT_MAX: usize = 256;
/// Look-ups in the queue; further callers wait for a place in it, under their deadlines.
const QUEUE_MAX: usize = 256;
/// Wait for one answer of one server. Datagrams get lost, so the same query is sent again after it, and there must be
/// time for getaddrinfo(3) within the usual 10 s when no server answers.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(2);
/// Times that a server is asked; a lost datagram is not a failure worth telling.
const ATTEMPTS_MAX: usize = 2;
/// How long the addresses of one family wait for those of the other. RFC 8305 section 3 proposes 50 ms to clients that go
/// on listening; here nothing that comes later is heard.
const OTHER_FAMILY_WAIT: Duration = Duration::from_millis(250);
/// The whole of a look-up, however many servers and aliases are involved. Nobody waits longer.
const LOOKUP_MAX: Duration = Duration::from_secs(30);
/// Records of each family kept for as long as their owners allow.
const CACHE_RECORDS_MAX: u64 = 4096;

/// Which servers to ask.
#[derive(Clone, Debug, Default)]
pub(crate) enum Servers {
    /// Those that the system is configured with, after its hosts file.
    #[default]
    System,
    /// These only.
    These(Vec<SocketAddr>),
}

type Outcome = Result<Vec<IpAddr>, LookupError>;

struct Query {
    name: HostName,
    reply: oneshot::Sender<Outcome>,
}

/// The way to the thread, which ends when this is dropped.
pub(crate) struct Dns {
    queries: mpsc::Sender<Query>,
}

impl Dns {
    /// Starts the thread. If that fails, or the system has no usable configuration, look-ups give `None`.
    pub(crate) fn start(servers: Servers) -> Self {
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

    /// The addresses of `name`, or `None` if DNS is not to be had on this machine. Cancel safe: the query is dropped.
    pub(crate) async fn lookup(&self, name: &HostName) -> Option<Outcome> {
        let (reply, answer) = oneshot::channel();
        self.queries.send(Query { name: name.clone(), reply }).await.ok()?;
        answer.await.ok()
    }
}

async fn serve(servers: Servers, mut queue: mpsc::Receiver<Query>) {
    let Ok(resolvers) = Resolvers::new(&servers) else { return };
    let mut in_flight = JoinSet::new();
    while let Some(query) = queue.recv().await {
        while in_flight.try_join_next().is_some() {}
        if in_flight.len() >= IN_FLIGHT_MAX {
            in_flight.join_next().await;
        }
        in_flight.spawn(answer(resolvers.clone(), query));
    }
}

async fn answer(resolvers: Resolvers, Query { name, mut reply }: Query) {
    let lookup = Deadline::after(LOOKUP_MAX).bound(lookup(&resolvers, &name));
    tokio::select! {
        biased;
        () = reply.closed() => {}
        outcome = lookup => {
            // An error means that the caller left meanwhile.
            let _ = reply.send(outcome.unwrap_or(Err(LookupError::Silent)));
        }
    }
}

/// Asks for both families at once. One that has answered does not wait long for the other: there are servers that say
/// nothing at all to questions about IPv6.
async fn lookup(resolvers: &Resolvers, name: &HostName) -> Outcome {
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
        // Of two failures that differ, the one that a later attempt may mend.
        (Err(LookupError::NotFound), Some(Err(error))) | (Err(error), _) => Err(error),
    }
}

/// The answer for the other family; nothing if it does not come in time and there is something to go on with.
async fn other_family(has_addresses: bool, answer: impl Future<Output = Outcome>) -> Option<Outcome> {
    if has_addresses {
        Deadline::after(OTHER_FAMILY_WAIT).bound(answer).await.ok()
    } else {
        Some(answer.await)
    }
}

async fn lookup_family(resolver: &TokioResolver, name: &HostName) -> Outcome {
    // With its final dot the name is absolute: no search domain is tried. As ASCII it may have what IDNA forbids and
    // people use, such as an underscore; what no query can ask for, no server knows.
    let name = Name::from_ascii(format!("{name}.")).map_err(|_| LookupError::NotFound)?;
    let answer = resolver.lookup_ip(name).await.map_err(classify)?;
    let addresses: Vec<IpAddr> = answer.iter().collect();
    if addresses.is_empty() { Err(LookupError::NotFound) } else { Ok(addresses) }
}

/// One resolver for each family: the library's own joins them, and waits for both.
#[derive(Clone)]
struct Resolvers {
    ipv6: TokioResolver,
    ipv4: TokioResolver,
}

impl Resolvers {
    fn new(servers: &Servers) -> Result<Self, NetError> {
        Ok(Self {
            ipv6: resolver(servers, LookupIpStrategy::Ipv6Only)?,
            ipv4: resolver(servers, LookupIpStrategy::Ipv4Only)?,
        })
    }
}

fn resolver(servers: &Servers, strategy: LookupIpStrategy) -> Result<TokioResolver, NetError> {
    let mut builder = match servers {
        Servers::System => TokioResolver::builder_tokio()?,
        Servers::These(servers) => {
            let servers = servers.iter().copied().map(name_server).collect();
            let config = ResolverConfig::from_name_servers(servers);
            TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        }
    };
    let options = builder.options_mut();
    options.ip_strategy = strategy;
    options.timeout = options.timeout.min(ANSWER_WAIT_MAX);
    options.attempts = options.attempts.min(ATTEMPTS_MAX);
    options.cache_size = CACHE_RECORDS_MAX;
    // That a name does not exist is to be asked twice, and then remembered above this seam.
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
