//! The exchanges under way, and how far they are.
//!
//! It refuses to judge: that an exchange has stalled is told to those who know what follows from it.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use longhaul_socket::clock;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::exchange::attempt::{Ended, ExchangeContext, Progress, attempt};
use crate::schedule::frontier::{HostId, Sent};
use crate::schedule::job::Job;
use crate::sink::{SinkGone, SinkHandle};

/// An attempt during which the machine was suspended for longer than this may have failed of that.
const SUSPENSION_MIN: Duration = Duration::from_secs(1);
/// A body that brings fewer bytes than this from one look to the next makes no progress worth the name.
const PROGRESS_BYTES_MIN: u64 = 256;
/// One that has brought so much is not cut short: where its host knows no ranges, all of that would have to come again.
const CUT_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Default)]
pub(super) struct Underway {
    exchanges: JoinSet<(Slot, Box<Job>, Result<Ended, SinkGone>)>,
    active: BTreeMap<Slot, Active>,
    next_slot: Slot,
}

type Slot = u64;

/// An exchange under way.
pub(super) struct Active {
    pub(super) host: HostId,
    pub(super) sent: Sent,
    pub(super) progress: Rc<Progress>,
    pub(super) begun_at: Instant,
    seen_bytes: u64,
    progress_at: Instant,
    is_stalled: bool,
    /// How often it has come to that.
    stalls: u32,
    /// So many earlier ones for the same row were cut short.
    cuts_before: u32,
    /// It was told to give up.
    is_cut: bool,
    pauses_before: u64,
    suspended_before: Duration,
}

/// An exchange that is over.
pub(super) struct Finished {
    pub(super) active: Active,
    pub(super) job: Box<Job>,
    pub(super) ended: Result<Ended, SinkGone>,
}

impl Underway {
    pub(super) fn len(&self) -> usize {
        self.active.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.active.is_empty()
    }

    /// Starts an exchange for a job of this host.
    pub(super) fn start(
        &mut self,
        context: &Rc<ExchangeContext>,
        host: HostId,
        sent: Sent,
        mut job: Box<Job>,
    ) {
        let active = Active::new(host, sent, job.cuts, &context.sink);
        let (context, progress) = (Rc::clone(context), Rc::clone(&active.progress));
        let slot = self.next_slot;
        self.next_slot += 1;
        self.active.insert(slot, active);
        self.exchanges.spawn_local(async move {
            let ended = attempt(&context, &mut job, &progress).await;
            (slot, job, ended)
        });
    }

    /// The next exchange to end, or `None` if there is none under way. Cancel safe. A panic of the exchange is passed on: it
    /// took its job along, and the run must not go on as if nothing had happened.
    pub(super) async fn next_finished(&mut self) -> Option<Finished> {
        let joined = self.exchanges.join_next().await?;
        let (slot, job, ended) = joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let active = self.active.remove(&slot)?;
        Some(Finished { active, job, ended })
    }

    /// Looks at every exchange; returns those that have stalled just now, or are on their way again. `stall_after` says how
    /// long the exchanges of a host may make no progress, if anything is known of that.
    pub(super) fn look(&mut self, stall_after: impl Fn(HostId) -> Option<Duration>) -> Vec<&Active> {
        let now = clock::now();
        let mut changed = Vec::new();
        for active in self.active.values_mut() {
            if active.look(stall_after(active.host), now) {
                changed.push(&*active);
            }
        }
        changed
    }

    /// Those that make no progress, have not been told to give up, and would lose little by that.
    pub(super) fn stalled(&mut self) -> impl Iterator<Item = &mut Active> {
        let is_little = |active: &Active| active.progress.bytes() < CUT_BYTES_MAX;
        self.active
            .values_mut()
            .filter(move |active| active.is_stalled && !active.is_cut && is_little(active))
    }
}

impl Active {
    fn new(host: HostId, sent: Sent, cuts_before: u32, sink: &SinkHandle) -> Self {
        let now = clock::now();
        Self {
            host,
            sent,
            progress: Progress::new(),
            begun_at: now,
            seen_bytes: 0,
            progress_at: now,
            is_stalled: false,
            stalls: 0,
            cuts_before,
            is_cut: false,
            pauses_before: sink.pauses(),
            suspended_before: clock::suspended(),
        }
    }

    /// Whether it has made no progress for so long that its place in the window is another's.
    pub(super) fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// How often it has stalled.
    pub(super) fn stalls(&self) -> u32 {
        self.stalls
    }

    /// So many exchanges for its row were cut short in this run.
    pub(super) fn cuts_before(&self) -> u32 {
        self.cuts_before
    }

    /// Whether it was told to give up.
    pub(super) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// Tells it to give up.
    pub(super) fn cut_short(&mut self) {
        self.is_cut = true;
        self.progress.cut_short();
    }

    /// How long it has made no progress, as far as anybody looked.
    pub(super) fn silent_for(&self) -> Duration {
        self.progress_at.elapsed()
    }

    /// When the last byte was seen, as far as anybody looked.
    pub(super) fn progress_at(&self) -> Instant {
        self.progress_at
    }

    /// From the request to the head, or to now where none has come: it would have taken at least as long.
    pub(super) fn latency(&self) -> Duration {
        self.progress.latency().unwrap_or_else(|| self.begun_at.elapsed())
    }

    /// Whether this machine has kept it from its work: while nothing could be written bodies were not read, and while the
    /// machine slept nothing was, so the host may have lost patience.
    pub(super) fn was_disturbed(&self, sink: &SinkHandle) -> bool {
        let was_paused = sink.pauses() != self.pauses_before;
        let was_suspended = clock::suspended().saturating_sub(self.suspended_before) > SUSPENSION_MIN;
        was_paused || was_suspended
    }

    /// Notes how far it is; whether it has stalled just now, or is on its way again.
    fn look(&mut self, stall_after: Option<Duration>, now: Instant) -> bool {
        let bytes = self.progress.bytes();
        let has_progressed = bytes >= self.seen_bytes + PROGRESS_BYTES_MIN;
        if has_progressed || self.progress.is_held_up() {
            self.seen_bytes = bytes;
            self.progress_at = now;
        }
        let Some(stall_after) = stall_after else { return false };
        let is_stalled = now - self.progress_at >= stall_after;
        self.stalls += u32::from(is_stalled && !self.is_stalled);
        std::mem::replace(&mut self.is_stalled, is_stalled) != is_stalled
    }
}
