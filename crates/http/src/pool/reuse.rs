//! What it means that a used connection broke before a byte of an answer came: that its peer had closed it meanwhile, which
//! says nothing about the request (RFC 9112 sections 9.3.1 and 9.5), or that this was the host's answer to it.
//!
//! A peer that closes in an orderly way is taken at its word: whoever closes after so many requests, or when its time is up,
//! may do so just as the next request is under way. A reset is another matter. It comes from a peer that has forgotten a
//! connection which was idle, from one that closes with our request unread, and from a host that wants to be left alone. The
//! first needs time. The second cannot be told from the third but by what the host did before: one that has answered on a
//! used connection does keep them.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Route;

/// A connection that was idle for less than this has not been given up by its peer for its idleness: servers wait for 2 s
/// (gunicorn) to 75 s (nginx).
const IDLE_TIME_MIN: Duration = Duration::from_secs(1);
/// The connections of a host that has been found to break them are not kept for this long.
const UNKEPT_FOR: Duration = Duration::from_mins(1);
/// Hosts of which this is remembered; more only means that one is found out again.
const KNOWN_MAX: usize = 1024;

/// How a connection ended without a byte of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// Before the request was handed to it.
    Unsent,
    /// Its peer has closed it.
    Closed,
    /// Its peer, or somebody on the way, has reset it.
    Reset,
}

/// What hosts do with used connections.
#[derive(Debug, Default)]
pub(crate) struct ReuseHistory {
    known: BTreeMap<Route, ReusePattern>,
}

#[derive(Debug, Clone, Copy)]
enum ReusePattern {
    Keeps,
    Breaks { until: Instant },
}

impl ReuseHistory {
    /// Whether a connection to the host is worth being kept.
    pub(crate) fn is_worth_keeping(&self, route: &Route, now: Instant) -> bool {
        !matches!(self.known.get(route), Some(ReusePattern::Breaks { until }) if now < *until)
    }

    /// A used connection has brought an answer.
    pub(crate) fn worked(&mut self, route: &Route) {
        if !matches!(self.known.get(route), Some(ReusePattern::Keeps)) {
            self.know(route, ReusePattern::Keeps);
        }
    }

    /// A connection that had been idle for `idle` has ended in this way: whether it was stale, so that the request is to be
    /// sent again.
    pub(crate) fn was_stale(&mut self, route: &Route, broken: Broken, idle: Duration, now: Instant) -> bool {
        if broken != Broken::Reset || idle >= IDLE_TIME_MIN {
            return true;
        }
        if matches!(self.known.get(route), Some(ReusePattern::Keeps)) {
            return false;
        }
        self.know(route, ReusePattern::Breaks { until: now + UNKEPT_FOR });
        true
    }

    fn know(&mut self, route: &Route, pattern: ReusePattern) {
        if self.known.len() >= KNOWN_MAX && !self.known.contains_key(route) {
            self.known.clear();
        }
        self.known.insert(route.clone(), pattern);
    }
}
