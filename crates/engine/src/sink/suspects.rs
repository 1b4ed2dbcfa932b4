//! Asks of each complete body, before it is published, whether it looks like an error that is dressed as success.

use std::sync::Arc;

use longhaul_journal::storage::Storage;
use longhaul_journal::{Done, FaultRecord, SuspectPattern, Suspicion, write_suspicions};

use crate::exchange::Class;
use crate::report::suspect::{Judgement, ObservedRow, SuspectDetector, SuspectPolicy};
use crate::schedule::job::Job;

/// The detector, the user's decision, and the patterns that are to be reported.
pub(super) struct Suspects {
    detector: SuspectDetector,
    policy: SuspectPolicy,
    storage: Arc<dyn Storage>,
    /// Patterns that were found and not reported yet.
    unreported: Vec<usize>,
    /// Patterns that rows of this run fit.
    touched: Vec<usize>,
}

impl Suspects {
    /// `suspicions` are those of earlier runs.
    pub(super) fn new(suspicions: Vec<Suspicion>, policy: SuspectPolicy, storage: Arc<dyn Storage>) -> Self {
        let detector = SuspectDetector::new(suspicions);
        Self { detector, policy, storage, unreported: Vec::new(), touched: Vec::new() }
    }

    /// Counts a complete body. Returns why the row fails, if it does.
    pub(super) fn judge(&mut self, job: &Job, done: &Done) -> Option<FaultRecord> {
        if !job.expected.digests.is_empty() {
            return None;
        }
        let judged = self.detector.observe(&ObservedRow {
            url: &job.url,
            final_url: done.final_url.as_deref(),
            content_type: done.format.content_type.as_deref(),
            is_type_expected: job.expected.media_type.is_some(),
            size: done.size,
            blake3: &done.blake3,
        });
        let number = match judged {
            Judgement::Unsuspected => return None,
            Judgement::Known(number) => number,
            Judgement::New(number) => {
                // Nothing depends on it: a run that cannot read it finds the pattern anew.
                let _ = write_suspicions(&self.storage, self.detector.suspicions());
                self.unreported.push(number);
                number
            }
        };
        if !self.touched.contains(&number) {
            self.touched.push(number);
        }
        (self.policy == SuspectPolicy::Fail).then(|| fault(&self.detector.suspicions()[number]))
    }

    /// The patterns that were found since the last call.
    pub(super) fn take_unreported(&mut self) -> Vec<Suspicion> {
        std::mem::take(&mut self.unreported)
            .into_iter()
            .map(|number| self.detector.suspicions()[number].clone())
            .collect()
    }

    /// Ends the run: remembers the counts, and returns the patterns that its rows fit.
    pub(super) fn finish(&mut self) -> Vec<Suspicion> {
        if !self.touched.is_empty() {
            let _ = write_suspicions(&self.storage, self.detector.suspicions());
        }
        self.touched.iter().map(|&number| self.detector.suspicions()[number].clone()).collect()
    }
}

/// The fault of a row that fits this pattern.
fn fault(suspicion: &Suspicion) -> FaultRecord {
    let (phase, what) = match &suspicion.pattern {
        SuspectPattern::MediaType { media_type, .. } => {
            ("head", format!("it is {media_type}, as many URLs of the host are whose names say otherwise"))
        }
        _ => ("body", "its body is that of many other URLs of the host".to_owned()),
    };
    FaultRecord {
        class: Class::Suspect.as_str().to_owned(),
        phase: phase.to_owned(),
        message: format!("suspect: {what}, such as {}", suspicion.example),
        ..FaultRecord::default()
    }
}
