//! Whether a network in memory works: the test changes it, and the connections follow it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

/// Whether the network works.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Condition {
    #[default]
    Up,
    /// New operations fail at once; connections stall.
    Down,
    /// New operations never end; connections stall.
    Blackout,
}

/// The condition, shared by the network and its connections.
#[derive(Clone, Default)]
pub(super) struct SharedCondition(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    condition: Condition,
    /// Readers that wait until the network is up.
    stalled: Vec<Waker>,
}

impl SharedCondition {
    pub(super) fn get(&self) -> Condition {
        self.lock().condition
    }

    pub(super) fn change(&self, condition: Condition) {
        let mut state = self.lock();
        state.condition = condition;
        let woken = if condition == Condition::Up { std::mem::take(&mut state.stalled) } else { Vec::new() };
        drop(state);
        woken.into_iter().for_each(Waker::wake);
    }

    /// Whether data passes; if not, the task is woken once it does.
    pub(super) fn passes(&self, cx: &mut Context<'_>) -> bool {
        let mut state = self.lock();
        if state.condition == Condition::Up {
            return true;
        }
        if !state.stalled.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.stalled.push(cx.waker().clone());
        }
        false
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of another holder cannot leave the state inconsistent: each change is a single statement.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
