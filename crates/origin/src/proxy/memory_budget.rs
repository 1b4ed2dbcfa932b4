//! The memory that all connections of a set of proxies hold together. A toxic that delays has to keep what it delays, and a
//! thousand clients of a slow proxy must not exhaust the memory of the machine.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The most that all connections hold together, within one piece each.
const HELD_BYTES_MAX: usize = 256 * 1024 * 1024;

/// What a direction may hold when the budget is exhausted: it continues slowly.
const DIRECTION_BYTES_MIN: usize = 32 * 1024;

/// The budget of a set of proxies. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct MemoryBudget(Arc<AtomicUsize>);

/// The part that one direction uses.
#[derive(Debug)]
pub(super) struct HeldBytes {
    memory: MemoryBudget,
    held: usize,
}

impl MemoryBudget {
    pub(super) fn reserve(&self) -> HeldBytes {
        HeldBytes { memory: self.clone(), held: 0 }
    }
}

impl HeldBytes {
    /// Sets what the direction holds.
    pub(super) fn set(&mut self, held: usize) {
        if held > self.held {
            self.memory.0.fetch_add(held - self.held, Ordering::Relaxed);
        } else {
            self.memory.0.fetch_sub(self.held - held, Ordering::Relaxed);
        }
        self.held = held;
    }

    /// Whether the direction may hold more. If not, it holds something that will pass on.
    pub(super) fn has_room(&self) -> bool {
        self.held < DIRECTION_BYTES_MIN || self.memory.0.load(Ordering::Relaxed) < HELD_BYTES_MAX
    }
}

impl Drop for HeldBytes {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_direction_continues_when_the_others_use_the_whole_budget() {
        let memory = MemoryBudget::default();
        let (mut greedy, mut modest) = (memory.reserve(), memory.reserve());
        assert!(greedy.has_room());
        greedy.set(HELD_BYTES_MAX);
        assert!(!greedy.has_room() && modest.has_room());
        modest.set(DIRECTION_BYTES_MIN);
        assert!(!modest.has_room());
        drop(greedy);
        assert!(modest.has_room());
    }
}
