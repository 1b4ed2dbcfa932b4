//! The ports of all UDP services of a host.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use longhaul_socket::Endpoint;

/// Below this port are services and no clients.
const CLIENT_PORT_MIN: u16 = 1_024;

/// Clones are the same set.
#[derive(Debug, Clone, Default)]
pub(crate) struct UdpPorts(Arc<Mutex<BTreeSet<u16>>>);

impl UdpPorts {
    pub(crate) fn add(&self, port: u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(port);
    }

    /// Whether a datagram from `endpoint` may be answered: its port is neither reserved for services nor one of ours.
    pub(crate) fn may_be_client(&self, endpoint: Endpoint) -> bool {
        let port = endpoint.port();
        port >= CLIENT_PORT_MIN && !self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_port_is_not_a_client() {
        let ports = UdpPorts::default();
        ports.add(7_007);
        let from = |port| Endpoint::new([127, 0, 0, 1].into(), longhaul_socket::Protocol::Udp, port);
        for port in [0, 7, 19, 53, 1_023, 7_007] {
            assert!(!ports.may_be_client(from(port)), "{port}");
        }
        for port in [1_024, 7_006, 40_000, 65_535] {
            assert!(ports.may_be_client(from(port)), "{port}");
        }
    }
}
