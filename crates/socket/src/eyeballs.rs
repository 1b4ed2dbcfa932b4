//! Happy eyeballs (RFC 8305): all addresses of a host, within one deadline.
//!
//! One address at a time, in order, is slow where the first is dead; all at once is rude to the host. So each attempt
//! has a head start before the next, and one that fails gives way at once. The first connection wins; the other
//! attempts are dropped, which closes their sockets.

use std::future::poll_fn;
use std::io;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep_until};

use crate::{BoxFuture, Deadline, Endpoint, FaultKind, Network, Transport, kind_of};

/// The "Connection Attempt Delay" of RFC 8305 section 5.
const HEAD_START: Duration = Duration::from_millis(250);

/// The addresses in the order in which to try them: IPv6 and IPv4 take turns, IPv6 first (RFC 8305 section 4); within
/// a family the order stays as it was.
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

/// Why no address gave a connection: the most telling failure of all attempts.
pub(crate) struct Lost {
    pub(crate) endpoint: Endpoint,
    pub(crate) kind: FaultKind,
    pub(crate) source: Option<io::Error>,
}

impl Lost {
    fn failed(endpoint: Endpoint, error: io::Error) -> Self {
        Self { endpoint, kind: kind_of(&error), source: Some(error) }
    }

    fn timed_out(endpoint: Endpoint) -> Self {
        Self { endpoint, kind: FaultKind::TimedOut, source: None }
    }

    /// How much a failure says about the host; of equals the later one is kept. An answer from the host says most. "No
    /// way there" says least: it is what every IPv6 address gives on a machine that has IPv4 only.
    fn weight(&self) -> u8 {
        match self.kind {
            FaultKind::Refused | FaultKind::Reset => 5,
            FaultKind::TimedOut => 4,
            FaultKind::LocalExhausted => 3,
            FaultKind::LocalNetworkDown => 2,
            FaultKind::Unreachable => 0,
            _ => 1,
        }
    }

    fn or_keep(self, earlier: Option<Self>) -> Self {
        match earlier {
            Some(earlier) if earlier.weight() > self.weight() => earlier,
            _ => self,
        }
    }
}

struct Attempt<'a> {
    endpoint: Endpoint,
    dial: BoxFuture<'a, io::Result<Box<dyn Transport>>>,
}

enum Step {
    Connected(Box<dyn Transport>),
    Failed(Lost),
    Alarm,
}

/// Connects to the first of `endpoints` that answers, before `deadline`; without endpoints there is nothing to tell.
///
/// When the deadline passes, the fault is that of the attempt that has waited longest.
pub(crate) async fn race(
    network: &dyn Network,
    endpoints: Vec<Endpoint>,
    deadline: Deadline,
) -> Result<Box<dyn Transport>, Option<Lost>> {
    let mut untried = endpoints.into_iter();
    let mut attempts: Vec<Attempt<'_>> = Vec::with_capacity(untried.len());
    let mut most_telling = None;
    let mut alarm = pin!(sleep_until(deadline.instant()));
    loop {
        if let Some(endpoint) = untried.next() {
            attempts.push(Attempt { endpoint, dial: network.dial(endpoint) });
        }
        let Some(oldest) = attempts.first().map(|attempt| attempt.endpoint) else {
            return Err(most_telling);
        };
        let wake = match untried.len() {
            0 => deadline,
            _ => deadline.earlier_of(Deadline::after(HEAD_START)),
        };
        alarm.as_mut().reset(wake.instant());
        match poll_fn(|cx| poll_step(&mut attempts, alarm.as_mut(), cx)).await {
            Step::Connected(transport) => return Ok(transport),
            Step::Failed(lost) => most_telling = Some(lost.or_keep(most_telling)),
            Step::Alarm if deadline.has_passed() => return Err(Some(Lost::timed_out(oldest))),
            Step::Alarm => {}
        }
    }
}

/// What happens next: one of the attempts ends, or the alarm rings.
fn poll_step(attempts: &mut Vec<Attempt<'_>>, alarm: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<Step> {
    for index in 0..attempts.len() {
        if let Poll::Ready(outcome) = attempts[index].dial.as_mut().poll(cx) {
            let endpoint = attempts.remove(index).endpoint;
            return Poll::Ready(match outcome {
                Ok(transport) => Step::Connected(transport),
                Err(error) => Step::Failed(Lost::failed(endpoint, error)),
            });
        }
    }
    alarm.poll(cx).map(|()| Step::Alarm)
}
