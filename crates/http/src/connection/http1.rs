//! HTTP/1.1 over one connection: hyper's state machine, driven by whoever waits for an exchange.
//!
//! hyper's client expects its connection to be a task of its own, woken for every request and every chunk. Here the future
//! of the exchange polls it directly: no task, no second wake-up, and dropping a body drops its connection. Between
//! exchanges nobody polls; what a peer sent or closed meanwhile is seen when the connection is taken out of the pool.

use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http::Response;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use longhaul_socket::{Endpoint, FaultKind, Phase, Stream, clock};
use tokio::time::Instant;

use super::alarm::Alarm;
use super::diagnosis::{head_error, is_reset};
use super::trace::Trace;
use super::wire::{Meter, Scratch, Wire};
use crate::fault::{Error, ProtocolFaultKind};
use crate::limits::{HEAD_BYTES_LEAST, Limits};
use crate::origin::Origin;
use crate::peer::Peer;
use crate::reuse::Ending;
use crate::timeouts::{Timeouts, after};

type Outgoing = Empty<Bytes>;

pub(crate) struct Connection {
    sender: http1::SendRequest<Outgoing>,
    // `None` once hyper is done with it.
    driver: Option<Box<http1::Connection<Wire, Outgoing>>>,
    meter: Rc<Meter>,
    alarm: Alarm,
    origin: Rc<Origin>,
    peer: Peer,
    /// Our own address.
    local: Option<IpAddr>,
}

/// What an exchange may take.
pub(crate) struct Exchange<'a> {
    pub(crate) trace: &'a Trace,
    pub(crate) limits: &'a Limits,
    pub(crate) timeouts: &'a Timeouts,
    /// The end of the whole, body included.
    pub(crate) ends: Option<Instant>,
}

/// An exchange that brought no head.
pub(crate) struct Failure {
    pub(crate) error: Error,
    /// How the connection ended, if it did so before a single byte of an answer came: a used one may have been closed
    /// meanwhile.
    pub(crate) ending: Option<Ending>,
}

impl Connection {
    pub(crate) async fn open(
        stream: Stream,
        peer: Peer,
        scratch: Scratch,
        limits: &Limits,
        origin: Rc<Origin>,
    ) -> Result<Self, hyper::Error> {
        let local = stream.local().endpoint().map(Endpoint::ip);
        let meter = Rc::new(Meter::default());
        let wire = Wire::new(stream, scratch, Rc::clone(&meter));
        let (sender, driver) = http1::Builder::new()
            .max_buf_size(limits.head_bytes_max.max(HEAD_BYTES_LEAST))
            .max_headers(limits.fields_max)
            // Both are read the way everyone reads them, and what they announce is what frames the body. Lines without a
            // colon stay refused: skipping one could hide a length.
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_spaces_after_header_name_in_responses(true)
            .handshake(wire)
            .await?;
        let driver = Some(Box::new(driver));
        Ok(Self { sender, driver, meter, alarm: Alarm::default(), origin, peer, local })
    }

    pub(crate) fn origin(&self) -> &Rc<Origin> {
        &self.origin
    }

    pub(crate) fn peer(&self) -> Peer {
        self.peer
    }

    /// Our own address on it.
    pub(crate) fn local(&self) -> Option<IpAddr> {
        self.local
    }

    /// Whether another exchange may begin: the peer neither closed the connection nor sent a byte that nobody asked for.
    pub(crate) fn is_usable(&mut self) -> bool {
        self.drive(&mut Context::from_waker(Waker::noop()));
        self.driver.is_some() && self.sender.is_ready()
    }

    /// Lets hyper read and write what it can.
    pub(crate) fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver {
            // How it ended reaches the waiting exchange or body by its own way; what is left is that it ended.
            if Pin::new(driver).poll(cx).is_ready() {
                self.driver = None;
            }
        }
    }

    /// Ready once `due` has come.
    pub(crate) fn poll_alarm(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        self.alarm.poll(cx, due)
    }

    /// Sends one request and waits for the final head. After a failure, or if the future is dropped, the connection is of no
    /// more use.
    pub(crate) async fn exchange(
        &mut self,
        mut request: http::Request<Outgoing>,
        terms: &Exchange<'_>,
    ) -> Result<Response<Incoming>, Failure> {
        let counter = self.meter.reset(terms.limits.interim_responses_max);
        hyper::ext::on_informational(&mut request, move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });

        let send_due = after(clock::now(), terms.timeouts.send);
        let mut head_due = None;
        let mut answer = pin!(self.sender.send_request(request));
        poll_fn(|cx| {
            self.drive(cx);
            if self.meter.is_flooded() {
                let error = terms.trace.protocol_error(Phase::Head, ProtocolFaultKind::TooManyInterim);
                return Poll::Ready(Err(Failure::from(error)));
            }
            let phase = if self.meter.request_is_written() { Phase::Head } else { Phase::Send };
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                return Poll::Ready(answer.map_err(|error| self.failure(error, phase, terms)));
            }
            let due = match phase {
                Phase::Head => *head_due.get_or_insert_with(|| after(clock::now(), terms.timeouts.head)),
                _ => send_due,
            };
            let due = terms.ends.map_or(due, |ends| ends.min(due));
            self.poll_alarm(cx, due)
                .map(|()| Err(Failure::from(terms.trace.socket_error(phase, FaultKind::TimedOut))))
        })
        .await
    }

    fn failure(&self, error: hyper::Error, phase: Phase, terms: &Exchange<'_>) -> Failure {
        let bytes_read = self.meter.bytes_read();
        let ending = if error.is_canceled() {
            Some(Ending::Unsent)
        } else if bytes_read > 0 {
            None
        } else if is_reset(&error) {
            Some(Ending::Reset)
        } else {
            Some(Ending::Closed)
        };
        let error = head_error(error, terms.trace, phase, bytes_read, terms.limits.head_bytes_max);
        Failure { error, ending }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { error, ending: None }
    }
}
