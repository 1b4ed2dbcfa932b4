//! The services that a [`ServiceHost`](crate::ServiceHost) serves: small ones by their RFCs, files over HTTP, the seeded
//! server, the control of proxies, and the cases.
//!
//! This is the one room that knows all services. It refuses to answer a datagram where the answer could be answered again
//! for ever (`datagrams`).

mod character_generator;
mod datagrams;
mod daytime;
mod discard;
mod echo;
mod handler;
mod listen;
mod reply;
mod throttle;
mod time;

use std::fmt;
use std::sync::Arc;

use crate::files::Folder;
use crate::hostile::{FaultMix, HostileServer, Options, Site};
use crate::proxy::{Control, Proxies};
use crate::script::{CaseFront, InvalidCase};

/// What is served on a socket. Proxies are not in this list: [`Proxies`] runs them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Service {
    /// Sends back what it receives (RFC 862).
    Echo,
    /// Discards what it receives (RFC 863).
    Discard,
    /// Sends the day and the time of day, in words and in UTC (RFC 867).
    Daytime,
    /// Sends the seconds since 1900 as four bytes (RFC 868). The number wraps in 2036.
    Time,
    /// Sends the printable characters of ASCII, without end over TCP and at most 512 over UDP (RFC 864).
    CharacterGenerator,
    /// The files of a folder over HTTP/1.1.
    Files(Arc<Folder>),
    /// Seeded files over HTTP/1.1, with the faults of a mix.
    Seeded(HostileServer),
    /// Controls a set of proxies over HTTP/1.1.
    Control(Control),
    /// Redirects to the hosts of the cases over HTTP/1.1. Made by [`Service::hostile`].
    Hostile(CaseFront),
}

impl Service {
    /// The files of a folder.
    pub fn files(folder: Folder) -> Self {
        Self::Files(Arc::new(folder))
    }

    /// Seeded files, and the faults that they meet.
    pub fn seeded(site: Site, faults: FaultMix, options: Options) -> Self {
        Self::Seeded(HostileServer::new(Arc::new(site), faults, options))
    }

    /// The control of a set of proxies. It may listen on the host of the proxies or on another one.
    pub fn control(proxies: &Proxies) -> Self {
        Self::Control(Control::new(proxies.clone()))
    }

    /// The cases that the program contains, for any client.
    ///
    /// The listener may be anywhere; the hosts of the cases listen on loopback.
    ///
    /// # Errors
    /// When one of the embedded files is not a case, which the tests rule out.
    pub fn hostile() -> Result<Self, InvalidCase> {
        CaseFront::new().map(Self::Hostile)
    }

    /// The name of the service in logs and on command lines: one word in lower case.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Echo => "echo",
            Self::Discard => "discard",
            Self::Daytime => "daytime",
            Self::Time => "time",
            Self::CharacterGenerator => "chargen",
            Self::Files(_) => "files",
            Self::Seeded(_) => "seeded",
            Self::Control(_) => "control",
            Self::Hostile(_) => "hostile",
        }
    }

    /// Whether the service is also served over UDP: the small services are.
    pub const fn speaks_udp(&self) -> bool {
        !self.speaks_http()
    }

    /// Whether the service speaks HTTP.
    pub const fn speaks_http(&self) -> bool {
        matches!(self, Self::Files(_) | Self::Seeded(_) | Self::Control(_) | Self::Hostile(_))
    }
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
