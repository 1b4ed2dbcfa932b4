//! The hosts and the name server of a case, open on loopback, on a thread of its own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use longhaul_socket::{
    Deadline, Endpoint, InvalidIdentity, SocketOptions, Stream, TcpListener, TlsAcceptor, TlsServerOptions,
};
use rustix::net::{AddressFamily, SocketType};
use thiserror::Error;
use tokio::runtime;
use tokio::sync::oneshot;

use super::dns_plan::DnsPlan;
use super::host_plan::{HostPlan, ListenMode};
use super::name_server;
use super::placeholders::{Placeholders, fill};
use super::play;
use super::record::TrafficRecord;
use super::time_limit::STAGE_TIME_MAX;

/// Attempts to open the hosts, each with other ports.
const PORTS_TRIED_MAX: usize = 4;
/// How long to wait for a connection that cannot be established.
const BLACK_HOLE_WAIT: Duration = Duration::from_millis(150);
/// Connections that fill a backlog of zero; the system keeps one or two.
const BLACK_HOLE_FILL: usize = 4;

/// The certificate and the key of a host with TLS.
#[derive(Debug, Clone)]
pub struct Identity {
    /// The certificate, followed by those of its issuers, in PEM form.
    pub chain: String,
    /// Its private key, in PEM form.
    pub key: String,
}

/// Why a stage cannot be set up.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StageError {
    /// A socket could not be opened.
    #[error("host `{host}` cannot be opened")]
    Socket {
        /// The name of the host.
        host: String,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The identity of a host is missing.
    #[error("host `{host}` has the unknown identity `{identity}`")]
    NoIdentity {
        /// The name of the host.
        host: String,
        /// The name of the identity.
        identity: String,
    },
    /// The identity of a host is invalid.
    #[error("the identity of host `{host}` cannot be used")]
    Identity {
        /// The name of the host.
        host: String,
        /// The cause.
        source: InvalidIdentity,
    },
    /// There is no thread or runtime for it.
    #[error("the stage cannot be set up")]
    Thread(#[source] std::io::Error),
}

/// The running hosts and name server of a case. Dropping it ends them.
#[derive(Debug)]
pub struct Stage {
    record: Arc<TrafficRecord>,
    placeholders: Placeholders,
    end: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Opened {
    host: Arc<play::Host>,
    socket: Socket,
    address: SocketAddr,
}

enum Socket {
    Listening(TcpListener),
    /// Kept open, so that nobody else gets the port.
    Held(Box<dyn Send>),
}

impl Stage {
    /// Opens everything. `others` are further placeholders.
    pub fn open(
        hosts: &BTreeMap<String, HostPlan>,
        dns: Option<&DnsPlan>,
        identities: &BTreeMap<String, Identity>,
        others: BTreeMap<String, String>,
    ) -> Result<Self, StageError> {
        Self::open_for(STAGE_TIME_MAX, hosts, dns, identities, others)
    }

    /// Opens everything for a time.
    pub(super) fn open_for(
        time: Duration,
        hosts: &BTreeMap<String, HostPlan>,
        dns: Option<&DnsPlan>,
        identities: &BTreeMap<String, Identity>,
        others: BTreeMap<String, String>,
    ) -> Result<Self, StageError> {
        let record = Arc::new(TrafficRecord::new());
        let (hosts, dns, identities) = (hosts.clone(), dns.cloned(), identities.clone());
        let (tell, told) = mpsc::channel();
        let (end, ended) = oneshot::channel::<()>();
        let shared = Arc::clone(&record);
        let runtime =
            runtime::Builder::new_current_thread().enable_all().build().map_err(StageError::Thread)?;
        let thread = thread::Builder::new().name("stage".to_owned()).spawn(move || {
            runtime.block_on(async {
                let mut set = set_up(&hosts, dns.as_ref(), &identities, others.clone(), &shared).await;
                // A port that is free at one address may be in use at another.
                for _ in 1..PORTS_TRIED_MAX {
                    if matches!(set, Err(StageError::Socket { .. })) {
                        set = set_up(&hosts, dns.as_ref(), &identities, others.clone(), &shared).await;
                    }
                }
                match set {
                    Ok((placeholders, held)) => {
                        let _ = tell.send(Ok(placeholders));
                        let _ = Deadline::after(time).bound(ended).await;
                        drop(held);
                    }
                    Err(error) => {
                        let _ = tell.send(Err(error));
                    }
                }
            });
        });
        let thread = thread.map_err(StageError::Thread)?;
        let gone = || StageError::Thread(std::io::Error::other("the thread of the stage ended"));
        let placeholders = told.recv().map_err(|_| gone())??;
        Ok(Self { record, placeholders, end: Some(end), thread: Some(thread) })
    }

    /// Whether it has ended by itself, because its time is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// What was sent and received so far.
    #[must_use]
    pub fn record(&self) -> &TrafficRecord {
        &self.record
    }

    /// Replaces the placeholders in a text: for every host `{host}` (address and port), `{host.port}` and `{host.folder}`
    /// (the name of the folder of its files), and `{dns}`.
    #[must_use]
    pub fn fill(&self, text: &str) -> String {
        fill(text, &self.placeholders)
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.end.take();
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended, too.
            let _ = thread.join();
        }
    }
}

async fn set_up(
    hosts: &BTreeMap<String, HostPlan>,
    dns: Option<&DnsPlan>,
    identities: &BTreeMap<String, Identity>,
    mut placeholders: BTreeMap<String, String>,
    record: &Arc<TrafficRecord>,
) -> Result<(Placeholders, Vec<Box<dyn Send>>), StageError> {
    let mut opened: BTreeMap<&str, Opened> = BTreeMap::new();
    let mut held: Vec<Box<dyn Send>> = Vec::new();
    // Hosts that share the port of another one come after it.
    let (first, second): (Vec<_>, Vec<_>) = hosts.iter().partition(|(_, plan)| plan.same_port_as.is_none());
    for (name, plan) in first.into_iter().chain(second) {
        let other = plan.same_port_as.as_deref().and_then(|other| opened.get(other));
        let port = other.map_or(0, |other| other.address.port());
        let host = open(name, plan, port, identities, record).await?;
        let (ip, port) = (host.address.ip(), host.address.port());
        placeholders.insert(name.clone(), host.address.to_string());
        placeholders.insert(format!("{name}.port"), port.to_string());
        placeholders.insert(format!("{name}.folder"), format!("{}+{port}", ip.to_string().replace(':', "-")));
        opened.insert(name, host);
    }
    if let Some(plan) = dns {
        let failed = |source| StageError::Socket { host: "dns".to_owned(), source };
        let (address, tasks) = name_server::serve(plan.clone(), Arc::clone(record)).map_err(failed)?;
        held.push(Box::new(tasks));
        placeholders.insert("dns".to_owned(), address.to_string());
    }
    let placeholders = Arc::new(placeholders);
    for (_, Opened { host, socket, .. }) in opened {
        match socket {
            Socket::Listening(listener) => {
                held.push(Box::new(play::listen(host, listener, Arc::clone(&placeholders))));
            }
            Socket::Held(socket) => held.push(socket),
        }
    }
    Ok((placeholders, held))
}

async fn open(
    name: &str,
    plan: &HostPlan,
    port: u16,
    identities: &BTreeMap<String, Identity>,
    record: &Arc<TrafficRecord>,
) -> Result<Opened, StageError> {
    let failed = |source: Box<dyn std::error::Error + Send + Sync>| StageError::Socket {
        host: name.to_owned(),
        source,
    };
    let tls = plan.tls.as_ref().map(|identity| acceptor(name, identity, identities)).transpose()?;
    let wanted = SocketAddr::new(plan.address, port);
    let (socket, address) = match plan.listen_mode {
        ListenMode::Listens => {
            let listener = TcpListener::bind(Endpoint::tcp(wanted)).map_err(|fault| failed(fault.into()))?;
            let address = listener.local().socket_addr();
            (Socket::Listening(listener), address)
        }
        ListenMode::Refuses => {
            let (socket, address) = bound(wanted).map_err(|error| failed(error.into()))?;
            (Socket::Held(Box::new(socket)), address)
        }
        ListenMode::BlackHole => {
            let listener = TcpListener::bind_with(Endpoint::tcp(wanted), &SocketOptions::default(), 0)
                .map_err(|fault| failed(fault.into()))?;
            let endpoint = listener.local();
            let mut waiting = Vec::new();
            for _ in 0..BLACK_HOLE_FILL {
                match Stream::connect_within(endpoint, Deadline::after(BLACK_HOLE_WAIT)).await {
                    Ok(stream) => waiting.push(stream),
                    Err(_) => break,
                }
            }
            (Socket::Held(Box::new((listener, waiting))), endpoint.socket_addr())
        }
    };
    let plan = plan.clone();
    let host = play::Host { name: name.to_owned(), plan, tls, record: Arc::clone(record) };
    Ok(Opened { host: Arc::new(host), socket, address })
}

/// A socket that is bound to a port and does not listen.
fn bound(wanted: SocketAddr) -> std::io::Result<(std::os::fd::OwnedFd, SocketAddr)> {
    let family = if wanted.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket(family, SocketType::STREAM, None)?;
    rustix::net::bind(&socket, &wanted)?;
    let address = rustix::net::getsockname(&socket)?;
    let address = SocketAddr::try_from(address)?;
    Ok((socket, address))
}

fn acceptor(
    host: &str,
    identity: &str,
    identities: &BTreeMap<String, Identity>,
) -> Result<TlsAcceptor, StageError> {
    let none = || StageError::NoIdentity { host: host.to_owned(), identity: identity.to_owned() };
    let Identity { chain, key } = identities.get(identity).ok_or_else(none)?;
    let unusable = |source| StageError::Identity { host: host.to_owned(), source };
    let options = TlsServerOptions::from_pem(chain.as_bytes(), key.as_bytes()).map_err(unusable)?;
    TlsAcceptor::new(options).map_err(unusable)
}
