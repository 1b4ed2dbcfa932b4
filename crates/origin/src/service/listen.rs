//! Serving a service on a host.

use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{Endpoint, Fault, FaultKind, Network, Phase, Protocol, TlsAcceptor, UdpSocket};

use super::{Service, datagrams};
use crate::accept_loop::ListenerTask;
use crate::service_host::{RunningService, ServiceHost};

impl ServiceHost {
    /// Serves `service` on `endpoint`; port 0 takes a free one, which [`RunningService::endpoint`] returns. With `tls` over
    /// TLS.
    ///
    /// # Errors
    /// In phase `Bind` or `Listen`. UDP sockets are always those of the system, not of `network`; a service that does not
    /// speak UDP is `Unsupported` there.
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
        match endpoint.protocol() {
            Protocol::Tcp => self.listen_tcp(network, Arc::new(service), endpoint, tls),
            Protocol::Udp => {
                if !service.speaks_udp() {
                    let fault = Fault::new(Phase::Bind, FaultKind::Unsupported, Duration::ZERO);
                    return Err(fault.at(endpoint));
                }
                let socket = UdpSocket::bind(endpoint)?;
                let endpoint = socket.local();
                let (ports, clock) = (self.udp_ports().clone(), self.clock());
                ports.add(endpoint.port());
                let task = ListenerTask::spawn(endpoint, |stopping| {
                    datagrams::serve(service, socket, ports, clock, stopping)
                });
                Ok(RunningService::new(task))
            }
        }
    }
}
