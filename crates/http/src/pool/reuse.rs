//! Why a used connection broke before a byte of a response came: either it was stale, which says nothing about the request
//! (RFC 9112 sections 9.3.1 and 9.5), or the host refuses the request.
//!
//! An orderly close counts as stale: a server that closes after a number of requests or a time may do so just when the next
//! request is on its way. A reset has three causes. The peer has forgotten an idle connection: that takes time. The peer has
//! closed the connection with our request unread, or it resets connections to refuse requests: these two look the same, and
//! only the history of the host tells them apart. A host that has responded on a used connection keeps its connections.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::connection::Route;

/// No server forgets a connection that was idle for less than this: their timeouts range from 2 s (gunicorn) to 75 s
/// (nginx).
const IDLE_TIME_MIN: Duration = Duration::from_secs(1);
/// How long connections to a host are not kept once it has broken one.
const UNKEPT_FOR: Duration = Duration::from_mins(1);
/// Routes with a history. Forgetting one only costs another broken connection.
const KNOWN_MAX: usize = 1024;

/// How an exchange failed before a byte of a response came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The peer has not processed the request: it was not sent, or the peer itself says so (RFC 9113 section 8.7).
    Unprocessed,
    /// The peer closed it.
    Closed,
    /// The peer, or a middlebox, reset it.
    Reset,
}

/// What the hosts at the end of each route do with used connections.
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
    /// Whether a connection along the route is worth keeping.
    pub(crate) fn is_worth_keeping(&self, route: &Route, now: Instant) -> bool {
        !matches!(self.known.get(route), Some(ReusePattern::Breaks { until }) if now < *until)
    }

    /// A used connection brought a response.
    pub(crate) fn worked(&mut self, route: &Route) {
        if !matches!(self.known.get(route), Some(ReusePattern::Keeps)) {
            self.know(route, ReusePattern::Keeps);
        }
    }

    /// A connection that had been idle for `idle` broke: returns whether it was stale, so that the request is sent again.
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
