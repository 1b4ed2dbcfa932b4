//! When nothing is sent but single probes.
//!
//! The first probe comes soon, and each wait is about as long as all before it, until one is served. From then on it is known how long the
//! host was closed; the next time the first probe waits as long as the wait that was enough. A host whose ban each request
//! prolongs is so met with one probe, and one whose ban runs on regardless with two.

use super::Seconds;

/// When probes are sent, from the beginning on: about twice as late each time, and just after what people choose for bans
/// (a prior): 1, 2, 5, 10, 20, 30 s, 1, 2, 5, 10 min. As each wait is about as long as all before it, a ban that each request
/// prolongs has ended as well after twice its length.
const PROBE_TIMES: [Seconds; 13] =
    [0.05, 0.2, 0.5, 1.05, 2.1, 5.2, 10.4, 20.8, 31.0, 62.0, 124.0, 310.0, 620.0];
/// A probe that said nothing is made again after this.
const REPROBE_AFTER: Seconds = 0.05;
/// So many probes that fail in another way than the host refuses are believed: a quarter fails by chance at a poor host.
const ODD_PROBES_MIN: u32 = 3;
/// A wait that was enough is made longer by so much.
const MARGIN: f64 = 1.03;
/// Shorter ones are no ban, but a moment without a place.
pub(super) const BAN_MIN: Seconds = 1.0;

#[derive(Debug, Clone)]
pub(super) struct Pause {
    /// When the first of the row of failures was sent.
    pub(super) started_at: Seconds,
    /// Its place in the order of sending.
    pub(super) run_start: u64,
    /// Requests from here on are probes.
    pub(super) probes_from: u64,
    pub(super) next_probe: Seconds,
    last_failure: Seconds,
    failures: u32,
    has_retry_after: bool,
    has_waited: bool,
    /// Probes that failed in another way than the host refuses, since the last that was believed.
    odd_failures: u32,
}

impl Pause {
    /// Probes in vain.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }
}

/// How a pause ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndedPause {
    /// Requests that met it were the last so long ago when it ended.
    pub(super) gap: Seconds,
    /// It lasted so long from the first failure on.
    pub(super) duration: Seconds,
    /// Probes in vain.
    pub(super) failures: u32,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Backoff {
    pub(super) pause: Option<Pause>,
    /// The longest that has been met.
    ban: Option<EndedPause>,
}

impl Backoff {
    /// Begins one: the first failure was sent then. `trip` is a usual round trip, `gap` what one request is apart from the
    /// next.
    pub(super) fn begin(
        &mut self,
        run_start: u64,
        started_at: Seconds,
        next_sequence: u64,
        now: Seconds,
        wait_min: Seconds,
    ) {
        let wait = wait_min.max(PROBE_TIMES[0]);
        self.pause = Some(Pause {
            started_at,
            run_start,
            probes_from: next_sequence,
            next_probe: now + wait,
            last_failure: now,
            failures: 0,
            has_retry_after: false,
            has_waited: false,
            odd_failures: 0,
        });
    }

    /// The host has asked to be left alone until then.
    pub(super) fn retry_after(&mut self, until: Seconds) {
        if let Some(pause) = &mut self.pause {
            pause.next_probe = pause.next_probe.max(until);
            pause.has_retry_after = true;
        }
    }

    /// A probe was in vain, which was sent then. `is_odd`: it failed in another way than the host refuses, which may be chance,
    /// and is not believed at once.
    pub(super) fn failed(&mut self, sent: Seconds, is_odd: bool, now: Seconds) {
        let ban = self.ban;
        let Some(pause) = &mut self.pause else { return };
        pause.odd_failures += u32::from(is_odd);
        if is_odd && pause.odd_failures < ODD_PROBES_MIN {
            pause.next_probe = pause.next_probe.max(now + REPROBE_AFTER);
            return;
        }
        pause.odd_failures = 0;
        pause.failures += 1;
        pause.last_failure = sent;
        let elapsed = now - pause.started_at;
        let after =
            PROBE_TIMES.iter().find(|&&after| after > 1.15 * elapsed).copied().unwrap_or(elapsed + 600.0);
        pause.next_probe = pause.started_at + after;
        // What was enough the last time is tried as soon as it is clear that this is no moment: first a silence as long as
        // that before the probe that was served, then the whole time.
        if let Some(ban) = ban
            && elapsed > 0.3
        {
            let gap = now + ban.gap * MARGIN;
            let duration = pause.started_at + ban.duration * MARGIN;
            if !pause.has_waited && pause.next_probe < gap {
                pause.has_waited = true;
                pause.next_probe = gap;
            } else if now < duration && duration < pause.next_probe {
                pause.next_probe = duration;
            }
        }
    }

    /// A probe said nothing: another one is sent.
    pub(super) fn reprobe(&mut self, now: Seconds) {
        if let Some(pause) = &mut self.pause {
            pause.next_probe = pause.next_probe.max(now + REPROBE_AFTER);
        }
    }

    /// A probe was served.
    pub(super) fn end(&mut self, sent: Seconds) -> Option<(Pause, EndedPause)> {
        let pause = self.pause.take()?;
        let ended_pause = EndedPause {
            gap: sent - pause.last_failure,
            duration: sent - pause.started_at,
            failures: pause.failures,
        };
        if ended_pause.duration > BAN_MIN && !pause.has_retry_after {
            self.ban = Some(ended_pause);
        }
        Some((pause, ended_pause))
    }

    /// How long the host is closed when it is.
    pub(super) fn ban(&self) -> Option<Seconds> {
        self.ban.map(|ended_pause| ended_pause.duration)
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;

    /// Probes until a ban of this length is over, which each of them prolongs or not. Returns how many were in vain, and when
    /// the last one was sent.
    fn probe_until_over(backoff: &mut Backoff, ban: f64, is_prolonged: bool) -> (u32, f64) {
        backoff.begin(0, 0.0, 1, 0.0, 0.0);
        let (mut until, mut failures) = (ban, 0);
        loop {
            let at = backoff.pause.as_ref().expect("it ban").next_probe;
            if at >= until {
                backoff.end(at);
                return (failures, at);
            }
            if is_prolonged {
                until = at + ban;
            }
            failures += 1;
            backoff.failed(at, false, at);
        }
    }

    #[test]
    fn an_unknown_ban_is_met_for_about_twice_its_length() {
        for ban in [1.0, 5.0, 10.0, 30.0, 60.0] {
            let (_, at) = probe_until_over(&mut Backoff::default(), ban, false);
            assert!(at < 2.1 * ban + 0.1, "{ban}: {at}");
            let (_, at) = probe_until_over(&mut Backoff::default(), ban, true);
            assert!(at < 6.3 * ban + 0.1, "prolonged {ban}: {at}");
        }
    }

    #[test]
    fn a_known_ban_is_met_with_few_probes() {
        let mut backoff = Backoff::default();
        let (before, _) = probe_until_over(&mut backoff, 30.0, true);
        let (after, at) = probe_until_over(&mut backoff, 30.0, true);
        assert!(after < before && after <= 4, "{before}, then {after}");
        assert!(at < 40.0, "{at}");
    }

    #[test]
    fn a_probe_that_fails_in_another_way_is_made_again() {
        let mut backoff = Backoff::default();
        backoff.begin(0, 0.0, 1, 0.0, 0.0);
        backoff.failed(310.0, true, 310.0);
        assert!(backoff.pause.as_ref().expect("it ban").next_probe < 311.0);
        backoff.failed(310.1, true, 310.1);
        assert!(backoff.pause.as_ref().expect("it ban").next_probe < 311.0);
        backoff.failed(310.2, true, 310.2);
        assert!(backoff.pause.as_ref().expect("it ban").next_probe > 311.0, "three times is believed");
    }
}
