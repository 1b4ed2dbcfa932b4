//! The sources of names on this machine, and the order in which they are asked.
//!
//! DNS first, because its queries can be cancelled; then getaddrinfo(3), which has sources of its own (such as mDNS,
//! and search domains) and confirms that a name does not exist.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;

use super::dns::{Dns, NameServers};
use super::getaddrinfo::Getaddrinfo;
use crate::addressing::HostName;
use crate::network::LookupError;

/// Looks up names on this machine.
#[derive(Default)]
pub(crate) struct NameSources {
    servers: NameServers,
    dns: OnceLock<Dns>,
    system: OnceLock<Getaddrinfo>,
}

impl NameSources {
    /// Asks these name servers only.
    pub(crate) fn only(servers: Vec<SocketAddr>) -> Self {
        Self { servers: NameServers::Only(servers), ..Self::default() }
    }

    /// The addresses of `name`. "Not found" needs two queries that agree; if they fail differently, the error is the
    /// one after which a retry may succeed.
    pub(crate) async fn lookup(&self, name: &HostName) -> Result<Vec<IpAddr>, LookupError> {
        if let Some(result) = special_use(name) {
            return result;
        }
        let dns = self.dns.get_or_init(|| Dns::start(self.servers.clone()));
        let first = match dns.lookup(name).await {
            Some(Ok(addresses)) => return Ok(addresses),
            Some(Err(error)) => Some(error),
            None => None,
        };
        let second = match &self.servers {
            NameServers::System => self.system.get_or_init(Getaddrinfo::start).lookup(name).await,
            NameServers::Only(_) => dns.lookup(name).await.unwrap_or(Err(LookupError::Silent)),
        };
        match (first, second) {
            (Some(first), Err(LookupError::NotFound)) => Err(first),
            (_, second) => second,
        }
    }
}

/// Names that must not be sent to a server, by RFC 6761 sections 6.3 and 6.4.
fn special_use(name: &HostName) -> Option<Result<Vec<IpAddr>, LookupError>> {
    if name.is_within("localhost") {
        Some(Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]))
    } else if name.is_within("invalid") {
        Some(Err(LookupError::NotFound))
    } else {
        None
    }
}
