//! Sessions: connections with the protocol that is spoken on them. Framing belongs to the protocol; the rest of the crate does
//! not know how the end of a body is written.
//!
//! To add a protocol: implement [`ProtocolSession`], add a variant to [`Session`] and a line to [`PROTOCOLS`].

use std::net::IpAddr;
use std::rc::Rc;
use std::task::{Context, Poll};

use longhaul_socket::Stream;
use tokio::time::Instant;

use super::exchange::{BodyPart, ExchangeTerms, Failure, ReceivedHead};
use super::fault_context::FaultContext;
use super::http1::Http1;
use super::peer::Peer;
use crate::fault::Error;
use crate::limits::Limits;
#[cfg(test)]
use crate::multiplexed::Multiplexed;
use crate::pool::Reserve;
use crate::request::RequestHead;

/// What an exchange needs of a session. A session that carries several exchanges at a time has a handle for each of them.
pub(crate) trait ProtocolSession: Reserve {
    /// The other end of the connection.
    fn peer(&self) -> Peer;

    /// Sends one request and waits for the head of the final response. After a failure, or if the future is dropped, the
    /// handle is of no more use. That ends the connection, unless it carries other exchanges.
    async fn exchange(
        &mut self,
        head: &RequestHead,
        terms: &ExchangeTerms<'_>,
    ) -> Result<ReceivedHead, Failure>;

    /// The next part of the body. A body that breaks off is an error; [`BodyPart::End`] is the protocol's word that it is
    /// complete, as far as the framing can prove that.
    fn poll_body(&mut self, cx: &mut Context<'_>, context: &FaultContext) -> Poll<Result<BodyPart, Error>>;

    /// Ready once `due` has come.
    fn poll_timer(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()>;
}

/// A connection, by the protocol that is spoken on it.
pub(crate) enum Session {
    /// HTTP/1.1: one exchange at a time, driven by the future of the exchange.
    H1(Box<Http1>),
    /// A protocol of the tests, in the place of HTTP/2: several exchanges at a time.
    #[cfg(test)]
    Multiplexed(Multiplexed),
}

/// Evaluates an expression for the session of whichever protocol.
macro_rules! of_any_protocol {
    ($session:expr, $inner:ident => $value:expr) => {
        match $session {
            Session::H1($inner) => $value,
            #[cfg(test)]
            Session::Multiplexed($inner) => $value,
        }
    };
}

/// A protocol that can be agreed on in the TLS handshake.
pub(crate) struct Protocol {
    /// Its name there (ALPN, RFC 7301).
    pub(crate) alpn: &'static [u8],
    /// Whether its sessions carry several exchanges at a time.
    pub(crate) is_multiplexing: bool,
    /// Begins a session. It must not wait: what the protocol exchanges first belongs to the first exchange.
    pub(crate) open: fn(Opened) -> Session,
}

/// A connection on which nothing has been said yet.
pub(crate) struct Opened {
    pub(crate) stream: Stream,
    pub(crate) peer: Peer,
    pub(crate) limits: Limits,
    /// The connection holds it while it is open.
    pub(crate) presence: Rc<()>,
}

/// What is offered in a TLS handshake, preferred first. The last one is spoken where none was agreed on: without TLS, and
/// with a peer that does not know ALPN.
pub(crate) const PROTOCOLS: &[Protocol] = &[HTTP1];

pub(crate) const HTTP1: Protocol = Protocol {
    alpn: b"http/1.1",
    is_multiplexing: false,
    open: |Opened { stream, peer, limits, presence }| {
        Session::H1(Box::new(Http1::new(stream, peer, &limits, presence)))
    },
};

/// Makes sessions out of streams, and counts the connections.
pub(crate) struct SessionFactory {
    limits: Limits,
    protocols: &'static [Protocol],
    alpn: Vec<&'static [u8]>,
    /// Each open connection holds one.
    presence: Rc<()>,
}

impl SessionFactory {
    pub(crate) fn new(limits: &Limits, protocols: &'static [Protocol]) -> Self {
        let alpn = protocols.iter().map(|protocol| protocol.alpn).collect();
        Self { limits: *limits, protocols, alpn, presence: Rc::new(()) }
    }

    /// The names to offer in the TLS handshake, preferred first.
    pub(crate) fn alpn(&self) -> &[&'static [u8]] {
        &self.alpn
    }

    /// Whether a new session may turn out to carry several exchanges at a time. `is_secure`: a protocol is agreed on in a
    /// TLS handshake.
    pub(crate) fn may_be_shared(&self, is_secure: bool) -> bool {
        is_secure && self.protocols.iter().any(|protocol| protocol.is_multiplexing)
    }

    /// A session over `stream`, in the protocol that was agreed on in the TLS handshake.
    pub(crate) fn open(&self, stream: Stream, peer: Peer) -> Session {
        let agreed = stream.tls().and_then(|tls| tls.alpn);
        let known = self.protocols.iter().find(|protocol| agreed.as_deref() == Some(protocol.alpn));
        let open = known.or(self.protocols.last()).unwrap_or(&HTTP1).open;
        open(Opened { stream, peer, limits: self.limits, presence: Rc::clone(&self.presence) })
    }

    /// How many connections of its sessions are open.
    pub(crate) fn open_connections(&self) -> usize {
        Rc::strong_count(&self.presence) - 1
    }
}

impl ProtocolSession for Session {
    fn peer(&self) -> Peer {
        of_any_protocol!(self, session => session.peer())
    }

    async fn exchange(
        &mut self,
        head: &RequestHead,
        terms: &ExchangeTerms<'_>,
    ) -> Result<ReceivedHead, Failure> {
        of_any_protocol!(self, session => session.exchange(head, terms).await)
    }

    fn poll_body(&mut self, cx: &mut Context<'_>, context: &FaultContext) -> Poll<Result<BodyPart, Error>> {
        of_any_protocol!(self, session => session.poll_body(cx, context))
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        of_any_protocol!(self, session => session.poll_timer(cx, due))
    }
}

impl Reserve for Session {
    fn is_usable(&mut self) -> bool {
        of_any_protocol!(self, session => session.is_usable())
    }

    fn free_slots(&self) -> usize {
        of_any_protocol!(self, session => session.free_slots())
    }

    fn local(&self) -> Option<IpAddr> {
        of_any_protocol!(self, session => session.local())
    }

    fn share(&self) -> Option<Self> {
        match self {
            Self::H1(session) => session.share().map(Box::new).map(Self::H1),
            #[cfg(test)]
            Self::Multiplexed(session) => session.share().map(Self::Multiplexed),
        }
    }
}
