//! The host: sockets, each with its handler, its connections and its end.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::clock::{self, WallClock};
use longhaul_socket::{Endpoint, Fault, Network, Phase, TlsAcceptor};
use tokio::time::Instant;

use super::connection::{ConnectionHandler, ServedConnection};
use super::guarded_transport::GuardedTransport;
use super::limits::Limits;
use super::report::{ConnectionReport, Ending};
use super::traffic::Traffic;
use super::udp_ports::UdpPorts;
use crate::accept_loop::{AcceptSettings, Accepted, ListenerTask};

/// How long responses in progress may go on when a service stops.
const STOP_GRACE: Duration = Duration::from_secs(1);

/// Receives the report of each connection. It is called on the threads that serve, so it must not block.
type Log = Arc<dyn Fn(&ConnectionReport) + Send + Sync>;

/// A host with several services, each on a socket of its own. Clones are the same host.
#[derive(Clone)]
pub struct ServiceHost {
    limits: Limits,
    log: Log,
    clock: WallClock,
    udp_ports: UdpPorts,
}

impl ServiceHost {
    /// A host that does not listen yet. `log` is called with the report of each connection when it has ended; it must not
    /// block.
    pub fn new(limits: Limits, log: impl Fn(&ConnectionReport) + Send + Sync + 'static) -> Self {
        Self { limits, log: Arc::new(log), clock: WallClock::system(), udp_ports: UdpPorts::default() }
    }

    /// Listens on a TCP endpoint and runs `handler` on its connections, with `tls` over TLS.
    ///
    /// # Errors
    /// In phase `Bind` or `Listen`.
    pub(crate) fn listen_tcp(
        &self,
        network: &dyn Network,
        handler: Arc<dyn ConnectionHandler>,
        endpoint: Endpoint,
        tls: Option<TlsAcceptor>,
    ) -> Result<RunningService, Fault> {
        let listener = network.listen(endpoint).map_err(|error| listen_fault(error, endpoint))?;
        let settings = AcceptSettings {
            connections_max: self.limits.connections_max,
            stop_grace: STOP_GRACE,
            counts: handler.counts(),
        };
        let endpoint = listener.endpoint();
        let socket = Arc::new(ServedSocket { host: self.clone(), handler, tls, endpoint });
        let serve = move |accepted| serve(Arc::clone(&socket), accepted);
        Ok(RunningService(ListenerTask::accept(listener, settings, serve, |_| {})))
    }

    /// The clock of the services.
    pub(crate) fn clock(&self) -> WallClock {
        self.clock
    }

    /// The ports of the UDP services of this host.
    pub(crate) fn udp_ports(&self) -> &UdpPorts {
        &self.udp_ports
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

/// A running service. Dropping it ends it and its connections soon; [`stop`](Self::stop) waits for that.
#[derive(Debug)]
pub struct RunningService(ListenerTask);

impl RunningService {
    pub(crate) fn new(task: ListenerTask) -> Self {
        Self(task)
    }

    /// The endpoint of its socket, with the real port.
    pub fn endpoint(&self) -> Endpoint {
        self.0.endpoint()
    }

    /// Accepts no more connections, lets responses in progress go on for up to a second, and ends.
    ///
    /// Cancel safe: once polled, the service ends whether or not the caller waits for it.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

/// One service on one socket, as its connections see it.
struct ServedSocket {
    host: ServiceHost,
    handler: Arc<dyn ConnectionHandler>,
    tls: Option<TlsAcceptor>,
    endpoint: Endpoint,
}

/// Serves one connection, and reports it.
async fn serve(socket: Arc<ServedSocket>, Accepted { transport, peer, stopping }: Accepted) {
    let ServiceHost { limits, clock, .. } = socket.host;
    let handler = &socket.handler;
    let transport =
        GuardedTransport::new(transport, handler.expectation(&limits), handler.write_time(&limits));
    let mut report = PendingReport::new(Arc::clone(&socket), peer, Arc::clone(transport.traffic()));
    let connection = ServedConnection { transport, limits, clock, tls: socket.tls.clone(), stopping };
    let ended = handler.serve(connection).await;
    report.ended(ended);
}

/// Sends the report when it is dropped, so that each connection has one report however it ends.
struct PendingReport {
    socket: Arc<ServedSocket>,
    peer: Endpoint,
    start: Instant,
    traffic: Arc<Traffic>,
    ending: Ending,
}

impl PendingReport {
    fn new(socket: Arc<ServedSocket>, peer: Endpoint, traffic: Arc<Traffic>) -> Self {
        Self { socket, peer, start: clock::now(), traffic, ending: Ending::Stopped }
    }

    fn ended(&mut self, ended: Result<(), Ending>) {
        // A failure of the transport explains whatever failed above it, even where a layer above calls it an orderly end.
        // What a toxic does, it does on purpose.
        self.ending = match (self.traffic.failure(), ended) {
            (_, Err(ending @ Ending::Toxic(_))) | (None, Err(ending)) => ending,
            (Some((phase, kind)), _) => Ending::Failed(phase, kind),
            (None, Ok(())) => Ending::Closed,
        };
    }
}

impl Drop for PendingReport {
    fn drop(&mut self) {
        (self.socket.host.log)(&ConnectionReport {
            service: self.socket.handler.name(),
            local: self.socket.endpoint,
            peer: self.peer,
            bytes_in: self.traffic.bytes_in(),
            bytes_out: self.traffic.bytes_out(),
            elapsed: self.start.elapsed(),
            ending: self.ending,
        });
    }
}
