//! The requests in flight to a host, and which of them count against its window.
//!
//! A stalled request keeps its socket and its deadline, but gives up its slot. After a pause only the probes count:
//! requests from before the pause may wait for their deadlines, and say nothing about the probe.

/// Slots that stalled requests can free, in windows: bounds the sockets held open to one host.
const STALLED_WINDOWS_MAX: u32 = 8;
/// Requests beyond the window to a host that has answered none of those in it: do later ones get an answer?
const STALLED_ALONE_MAX: u32 = 3;

/// Counts slots.
#[derive(Debug, Clone, Default)]
pub(super) struct SlotAccounting {
    in_flight: u32,
    stalled: u32,
    /// Requests in flight that were sent after the last pause began.
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
            // Whatever the response was, it came in time.
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

    /// A pause begins: the requests in flight are no probes.
    pub(super) fn pause(&mut self) {
        (self.probes, self.probes_stalled) = (0, 0);
    }

    /// Slots taken of a window of this size.
    pub(super) fn taken(&self, window: u32) -> u32 {
        // A host that answers nothing gets a few more requests, and no more.
        let is_silent = self.sent_since_answer >= window.saturating_add(STALLED_ALONE_MAX);
        let vacated =
            if is_silent { 0 } else { self.stalled.min(window.saturating_mul(STALLED_WINDOWS_MAX)) };
        self.in_flight.saturating_sub(vacated)
    }

    /// Probes in flight. `is_well` says that the host only asked for a pause: then a probe that stalls is one of its usual
    /// stalls, and another is sent. Where the host has fallen silent, a silent probe is the answer.
    pub(super) fn probing(&self, is_well: bool) -> u32 {
        self.probes - if is_well { self.probes_stalled.min(STALLED_ALONE_MAX) } else { 0 }
    }
}
