//! The report of a connection that has ended.

use std::fmt;
use std::time::Duration;

use longhaul_socket::{Endpoint, FaultKind, Phase};

use crate::proxy::ToxicKind;

/// A connection that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionReport {
    /// The name of the service.
    pub service: &'static str,
    /// Where the service listens.
    pub local: Endpoint,
    /// Where the connection came from.
    pub peer: Endpoint,
    /// Bytes received from the network.
    pub bytes_in: u64,
    /// Bytes handed to the system.
    pub bytes_out: u64,
    /// From accept to the end.
    pub elapsed: Duration,
    /// How it ended.
    pub ending: Ending,
}

/// How a connection ended. `Display` gives a few words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ending {
    /// In order.
    Closed,
    /// The service stopped.
    Stopped,
    /// The peer sent bytes that are not a request.
    MalformedRequest,
    /// Something else failed on our side, such as a file that changed while it was sent.
    Broken,
    /// The connection failed in this phase, or its deadline passed.
    Failed(Phase, FaultKind),
    /// A toxic of this kind ended it. The one type that this room shares with `proxy`.
    Toxic(ToxicKind),
    /// The upstream of a proxy could not be reached, or failed in this phase.
    Upstream(Phase, FaultKind),
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed"),
            Self::Stopped => f.write_str("stopped"),
            Self::MalformedRequest => f.write_str("malformed request"),
            Self::Broken => f.write_str("broken off"),
            Self::Failed(phase, kind) => write!(f, "{phase}: {kind}"),
            Self::Toxic(kind) => write!(f, "ended by {kind}"),
            Self::Upstream(phase, kind) => write!(f, "upstream {phase}: {kind}"),
        }
    }
}
