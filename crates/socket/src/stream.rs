//! Streams.
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::{Deadline, Endpoint, Fault, TlsSummary, Transport};

/// An established connection, plain or over TLS.
pub struct Stream(Box<dyn Transport>);

impl Stream {
    /// A plain stream over `transport`.
    pub fn plain(transport: Box<dyn Transport>) -> Self { Self(transport) }
    /// Our end.
    pub fn local(&self) -> Endpoint { todo!() }
    /// The other end.
    pub fn remote(&self) -> Endpoint { todo!() }
    /// What was agreed on, if TLS is spoken.
    pub fn tls(&self) -> Option<TlsSummary> { todo!() }
    /// Reads some bytes.
    pub async fn read_within(&mut self, buffer: &mut [u8], deadline: Deadline) -> Result<usize, Fault> { todo!() }
    /// Writes all.
    pub async fn write_all_within(&mut self, bytes: &[u8], deadline: Deadline) -> Result<(), Fault> { todo!() }
    /// Closes with RST.
    pub fn reset(self) { todo!() }
}
impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> { todo!() }
}
impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> { todo!() }
    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> { todo!() }
    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> { todo!() }
}
impl Transport for Stream {
    fn local(&self) -> Endpoint { todo!() }
    fn remote(&self) -> Endpoint { todo!() }
    fn reset(self: Box<Self>) { todo!() }
}
