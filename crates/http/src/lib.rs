//! One HTTP exchange over one connection, with a deadline on every phase and a limit on everything.
//!
//! - [`HttpUrl`], [`Origin`]: what can be fetched, and by what connections are kept.
//! - [`Client::send`]: a [`Request`] goes out, a [`Response`] comes back: a [`Head`], and a [`Body`] that is read chunk by chunk.
//! - [`Timeouts`] and [`Limits`]: how long each phase may take, and how much of everything is accepted.
//! - [`Error`]: what failed, in which phase, with which endpoint, after how long.
//! - [`redirect`], [`range`], [`retry_after`]: what an answer asks for next, as pure functions.
//!
//! Absent on purpose: which URL is next, when to try again, following redirects, files. This room makes one exchange and tells what
//! became of it.
//!
//! A client belongs to one thread, and an exchange is driven by the future that waits for it: there are no tasks and no locks here.

mod body;
mod client;
mod connection;
mod content_range;
mod fault;
mod head;
mod limits;
mod origin;
mod outgoing;
mod pool;
mod request;
mod timeouts;
mod url;
mod validator;
mod watch;

pub mod range;
pub mod redirect;
pub mod retry_after;

pub use body::{Body, Completion};
pub use client::{Client, ClientOptions, Response};
pub use content_range::ContentRange;
pub use fault::{Error, ProtocolFault, ProtocolFaultKind};
pub use head::{Framing, Head};
pub use http::{HeaderMap, HeaderName, HeaderValue};
pub use limits::*;
pub use origin::{Origin, Scheme};
pub use redirect::is_private;
pub use request::{Method, RangeRequest, Request};
pub use retry_after::RETRY_AFTER_MAX;
pub use timeouts::{MinimumSpeed, Timeouts};
pub use url::{Credentials, HttpUrl, UrlError, UrlSyntaxError};
pub use validator::{IfRange, STRONG_DATE_AGE_MS, VALIDATOR_BYTES_MAX, Validator};
