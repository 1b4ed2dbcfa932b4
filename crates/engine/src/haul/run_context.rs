//! What every actor of a haul is given, beside what it works on.

use std::sync::Arc;

use longhaul_journal::storage::Storage;
use longhaul_socket::clock::WallClock;

use crate::haul::stop::Stopper;
use crate::report::observer::Observer;
use crate::sink::store::Store;

/// What all actors of a haul share: storage, store, observer, clock and stop signal. Clones share the same instances.
#[derive(Clone)]
pub(crate) struct RunContext {
    pub(crate) storage: Arc<dyn Storage>,
    /// Keeps the bodies.
    pub(crate) store: Arc<dyn Store>,
    pub(crate) observer: Arc<Observer>,
    pub(crate) clock: WallClock,
    pub(crate) stopper: Stopper,
}
