//! Sending one request over one connection, old or new.

use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use longhaul_socket::{Connector, Deadline, FaultKind, SpeedMonitor, clock};
use tokio::time::Instant;

use crate::connection::{
    Connecting, DirectRouter, ExchangeTerms, Failure, FaultContext, PROTOCOLS, Protocol,
    ProtocolSession as _, ReceivedHead, Route, Router, Session, SessionFactory, Via,
};
use crate::fault::Error;
use crate::limits::Limits;
use crate::pool::{Broken, Lease, Pool};
use crate::request::{ExchangeHook, ExchangeHooks, Request, RequestHead};
use crate::response::{Body, ExchangeRecord, Head};
use crate::timeouts::{Timeouts, after};
use crate::url::Origin;

/// The fields, hooks and routes of all requests of a client.
#[derive(Clone)]
pub struct ClientOptions {
    /// The value of `User-Agent`.
    pub user_agent: HeaderValue,
    /// Further fields of every request to the origin of the [initial URL](Request::initial_origin). A redirect to another origin does not
    /// take them along; one to the same host over TLS takes all but [`CONFIDENTIAL_FIELDS`](crate::CONFIDENTIAL_FIELDS).
    pub headers: HeaderMap,
    /// Hooks, called in this order, after those for the fields above. Clients may share them.
    pub hooks: Vec<Arc<dyn ExchangeHook>>,
    /// Decides which origins are reached through a proxy.
    pub router: Arc<dyn Router>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        let user_agent = HeaderValue::from_static(concat!("longhaul/", env!("CARGO_PKG_VERSION")));
        Self { user_agent, headers: HeaderMap::new(), hooks: Vec::new(), router: Arc::new(DirectRouter) }
    }
}

/// A client with a pool of connections. Cheap to clone; clones share the pool.
///
/// `!Send` on purpose: a client belongs to one thread, so that nothing in it needs a lock.
#[derive(Clone)]
pub struct Client {
    shared: Rc<Shared>,
}

struct Shared {
    connector: Arc<Connector>,
    limits: Limits,
    timeouts: Timeouts,
    hooks: ExchangeHooks,
    router: Arc<dyn Router>,
    sessions: SessionFactory,
    pool: Rc<Pool<Session>>,
}

/// The response to one request.
pub struct Response {
    /// Its head.
    pub head: Head,
    /// Its body, which is still to be read.
    pub body: Body,
    /// Whether the request opened the connection.
    pub is_new_connection: bool,
    /// The exchange as it went over the connection, if the request [asked](Request::with_record) for it and the protocol writes
    /// heads as text: HTTP/1.1 does.
    pub record: Option<Box<ExchangeRecord>>,
}

impl Client {
    /// A client without connections.
    pub fn new(
        connector: Arc<Connector>,
        limits: Limits,
        timeouts: Timeouts,
        options: ClientOptions,
    ) -> Self {
        Self::speaking(PROTOCOLS, connector, limits, timeouts, options)
    }

    /// A client that offers these protocols.
    pub(crate) fn speaking(
        protocols: &'static [Protocol],
        connector: Arc<Connector>,
        limits: Limits,
        timeouts: Timeouts,
        options: ClientOptions,
    ) -> Self {
        let pool = Rc::new(Pool::new(&limits));
        let ClientOptions { user_agent, headers, hooks, router } = options;
        Self {
            shared: Rc::new(Shared {
                connector,
                limits,
                timeouts,
                hooks: ExchangeHooks::new(user_agent, &headers, hooks),
                router,
                sessions: SessionFactory::new(&limits, protocols),
                pool,
            }),
        }
    }

    /// Sends one request and waits for the head of the response. A redirect is a response like any other.
    ///
    /// The peer may have closed a pooled connection just now. That says nothing about the request, so the request is sent
    /// once more over a new connection, whose outcome stands. A host that keeps connections and resets one that was used
    /// within the last second means the request. Every other failure is returned: this crate does not retry. A request that a
    /// session with several exchanges did not process may take another session of the pool first, once.
    ///
    /// Where another request is opening a connection that may turn out to carry several requests at a time, this one waits
    /// for it first, once.
    ///
    /// Ends by the sum of its deadlines at the latest, with those of such a wait. Cancel safe: dropping the future closes the connection it was using.
    pub async fn send(&self, request: &Request) -> Result<Response, Error> {
        let Shared { timeouts, hooks, router, pool, .. } = &*self.shared;
        let started = clock::now();
        let ends = timeouts.total.map(|total| after(started, total));
        let route = router.route(request.url().origin());
        let head = RequestHead::new(request, route.via(), hooks)?;
        // A pooled connection may lead to a private address: only connecting checks that.
        let mut has_moved = false;
        let may_be_pooled = !request.forbid_private || route.via() != Via::Direct;
        while may_be_pooled && let Some(lease) = self.pooled(&route, ends).await {
            let idle = lease.idle().unwrap_or_default();
            let was_shared = lease.is_shared();
            match self.exchange(lease, request, &head, started, ends).await {
                Ok(response) => {
                    pool.worked(&route);
                    return Ok(response);
                }
                Err(Failure { broken: Some(broken), .. })
                    if pool.was_stale(&route, idle, broken, clock::now()) =>
                {
                    // A session that is shared refuses many requests at once. They take the next one together.
                    if !was_shared || broken != Broken::Unprocessed || has_moved {
                        break;
                    }
                    has_moved = true;
                }
                Err(failure) => return Err(failure.error),
            }
        }
        // Boxed: the future of connecting is ten times the size of all the rest, and rarely needed.
        let lease = Box::pin(self.open(route, request, started, ends)).await?;
        self.exchange(lease, request, &head, started, ends).await.map_err(|failure| failure.error)
    }

    /// Closes the connections that have been idle for too long at `now`, and those that their peers have closed. The caller
    /// does this every few seconds.
    pub fn close_idle(&self, now: Instant) {
        self.shared.pool.close_idle(now);
    }

    /// Closes every idle connection: when the network has changed, or when descriptors and ports are short.
    pub fn close_all_idle(&self) {
        self.shared.pool.close_all();
    }

    /// Closes idle connections along the route to `origin`, those that were idle for longest first, until no more than
    /// `idle_max` are left.
    pub fn trim_idle(&self, origin: &Origin, idle_max: usize) {
        self.shared.pool.trim(&self.shared.router.route(origin), idle_max);
    }

    /// Whether any connection is kept.
    pub fn has_idle(&self) -> bool {
        !self.shared.pool.is_empty()
    }

    /// How many requests to `origin` can be sent at once over connections that are kept. A connection that carries several
    /// requests at a time counts as many times as it has room for another.
    pub fn idle_connections(&self, origin: &Origin) -> usize {
        self.shared.pool.free_slots(&self.shared.router.route(origin))
    }

    /// How many connections are open, whether or not they carry a request now. Several requests may share one.
    pub fn open_connections(&self) -> usize {
        self.shared.sessions.open_connections()
    }

    /// A session out of the pool. Where there is none, and another request is opening one that may turn out to be shared,
    /// this waits for that first.
    async fn pooled(&self, route: &Route, ends: Option<Instant>) -> Option<Lease<Session>> {
        let Shared { connector, pool, .. } = &*self.shared;
        let take = || pool.take(route, clock::now(), |ip| connector.is_own(ip));
        if let Some(lease) = take() {
            return Some(lease);
        }
        let opening = pool.opening(route);
        let was_opening = match ends {
            None => opening.await,
            // The exchange fails when it connects after that.
            Some(ends) => Deadline::at(ends).bound(opening).await.unwrap_or(false),
        };
        if was_opening { take() } else { None }
    }

    /// A new session along `route`, reserved for this request.
    async fn open(
        &self,
        route: Route,
        request: &Request,
        started: Instant,
        ends: Option<Instant>,
    ) -> Result<Lease<Session>, Error> {
        let Shared { sessions, pool, .. } = &*self.shared;
        let may_be_shared = sessions.may_be_shared(route.is_secure());
        let opening = if may_be_shared { pool.begin_opening(&route) } else { None };
        let session = self.connect(&route, request, started, ends).await?;
        let lease = pool.admit(session, route, clock::now());
        if let Some(opening) = opening {
            opening.done(lease.is_shared());
        }
        Ok(lease)
    }

    async fn connect(
        &self,
        route: &Route,
        request: &Request,
        started: Instant,
        ends: Option<Instant>,
    ) -> Result<Session, Error> {
        let Shared { connector, timeouts, sessions, pool, .. } = &*self.shared;
        let (alpn, public_only) = (sessions.alpn(), request.forbid_private);
        let connecting = Connecting { connector, alpn, public_only, timeouts, started, ends };
        let (stream, peer) = connecting.along(route).await.inspect_err(|error| {
            if error.fault_kind() == Some(FaultKind::LocalExhausted) {
                // Idle connections hold descriptors and ports, which the next attempt needs.
                pool.close_all();
            }
        })?;
        Ok(sessions.open(stream, peer))
    }

    async fn exchange(
        &self,
        mut lease: Lease<Session>,
        request: &Request,
        head: &RequestHead,
        started: Instant,
        ends: Option<Instant>,
    ) -> Result<Response, Failure> {
        let Shared { limits, timeouts, pool, hooks, .. } = &*self.shared;
        let host = request.url().origin().host().clone();
        let context = FaultContext { host, peer: lease.session.peer(), started };
        let timeouts = &request.timeouts(timeouts);
        let terms = ExchangeTerms { context: &context, timeouts, ends, keeps_record: request.keeps_record };
        let ReceivedHead { head, is_persistent, record } = lease.session.exchange(head, &terms).await?;
        hooks.after(request, &head);
        let monitor = SpeedMonitor::new(timeouts.idle, timeouts.speed, ends);
        let is_new_connection = lease.idle().is_none();
        let pool = Rc::clone(pool);
        let body = Body::new(&head, is_persistent, lease, pool, context, monitor, limits.drain_bytes_max);
        Ok(Response { head, body, is_new_connection, record })
    }
}
