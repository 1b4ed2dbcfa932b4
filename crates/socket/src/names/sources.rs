//! The order in which the sources of names are asked.
//!
//! DNS first, because its queries can be dropped; then getaddrinfo(3), which knows what only this machine knows (other
//! sources of names, search domains), and whose word is the second that a name does not exist.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::OnceLock;

use super::dns::{Dns, Servers};
use super::getaddrinfo::Getaddrinfo;
use crate::addressing::HostName;
use crate::network::LookupError;

#[derive(Default)]
pub(crate) struct Names {
    servers: Servers,
    dns: OnceLock<Dns>,
    system: OnceLock<Getaddrinfo>,
}

impl Names {
    pub(crate) fn asking(servers: Vec<SocketAddr>) -> Self {
        Self { servers: Servers::These(servers), ..Self::default() }
    }

    /// The addresses of `name`. "Not found" is the word of two queries; of two failures that differ, the one that a
    /// later attempt may mend.
    pub(crate) async fn lookup(&self, name: &HostName) -> Result<Vec<IpAddr>, LookupError> {
        if let Some(answer) = special(name) {
            return answer;
        }
        let dns = self.dns.get_or_init(|| Dns::start(self.servers.clone()));
        let first = match dns.lookup(name).await {
            Some(Ok(addresses)) => return Ok(addresses),
            Some(Err(error)) => Some(error),
            None => None,
        };
        let second = match &self.servers {
            Servers::System => self.system.get_or_init(Getaddrinfo::start).lookup(name).await,
            Servers::These(_) => dns.lookup(name).await.unwrap_or(Err(LookupError::Silent)),
        };
        match (first, second) {
            (Some(first), Err(LookupError::NotFound)) => Err(first),
            (_, second) => second,
        }
    }
}

/// Names that RFC 6761 sections 6.3 and 6.4 keep from ever being asked of a server.
fn special(name: &HostName) -> Option<Result<Vec<IpAddr>, LookupError>> {
    if name.is_within("localhost") {
        Some(Ok(vec![Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]))
    } else if name.is_within("invalid") {
        Some(Err(LookupError::NotFound))
    } else {
        None
    }
}
