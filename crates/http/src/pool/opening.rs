//! Requests that wait while another one opens a session.
//!
//! Whether a session carries several exchanges at a time is known only after the TLS handshake. Without a wait, the first
//! requests to a host would open a connection each, although one might serve them all. So they wait for the first of them,
//! where its session may turn out to be shared: once, and however it ends. After that each opens a connection of its own if
//! it has to, so that a host that is slow to connect to delays a request at most twice.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use tokio::sync::Notify;

use crate::connection::Route;

/// Routes whose sessions are known not to be shared. Forgetting one only costs a wait.
const UNSHARED_MAX: usize = 1024;

/// The sessions that are being opened now and may turn out to be shared, by route.
#[derive(Default)]
pub(super) struct Openings(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    underway: BTreeMap<Route, Rc<Notify>>,
    /// The last session along the route carried one exchange at a time: nobody waits for the next.
    unshared: BTreeSet<Route>,
}

/// A session that is being opened. When it is dropped, the requests that wait for it go on.
pub(crate) struct Opening {
    openings: Rc<RefCell<State>>,
    route: Route,
}

impl Openings {
    /// Begins to open a session along `route`; `None` if no request would gain from waiting for it.
    pub(super) fn begin(&self, route: &Route) -> Option<Opening> {
        let mut state = self.0.borrow_mut();
        if state.unshared.contains(route) || state.underway.contains_key(route) {
            return None;
        }
        state.underway.insert(route.clone(), Rc::default());
        Some(Opening { openings: Rc::clone(&self.0), route: route.clone() })
    }

    /// What tells that the session that another request opens along `route` is open, or has failed to be; `None` if there
    /// is no such session.
    pub(super) fn underway(&self, route: &Route) -> Option<Rc<Notify>> {
        self.0.borrow().underway.get(route).cloned()
    }
}

impl Opening {
    /// The session is open, and in the pool if it `is_shared`.
    pub(crate) fn done(self, is_shared: bool) {
        let mut state = self.openings.borrow_mut();
        if state.unshared.len() >= UNSHARED_MAX {
            state.unshared.clear();
        }
        if !is_shared {
            state.unshared.insert(self.route.clone());
        }
    }
}

impl Drop for Opening {
    fn drop(&mut self) {
        if let Some(waiting) = self.openings.borrow_mut().underway.remove(&self.route) {
            waiting.notify_waiters();
        }
    }
}
