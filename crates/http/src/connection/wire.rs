//! The stream as hyper wants it, with a meter between: hyper does not tell when a request has been written, nor whether a
//! single byte of the answer came, and both decide what a failure means.

use std::cell::{Cell, RefCell};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use hyper::rt::{Read, ReadBufCursor, Write};
use longhaul_socket::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that one read takes: large enough that a fast body is not bound by system calls, small enough to stay in the
/// cache.
const READ_BYTES_MAX: usize = 64 * 1024;

/// The buffer that all connections of one thread read into, one after another.
///
/// Handing hyper's own, uninitialised buffer to the stream would take unsafe code. A copy within the cache costs less than a
/// tenth of the read itself.
#[derive(Clone)]
pub(crate) struct Scratch(Rc<RefCell<Box<[u8]>>>);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(vec![0; READ_BYTES_MAX].into_boxed_slice())))
    }
}

/// What has gone over the wire in the present exchange.
#[derive(Default)]
pub(crate) struct Meter {
    bytes_read: Cell<u64>,
    bytes_written: Cell<u64>,
    write_blocked: Cell<bool>,
    /// hyper counts in the place of its own choice, so the counter can be shared.
    interim_responses: RefCell<Arc<AtomicUsize>>,
    interim_responses_max: Cell<usize>,
}

impl Meter {
    /// Begins a new exchange, with at most so many interim responses. Returns what counts them.
    pub(crate) fn reset(&self, interim_responses_max: usize) -> Arc<AtomicUsize> {
        self.bytes_read.set(0);
        self.bytes_written.set(0);
        self.write_blocked.set(false);
        self.interim_responses_max.set(interim_responses_max);
        let counter = Arc::default();
        self.interim_responses.replace(Arc::clone(&counter));
        counter
    }

    /// Whether there were more interim responses than there may be.
    pub(crate) fn is_flooded(&self) -> bool {
        self.interim_responses.borrow().load(Ordering::Relaxed) > self.interim_responses_max.get()
    }

    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read.get()
    }

    /// Whether the request has gone out: its head is handed over in one piece, so it has once a write went through and none
    /// waits.
    pub(crate) fn request_is_written(&self) -> bool {
        self.bytes_written.get() > 0 && !self.write_blocked.get()
    }
}

pub(crate) struct Wire {
    stream: Stream,
    scratch: Scratch,
    meter: Rc<Meter>,
}

impl Wire {
    pub(crate) fn new(stream: Stream, scratch: Scratch, meter: Rc<Meter>) -> Self {
        Self { stream, scratch, meter }
    }
}

impl Read for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        // hyper reads on for as long as there is something, and a flood always has something.
        if this.meter.is_flooded() {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let mut scratch = this.scratch.0.borrow_mut();
        let bytes_max = scratch.len().min(into.remaining());
        let mut buffer = ReadBuf::new(&mut scratch[..bytes_max]);
        ready!(Pin::new(&mut this.stream).poll_read(cx, &mut buffer))?;
        this.meter.bytes_read.set(this.meter.bytes_read.get() + buffer.filled().len() as u64);
        into.put_slice(buffer.filled());
        Poll::Ready(Ok(()))
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        if let Poll::Ready(Ok(count)) = &written {
            this.meter.bytes_written.set(this.meter.bytes_written.get() + *count as u64);
        }
        this.meter.write_blocked.set(!matches!(written, Poll::Ready(Ok(count)) if count == bytes.len()));
        written
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        if flushed.is_pending() {
            this.meter.write_blocked.set(true);
        } else if this.meter.bytes_written.get() > 0 {
            this.meter.write_blocked.set(false);
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
