//! The host: services behind sockets, each with its connections, its limits and its end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::clock::{self, WallClock};
use longhaul_socket::{
    Endpoint, Fault, FaultKind, Listener, Network, Phase, Protocol, Stream, TlsAcceptor, Transport,
    UdpSocket, Watch,
};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::datagrams::{self, ServicePorts};
use super::guard::{Expecting, Guard, Traffic};
use super::{
    ConnectionReport, Ending, Limits, Service, character_generator, daytime, discard, echo, http, time,
};
use crate::files;

/// How long a listener rests after a failed accept: the usual cause, too many open files, takes time to go.
const ACCEPT_REST: Duration = Duration::from_millis(50);

/// How long answers that are under way may go on when a service stops.
const STOP_TIME: Duration = Duration::from_secs(1);

/// Who is told of each connection that has ended. Called on the threads that serve: it must not wait.
type Log = Arc<dyn Fn(&ConnectionReport) + Send + Sync>;

/// A host with several services, each on a socket of its own. Clones are the same host.
#[derive(Clone)]
pub struct ServiceHost {
    limits: Limits,
    log: Log,
    clock: WallClock,
    datagram_ports: ServicePorts,
}

impl ServiceHost {
    /// A host that listens nowhere yet. `log` is told of each connection when it has ended; it must not wait.
    pub fn new(limits: Limits, log: impl Fn(&ConnectionReport) + Send + Sync + 'static) -> Self {
        Self {
            limits,
            log: Arc::new(log),
            clock: WallClock::system(),
            datagram_ports: ServicePorts::default(),
        }
    }

    /// Begins to serve on `endpoint`; port 0 takes a free one, which [`RunningService::endpoint`] tells. With `tls` over
    /// TLS.
    ///
    /// # Errors
    /// In phase `Bind` or `Listen`. Datagrams, which `network` has not got, are the system's own; a service that does not
    /// speak them is `Unsupported` there.
    ///
    /// # Panics
    /// Outside of a tokio runtime.
    pub fn listen(
        &self,
        network: &dyn Network,
        service: Service,
        endpoint: Endpoint,
        tls: Option<TlsAcceptor>,
    ) -> Result<RunningService, Fault> {
        let (stop, stopping) = watch::channel(());
        let (endpoint, task) = match endpoint.protocol() {
            Protocol::Tcp => {
                let listener = network.listen(endpoint).map_err(|error| listen_fault(error, endpoint))?;
                let place = listener.endpoint();
                let site = Arc::new(Site { host: self.clone(), service, tls, place });
                (place, tokio::spawn(accept(site, listener, stopping)))
            }
            Protocol::Udp => {
                if !service.speaks_udp() {
                    let fault = Fault::new(Phase::Bind, FaultKind::Unsupported, Duration::ZERO);
                    return Err(fault.at(endpoint));
                }
                let socket = UdpSocket::bind(endpoint)?;
                let place = socket.local();
                self.datagram_ports.add(place.port());
                let ports = self.datagram_ports.clone();
                (place, tokio::spawn(datagrams::serve(service, socket, ports, self.clock, stopping)))
            }
        };
        Ok(RunningService { endpoint, stop, task })
    }
}

impl fmt::Debug for ServiceHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceHost").field("limits", &self.limits).finish_non_exhaustive()
    }
}

fn listen_fault(error: std::io::Error, endpoint: Endpoint) -> Fault {
    match error.downcast::<Fault>() {
        Ok(fault) => fault,
        Err(error) => Fault::from_io(Phase::Listen, error, Duration::ZERO).at(endpoint),
    }
}

/// A service at work. Dropping it ends it and its connections soon; [`stop`](Self::stop) waits for the end.
#[derive(Debug)]
pub struct RunningService {
    endpoint: Endpoint,
    /// Nothing is ever sent: its end is the signal.
    stop: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl RunningService {
    /// Where it is served, with the real port.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Takes no more connections, lets answers that are under way go on for up to a second, and ends.
    ///
    /// Cancel safe: once polled, the end comes whether it is waited for or not.
    pub async fn stop(self) {
        let Self { stop, task, .. } = self;
        drop(stop);
        // The task ends by itself; if it panicked, its connections are gone all the same.
        let _ = task.await;
    }
}

/// One service on one socket, as its connections see it.
struct Site {
    host: ServiceHost,
    service: Service,
    tls: Option<TlsAcceptor>,
    place: Endpoint,
}

async fn accept(site: Arc<Site>, listener: Box<dyn Listener>, mut stopping: watch::Receiver<()>) {
    let connections_max = site.host.limits.connections_max.max(1);
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            _ = stopping.changed() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept(), if connections.len() < connections_max => {
                if let Ok((transport, peer)) = accepted {
                    connections.spawn(serve(Arc::clone(&site), transport, peer, stopping.clone()));
                } else {
                    tokio::time::sleep(ACCEPT_REST).await;
                }
            }
        }
    }
    drop(listener);
    let all = async { while connections.join_next().await.is_some() {} };
    let _ = tokio::time::timeout(STOP_TIME, all).await;
    connections.shutdown().await;
}

/// One connection, from accepting to its record.
async fn serve(
    site: Arc<Site>,
    transport: Box<dyn Transport>,
    peer: Endpoint,
    mut stopping: watch::Receiver<()>,
) {
    let Limits { head_time, idle_time, write_time, speed, .. } = site.host.limits;
    let expecting = match site.service {
        Service::Echo | Service::Discard => Expecting::Bytes(Watch::new(idle_time, speed, None)),
        Service::Files(_) | Service::Control(_) | Service::Hostile(_) => Expecting::requests(idle_time, head_time),
        Service::Daytime
        | Service::Time
        | Service::CharacterGenerator
        | Service::Seeded(_)
        // What a client of a proxy may do is between it and whom the proxy stands for, but for idleness.
        | Service::Proxy(_) => Expecting::Nothing,
    };
    // The seeded host is slow on purpose, and has deadlines of its own.
    let write_time = (!matches!(site.service, Service::Seeded(_))).then_some(write_time);
    let guard = Guard::new(transport, expecting, write_time);
    let mut record = Record::new(Arc::clone(&site), peer, Arc::clone(guard.traffic()));

    let ended = if matches!(site.service, Service::Files(_) | Service::Control(_) | Service::Hostile(_)) {
        // It lets answers that are under way come to their end.
        Box::pin(exchange(&site, guard, stopping)).await
    } else {
        tokio::select! {
            biased;
            _ = stopping.changed() => Err(Ending::Stopped),
            ended = small_exchange(&site, guard) => ended,
        }
    };
    record.ended(ended);
}

/// Apart from the others and boxed by the caller: what HTTP and TLS need is not to be paid for by an echo.
async fn exchange(site: &Site, guard: Guard, mut stopping: watch::Receiver<()>) -> Result<(), Ending> {
    let traffic = Arc::clone(guard.traffic());
    let mut stream = Stream::plain(Box::new(guard));
    if let Some(tls) = &site.tls {
        stream = tokio::select! {
            biased;
            _ = stopping.changed() => return Err(Ending::Stopped),
            secured = tls.accept(stream) => {
                secured.map_err(|fault| Ending::Failed(fault.phase(), fault.kind()))?
            }
        };
    }
    let settings = http::Settings { head_bytes_max: site.host.limits.head_bytes_max, clock: site.host.clock };
    match &site.service {
        Service::Files(folder) => files::serve(folder, stream, traffic, settings, stopping).await,
        Service::Control(control) => {
            control.serve(stream, traffic, settings, site.host.limits.head_time, stopping).await
        }
        Service::Hostile(front) => front.serve(stream, traffic, settings, stopping).await,
        _ => Ok(()),
    }
}

async fn small_exchange(site: &Site, guard: Guard) -> Result<(), Ending> {
    let clock = site.host.clock;
    if let Service::Seeded(origin) = &site.service {
        Box::pin(origin.serve(Box::new(guard))).await;
        return Ok(());
    }
    if let Service::Proxy(route) = &site.service {
        return Box::pin(route.serve(guard, &site.host.limits)).await;
    }
    let mut stream = Stream::plain(Box::new(guard));
    let ended = match &site.service {
        Service::Echo => echo::serve(&mut stream).await,
        Service::Discard => discard::serve(&mut stream).await,
        Service::Daytime => daytime::serve(&mut stream, clock).await,
        Service::Time => time::serve(&mut stream, clock).await,
        Service::CharacterGenerator => character_generator::serve(&mut stream).await,
        _ => Ok(()),
    };
    ended.map_err(|_error| Ending::Broken)
}

/// What is known of a connection. It tells the log when it is dropped, so that there is one line for each connection
/// however it ends.
struct Record {
    site: Arc<Site>,
    peer: Endpoint,
    start: Instant,
    traffic: Arc<Traffic>,
    ending: Ending,
}

impl Record {
    fn new(site: Arc<Site>, peer: Endpoint, traffic: Arc<Traffic>) -> Self {
        Self { site, peer, start: clock::now(), traffic, ending: Ending::Stopped }
    }

    fn ended(&mut self, ended: Result<(), Ending>) {
        // What failed on the wire explains whatever failed above it, even where that calls it an orderly end; but what a
        // toxic does it does on purpose.
        self.ending = match (self.traffic.failure(), ended) {
            (_, Err(ending @ Ending::Toxic(_))) | (None, Err(ending)) => ending,
            (Some((phase, kind)), _) => Ending::Failed(phase, kind),
            (None, Ok(())) => Ending::Closed,
        };
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        (self.site.host.log)(&ConnectionReport {
            service: self.site.service.name(),
            local: self.site.place,
            peer: self.peer,
            bytes_in: self.traffic.bytes_in(),
            bytes_out: self.traffic.bytes_out(),
            elapsed: self.start.elapsed(),
            ending: self.ending,
        });
    }
}
