//! `longhaul serve`: several services on one host, each with its own socket, until it is stopped.

use std::error::Error as _;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use longhaul_origin::proxy::Proxies;
use longhaul_origin::{Folder, Limits, Options, RunningService, Service, ServiceHost, Site};
use longhaul_socket::{
    Endpoint, Fault, FaultKind, MinimumSpeed, SystemNetwork, TlsAcceptor, TlsServerOptions, defaults,
};
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::arguments::ServeArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::serving::{Content, Log, ProxyPlan, ServiceSpec};
use crate::{files, render, signals};

/// How often a free port is looked for that is free for IPv4 and for IPv6.
const FREE_PORT_ATTEMPTS: u32 = 16;

/// Reads from the disk at a time: as many as keep a disk busy, and no thread for each of thousands of clients.
const DISK_THREADS_MAX: usize = 64;

pub(super) fn run(arguments: &ServeArguments) -> Result<Exit, CommandError> {
    defaults::set_timeout(arguments.timeout);
    let speed = MinimumSpeed { bytes_per_second: arguments.min_speed, window: arguments.timeout };
    let connections_max = usize::try_from(arguments.max_connections).unwrap_or(usize::MAX);
    let limits = Limits { connections_max, speed, ..Limits::waiting(arguments.timeout) };
    let plans = ProxyPlan::read(&arguments.services, &arguments.toxics)?;
    let offers = arguments.services.iter().map(Offer::open).collect::<Result<Vec<_>, _>>()?;

    let stopped = Arc::new(Notify::new());
    let stop = Arc::clone(&stopped);
    signals::watch(move || stop.notify_one()).map_err(CommandError::Start)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(DISK_THREADS_MAX)
        .build()
        .map_err(CommandError::Start)?;
    let log = if arguments.quiet { None } else { Some(Log::start().map_err(CommandError::Start)?) };
    let host = match &log {
        Some(log) => ServiceHost::new(limits, log.teller()),
        None => ServiceHost::new(limits, |_| {}),
    };
    let served = runtime.block_on(async move {
        let network = Arc::new(SystemNetwork::new());
        let proxies = Proxies::new(host.clone(), Arc::clone(&network) as _, arguments.seed);
        let mut running = Vec::new();
        let mut lines = Vec::new();
        let mut plans = plans.into_iter();
        for offer in offers {
            let Some(service) = offer.service else {
                // The plans are those of the proxies, in their order.
                let Some(plan) = plans.next() else { continue };
                let proxy = plan.carry_out(&proxies).await?;
                lines.extend(proxy.enabled.then(|| offer.service_spec.line(proxy.listen.endpoint())));
                continue;
            };
            for service in listen(offer.service_spec, &service, offer.tls.as_ref(), &host, &network)? {
                lines.push(offer.service_spec.line(service.endpoint()));
                running.push(service);
            }
        }
        if let Some(address) = arguments.control {
            let control = host.listen(&*network, proxies.control(), address.endpoint(), None)?;
            lines.push(format!("control http://{}", control.endpoint().socket_addr()));
            running.push(control);
        }
        // All of them listen by now. Where nobody reads it they serve all the same.
        let text: String = lines.into_iter().map(|line| line + "\n").collect();
        let _ = io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush());
        stopped.notified().await;
        let mut stopping: JoinSet<()> = running.into_iter().map(RunningService::stop).collect();
        stopping.spawn(async move { proxies.stop().await });
        while stopping.join_next().await.is_some() {}
        Ok(Exit::Complete)
    });
    runtime.shutdown_background();
    if let Some(log) = log {
        log.finish();
    }
    served
}

/// A service with everything that it needs, before anything listens.
struct Offer<'a> {
    service_spec: &'a ServiceSpec,
    /// `None` for a proxy, which belongs to the set of them.
    service: Option<Service>,
    tls: Option<TlsAcceptor>,
}

impl<'a> Offer<'a> {
    fn open(service_spec: &'a ServiceSpec) -> Result<Self, CommandError> {
        let (service, tls) = match &service_spec.content {
            Content::Small(service) => (Some(service.clone()), None),
            Content::Files { directory, identity } => {
                let folder = Folder::open(directory).map_err(|source| unreadable(directory, source))?;
                let tls = match identity {
                    Some((chain, key)) => Some(acceptor(chain, key)?),
                    None => None,
                };
                (Some(Service::files(folder)), tls)
            }
            Content::Seeded { seed, faults } => {
                (Some(Service::seeded(Site::new(*seed), faults.clone(), Options::default())), None)
            }
            Content::Proxy { .. } => (None, None),
            Content::Hostile => (Some(Service::hostile()?), None),
        };
        Ok(Self { service_spec, service, tls })
    }
}

/// Listens on each endpoint of the service specification. A machine without IPv6 has no IPv6 addresses to listen on.
fn listen(
    service_spec: &ServiceSpec,
    service: &Service,
    tls: Option<&TlsAcceptor>,
    host: &ServiceHost,
    network: &SystemNetwork,
) -> Result<Vec<RunningService>, Fault> {
    let listen = |endpoint| host.listen(network, service.clone(), endpoint, tls.cloned());
    let endpoints = service_spec.endpoints();
    let [v4, v6] = endpoints.as_slice() else {
        return endpoints.into_iter().map(listen).collect();
    };
    let mut attempts = FREE_PORT_ATTEMPTS;
    loop {
        attempts -= 1;
        let first = listen(*v4)?;
        let second = Endpoint::new(v6.ip(), v6.protocol(), first.endpoint().port());
        match listen(second) {
            Ok(second) => return Ok(vec![first, second]),
            Err(fault) if is_absent(&fault) => return Ok(vec![first]),
            // A free port of IPv4 need not be one of IPv6.
            Err(_) if v4.port() == 0 && attempts > 0 => {}
            Err(fault) => return Err(fault),
        }
    }
}

/// Whether the machine has no such addresses: the family is unknown to it, or turned off.
fn is_absent(fault: &Fault) -> bool {
    let error = fault.source().and_then(|source| source.downcast_ref::<io::Error>());
    matches!(fault.kind(), FaultKind::Unsupported | FaultKind::Unreachable)
        || error.is_some_and(|error| error.kind() == io::ErrorKind::AddrNotAvailable)
}

fn acceptor(chain: &Path, key: &Path) -> Result<TlsAcceptor, CommandError> {
    let read = |path: &Path| files::read(path).map_err(|source| unreadable(path, source));
    let options = TlsServerOptions::from_pem(&read(chain)?, &read(key)?)?.offering(&[b"http/1.1"]);
    Ok(TlsAcceptor::new(options)?)
}

fn unreadable(path: &Path, source: io::Error) -> CommandError {
    CommandError::Unreadable { place: render::quoted(path), source }
}
