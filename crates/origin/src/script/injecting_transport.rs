//! A transport that lets its owner inject bytes, as if the peer had sent them.
//!
//! A TLS server that reads garbage sends its peer a fatal alert, encrypted like everything else. This is how a case has one
//! sent within a body.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use longhaul_socket::{Address, Transport};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read before those of the peer. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct InjectedBytes(Arc<Mutex<VecDeque<u8>>>);

impl InjectedBytes {
    pub(super) fn put(&self, bytes: &[u8]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(bytes);
    }

    fn take_into(&self, buffer: &mut ReadBuf<'_>) -> bool {
        let mut injected = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let some = buffer.remaining().min(injected.len());
        let bytes: Vec<u8> = injected.drain(..some).collect();
        buffer.put_slice(&bytes);
        some > 0
    }
}

/// A transport with injected bytes.
pub(super) struct InjectingTransport {
    inner: Box<dyn Transport>,
    injected: InjectedBytes,
}

impl InjectingTransport {
    pub(super) fn new(inner: Box<dyn Transport>, injected: InjectedBytes) -> Self {
        Self { inner, injected }
    }
}

impl Transport for InjectingTransport {
    fn local(&self) -> Address {
        self.inner.local()
    }

    fn remote(&self) -> Address {
        self.inner.remote()
    }

    fn reset(self: Box<Self>) {
        self.inner.reset();
    }
}

impl AsyncRead for InjectingTransport {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.injected.take_into(buf) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut *self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for InjectingTransport {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.inner).poll_shutdown(cx)
    }
}
