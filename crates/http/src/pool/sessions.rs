//! Sessions between exchanges, by the route that they were made along. The one that was used last is the first to be used
//! again: it is the least likely to have been closed meanwhile, and the others grow old.
//!
//! One thread, no locks. Every operation is logarithmic in the number of kept sessions, which is bounded; nothing is kept
//! for a route without any.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use tokio::time::Instant;

use super::opening::{Opening, Openings};
use super::reserve::Reserve;
use super::reuse::{Broken, ReuseHistory};
use crate::connection::Route;
use crate::limits::Limits;

/// A session that was used less long ago than this is taken without a check that its local address is still ours: the check
/// takes three system calls.
const ADDRESS_TRUSTED_FOR: Duration = Duration::from_secs(1);

/// When a session was put into the pool, as a number: a larger one is more recent.
type KeptId = u64;

pub(crate) struct Pool<S> {
    per_route_max: usize,
    total_max: usize,
    idle_time_max: Duration,
    kept: RefCell<KeptSessions<S>>,
    reuse: RefCell<ReuseHistory>,
    openings: Openings,
}

struct KeptSessions<S> {
    by_id: BTreeMap<KeptId, Kept<S>>,
    // Ascending, so the most recent is at the back. No queue is empty.
    by_route: BTreeMap<Rc<Route>, VecDeque<KeptId>>,
    last_id: KeptId,
}

struct Kept<S> {
    session: S,
    route: Rc<Route>,
    /// When it was put here after an exchange or, if it is shared, when the last exchange began.
    since: Instant,
}

/// A session that is reserved for one exchange.
pub(crate) struct Lease<S> {
    pub(crate) session: S,
    route: Rc<Route>,
    /// How long it had not been used; `None` for a new one.
    idle: Option<Duration>,
    /// The pool keeps another handle to it.
    is_shared: bool,
}

impl<S> Lease<S> {
    /// How long the session had not been used when it was taken out of the pool; `None` for a new one.
    pub(crate) const fn idle(&self) -> Option<Duration> {
        self.idle
    }

    /// Whether the session carries other exchanges at the same time.
    pub(crate) const fn is_shared(&self) -> bool {
        self.is_shared
    }
}

impl<S: Reserve> Pool<S> {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            per_route_max: limits.idle_per_route_max,
            total_max: limits.idle_total_max,
            idle_time_max: limits.idle_time_max,
            kept: RefCell::default(),
            reuse: RefCell::default(),
            openings: Openings::default(),
        }
    }

    /// The session along `route` that was used last and can carry another exchange. One from an address that is not ours any more is dropped: nothing
    /// would ever come over it.
    pub(crate) fn take(
        &self,
        route: &Route,
        now: Instant,
        is_own: impl Fn(IpAddr) -> bool,
    ) -> Option<Lease<S>> {
        loop {
            let mut kept = self.kept.borrow_mut().pop_newest_free(route)?;
            let idle = now.saturating_duration_since(kept.since);
            let is_alive = idle < self.idle_time_max && kept.session.is_usable();
            if is_alive && (idle < ADDRESS_TRUSTED_FOR || kept.session.local().is_none_or(&is_own)) {
                return Some(self.lease(kept.session, kept.route, Some(idle), now));
            }
        }
    }

    /// Reserves a new session for its first exchange.
    pub(crate) fn admit(&self, session: S, route: Route, now: Instant) -> Lease<S> {
        self.lease(session, Rc::new(route), None, now)
    }

    fn lease(&self, session: S, route: Rc<Route>, idle: Option<Duration>, now: Instant) -> Lease<S> {
        let other = session.share();
        let is_shared = other.is_some();
        if let Some(other) = other {
            self.keep(other, &route, now);
        }
        Lease { session, route, idle, is_shared }
    }

    /// Begins to open a session along `route` that may turn out to be shared. Requests that find this one underway wait
    /// until the value is dropped. `None` if none would gain from that.
    pub(crate) fn begin_opening(&self, route: &Route) -> Option<Opening> {
        self.openings.begin(route)
    }

    /// Waits for the session that another request is opening along `route`, if there is one that may turn out to be shared.
    /// Returns whether there was. Cancel safe.
    pub(crate) async fn opening(&self, route: &Route) -> bool {
        match self.openings.underway(route) {
            Some(opening) => {
                opening.notified().await;
                true
            }
            None => false,
        }
    }

    /// A session out of the pool has brought a response ...
    pub(crate) fn worked(&self, route: &Route) {
        self.reuse.borrow_mut().worked(route);
    }

    /// ... or failed before a byte of a response came: whether it was stale or refused the exchange unread, so that the
    /// request is to be sent again over a new one.
    pub(crate) fn was_stale(&self, route: &Route, idle: Duration, broken: Broken, now: Instant) -> bool {
        self.reuse.borrow_mut().was_stale(route, broken, idle, now)
    }

    /// Takes a session back after an exchange, if it can be used again and there is room; the one that was not used for
    /// longest makes room.
    pub(crate) fn give_back(&self, lease: Lease<S>, now: Instant) {
        let Lease { mut session, route, is_shared, .. } = lease;
        let is_wanted = !is_shared && self.reuse.borrow().is_worth_keeping(&route, now);
        if is_wanted && session.is_usable() {
            self.keep(session, &route, now);
        }
    }

    fn keep(&self, session: S, route: &Rc<Route>, now: Instant) {
        if self.per_route_max == 0 || self.total_max == 0 {
            return;
        }
        let mut kept = self.kept.borrow_mut();
        if kept.count(route) >= self.per_route_max {
            kept.pop_oldest_of(route);
        } else if kept.by_id.len() >= self.total_max {
            kept.pop_oldest();
        }
        kept.push(Kept { session, route: Rc::clone(route), since: now });
    }

    /// Closes the sessions that were not used for too long, and those that their peers have closed.
    pub(crate) fn close_idle(&self, now: Instant) {
        let mut kept = self.kept.borrow_mut();
        let too_old = |kept: &Kept<S>| now.saturating_duration_since(kept.since) >= self.idle_time_max;
        while kept.by_id.first_key_value().is_some_and(|(_, kept)| too_old(kept)) {
            kept.pop_oldest();
        }
        let is_closed = |(id, kept): (&KeptId, &mut Kept<S>)| (!kept.session.is_usable()).then_some(*id);
        let closed: Vec<KeptId> = kept.by_id.iter_mut().filter_map(is_closed).collect();
        for id in closed {
            kept.remove(id);
        }
    }

    /// Closes the sessions along this route that were not used for longest, until no more than `kept_max` are left.
    pub(crate) fn trim(&self, route: &Route, kept_max: usize) {
        let mut kept = self.kept.borrow_mut();
        while kept.count(route) > kept_max {
            kept.pop_oldest_of(route);
        }
    }

    pub(crate) fn close_all(&self) {
        self.kept.take();
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.kept.borrow().by_id.is_empty()
    }

    /// How many exchanges along `route` can begin over the sessions that are kept.
    pub(crate) fn free_slots(&self, route: &Route) -> usize {
        self.kept.borrow().of_route(route).map(|(_, kept)| kept.session.free_slots()).sum()
    }
}

impl<S: Reserve> KeptSessions<S> {
    fn pop_newest_free(&mut self, route: &Route) -> Option<Kept<S>> {
        let (id, _) = self.of_route(route).rfind(|(_, kept)| kept.session.free_slots() > 0)?;
        self.remove(id)
    }
}

impl<S> Default for KeptSessions<S> {
    fn default() -> Self {
        Self { by_id: BTreeMap::new(), by_route: BTreeMap::new(), last_id: 0 }
    }
}

impl<S> KeptSessions<S> {
    fn count(&self, route: &Route) -> usize {
        self.by_route.get(route).map_or(0, VecDeque::len)
    }

    fn push(&mut self, kept: Kept<S>) {
        self.last_id += 1;
        self.by_route.entry(Rc::clone(&kept.route)).or_default().push_back(self.last_id);
        self.by_id.insert(self.last_id, kept);
    }

    /// The sessions along a route, the one that was used last at the end.
    fn of_route(&self, route: &Route) -> impl DoubleEndedIterator<Item = (KeptId, &Kept<S>)> {
        let ids = self.by_route.get(route).into_iter().flatten();
        ids.filter_map(|id| Some((*id, self.by_id.get(id)?)))
    }

    fn pop_oldest_of(&mut self, route: &Route) -> Option<Kept<S>> {
        let id = *self.by_route.get(route)?.front()?;
        self.remove(id)
    }

    fn pop_oldest(&mut self) -> Option<Kept<S>> {
        let id = *self.by_id.first_key_value()?.0;
        self.remove(id)
    }

    fn remove(&mut self, id: KeptId) -> Option<Kept<S>> {
        let kept = self.by_id.remove(&id)?;
        if let Some(queue) = self.by_route.get_mut(&*kept.route) {
            if let Ok(position) = queue.binary_search(&id) {
                queue.remove(position);
            }
            if queue.is_empty() {
                self.by_route.remove(&*kept.route);
            }
        }
        Some(kept)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use longhaul_socket::clock;

    use super::*;
    use crate::url::HttpUrl;

    /// A session that carries several exchanges at a time, as one of HTTP/2 would. Handles are the same connection.
    #[derive(Clone)]
    struct Multiplexed(Rc<Connection>);

    struct Connection {
        is_closed: Cell<bool>,
        free_slots: Cell<usize>,
    }

    impl Multiplexed {
        fn new() -> Self {
            Self(Rc::new(Connection { is_closed: Cell::new(false), free_slots: Cell::new(1) }))
        }
    }

    impl Reserve for Multiplexed {
        fn is_usable(&mut self) -> bool {
            !self.0.is_closed.get()
        }

        fn free_slots(&self) -> usize {
            self.0.free_slots.get()
        }

        fn local(&self) -> Option<IpAddr> {
            None
        }

        fn share(&self) -> Option<Self> {
            Some(self.clone())
        }
    }

    fn route(url: &str) -> Route {
        let url: HttpUrl = url.parse().expect("the test's own URL");
        Route::Direct(url.origin().clone())
    }

    #[test]
    fn a_shared_session_carries_several_exchanges_at_a_time() {
        let (pool, now) = (Pool::new(&Limits::default()), clock::now());
        let route = route("https://host.test/");
        let first = pool.admit(Multiplexed::new(), route.clone(), now);
        let taken: Vec<_> = (0..3).filter_map(|_| pool.take(&route, now, |_| true)).collect();
        assert_eq!(taken.len(), 3);
        assert!(taken.iter().all(|lease| Rc::ptr_eq(&lease.session.0, &first.session.0)));
        assert_eq!(pool.free_slots(&route), 1, "one connection, however many exchanges it carries");
        for lease in taken {
            pool.give_back(lease, now);
        }
        assert_eq!(pool.free_slots(&route), 1);
        first.session.0.is_closed.set(true);
        assert!(pool.take(&route, now, |_| true).is_none(), "a closed one is not handed out");
        assert!(pool.is_empty());
    }

    #[test]
    fn a_session_without_a_free_slot_stays_in_the_pool_and_is_not_handed_out() {
        let (pool, now) = (Pool::new(&Limits::default()), clock::now());
        let route = route("https://host.test/");
        let older = pool.admit(Multiplexed::new(), route.clone(), now);
        let newer = pool.admit(Multiplexed::new(), route.clone(), now);
        newer.session.0.free_slots.set(0);
        let taken = pool.take(&route, now, |_| true).expect("the older one has a slot");
        assert!(Rc::ptr_eq(&taken.session.0, &older.session.0));
        older.session.0.free_slots.set(0);
        assert!(pool.take(&route, now, |_| true).is_none());
        newer.session.0.free_slots.set(5);
        assert_eq!(pool.free_slots(&route), 5);
        assert!(pool.take(&route, now, |_| true).is_some());
    }

    #[test]
    fn a_route_shares_its_sessions_with_no_other() {
        let (pool, now) = (Pool::new(&Limits::default()), clock::now());
        let (direct, other) = (route("http://host.test/"), route("http://other.test/"));
        let Route::Direct(origin) = direct.clone() else { panic!("it is direct") };
        let forward = Route::Forward(origin);
        pool.give_back(pool.admit(Multiplexed::new(), direct.clone(), now), now);
        assert!(pool.take(&other, now, |_| true).is_none());
        assert!(pool.take(&forward, now, |_| true).is_none(), "the same endpoint, but another way of asking");
        assert!(pool.take(&direct, now, |_| true).is_some());
    }
}
