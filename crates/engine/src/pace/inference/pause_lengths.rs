//! When nothing is sent but single probes.
//!
//! The first probe comes soon, and each wait is about as long as all before it, until one is served. From then on it is known how long the
//! host was closed; the next time the first probe waits as long as the wait that was enough. A host whose ban each request
//! prolongs is so met with one probe, and one whose ban runs on regardless with two.

use super::Seconds;

/// When probes are sent, from the beginning on: about twice as late each time, and just after what people choose for bans
/// (a prior): 1, 2, 5, 10, 20, 30 s, 1, 2, 5, 10 min. As each wait is about as long as all before it, a ban that each request
/// prolongs has ended as well after twice its length.
const PROBES: [Seconds; 13] = [0.05, 0.2, 0.5, 1.05, 2.1, 5.2, 10.4, 20.8, 31.0, 62.0, 124.0, 310.0, 620.0];
/// A probe that said nothing is made again after this.
const AGAIN: Seconds = 0.05;
/// So many probes that fail in another way than the host refuses are believed: a quarter fails by chance at a poor host.
const ODD_BELIEVED: u32 = 3;
/// A wait that was enough is made longer by so much.
const MARGIN: f64 = 1.03;
/// Shorter ones are no ban, but a moment without a place.
pub(super) const LONG: Seconds = 1.0;

#[derive(Debug, Clone)]
pub(super) struct Pause {
    /// When the first of the row of failures was sent.
    pub(super) began: Seconds,
    /// Its place in the order of sending.
    pub(super) onset: u64,
    /// Requests from here on are probes.
    pub(super) probes_from: u64,
    pub(super) next: Seconds,
    last_failure: Seconds,
    failures: u32,
    is_asked: bool,
    has_waited: bool,
    /// Probes that failed in another way than the host refuses, since the last that was believed.
    odd: u32,
}

impl Pause {
    /// Probes in vain.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }
}

/// How a pause ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Closed {
    /// Requests that met it were the last so long ago when it ended.
    pub(super) gap: Seconds,
    /// It lasted so long from the first failure on.
    pub(super) whole: Seconds,
    /// Probes in vain.
    pub(super) failures: u32,
}

#[derive(Debug, Clone, Default)]
pub(super) struct PauseLengths {
    pub(super) now: Option<Pause>,
    /// The longest that has been met.
    known: Option<Closed>,
}

impl PauseLengths {
    /// Begins one: the first failure was sent then. `trip` is a usual round trip, `gap` what one request is apart from the
    /// next.
    pub(super) fn begin(
        &mut self,
        onset: u64,
        began: Seconds,
        next_sequence: u64,
        now: Seconds,
        least: Seconds,
    ) {
        let wait = least.max(PROBES[0]);
        self.now = Some(Pause {
            began,
            onset,
            probes_from: next_sequence,
            next: now + wait,
            last_failure: now,
            failures: 0,
            is_asked: false,
            has_waited: false,
            odd: 0,
        });
    }

    /// The host has asked to be left alone until then.
    pub(super) fn asked(&mut self, until: Seconds) {
        if let Some(pause) = &mut self.now {
            pause.next = pause.next.max(until);
            pause.is_asked = true;
        }
    }

    /// A probe was in vain, which was sent then. `is_odd`: it failed in another way than the host refuses, which may be chance,
    /// and is not believed at once.
    pub(super) fn failed(&mut self, sent: Seconds, is_odd: bool, now: Seconds) {
        let known = self.known;
        let Some(pause) = &mut self.now else { return };
        pause.odd += u32::from(is_odd);
        if is_odd && pause.odd < ODD_BELIEVED {
            pause.next = pause.next.max(now + AGAIN);
            return;
        }
        pause.odd = 0;
        pause.failures += 1;
        pause.last_failure = sent;
        let elapsed = now - pause.began;
        let after = PROBES.iter().find(|&&after| after > 1.15 * elapsed).copied().unwrap_or(elapsed + 600.0);
        pause.next = pause.began + after;
        // What was enough the last time is tried as soon as it is clear that this is no moment: first a silence as long as
        // that before the probe that was served, then the whole time.
        if let Some(known) = known
            && elapsed > 0.3
        {
            let gap = now + known.gap * MARGIN;
            let whole = pause.began + known.whole * MARGIN;
            if !pause.has_waited && pause.next < gap {
                pause.has_waited = true;
                pause.next = gap;
            } else if now < whole && whole < pause.next {
                pause.next = whole;
            }
        }
    }

    /// A probe said nothing: another one is sent.
    pub(super) fn again(&mut self, now: Seconds) {
        if let Some(pause) = &mut self.now {
            pause.next = pause.next.max(now + AGAIN);
        }
    }

    /// A probe was served.
    pub(super) fn end(&mut self, sent: Seconds) -> Option<(Pause, Closed)> {
        let pause = self.now.take()?;
        let closed =
            Closed { gap: sent - pause.last_failure, whole: sent - pause.began, failures: pause.failures };
        if closed.whole > LONG && !pause.is_asked {
            self.known = Some(closed);
        }
        Some((pause, closed))
    }

    /// How long the host is closed when it is.
    pub(super) fn known(&self) -> Option<Seconds> {
        self.known.map(|closed| closed.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::PauseLengths;

    /// Probes until a ban of this length is over, which each of them prolongs or not. Returns how many were in vain, and when
    /// the last one was sent.
    fn met(pauses: &mut PauseLengths, lasts: f64, is_prolonged: bool) -> (u32, f64) {
        pauses.begin(0, 0.0, 1, 0.0, 0.0);
        let (mut until, mut failures) = (lasts, 0);
        loop {
            let at = pauses.now.as_ref().expect("it lasts").next;
            if at >= until {
                pauses.end(at);
                return (failures, at);
            }
            if is_prolonged {
                until = at + lasts;
            }
            failures += 1;
            pauses.failed(at, false, at);
        }
    }

    #[test]
    fn an_unknown_ban_is_met_for_about_twice_its_length() {
        for lasts in [1.0, 5.0, 10.0, 30.0, 60.0] {
            let (_, at) = met(&mut PauseLengths::default(), lasts, false);
            assert!(at < 2.1 * lasts + 0.1, "{lasts}: {at}");
            let (_, at) = met(&mut PauseLengths::default(), lasts, true);
            assert!(at < 6.3 * lasts + 0.1, "prolonged {lasts}: {at}");
        }
    }

    #[test]
    fn a_known_ban_is_met_with_few_probes() {
        let mut pauses = PauseLengths::default();
        let (before, _) = met(&mut pauses, 30.0, true);
        let (after, at) = met(&mut pauses, 30.0, true);
        assert!(after < before && after <= 4, "{before}, then {after}");
        assert!(at < 40.0, "{at}");
    }

    #[test]
    fn a_probe_that_fails_in_another_way_is_made_again() {
        let mut pauses = PauseLengths::default();
        pauses.begin(0, 0.0, 1, 0.0, 0.0);
        pauses.failed(310.0, true, 310.0);
        assert!(pauses.now.as_ref().expect("it lasts").next < 311.0);
        pauses.failed(310.1, true, 310.1);
        assert!(pauses.now.as_ref().expect("it lasts").next < 311.0);
        pauses.failed(310.2, true, 310.2);
        assert!(pauses.now.as_ref().expect("it lasts").next > 311.0, "three times is believed");
    }
}
