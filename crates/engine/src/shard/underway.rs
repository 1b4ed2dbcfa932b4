//! The exchanges in progress, and how far each has come.
//!
//! It refuses to judge: it reports stalled exchanges and leaves the consequences to others.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use longhaul_socket::clock;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{Instrument as _, Span};

use crate::exchange::attempt::attempt;
use crate::exchange::context::ExchangeContext;
use crate::exchange::ended::Ended;
use crate::exchange::progress::Progress;
use crate::exchange::witness::witness;
use crate::schedule::frontier::{HostId, Sent};
use crate::schedule::job::Job;
use crate::sink::{SinkGone, SinkHandle};

/// An attempt during which the machine was suspended for longer than this may have failed because of that.
const SUSPENSION_MIN: Duration = Duration::from_secs(1);
/// A body that brings fewer bytes than this between two checks makes no progress.
const PROGRESS_BYTES_MIN: u64 = 256;
/// An exchange that has received this many bytes is not aborted: without ranges they would have to be sent again.
const CUT_BYTES_MAX: u64 = 1024 * 1024;

#[derive(Default)]
pub(super) struct Underway {
    exchanges: JoinSet<(Slot, Box<Job>, Result<Ended, SinkGone>)>,
    active: BTreeMap<Slot, Active>,
    next_slot: Slot,
}

type Slot = u64;

/// An exchange in progress.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct Active {
    pub(super) host: HostId,
    pub(super) sent: Sent,
    pub(super) progress: Rc<Progress>,
    pub(super) begun_at: Instant,
    seen_bytes: u64,
    progress_at: Instant,
    is_stalled: bool,
    /// The host's controller knows that the head of the response arrived.
    is_head_known: bool,
    /// Another attempt may follow it, so that it may be aborted.
    may_repeat: bool,
    /// It was aborted.
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

    /// Bytes of bodies that the exchanges in progress have received.
    pub(super) fn bytes(&self) -> u64 {
        self.active.values().map(|active| active.progress.bytes()).sum()
    }

    /// Starts an exchange for a job of this host, within this span. `may_repeat`: the user's limit allows another attempt.
    pub(super) fn start(
        &mut self,
        context: &Rc<ExchangeContext>,
        host: HostId,
        sent: Sent,
        mut job: Box<Job>,
        may_repeat: bool,
        span: Span,
    ) {
        let active = Active { may_repeat, ..Active::new(host, sent, &context.sink) };
        let (context, progress) = (Rc::clone(context), Rc::clone(&active.progress));
        let slot = self.next_slot;
        self.next_slot += 1;
        self.active.insert(slot, active);
        let exchange = async move {
            let ended = if job.is_witness {
                Ok(witness(&context, &job, &progress).await)
            } else {
                attempt(&context, &mut job, &progress).await
            };
            (slot, job, ended)
        };
        self.exchanges.spawn_local(exchange.instrument(span));
    }

    /// The next exchange to end, or `None` if there is none. Cancel safe. A panic of the exchange is passed on: its job is
    /// lost, and the run must not continue without it.
    pub(super) async fn next_finished(&mut self) -> Option<Finished> {
        let joined = self.exchanges.join_next().await?;
        let (slot, job, ended) = joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        let active = self.active.remove(&slot)?;
        Some(Finished { active, job, ended })
    }

    /// Checks the progress of every exchange; returns those that have stalled since the last check, or make progress again.
    /// `stall_after` is the time after which an exchange of a host stalls, if it is known.
    pub(super) fn check_progress(
        &mut self,
        stall_after: impl Fn(HostId) -> Option<Duration>,
    ) -> Vec<&Active> {
        let now = clock::now();
        let mut changed = Vec::new();
        for active in self.active.values_mut() {
            if active.check_progress(stall_after(active.host), now) {
                changed.push(&*active);
            }
        }
        changed
    }

    /// The exchanges whose body has begun since the last call.
    pub(super) fn begun(&mut self) -> impl Iterator<Item = &Active> {
        let has_body = |active: &&mut Active| active.progress.bytes() > 0;
        let active = self.active.values_mut().filter(has_body);
        active.filter_map(|active| active.first_byte_is_new().then_some(&*active))
    }

    /// The stalled exchanges that have not been aborted and would lose little by that.
    pub(super) fn stalled(&mut self) -> impl Iterator<Item = &mut Active> {
        let is_little = |active: &Active| active.progress.bytes() < CUT_BYTES_MAX;
        self.active.values_mut().filter(move |active| {
            active.is_stalled && active.may_repeat && !active.is_cut && is_little(active)
        })
    }
}

impl Active {
    fn new(host: HostId, sent: Sent, sink: &SinkHandle) -> Self {
        let now = clock::now();
        Self {
            host,
            sent,
            progress: Progress::new(),
            begun_at: now,
            seen_bytes: 0,
            progress_at: now,
            is_stalled: false,
            is_head_known: false,
            may_repeat: true,
            is_cut: false,
            pauses_before: sink.pauses(),
            suspended_before: clock::suspended(),
        }
    }

    /// Whether the head of its response arrived and the host's controller does not know; from now on it does.
    pub(super) fn first_byte_is_new(&mut self) -> bool {
        self.progress.heard().is_some() && !std::mem::replace(&mut self.is_head_known, true)
    }

    /// Whether it has stalled, so that its slot in the window is free.
    pub(super) fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// Whether its request has its whole deadline.
    pub(super) fn is_decisive(&self) -> bool {
        self.progress.is_decisive()
    }

    /// Aborts it, where it waits for its host.
    pub(super) fn cut_short(&mut self) {
        self.is_cut = true;
        self.progress.cut_short();
    }

    /// How long it has made no progress, as of the last check.
    pub(super) fn silent_for(&self) -> Duration {
        self.progress_at.elapsed()
    }

    /// When it last made progress, as of the last check.
    pub(super) fn progress_at(&self) -> Instant {
        self.progress_at
    }

    /// The time from the request to the head of the response, or until now where none has come.
    pub(super) fn latency(&self) -> Duration {
        self.progress.latency().unwrap_or_else(|| self.begun_at.elapsed())
    }

    /// Whether this machine interrupted it: bodies are not read while nothing can be written, and nothing is read while the
    /// machine is suspended, so the host may have closed the connection.
    pub(super) fn was_disturbed(&self, sink: &SinkHandle) -> bool {
        let was_paused = sink.pauses() != self.pauses_before;
        let was_suspended = clock::suspended().saturating_sub(self.suspended_before) > SUSPENSION_MIN;
        was_paused || was_suspended
    }

    /// Notes its progress; returns whether it has stalled since the last check, or makes progress again.
    fn check_progress(&mut self, stall_after: Option<Duration>, now: Instant) -> bool {
        let bytes = self.progress.bytes();
        let has_progressed = bytes >= self.seen_bytes + PROGRESS_BYTES_MIN || self.progress.is_held_up();
        if has_progressed {
            self.seen_bytes = bytes;
            self.progress_at = now;
        }
        let Some(stall_after) = stall_after else { return false };
        // What has stalled stays so until it makes progress, however patient the controller becomes.
        let is_stalled = self.is_stalled && !has_progressed || now - self.progress_at >= stall_after;
        std::mem::replace(&mut self.is_stalled, is_stalled) != is_stalled
    }
}
