//! Who is under way to a host, and which of them count against its window.
//!
//! An exchange that has stalled keeps its socket and its deadline, but gives up its place. After a block only the probes
//! count: what was sent before it may wait for its own deadline, and is no answer to the probe.

/// Slots that stalled exchanges can vacate, in windows of the host's cap: bounds the sockets held open to one host.
pub(super) const STALLED_WINDOWS_MAX: u32 = 8;
/// Requests beyond the window to a host that has answered none of those in it: questions whether it still does.
const STALLED_ALONE_MAX: u32 = 3;

#[derive(Debug, Clone, Default)]
pub(super) struct SlotAccounting {
    in_flight: u32,
    stalled: u32,
    /// Those of them that were sent after the last block.
    probes: u32,
    probes_stalled: u32,
    sent_since_answer: u32,
}

impl SlotAccounting {
    pub(super) fn in_flight(&self) -> u32 {
        self.in_flight
    }

    pub(super) fn take(&mut self) {
        self.in_flight += 1;
        self.probes += 1;
        self.sent_since_answer = self.sent_since_answer.saturating_add(1);
    }

    pub(super) fn give_back(&mut self, is_probe: bool, was_stalled: bool) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if is_probe {
            self.probes = self.probes.saturating_sub(1);
            self.probes_stalled = self.probes_stalled.saturating_sub(u32::from(was_stalled));
        }
        if was_stalled {
            self.stalled = self.stalled.saturating_sub(1);
        } else {
            // Whatever it was, it came in time.
            self.sent_since_answer = 0;
        }
    }

    pub(super) fn stall(&mut self, is_probe: bool) {
        self.stalled = (self.stalled + 1).min(self.in_flight);
        if is_probe {
            self.probes_stalled = (self.probes_stalled + 1).min(self.probes);
        }
    }

    pub(super) fn revive(&mut self, is_probe: bool) {
        self.stalled = self.stalled.saturating_sub(1);
        if is_probe {
            self.probes_stalled = self.probes_stalled.saturating_sub(1);
        }
    }

    /// A block begins: what is under way is no probe.
    pub(super) fn block(&mut self) {
        (self.probes, self.probes_stalled) = (0, 0);
    }

    /// Slots taken of a window of so many, which can be as wide as `cap`.
    pub(super) fn taken(&self, window: u32, cap: u32) -> u32 {
        // A host that answers nobody is asked a few more times whether it still does, and no more.
        let is_silent = self.sent_since_answer >= window.saturating_add(STALLED_ALONE_MAX);
        let vacated = if is_silent { 0 } else { self.stalled.min(cap.saturating_mul(STALLED_WINDOWS_MAX)) };
        self.in_flight.saturating_sub(vacated)
    }

    /// Probes under way. `is_well` says that the host only asked for a pause: then a probe that stalls is one of its
    /// usual stalls, and another is sent. Of a host that has fallen silent, what is not answered is the answer.
    pub(super) fn probing(&self, is_well: bool) -> u32 {
        self.probes - if is_well { self.probes_stalled.min(STALLED_ALONE_MAX) } else { 0 }
    }
}
