//! The small services over UDP: one reply to each datagram, without state.
//!
//! A service that answers every datagram can be made to answer an answer. One forged datagram, sent to an echo service with
//! another echo service as its source, runs between the two for ever (CERT advisory CA-1996-01). So no reply goes to a port
//! below 1024, where such services are and clients are not, nor to the port of any UDP service of this host. Also, the
//! replies to one address are limited ([`Throttle`]), which bounds a loop through a service elsewhere, and what a forged
//! source can be flooded with.

use std::time::Duration;

use longhaul_socket::clock::{self, WallClock};
use longhaul_socket::{Deadline, FaultKind, UdpSocket};
use tokio::sync::watch;

use super::throttle::Throttle;
use super::{Service, character_generator, daytime, time};
use crate::service_host::UdpPorts;

/// The longest datagram that there is.
const DATAGRAM_BYTES_MAX: usize = 65_535;

/// Bounds a loop through an echo service elsewhere; no test of a network needs more.
const ECHOES_PER_SECOND_MAX: u32 = 10_000;

/// For services whose reply can be longer than the datagram: a forged source must not be flooded.
const REPLIES_PER_SECOND_MAX: u32 = 100;

/// The deadline of one wait for a datagram. Only a stop of the service ends the waiting.
const WAIT: Duration = Duration::from_hours(1);

/// The pause after a failed receive.
const RECEIVE_RETRY_DELAY: Duration = Duration::from_millis(50);

/// Serves `socket` until the service stops.
pub(super) async fn serve(
    service: Service,
    socket: UdpSocket,
    ports: UdpPorts,
    clock: WallClock,
    mut stopping: watch::Receiver<()>,
) {
    let replies_max = match service {
        Service::Echo => ECHOES_PER_SECOND_MAX,
        _ => REPLIES_PER_SECOND_MAX,
    };
    let mut throttle = Throttle::new(replies_max);
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        let received = tokio::select! {
            biased;
            _ = stopping.changed() => return,
            received = socket.receive_from_within(&mut buffer, Deadline::after(WAIT)) => received,
        };
        match received {
            Ok((length, from)) if ports.may_be_client(from) => {
                let Some(reply) = reply(&service, &buffer[..length], clock) else { continue };
                if throttle.allows(from.ip(), clock::now()) {
                    // A reply that the system has no room for is lost, as datagrams may be.
                    let _ = socket.try_send_to(&reply, from);
                }
            }
            Ok(_) => {}
            // An earlier reply reached a closed port, or no datagram came for an hour.
            Err(fault) if matches!(fault.kind(), FaultKind::Refused | FaultKind::TimedOut) => {}
            Err(_) => tokio::time::sleep(RECEIVE_RETRY_DELAY).await,
        }
    }
}

fn reply(service: &Service, datagram: &[u8], clock: WallClock) -> Option<Vec<u8>> {
    match service {
        Service::Echo => Some(datagram.to_vec()),
        Service::Daytime => Some(daytime::line(clock)),
        Service::Time => Some(time::seconds(clock)),
        Service::CharacterGenerator => Some(character_generator::datagram()),
        Service::Discard
        | Service::Files(_)
        | Service::Seeded(_)
        | Service::Control(_)
        | Service::Hostile(_) => None,
    }
}
