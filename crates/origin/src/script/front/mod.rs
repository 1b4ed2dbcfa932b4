//! The cases behind one listener over HTTP/1.1, for any client: `/case/016` leads to the host of that case.
//!
//! The faults of a case are bytes and resets that a well-behaved server never sends, so the front sends only redirects (307)
//! to the case's own host. That host opens on the first request for the case, and ends by itself after [`STAGE_TIME_MAX`].
//! The front refuses cases that are not played, that have no host, or that need certificates, which only the tests trust.

mod catalogue;
mod respond;
mod stages;

use std::fmt;
use std::sync::Arc;

use self::catalogue::Catalogue;
use self::stages::{STAGES_MAX, Stages};
use super::case::InvalidCase;
use super::embedded::cases;
use super::time_limit::STAGE_TIME_MAX;

/// All cases, and the open stages of those that were requested. Clones share the stages, which end with the last clone.
#[derive(Clone)]
pub struct CaseFront {
    shared: Arc<Shared>,
}

struct Shared {
    catalogue: Catalogue,
    stages: Stages,
}

impl CaseFront {
    /// The embedded cases. None of their hosts is open yet.
    pub(crate) fn new() -> Result<Self, InvalidCase> {
        let shared =
            Shared { catalogue: Catalogue::read(cases())?, stages: Stages::new(STAGES_MAX, STAGE_TIME_MAX) };
        Ok(Self { shared: Arc::new(shared) })
    }
}

impl fmt::Debug for CaseFront {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CaseFront").finish_non_exhaustive()
    }
}
