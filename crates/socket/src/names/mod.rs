//! Host names to addresses: the resolver with its cache, and the sources that this machine asks.

mod dns;
mod getaddrinfo;
mod resolver;
mod sources;

pub use resolver::Resolver;
pub(crate) use sources::NameSources;
