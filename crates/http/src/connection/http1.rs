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
use http::HeaderMap;
use http_body_util::Empty;
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use longhaul_socket::{Endpoint, FaultKind, Phase, Stream, clock};
use tokio::time::Instant;

use super::diagnosis::{body_error, head_error, is_reset};
use super::fault_context::FaultContext;
use super::peer::Peer;
use super::session::{ExchangeTerms, Failure};
use super::timer::PostponedTimer;
use super::wire::{Meter, Scratch, Wire};
use crate::fault::{Error, ProtocolFaultKind};
use crate::limits::{HEAD_BYTES_LEAST, Limits};
use crate::pool::Broken;
use crate::request::RequestHead;
use crate::response::Framing;
use crate::timeouts::after;

type NoBody = Empty<Bytes>;

pub(crate) struct Http1 {
    sender: http1::SendRequest<NoBody>,
    // `None` once hyper is done with it.
    driver: Option<Box<http1::Connection<Wire, NoBody>>>,
    /// The body of the present response.
    body: Option<Incoming>,
    meter: Rc<Meter>,
    timer: PostponedTimer,
    peer: Peer,
    /// Our own address.
    local: Option<IpAddr>,
    _presence: Rc<()>,
}

impl Http1 {
    pub(crate) async fn open(
        stream: Stream,
        peer: Peer,
        scratch: Scratch,
        limits: &Limits,
        presence: Rc<()>,
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
        let timer = PostponedTimer::default();
        Ok(Self { sender, driver, body: None, meter, timer, peer, local, _presence: presence })
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
    fn drive(&mut self, cx: &mut Context<'_>) {
        if let Some(driver) = &mut self.driver {
            // How it ended reaches the waiting exchange or body by its own way; what is left is that it ended.
            if Pin::new(driver).poll(cx).is_ready() {
                self.driver = None;
            }
        }
    }

    /// Ready once `due` has come.
    pub(crate) fn poll_timer(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        self.timer.poll(cx, due)
    }

    /// Sends one request and waits for the final head. After a failure, or if the future is dropped, the connection is of no
    /// more use.
    pub(crate) async fn exchange(
        &mut self,
        head: RequestHead,
        terms: &ExchangeTerms<'_>,
    ) -> Result<(u16, HeaderMap), Failure> {
        let mut request = head.into_request();
        let counter = self.meter.reset(terms.limits.interim_responses_max);
        hyper::ext::on_informational(&mut request, move |_| {
            counter.fetch_add(1, Ordering::Relaxed);
        });

        let send_due = after(clock::now(), terms.timeouts.send);
        let mut head_due = None;
        let mut sending = pin!(self.sender.send_request(request));
        let response = poll_fn(|cx| {
            self.drive(cx);
            if self.meter.is_flooded() {
                let error = terms.context.protocol_error(Phase::Head, ProtocolFaultKind::TooManyInterim);
                return Poll::Ready(Err(Failure::from(error)));
            }
            let phase = if self.meter.request_is_written() { Phase::Head } else { Phase::Send };
            if let Poll::Ready(response) = sending.as_mut().poll(cx) {
                return Poll::Ready(response.map_err(|error| self.failure(error, phase, terms)));
            }
            let due = match phase {
                Phase::Head => *head_due.get_or_insert_with(|| after(clock::now(), terms.timeouts.head)),
                _ => send_due,
            };
            let due = terms.ends.map_or(due, |ends| ends.min(due));
            self.poll_timer(cx, due)
                .map(|()| Err(Failure::from(terms.context.socket_error(phase, FaultKind::TimedOut))))
        })
        .await?;
        let (parts, body) = response.into_parts();
        self.body = Some(body);
        Ok((parts.status.as_u16(), parts.headers))
    }

    /// The next data of the body; `None` after the last. Trailers come out as nothing.
    pub(crate) fn poll_data(
        &mut self,
        cx: &mut Context<'_>,
        context: &FaultContext,
        framing: Framing,
    ) -> Poll<Option<Result<Bytes, Error>>> {
        let mut frame = poll_frame(&mut self.body, cx);
        if frame.is_pending() {
            // The first poll told hyper that there is a reader; now it may read, and the frame may be there.
            self.drive(cx);
            frame = poll_frame(&mut self.body, cx);
        }
        frame.map(|frame| {
            frame.map(|frame| match frame {
                Ok(frame) => Ok(frame.into_data().unwrap_or_default()),
                Err(error) => Err(body_error(error, context, framing)),
            })
        })
    }

    fn failure(&self, error: hyper::Error, phase: Phase, terms: &ExchangeTerms<'_>) -> Failure {
        let bytes_read = self.meter.bytes_read();
        let broken = if error.is_canceled() {
            Some(Broken::Unsent)
        } else if bytes_read > 0 {
            None
        } else if is_reset(&error) {
            Some(Broken::Reset)
        } else {
            Some(Broken::Closed)
        };
        let error = head_error(error, terms.context, phase, bytes_read, terms.limits.head_bytes_max);
        Failure { error, broken }
    }
}

fn poll_frame(
    body: &mut Option<Incoming>,
    cx: &mut Context<'_>,
) -> Poll<Option<hyper::Result<hyper::body::Frame<Bytes>>>> {
    body.as_mut().map_or(Poll::Ready(None), |body| Pin::new(body).poll_frame(cx))
}
