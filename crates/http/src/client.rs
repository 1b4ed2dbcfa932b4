//! Sending one request over one connection, old or new.

use std::rc::Rc;
use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use longhaul_socket::{ConnectTimeouts, Connector, Deadline, Fault, FaultKind, Phase, Target, Watch, clock};
use tokio::time::Instant;

use crate::body::Body;
use crate::connection::{Connection, Exchange, Failure, Scratch, Trace};
use crate::fault::{Error, ProtocolFaultKind, SocketFault};
use crate::head::Head;
use crate::limits::Limits;
use crate::origin::Origin;
use crate::peer::{Peer, Via};
use crate::pool::{Idle, Pool};
use crate::request::{ExchangeHook, ExchangeHooks, Request, RequestHead};
use crate::timeouts::{Timeouts, after};

/// What every request of a client says about its sender.
#[derive(Clone)]
pub struct ClientOptions {
    /// `User-Agent`: who is asking.
    pub user_agent: HeaderValue,
    /// Further fields of every request. Those of [`CONFIDENTIAL_FIELDS`](crate::CONFIDENTIAL_FIELDS) are not sent to an
    /// origin other than that of the [initial URL](Request::initial_origin); all others are sent to **every** origin.
    pub headers: HeaderMap,
    /// Hooks, called in this order, after those for the fields above. Clients may share them.
    pub hooks: Vec<Arc<dyn ExchangeHook>>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        let user_agent = HeaderValue::from_static(concat!("longhaul/", env!("CARGO_PKG_VERSION")));
        Self { user_agent, headers: HeaderMap::new(), hooks: Vec::new() }
    }
}

/// A client of one thread, with its pool of connections. Cheap to clone; clones share the pool.
///
/// `!Send` on purpose: each host belongs to one thread, so nothing here needs a lock.
#[derive(Clone)]
pub struct Client {
    shared: Rc<Shared>,
}

struct Shared {
    connector: Arc<Connector>,
    limits: Limits,
    timeouts: Timeouts,
    hooks: ExchangeHooks,
    pool: Rc<Pool>,
    scratch: Scratch,
}

/// The answer to one request.
pub struct Response {
    /// Status and fields.
    pub head: Head,
    /// The rest, still on its way.
    pub body: Body,
}

impl Client {
    /// A client without any connection yet.
    pub fn new(
        connector: Arc<Connector>,
        limits: Limits,
        timeouts: Timeouts,
        options: ClientOptions,
    ) -> Self {
        let pool = Rc::new(Pool::new(&limits));
        Self {
            shared: Rc::new(Shared {
                connector,
                limits,
                timeouts,
                hooks: ExchangeHooks::new(options),
                pool,
                scratch: Scratch::new(),
            }),
        }
    }

    /// Sends one request and waits for the head of its answer. Redirects are answers like any other.
    ///
    /// A connection out of the pool may have been closed by its peer just now, without a word; that says nothing about the
    /// request and costs nobody anything, so it is sent once more, on a new connection, whose outcome stands. A host that
    /// keeps connections and resets one that it has used within the last second means the request. Every other failure is
    /// the caller's to judge, too: retries are decided in one place, and not here.
    ///
    /// Ends by the sum of its deadlines at the latest. Cancel safe: dropping the future closes the connection it was using.
    pub async fn send(&self, request: &Request) -> Result<Response, Error> {
        let started = clock::now();
        let ends = self.shared.timeouts.total.map(|total| after(started, total));
        let origin = request.url().origin();
        let head = RequestHead::new(request, &self.shared.hooks)?;
        // An idle connection may lead to a private address, which only a new one checks.
        if !request.forbid_private
            && let Some(Idle { connection, since }) =
                self.shared.pool.take(origin, started, |ip| self.shared.connector.is_own(ip))
        {
            let pool = &self.shared.pool;
            match self.exchange(connection, request, head.clone(), started, ends).await {
                Ok(response) => {
                    pool.worked(origin);
                    return Ok(response);
                }
                Err(Failure { ending: Some(ending), .. })
                    if pool.was_stale(origin, ending, started - since, clock::now()) => {}
                Err(failure) => return Err(failure.error),
            }
        }
        // Boxed: the future of connecting is ten times the size of all the rest, and rarely needed.
        let connection = Box::pin(self.connect(request, started, ends)).await?;
        self.exchange(connection, request, head, started, ends).await.map_err(|failure| failure.error)
    }

    /// Closes the connections that have been idle for too long at `now`, and those that their peers have closed. To be
    /// called now and then, every few seconds.
    pub fn close_idle(&self, now: Instant) {
        self.shared.pool.close_idle(now);
    }

    /// Closes every idle connection: they lead over a network that is not there any more, or hold what is needed elsewhere.
    pub fn close_all_idle(&self) {
        self.shared.pool.close_all();
    }

    /// Whether any idle connection is kept.
    pub fn has_idle(&self) -> bool {
        !self.shared.pool.is_empty()
    }

    /// How many idle connections to `origin` are kept.
    pub fn idle_connections(&self, origin: &Origin) -> usize {
        self.shared.pool.count(origin)
    }

    async fn connect(
        &self,
        request: &Request,
        started: Instant,
        ends: Option<Instant>,
    ) -> Result<Connection, Error> {
        let Shared { connector, limits, timeouts, scratch, .. } = &*self.shared;
        let origin = request.url().origin();
        let mut target = Target::new(origin.host().clone(), origin.port());
        if origin.scheme().is_secure() {
            target = target.with_tls().offering(&[b"http/1.1"]);
        }
        target.public_only = request.forbid_private;
        let connect_timeouts = ConnectTimeouts { connect: timeouts.connect, tls: timeouts.tls };
        let connecting = connector.connect(&target, &connect_timeouts);
        let direct = |fault| Error::Socket(SocketFault::new(fault, Via::Direct));
        let stream = match ends {
            None => connecting.await,
            Some(ends) => Deadline::at(ends).bound(connecting).await.unwrap_or_else(|_| {
                let elapsed = clock::now() - started;
                Err(Fault::new(Phase::Connect, FaultKind::TimedOut, elapsed).of(origin.host().clone()))
            }),
        };
        let stream = stream.map_err(|fault| {
            if fault.kind() == FaultKind::LocalExhausted {
                // The next attempt finds the descriptors and ports of those that nobody uses.
                self.shared.pool.close_all();
            }
            direct(fault)
        })?;
        let Some(endpoint) = stream.remote().endpoint() else {
            let fault = Fault::new(Phase::Connect, FaultKind::Denied, clock::now() - started);
            return Err(direct(fault.because("HTTP is spoken with endpoints only")));
        };
        let origin = Rc::new(origin.clone());
        let peer = Peer::direct(endpoint);
        let opening = Connection::open(stream, peer, scratch.clone(), limits, Rc::clone(&origin)).await;
        opening.map_err(|error| {
            let fault = Fault::new(Phase::Send, FaultKind::Other, clock::now() - started);
            direct(fault.at(endpoint).of(origin.host().clone()).because(error))
        })
    }

    async fn exchange(
        &self,
        mut connection: Connection,
        request: &Request,
        head: RequestHead,
        started: Instant,
        ends: Option<Instant>,
    ) -> Result<Response, Failure> {
        let Shared { limits, timeouts, pool, hooks, .. } = &*self.shared;
        let trace = Trace { origin: Rc::clone(connection.origin()), peer: connection.peer(), started };
        let terms = Exchange { trace: &trace, limits, timeouts, ends };
        let answer = connection.exchange(head.into_request(), &terms).await?;

        let (parts, incoming) = answer.into_parts();
        let status = parts.status.as_u16();
        if status == 101 {
            return Err(trace.protocol_error(Phase::Head, ProtocolFaultKind::UnaskedUpgrade).into());
        }
        let head = Head::new(status, parts.headers, trace.peer, request.method())
            .map_err(|kind| trace.protocol_error(Phase::Head, kind))?;
        hooks.after(request, &head);
        let watch = Watch::new(timeouts.idle, timeouts.speed, ends);
        let body =
            Body::new(&head, incoming, connection, Rc::clone(pool), trace, watch, limits.drain_bytes_max);
        Ok(Response { head, body })
    }
}
