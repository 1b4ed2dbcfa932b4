//! What caused a failure: the URL, the host, our own machine or our own proxy; and what the pace of the host hears of it.
//!
//! It decides nothing: [`retry`](crate::schedule::retry) does. Pure.

use std::time::Duration;

use longhaul_http::Success;

use crate::exchange::Class;
use crate::exchange::failure::ProxyFailure;
use crate::pace::Signal;

/// Tries of a URL whose host name does not exist, before that is believed.
const TRIES_NAME_NOT_FOUND: u32 = 2;
/// Tries of a URL with a malformed response: a proxy or a broken connection may cause one, the server causes three.
const TRIES_PROTOCOL: u32 = 3;

/// What caused a failure, and so whether a retry can help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailureKind {
    /// A retry may succeed. Charged to the URL, and reported to the pace of the host.
    Transient,
    /// The host asked for fewer requests. Not charged to the URL while the host serves others.
    Throttled,
    /// The host is still making the file. Not charged to the URL.
    NotReady,
    /// A retry fails in the same way.
    Permanent {
        /// Tries before that is believed.
        tries: u32,
    },
    /// Our own machine caused it, or a proxy of ours that cannot be reached. Charged to no URL and no host.
    Local,
    /// A proxy of ours responded and did not serve us: it wants credentials, or forbids the host. Charged to no host. Final
    /// after a few tries, because a retry does not change what the proxy wants.
    ProxyRefusal,
}

impl From<ProxyFailure> for FailureKind {
    fn from(failure: ProxyFailure) -> Self {
        match failure {
            ProxyFailure::Outage => Self::Local,
            ProxyFailure::Refusal => Self::ProxyRefusal,
        }
    }
}

impl FailureKind {
    /// The kind of a failure of this class, with the answer's status where there was one. `name_missing` tells a
    /// name that does not exist from name servers that did not answer; `has_retry_after` says whether the host named a time for
    /// the next request; `also_retry` holds the statuses that the user wants to be tried again although they look permanent.
    #[must_use]
    pub fn of(
        class: Class,
        status: Option<u16>,
        name_missing: bool,
        has_retry_after: bool,
        also_retry: &[u16],
    ) -> Self {
        let by_default = match (class, status) {
            // GitHub, Twitter and Shopify refuse a pace like this.
            (Class::ClientError, Some(403 | 420 | 430)) if has_retry_after => Self::Throttled,
            // What is in the way of this URL (a conflict, a lock, a wrong connection) is expected to be gone by then.
            (Class::ClientError, Some(409 | 421 | 423)) if has_retry_after => Self::Transient,
            _ => Self::by_default(class, status, name_missing),
        };
        match by_default {
            Self::Permanent { .. } if status.is_some_and(|status| also_retry.contains(&status)) => {
                Self::Transient
            }
            kind => kind,
        }
    }

    fn by_default(class: Class, status: Option<u16>, name_missing: bool) -> Self {
        match class {
            Class::Dns if name_missing => Self::Permanent { tries: TRIES_NAME_NOT_FOUND },
            Class::Dns
            | Class::Refused
            | Class::Unreachable
            | Class::Reset
            | Class::Closed
            | Class::Timeout
            | Class::Slow => Self::Transient,
            Class::Throttled => Self::Throttled,
            Class::NotReady => Self::NotReady,
            // The status means something else than the file, and will not a minute later.
            Class::Protocol if status.and_then(Success::of) == Some(Success::Other) => {
                Self::Permanent { tries: 1 }
            }
            Class::ServerError => match status {
                Some(503 | 509 | 529) => Self::Throttled,
                // The server does not support the request, and will not a minute later.
                Some(501 | 505) => Self::Permanent { tries: 1 },
                _ => Self::Transient,
            },
            Class::ClientError => match status {
                Some(408 | 425) => Self::Transient,
                _ => Self::Permanent { tries: 1 },
            },
            Class::Protocol | Class::Mismatch => Self::Permanent { tries: TRIES_PROTOCOL },
            Class::Local => Self::Local,
            Class::Tls
            | Class::Redirect
            | Class::Auth
            | Class::File
            | Class::List
            | Class::Suspect
            | Class::TooLarge
            | Class::Other => Self::Permanent { tries: 1 },
        }
    }

    /// What the failure says about the pace of the host. `latency` is the time to the response, where there was one.
    #[must_use]
    pub fn signal(
        self,
        class: Class,
        status: Option<u16>,
        latency: Duration,
        retry_after: Option<Duration>,
    ) -> Signal {
        match (self, class) {
            (Self::Local | Self::ProxyRefusal, _) => Signal::Neutral,
            (Self::Throttled, _) => Signal::Throttle { retry_after },
            // Whatever becomes of the URL, the host has denied the request.
            (_, Class::ClientError) if status.is_some_and(is_denial) => Signal::Denied { latency },
            (Self::NotReady, _) => Signal::Success { latency },
            // A host that responds 'not found', or with a malformed message, is not overloaded.
            (_, Class::ClientError | Class::Auth | Class::Redirect | Class::Protocol | Class::Mismatch) => {
                Signal::Success { latency }
            }
            (Self::Transient, Class::Refused | Class::Unreachable) | (_, Class::Dns) => Signal::Absent,
            (Self::Transient, Class::Timeout | Class::Slow) => Signal::Silence,
            (Self::Transient, Class::ServerError) => Signal::ServerError,
            (Self::Transient, _) => Signal::Congestion,
            (Self::Permanent { .. }, _) => Signal::Neutral,
        }
    }
}

/// Whether a status may deny a request because of the pace: firewalls and bot protections send these.
#[must_use]
pub const fn is_denial(status: u16) -> bool {
    matches!(status, 403 | 418)
}
