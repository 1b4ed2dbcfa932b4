//! Why a proxy or a toxic is not what it was asked to be.

use longhaul_socket::Fault;
use thiserror::Error;

use super::effect::InvalidAttribute;

/// An operation on proxies that was refused or has failed. The words are those of Toxiproxy's API, by which its clients
/// know them.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// What was sent makes no sense; the text says what of it.
    #[error("bad request body: {0}")]
    BadRequest(String),
    /// A field is absent that has to be there.
    #[error("missing required field: {0}")]
    Missing(&'static str),
    /// The stream of a toxic is neither of the two.
    #[error("stream was invalid, can be either upstream or downstream")]
    BadStream,
    /// There is no such kind of toxic.
    #[error("invalid toxic type")]
    BadType,
    /// The kind of toxic has not got the attribute, or not that value of it.
    #[error("bad request body: {0}")]
    BadAttribute(#[from] InvalidAttribute),
    /// There is no proxy of that name.
    #[error("proxy not found")]
    NoProxy,
    /// There is one already.
    #[error("proxy already exists")]
    ProxyExists,
    /// The proxy has no toxic of that name.
    #[error("toxic not found")]
    NoToxic,
    /// It has one already.
    #[error("toxic already exists")]
    ToxicExists,
    /// So many are enough.
    #[error("there are {0} of them already, and no more are accepted")]
    TooMany(usize),
    /// It cannot listen there.
    #[error("the proxy cannot listen")]
    Listen(#[from] Fault),
}
