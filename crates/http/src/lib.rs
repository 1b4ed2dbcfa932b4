//! One HTTP exchange over one connection, with a deadline on every phase and a limit on everything.
//!
//! - [`HttpUrl`], [`Origin`]: what can be requested.
//! - [`Client::send`]: sends a [`Request`] and returns a [`Response`]: a [`Head`], and a [`Body`] that is read chunk by
//!   chunk.
//! - [`Router`], [`Route`], [`Peer`]: where the connection for a request leads, and its other end.
//! - [`Tunnel`], [`TunnelHandshake`]: how a proxy is made to relay bytes to a host.
//! - [`ExchangeHook`]: what adds fields to requests and reads fields of responses.
//! - [`h1`]: the HTTP/1.1 core, without I/O.
//! - [`Timeouts`] and [`Limits`]: how long each phase may take, and how much of everything is accepted.
//! - [`Error`]: what failed, in which phase, with which [`Peer`], after how long.
//! - [`digest`]: the digests that servers announce.
//! - [`redirect`], [`range`], [`retry_after`], [`rate_limit`]: what follows from a response, as pure functions.
//!
//! Absent on purpose: which URL is next, retries, following redirects, files. This crate makes one exchange and reports its
//! outcome.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use std::sync::Arc;
//!
//! use longhaul_http::{Client, ClientOptions, Completion, Limits, Request, Timeouts};
//! use longhaul_socket::memory::MemoryNetwork;
//! use longhaul_socket::{Connector, Network, TlsOptions};
//! use tokio::io::AsyncWriteExt;
//!
//! let network = MemoryNetwork::new();
//! let listener = network.listen("tcp://10.0.0.1:80".parse()?)?;
//! tokio::spawn(async move {
//!     let (mut peer, _) = listener.accept().await?;
//!     peer.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").await
//! });
//!
//! let connector = Arc::new(Connector::new(Arc::new(network), TlsOptions::default()));
//! let client = Client::new(connector, Limits::default(), Timeouts::default(), ClientOptions::default());
//! let mut response = client.send(&Request::get("http://10.0.0.1/hello".parse()?)).await?;
//! assert_eq!(response.head.status, 200);
//! while let Some(bytes) = response.body.chunk().await? {
//!     assert_eq!(bytes, "hello");
//! }
//! assert_eq!(response.body.completion(), Some(Completion::Length));
//! # Ok(())
//! # }
//! ```
//!
//! A client belongs to one thread, and the future of an exchange drives its connection: there are no tasks and no locks.

mod announced;
mod client;
mod connection;
mod cookies;
mod fault;
mod limits;
#[cfg(test)]
mod multiplexed;
mod pool;
mod request;
mod response;
mod resume;
mod timeouts;
mod url;

pub mod digest;
pub mod h1;
pub mod redirect;

pub use announced::rate_limit::RateLimit;
pub use announced::retry_after::RETRY_AFTER_MAX;
pub use announced::{rate_limit, retry_after};
pub use client::{Client, ClientOptions, Response};
pub use connection::{
    DirectRouter, Party, Peer, Route, Router, Tunnel, TunnelError, TunnelHandshake, TunnelRefusal,
    TunnelReply, Via,
};
pub use cookies::{COOKIE_BYTES_MAX, COOKIES_MAX, CookieJar};
pub use fault::{Error, ProtocolFault, ProtocolFaultKind, SocketFault, StreamReset, TunnelFault};
pub use http::{HeaderMap, HeaderName, HeaderValue};
pub use limits::*;
pub use longhaul_socket::MinimumSpeed;
pub use redirect::is_private;
pub use request::{CONFIDENTIAL_FIELDS, ExchangeHook, Method, RESERVED_FIELDS, RangeRequest, Request};
pub use response::{Body, Completion, ExchangeRecord, Framing, Head, Success};
pub use resume::{
    ContentRange, IfRange, Partial, ResumeDecision, STRONG_DATE_AGE_MS, VALIDATOR_BYTES_MAX, Validator, range,
};
pub use timeouts::Timeouts;
pub use url::{Credentials, HttpUrl, Origin, Scheme, UrlError, UrlSyntaxError, redacted};
