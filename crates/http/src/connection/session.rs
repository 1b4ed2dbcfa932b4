//! Sessions: connections with the protocol that is spoken on them. Framing belongs to the protocol; the rest of the crate does
//! not know how the end of a body is written.

use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use longhaul_socket::Stream;
use tokio::time::Instant;

use super::exchange::{ExchangeTerms, Failure, ReceivedHead};
use super::fault_context::FaultContext;
use super::http1::Http1;
use super::peer::Peer;
use crate::fault::Error;
use crate::limits::Limits;
use crate::pool::{Reservation, Reserve};
use crate::request::RequestHead;

/// A connection, by the protocol that is spoken on it.
pub(crate) enum Session {
    /// HTTP/1.1: one exchange at a time, driven by the future of the exchange.
    H1(Http1),
}

/// Makes sessions out of streams, and counts them.
pub(crate) struct SessionFactory {
    limits: Limits,
    /// Each open connection holds one.
    presence: Rc<()>,
}

impl SessionFactory {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self { limits: *limits, presence: Rc::new(()) }
    }

    /// A session over `stream`, in the protocol that was agreed on in the TLS handshake.
    pub(crate) fn open(&self, stream: Stream, peer: Peer) -> Session {
        Session::H1(Http1::new(stream, peer, &self.limits, Rc::clone(&self.presence)))
    }

    /// How many of its sessions exist.
    pub(crate) fn open_connections(&self) -> usize {
        Rc::strong_count(&self.presence) - 1
    }
}

impl Session {
    /// The other end of the connection.
    pub(crate) fn peer(&self) -> Peer {
        match self {
            Self::H1(session) => session.peer(),
        }
    }

    /// Sends one request and waits for the head of the final response. After a failure, or if the future is dropped, the
    /// session is of no more use.
    pub(crate) async fn exchange(
        &mut self,
        head: &RequestHead,
        terms: &ExchangeTerms<'_>,
    ) -> Result<ReceivedHead, Failure> {
        match self {
            Self::H1(session) => session.exchange(head, terms).await,
        }
    }

    /// The next data of the body; `None` after the last. May be empty. Trailers are dropped.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
        context: &FaultContext,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        match self {
            Self::H1(session) => session.poll_data(cx, context),
        }
    }

    /// Ready once `due` has come.
    pub(crate) fn poll_timer(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        match self {
            Self::H1(session) => session.poll_timer(cx, due),
        }
    }
}

impl Reserve for Session {
    fn is_usable(&mut self) -> bool {
        match self {
            Self::H1(session) => session.is_usable(),
        }
    }

    fn local(&self) -> Option<IpAddr> {
        match self {
            Self::H1(session) => session.local(),
        }
    }

    fn reserve(self) -> Reservation<Self> {
        match self {
            Self::H1(_) => Reservation::Unique(self),
        }
    }
}
