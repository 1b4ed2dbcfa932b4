//! Why an operation on proxies fails.

use longhaul_socket::Fault;
use thiserror::Error;

use super::effect::InvalidAttribute;

/// An operation on proxies that was refused or has failed. The messages are those of Toxiproxy's API, which its clients
/// recognize.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// The request is malformed; the text says in which way.
    #[error("bad request body: {0}")]
    BadRequest(String),
    /// A required field is missing.
    #[error("missing required field: {0}")]
    Missing(&'static str),
    /// The stream of a toxic is neither `upstream` nor `downstream`.
    #[error("stream was invalid, can be either upstream or downstream")]
    BadStream,
    /// The type of a toxic is unknown.
    #[error("invalid toxic type")]
    BadType,
    /// The kind of toxic does not have the attribute, or its value is invalid.
    #[error("bad request body: {0}")]
    BadAttribute(#[from] InvalidAttribute),
    /// There is no proxy with that name.
    #[error("proxy not found")]
    NoProxy,
    /// There is a proxy with that name already.
    #[error("proxy already exists")]
    ProxyExists,
    /// The proxy has no toxic with that name.
    #[error("toxic not found")]
    NoToxic,
    /// The proxy has a toxic with that name already.
    #[error("toxic already exists")]
    ToxicExists,
    /// The limit on their number is reached.
    #[error("there are {0} already, which is the limit")]
    TooMany(usize),
    /// The proxy cannot listen on its endpoint.
    #[error("the proxy cannot listen")]
    Listen(#[from] Fault),
}
