//! `longhaul serve`: runs services, each on a socket of its own, until it is stopped.

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

/// Attempts to find a port that is free for both IPv4 and IPv6.
const FREE_PORT_ATTEMPTS: u32 = 16;

/// Threads that read from the disk: enough to keep a disk busy, and far fewer than clients.
const DISK_THREADS_MAX: usize = 64;

pub(super) fn run(arguments: ServeArguments) -> Result<Exit, CommandError> {
    let ServeArguments { services, timeout, min_speed, max_connections, toxics, control, seed, quiet } =
        arguments;
    defaults::set_timeout(timeout);
    let speed = MinimumSpeed { bytes_per_second: min_speed, window: timeout };
    let connections_max = usize::try_from(max_connections).unwrap_or(usize::MAX);
    let limits = Limits { connections_max, speed, ..Limits::waiting(timeout) };
    let plans = ProxyPlan::read(&services, &toxics)?;
    let opened_services = services.iter().map(OpenedService::open).collect::<Result<Vec<_>, _>>()?;

    let stopped = Arc::new(Notify::new());
    let stop = Arc::clone(&stopped);
    signals::watch(move || stop.notify_one()).map_err(CommandError::Start)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(DISK_THREADS_MAX)
        .build()
        .map_err(CommandError::Start)?;
    let log = if quiet { None } else { Some(Log::start().map_err(CommandError::Start)?) };
    let host = match &log {
        Some(log) => ServiceHost::new(limits, log.observer()),
        None => ServiceHost::new(limits, |_| {}),
    };
    let served = runtime.block_on(async move {
        let network = Arc::new(SystemNetwork::new());
        let proxies = Proxies::new(host.clone(), Arc::clone(&network) as _, seed);
        let mut running = Vec::new();
        let mut lines = Vec::new();
        let mut plans = plans.into_iter();
        for opened in opened_services {
            let Some(service) = opened.service else {
                // There is one plan per proxy, in the same order.
                let Some(plan) = plans.next() else { continue };
                let proxy = plan.apply(&proxies).await?;
                lines.extend(proxy.enabled.then(|| opened.service_spec.line(proxy.listen.endpoint())));
                continue;
            };
            for service in listen(opened.service_spec, &service, opened.tls.as_ref(), &host, &network)? {
                lines.push(opened.service_spec.line(service.endpoint()));
                running.push(service);
            }
        }
        if let Some(address) = control {
            let service = host.listen(&*network, Service::control(&proxies), address.endpoint(), None)?;
            lines.push(format!("control http://{}", service.endpoint().socket_addr()));
            running.push(service);
        }
        // The lines are printed once every service listens. A closed standard output does not stop the services.
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

/// A service whose files have been opened, before any service listens.
struct OpenedService<'a> {
    service_spec: &'a ServiceSpec,
    /// `None` for a proxy: [`Proxies`] runs it.
    service: Option<Service>,
    tls: Option<TlsAcceptor>,
}

impl<'a> OpenedService<'a> {
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

/// Listens on each endpoint of a service. A machine without IPv6 listens on IPv4 only.
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
            Err(fault) if is_family_absent(&fault) => return Ok(vec![first]),
            // A port that is free for IPv4 can be taken for IPv6.
            Err(_) if v4.port() == 0 && attempts > 0 => {}
            Err(fault) => return Err(fault),
        }
    }
}

/// True if the machine has no address of this family, or does not support it.
fn is_family_absent(fault: &Fault) -> bool {
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
