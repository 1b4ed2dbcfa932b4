//! Upper bounds of everything that one exchange may take. A peer that sends more is refused: no head, redirect chain or set
//! of idle connections grows beyond a bound that stands here.

use std::time::Duration;

pub use crate::h1::{FIELDS_MAX, HEAD_BYTES_MAX, INTERIM_RESPONSES_MAX};

/// The least limit on the head. A smaller one is raised to this.
pub const HEAD_BYTES_LEAST: usize = 8 * 1024;

/// Bytes of a `Location`. RFC 9110 section 4.1 asks recipients to support at least 8,000 octets of a URI.
pub const LOCATION_BYTES_MAX: usize = 8 * 1024;

/// Redirects followed for one URL. Chains beyond ten are loops with changing parameters.
pub const REDIRECTS_MAX: usize = 10;

/// Bytes of a URL, as given and as normalised. Longer lines are no URLs.
pub const URL_BYTES_MAX: usize = 64 * 1024;

/// Bytes of an unwanted body that are read to keep its connection: reading an error page costs less than another handshake.
pub const DRAIN_BYTES_MAX: u64 = 16 * 1024;

/// How long an unwanted body may take. A connection worth keeping delivers an error page well within a second.
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(1);

/// Idle connections kept along one route. A host rarely has more than this in use at once, and idle ones cost it memory.
pub const IDLE_PER_ROUTE_MAX: usize = 16;

/// Idle connections kept by one client: well below the usual limit of 1,024 descriptors, which files being written share.
pub const IDLE_TOTAL_MAX: usize = 256;

/// How long an idle connection is kept. Servers close theirs after 5 s (Apache) to 75 s (nginx), and a connection that is
/// nearly always stale when it is wanted only costs a round trip.
pub const IDLE_TIME_MAX: Duration = Duration::from_secs(30);

/// The limits of one client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one response head; at least [`HEAD_BYTES_LEAST`].
    pub head_bytes_max: usize,
    /// Fields of one response head.
    pub fields_max: usize,
    /// Interim (1xx) responses before the final one.
    pub interim_responses_max: usize,
    /// Bytes of an unwanted body that [`Body::drain`](crate::Body::drain) reads to keep the connection.
    pub drain_bytes_max: u64,
    /// Idle connections kept along one route: to one origin, or to one proxy.
    pub idle_per_route_max: usize,
    /// Idle connections kept by one client.
    pub idle_total_max: usize,
    /// How long an idle connection is kept.
    pub idle_time_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head_bytes_max: HEAD_BYTES_MAX,
            fields_max: FIELDS_MAX,
            interim_responses_max: INTERIM_RESPONSES_MAX,
            drain_bytes_max: DRAIN_BYTES_MAX,
            idle_per_route_max: IDLE_PER_ROUTE_MAX,
            idle_total_max: IDLE_TOTAL_MAX,
            idle_time_max: IDLE_TIME_MAX,
        }
    }
}
