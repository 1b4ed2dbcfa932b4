//! The small services over UDP: a datagram comes, one goes back, and nothing is remembered.
//!
//! Whoever answers every datagram can be made to answer an answer. One forged datagram, sent to an echo in the name of
//! another echo, runs between the two for ever (CERT advisory CA-1996-01). So no answer goes to a port below 1024, where
//! such services live and clients do not, nor to the port of any datagram service of this host, wherever it is; and what
//! an address is sent is limited ([`Throttle`]), which bounds a loop through somebody else's service, and what a forged
//! source can be flooded with.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longhaul_socket::clock::{self, WallClock};
use longhaul_socket::{Deadline, Endpoint, FaultKind, UdpSocket};
use tokio::sync::watch;

use super::throttle::Throttle;
use super::{Service, character_generator, daytime, echo, time};

/// A datagram is no longer.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Below it are the ports of services.
const CLIENT_PORT_MIN: u16 = 1_024;

/// A loop through an echo elsewhere is held to this; nobody tries a network out with more.
const ECHOES_PER_SECOND_MAX: u32 = 10_000;

/// Where the answer can be longer than the question, a forged source would be flooded at our expense.
const ANSWERS_PER_SECOND_MAX: u32 = 100;

/// How long to wait for a datagram before waiting again. Only what stops the service ends this wait.
const WAIT: Duration = Duration::from_hours(1);

/// How long a socket rests that cannot receive.
const REST: Duration = Duration::from_millis(50);

/// The ports of all datagram services of a host.
#[derive(Debug, Clone, Default)]
pub(super) struct ServicePorts(Arc<Mutex<BTreeSet<u16>>>);

impl ServicePorts {
    pub(super) fn add(&self, port: u16) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(port);
    }

    /// Whether a datagram from there may be answered.
    fn may_be_client(&self, endpoint: Endpoint) -> bool {
        let port = endpoint.port();
        port >= CLIENT_PORT_MIN && !self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&port)
    }
}

/// Serves `socket` until it is stopped.
pub(super) async fn serve(
    service: Service,
    socket: UdpSocket,
    ports: ServicePorts,
    clock: WallClock,
    mut stopping: watch::Receiver<()>,
) {
    let answers_max = match service {
        Service::Echo => ECHOES_PER_SECOND_MAX,
        _ => ANSWERS_PER_SECOND_MAX,
    };
    let mut throttle = Throttle::new(answers_max);
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let received = tokio::select! {
            biased;
            _ = stopping.changed() => return,
            received = socket.receive_from_within(&mut buffer, Deadline::after(WAIT)) => received,
        };
        match received {
            Ok((length, from)) if ports.may_be_client(from) => {
                let Some(answer) = answer(&service, &buffer[..length], clock) else { continue };
                if throttle.allows(from.ip(), clock::now()) {
                    // What there is no room for is lost, as datagrams are.
                    let _ = socket.try_send_to(&answer, from);
                }
            }
            Ok(_) => {}
            // An earlier answer found nobody, or nobody has asked for an hour.
            Err(fault) if matches!(fault.kind(), FaultKind::Refused | FaultKind::TimedOut) => {}
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

fn answer(service: &Service, datagram: &[u8], clock: WallClock) -> Option<Vec<u8>> {
    match service {
        Service::Echo => Some(echo::answer(datagram)),
        Service::Daytime => Some(daytime::answer(clock)),
        Service::Time => Some(time::answer(clock)),
        Service::CharacterGenerator => Some(character_generator::answer()),
        Service::Discard
        | Service::Files(_)
        | Service::Seeded(_)
        | Service::Proxy(_)
        | Service::Control(_)
        | Service::Hostile(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_of_services_are_no_clients() {
        let ports = ServicePorts::default();
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
