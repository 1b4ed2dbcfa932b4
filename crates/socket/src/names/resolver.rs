//! Names to addresses: a cache, one flight per name, a deadline per caller.
//!
//! A thousand rows of one host ask for one name at the same moment; one query goes out. Whoever runs it runs it under
//! their own deadline, and when they leave, the next in the queue takes over with theirs: nobody is bound to the
//! patience of another, and no task is left behind in a runtime.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::addressing::{Host, HostName};
use crate::faults::{Fault, FaultKind, Phase, kind_of};
use crate::network::{LookupError, Network};
use crate::time::{Deadline, clock};

/// A name may have any number of addresses; nobody needs more, and each costs an attempt.
const ADDRESSES_MAX: usize = 16;
/// Rows come grouped by host, and an entry is about 300 bytes: this bounds the cache at about 1 MB.
const NAMES_MAX: usize = 4096;
/// Long enough for a burst of connections to one host; short enough to follow a host that moves. How long the answer
/// itself may be kept is for the source of the answers to know, and the system's resolver does.
const POSITIVE_TIME_TO_LIVE: Duration = Duration::from_mins(1);
/// Long enough for the other rows of the host; short enough for the retry of a failure that passes.
const NEGATIVE_TIME_TO_LIVE: Duration = Duration::from_secs(2);

/// Finds the addresses of names, over any [`Network`]. Clones share the cache.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use std::time::Duration;
/// use longhaul_socket::memory::MemoryNetwork;
/// use longhaul_socket::{Deadline, FaultKind, Resolver};
///
/// let network = MemoryNetwork::new();
/// network.name("a.test", ["10.0.0.1".parse()?]);
/// let resolver = Resolver::new(Arc::new(network));
///
/// let deadline = Deadline::after(Duration::from_secs(10));
/// let addresses = resolver.resolve(&"a.test".parse()?, deadline).await?;
/// assert_eq!(addresses[0].to_string(), "10.0.0.1");
///
/// let fault = resolver.resolve(&"b.test".parse()?, deadline).await.unwrap_err();
/// assert_eq!(fault.kind(), FaultKind::NameNotFound);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Resolver {
    network: Arc<dyn Network>,
    cache: Arc<Mutex<Cache>>,
}

impl Resolver {
    /// A resolver that asks `network`, with an empty cache.
    pub fn new(network: Arc<dyn Network>) -> Self {
        Self { network, cache: Arc::default() }
    }

    /// The addresses of `name`, at least one and at most 16, each once. Cancel safe.
    ///
    /// # Errors
    /// In phase `Resolve`: `NameNotFound`, `NameServerFailed`, `TimedOut`, or a local kind.
    pub async fn resolve(&self, name: &HostName, deadline: Deadline) -> Result<Arc<[IpAddr]>, Fault> {
        let start = clock::now();
        let slot = self.cache().slot(name);
        let outcome = deadline.bound(self.answer(name, &slot)).await;
        let fault = match outcome {
            Ok(Ok(addresses)) => return Ok(addresses),
            Ok(Err(error)) => {
                Fault::new(Phase::Resolve, kind_of_lookup(&error), start.elapsed()).because(error)
            }
            Err(_passed) => Fault::new(Phase::Resolve, FaultKind::TimedOut, start.elapsed()),
        };
        Err(fault.of(Host::Name(name.clone())))
    }

    /// Drops what is known about `name`: its addresses have turned out to be of no use.
    pub fn forget(&self, name: &HostName) {
        self.cache().slots.remove(name);
    }

    /// The cached answer, or that of a look-up. The lock of the slot is what makes the flight a single one.
    async fn answer(&self, name: &HostName, slot: &Slot) -> Outcome {
        let mut answer = slot.lock().await;
        if let Some(known) = answer.as_ref().filter(|known| clock::now() < known.stale_from) {
            return known.outcome.clone();
        }
        let outcome = match self.network.lookup(name).await {
            Ok(addresses) if addresses.is_empty() => Err(LookupError::NotFound),
            Ok(addresses) => Ok(usable(&addresses)),
            Err(error) => Err(error),
        };
        let time_to_live = if outcome.is_ok() { POSITIVE_TIME_TO_LIVE } else { NEGATIVE_TIME_TO_LIVE };
        let known = Answer { outcome, stale_from: clock::now() + time_to_live };
        answer.insert(known).outcome.clone()
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // The cache is whole between any two statements: a panic elsewhere leaves nothing half done.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first few addresses, each once.
fn usable(addresses: &[IpAddr]) -> Arc<[IpAddr]> {
    let mut usable = Vec::with_capacity(ADDRESSES_MAX);
    for ip in addresses {
        if usable.len() == ADDRESSES_MAX {
            break;
        }
        if !usable.contains(ip) {
            usable.push(*ip);
        }
    }
    usable.into()
}

fn kind_of_lookup(error: &LookupError) -> FaultKind {
    match error {
        LookupError::NotFound => FaultKind::NameNotFound,
        LookupError::ServerFailed(_) => FaultKind::NameServerFailed,
        LookupError::Silent => FaultKind::TimedOut,
        LookupError::Local(error) => match kind_of(error) {
            FaultKind::Unreachable | FaultKind::LocalNetworkDown => FaultKind::LocalNetworkDown,
            _ => FaultKind::LocalExhausted,
        },
    }
}

type Outcome = Result<Arc<[IpAddr]>, LookupError>;
type Slot = Arc<tokio::sync::Mutex<Option<Answer>>>;

struct Answer {
    outcome: Outcome,
    stale_from: Instant,
}

/// The slots of all names, the least recently used of which go when there are too many.
#[derive(Default)]
struct Cache {
    slots: BTreeMap<HostName, (u64, Slot)>,
    /// Counts the uses; it orders the slots by age without a clock.
    uses: u64,
}

impl Cache {
    fn slot(&mut self, name: &HostName) -> Slot {
        self.uses += 1;
        if let Some((last_use, slot)) = self.slots.get_mut(name) {
            *last_use = self.uses;
            return Arc::clone(slot);
        }
        if self.slots.len() >= NAMES_MAX {
            self.evict();
        }
        let slot = Slot::default();
        self.slots.insert(name.clone(), (self.uses, Arc::clone(&slot)));
        slot
    }

    /// Drops the older half at once, so that the cost of looking for it is spread over as many new names.
    fn evict(&mut self) {
        let mut ages: Vec<u64> = self.slots.values().map(|(last_use, _)| *last_use).collect();
        let middle = ages.len() / 2;
        let (_, median, _) = ages.select_nth_unstable(middle);
        let median = *median;
        self.slots.retain(|_, (last_use, _)| *last_use >= median);
    }
}
