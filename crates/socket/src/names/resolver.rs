//! Host names to addresses, with a cache, one query per name at a time, and a deadline per caller.
//!
//! When a thousand callers ask for one name at once, one query goes out. The caller that runs it does so under its own
//! deadline; if it gives up, the next in the queue takes over with its own. So no caller depends on the deadline of
//! another, and no task stays behind in a runtime.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::addressing::{Host, HostName};
use crate::faults::{Fault, FaultKind, Phase, kind_of};
use crate::network::{LookupError, Network};
use crate::time::{Deadline, clock};

/// A name may have any number of addresses, and each costs a connection attempt.
const ADDRESSES_MAX: usize = 16;
/// An entry takes about 300 bytes: this limits the cache to about 1 MB.
const NAMES_MAX: usize = 4096;
/// Long enough for a burst of connections to one host; short enough to follow a host that moves. The sources below keep
/// records by their own time to live.
const POSITIVE_TIME_TO_LIVE: Duration = Duration::from_mins(1);
/// Long enough for other requests to the host; short enough for a retry after a transient failure.
const NEGATIVE_TIME_TO_LIVE: Duration = Duration::from_secs(2);

/// Resolves host names, over any [`Network`]. Clones share the cache.
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
    /// A resolver over `network`, with an empty cache.
    pub fn new(network: Arc<dyn Network>) -> Self {
        Self { network, cache: Arc::default() }
    }

    /// The addresses of `name`: 1 to 16 of them, without duplicates. Cancel safe.
    ///
    /// # Errors
    /// In phase `Resolve`: `NameNotFound`, `NameServerFailed`, `TimedOut`, or a local kind.
    pub async fn resolve(&self, name: &HostName, deadline: Deadline) -> Result<Arc<[IpAddr]>, Fault> {
        let start = clock::now();
        let entry = self.cache().entry(name);
        let fault = match deadline.bound(self.cached_or_looked_up(name, &entry)).await {
            Ok(Ok(addresses)) => return Ok(addresses),
            Ok(Err(error)) => {
                Fault::new(Phase::Resolve, kind_of_lookup(&error), start.elapsed()).because(error)
            }
            Err(_passed) => Fault::new(Phase::Resolve, FaultKind::TimedOut, start.elapsed()),
        };
        Err(fault.of(Host::Name(name.clone())))
    }

    /// Removes `name` from the cache, because no connection to its addresses succeeded.
    pub fn forget(&self, name: &HostName) {
        self.cache().entries.remove(name);
    }

    /// The cached result, or the result of a look-up. Holding the lock of the entry keeps it to one look-up at a time.
    async fn cached_or_looked_up(&self, name: &HostName, entry: &CacheEntry) -> LookupResult {
        let mut cached = entry.lock().await;
        if let Some(fresh) = cached.as_ref().filter(|cached| clock::now() < cached.stale_from) {
            return fresh.result.clone();
        }
        let result = match self.network.lookup(name).await {
            Ok(addresses) if addresses.is_empty() => Err(LookupError::NotFound),
            Ok(addresses) => Ok(usable(&addresses)),
            Err(error) => Err(error),
        };
        let time_to_live = if result.is_ok() { POSITIVE_TIME_TO_LIVE } else { NEGATIVE_TIME_TO_LIVE };
        let fresh = CachedLookup { result, stale_from: clock::now() + time_to_live };
        cached.insert(fresh).result.clone()
    }

    fn cache(&self) -> std::sync::MutexGuard<'_, Cache> {
        // A panic of another holder cannot leave the cache inconsistent: each statement leaves it valid.
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The first addresses, without duplicates.
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

type LookupResult = Result<Arc<[IpAddr]>, LookupError>;
type CacheEntry = Arc<tokio::sync::Mutex<Option<CachedLookup>>>;

struct CachedLookup {
    result: LookupResult,
    stale_from: Instant,
}

/// The entries of all names. When there are too many, the least recently used ones are evicted.
#[derive(Default)]
struct Cache {
    entries: BTreeMap<HostName, (u64, CacheEntry)>,
    /// The number of uses so far: it orders the entries by last use without a clock.
    uses: u64,
}

impl Cache {
    fn entry(&mut self, name: &HostName) -> CacheEntry {
        self.uses += 1;
        if let Some((last_use, entry)) = self.entries.get_mut(name) {
            *last_use = self.uses;
            return Arc::clone(entry);
        }
        if self.entries.len() >= NAMES_MAX {
            self.evict();
        }
        let entry = CacheEntry::default();
        self.entries.insert(name.clone(), (self.uses, Arc::clone(&entry)));
        entry
    }

    /// Evicts the older half at once, which spreads the cost of the search over as many new names.
    fn evict(&mut self) {
        let mut last_uses: Vec<u64> = self.entries.values().map(|(last_use, _)| *last_use).collect();
        let middle = last_uses.len() / 2;
        let (_, median, _) = last_uses.select_nth_unstable(middle);
        let median = *median;
        self.entries.retain(|_, (last_use, _)| *last_use >= median);
    }
}
