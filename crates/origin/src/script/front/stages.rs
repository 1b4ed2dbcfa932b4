//! The open stages, one for each case that was requested recently.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longhaul_socket::clock;
use thiserror::Error;
use tokio::time::Instant;

use super::catalogue::Offer;
use crate::script::stage::{Stage, StageError};

/// Open stages. Each has a thread and up to a dozen file descriptors beside those of its connections, and a process may have
/// only 1,024 of them.
pub(super) const STAGES_MAX: usize = 64;

/// The stages by the names of their cases.
#[derive(Debug)]
pub(super) struct Stages {
    open: Mutex<BTreeMap<String, OpenStage>>,
    count_max: usize,
    lifetime: Duration,
}

#[derive(Debug)]
struct OpenStage {
    stage: Stage,
    at: Instant,
}

/// Why a stage cannot be opened.
#[derive(Debug, Error)]
pub(super) enum Unopened {
    #[error("too many cases are open; the first of them ends in {} s", .0.as_secs())]
    Full(Duration),
    #[error(transparent)]
    Stage(#[from] StageError),
}

impl Stages {
    /// No stages yet, and at most `count_max`, each of which ends by itself after `lifetime`.
    pub(super) fn new(count_max: usize, lifetime: Duration) -> Self {
        Self { open: Mutex::default(), count_max, lifetime }
    }

    /// The URL of `path` on the host of the case; without a path, what the case's own run requests. Opens the stage unless it
    /// is open. Blocks while it opens, up to a second if a host is a black hole.
    pub(super) fn location(&self, offer: &Offer, path: Option<&str>) -> Result<String, Unopened> {
        let mut open = self.open();
        open.retain(|_, begun| !begun.stage.is_over());
        if !open.contains_key(&offer.name) {
            if open.len() >= self.count_max {
                let wait = open.values().map(|begun| self.lifetime.saturating_sub(begun.at.elapsed())).min();
                // Rounded up to whole seconds.
                return Err(Unopened::Full(wait.unwrap_or_default() + Duration::from_secs(1)));
            }
            let at = clock::now();
            let stage = Stage::open_for(
                self.lifetime,
                &offer.hosts,
                offer.dns.as_ref(),
                &BTreeMap::new(),
                BTreeMap::new(),
            )?;
            open.insert(offer.name.clone(), OpenStage { stage, at });
        }
        let fill = |text: &str| open.get(&offer.name).map(|begun| begun.stage.fill(text)).unwrap_or_default();
        let place = fill(&format!("{}://{{{}}}", offer.requested.scheme, offer.requested.host));
        Ok(place + &path.map_or_else(|| fill(&offer.requested.path), str::to_owned))
    }

    /// Ends the stage of a case, if it is open. The next request for it starts the case from the beginning.
    pub(super) fn end(&self, offer: &Offer) {
        let begun = self.open().remove(&offer.name);
        drop(begun);
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<String, OpenStage>> {
        // Every change is a single step, so a poisoned lock is still consistent.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::super::catalogue::Catalogue;
    use super::*;
    use crate::script::cases;

    /// Longer than a test takes.
    const TIME: Duration = Duration::from_mins(2);

    #[test]
    fn a_stage_is_kept_until_it_is_ended_and_their_number_is_limited() {
        let all = Catalogue::read(cases()).expect("all are cases");
        let early_fin = all.find("016-early-fin").expect("a case");
        let short_body = all.find("044-short-body").expect("a case");
        let stages = Stages::new(1, TIME);
        let first = stages.location(early_fin, None).expect("a free port");
        let (place, path) = first.rsplit_once('/').expect("a path");
        assert!(place.starts_with("http://127.0.0.1:") && path == "a", "{first}");
        let below = stages.location(early_fin, Some("/b?c=d")).expect("it is open");
        assert_eq!(below, format!("{place}/b?c=d"));

        let Err(Unopened::Full(wait)) = stages.location(short_body, None) else { panic!("one at a time") };
        assert!(wait > Duration::ZERO && wait <= TIME + Duration::from_secs(1), "{wait:?}");
        stages.end(early_fin);
        assert!(stages.location(short_body, None).is_ok());
        assert!(matches!(stages.location(early_fin, None), Err(Unopened::Full(_))));
    }

    #[test]
    fn a_stage_that_has_ended_by_itself_is_opened_again() {
        let all = Catalogue::read(cases()).expect("all are cases");
        let case = all.find("016-early-fin").expect("a case");
        let stages = Stages::new(1, Duration::from_millis(1));
        let (first, start) = (stages.location(case, None).expect("a free port"), clock::now());
        // A new stage usually has another port.
        while stages.location(case, None).expect("a free port") == first {
            assert!(start.elapsed() < TIME, "it goes on");
        }
    }
}
