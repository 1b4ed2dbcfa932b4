//! Happy eyeballs (RFC 8305): tries all addresses of a host within one deadline.
//!
//! One address after the other is slow if the first is dead; all at once wastes the host's resources. So each attempt
//! has a head start before the next one begins, and when an attempt fails the next begins at once. The first connection
//! wins; the other attempts are dropped, which closes their sockets.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep_until};

use crate::addressing::Endpoint;
use crate::faults::{Fault, FaultKind, Phase};
use crate::network::{BoxFuture, Network, Transport};
use crate::time::{Deadline, clock};

/// The "Connection Attempt Delay" of RFC 8305 section 5.
const HEAD_START: Duration = Duration::from_millis(250);

/// The addresses in the order in which to try them: IPv6 and IPv4 alternately, IPv6 first (RFC 8305 section 4); within
/// a family the order is kept.
pub(crate) fn interleave(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut v6 = addresses.iter().filter(|ip| ip.is_ipv6());
    let mut v4 = addresses.iter().filter(|ip| ip.is_ipv4());
    let mut order = Vec::with_capacity(addresses.len());
    while order.len() < addresses.len() {
        order.extend(v6.next());
        order.extend(v4.next());
    }
    order
}

/// How much a failure says about the host. A response of the host says most; `Unreachable` says least, because every
/// IPv6 address gives it on a machine with IPv4 only.
fn information(fault: &Fault) -> u8 {
    match fault.kind() {
        FaultKind::Refused | FaultKind::Reset => 5,
        FaultKind::TimedOut => 4,
        FaultKind::AddressInUse | FaultKind::LocalExhausted => 3,
        FaultKind::LocalNetworkDown => 2,
        FaultKind::Unreachable => 0,
        _ => 1,
    }
}

/// The more informative of two faults; the later one if they are equal.
fn more_informative(earlier: Option<Fault>, later: Fault) -> Fault {
    match earlier {
        Some(earlier) if information(&earlier) > information(&later) => earlier,
        _ => later,
    }
}

struct Attempt<'a> {
    endpoint: Endpoint,
    dial: BoxFuture<'a, io::Result<Box<dyn Transport>>>,
}

enum Step {
    Connected(Box<dyn Transport>),
    Failed(Endpoint, io::Error),
    Alarm,
}

/// Connects to the first of `endpoints` that accepts, before `deadline`.
///
/// If all fail, the fault is the most informative one; if the deadline passes, it names the endpoint that was tried
/// first of those that are still pending. Its elapsed time counts from the start of the race.
pub(crate) async fn race(
    network: &dyn Network,
    endpoints: &[Endpoint],
    deadline: Deadline,
) -> Result<Box<dyn Transport>, Fault> {
    let start = clock::now();
    let mut untried = endpoints.iter().copied();
    let mut attempts: Vec<Attempt<'_>> = Vec::with_capacity(endpoints.len());
    let mut best_fault: Option<Fault> = None;
    let mut alarm = pin!(sleep_until(deadline.instant()));
    loop {
        if let Some(endpoint) = untried.next() {
            attempts.push(Attempt { endpoint, dial: network.dial(endpoint) });
        }
        let Some(oldest) = attempts.first().map(|attempt| attempt.endpoint) else {
            return Err(best_fault.unwrap_or_else(|| no_address(start.elapsed())));
        };
        let wake = match untried.len() {
            0 => deadline,
            _ => deadline.earlier_of(Deadline::after(HEAD_START)),
        };
        alarm.as_mut().reset(wake.instant());
        match poll_fn(|cx| poll_step(&mut attempts, alarm.as_mut(), cx)).await {
            Step::Connected(transport) => return Ok(transport),
            Step::Failed(endpoint, error) => {
                let fault = Fault::from_io(Phase::Connect, error, start.elapsed()).at(endpoint);
                best_fault = Some(more_informative(best_fault, fault));
            }
            Step::Alarm if deadline.has_passed() => {
                return Err(Fault::new(Phase::Connect, FaultKind::TimedOut, start.elapsed()).at(oldest));
            }
            Step::Alarm => {}
        }
    }
}

fn no_address(elapsed: Duration) -> Fault {
    Fault::new(Phase::Connect, FaultKind::Unreachable, elapsed).because("there is no address to connect to")
}

/// The next event: an attempt ends, or the alarm goes off.
fn poll_step(attempts: &mut Vec<Attempt<'_>>, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Step> {
    for index in 0..attempts.len() {
        if let Poll::Ready(outcome) = attempts[index].dial.as_mut().poll(cx) {
            let endpoint = attempts.remove(index).endpoint;
            return Poll::Ready(match outcome {
                Ok(transport) => Step::Connected(transport),
                Err(error) => Step::Failed(endpoint, error),
            });
        }
    }
    alarm.poll(cx).map(|()| Step::Alarm)
}
