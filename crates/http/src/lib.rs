//! One HTTP exchange over one connection, with a deadline on every phase and a limit on everything.
//!
//! - [`HttpUrl`], [`Origin`]: what can be fetched, and by what connections are kept.
//! - [`Client::send`]: a [`Request`] goes out, a [`Response`] comes back: a [`Head`], and a [`Body`] that is read chunk by
//!   chunk.
//! - [`Router`], [`Route`], [`Peer`]: where the connection for a request leads, and who is at its other end.
//! - [`ExchangeHook`]: what adds fields to requests and reads fields of responses.
//! - [`Timeouts`] and [`Limits`]: how long each phase may take, and how much of everything is accepted.
//! - [`Error`]: what failed, in which phase, with which [`Peer`], after how long.
//! - [`redirect`], [`range`], [`retry_after`], [`rate_limit`]: what an answer asks for next, as pure functions.
//!
//! Absent on purpose: which URL is next, when to try again, following redirects, files. This room makes one exchange and
//! tells what became of it.
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
//! A client belongs to one thread, and an exchange is driven by the future that waits for it: there are no tasks and no
//! locks here.

mod body;
mod client;
mod connection;
mod content_range;
mod fault;
mod head;
mod limits;
mod origin;
mod pool;
mod request;
mod timeouts;
mod url;
mod validator;

pub mod range;
pub mod rate_limit;
pub mod redirect;
pub mod retry_after;

pub use body::{Body, Completion};
pub use client::{Client, ClientOptions, Response};
pub use connection::{DirectRouter, Peer, Route, Router, Via};
pub use content_range::ContentRange;
pub use fault::{Error, ProtocolFault, ProtocolFaultKind, SocketFault};
pub use head::{Framing, Head};
pub use http::{HeaderMap, HeaderName, HeaderValue};
pub use limits::*;
pub use longhaul_socket::MinimumSpeed;
pub use origin::{Origin, Scheme};
pub use range::{Partial, Plan};
pub use rate_limit::RateLimit;
pub use redirect::is_private;
pub use request::{CONFIDENTIAL_FIELDS, ExchangeHook, Method, RESERVED_FIELDS, RangeRequest, Request};
pub use retry_after::RETRY_AFTER_MAX;
pub use timeouts::Timeouts;
pub use url::{Credentials, HttpUrl, UrlError, UrlSyntaxError};
pub use validator::{IfRange, STRONG_DATE_AGE_MS, VALIDATOR_BYTES_MAX, Validator};
