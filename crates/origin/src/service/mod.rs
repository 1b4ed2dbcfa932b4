//! Services for everybody: small ones by their RFCs, files over HTTP, and the hosts that misbehave by rule.
//!
//! A [`ServiceHost`] gives each service a socket of its own. Whatever the service, its connections are counted and each
//! of their waits has an end (`guard`), so that a peer that never reads, or sends a byte now and then, costs a slot for a
//! bounded time and nobody else anything. Refused on purpose: a datagram answered where the answer could be answered
//! again for ever (`datagrams`).

pub(crate) mod body;
mod character_generator;
mod datagrams;
mod daytime;
mod discard;
mod echo;
pub(crate) mod guard;
mod host;
pub(crate) mod http;
mod limits;
mod report;
pub(crate) mod stream;
mod throttle;
mod time;

use std::fmt;
use std::sync::Arc;

pub use host::{RunningService, ServiceHost};
pub use limits::Limits;
pub use report::{ConnectionReport, Ending};

use crate::files::Folder;
use crate::proxy::{Control, ProxyRoute};
use crate::script::CaseFront;
use crate::{FaultMix, HostileServer, Options, Site};

/// What is served on a socket.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Service {
    /// Sends back what it is sent (RFC 862).
    Echo,
    /// Throws away what it is sent (RFC 863).
    Discard,
    /// Says what day and time it is, in words and in UTC (RFC 867).
    Daytime,
    /// Says how many seconds have passed since 1900, as four bytes (RFC 868). The number wraps in 2036.
    Time,
    /// Sends the printable characters of ASCII, for ever over TCP, at most 512 over UDP (RFC 864).
    CharacterGenerator,
    /// The files of a folder over HTTP/1.1.
    Files(Arc<Folder>),
    /// Files made of a seed over HTTP/1.1, and the faults of a mix.
    Seeded(HostileServer),
    /// Another service, behind toxics. Made by [`Proxies`](crate::proxy::Proxies).
    Proxy(Arc<ProxyRoute>),
    /// What controls a set of proxies over HTTP/1.1.
    Control(Control),
    /// All cases of what goes wrong, each with a host of its own. Made by [`Service::hostile`].
    Hostile(CaseFront),
}

impl Service {
    /// The files of a folder.
    pub fn files(folder: Folder) -> Self {
        Self::Files(Arc::new(folder))
    }

    /// Files made of a seed, and what goes wrong with them.
    pub fn seeded(site: Site, faults: FaultMix, options: Options) -> Self {
        Self::Seeded(HostileServer::new(Arc::new(site), faults, options))
    }

    /// One word in lower case: what the service is called in logs and on command lines.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Discard => "discard",
            Self::Daytime => "daytime",
            Self::Time => "time",
            Self::CharacterGenerator => "chargen",
            Self::Files(_) => "files",
            Self::Seeded(_) => "seeded",
            Self::Proxy(_) => "proxy",
            Self::Control(_) => "control",
            Self::Hostile(_) => "hostile",
        }
    }

    /// Whether it has an answer to datagrams: the small services do.
    pub const fn speaks_udp(&self) -> bool {
        !self.speaks_http() && !matches!(self, Self::Proxy(_))
    }

    /// Whether what it speaks is HTTP.
    pub const fn speaks_http(&self) -> bool {
        matches!(self, Self::Files(_) | Self::Seeded(_) | Self::Control(_) | Self::Hostile(_))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
