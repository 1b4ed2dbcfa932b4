//! The schedule of probes while the host refuses every request.
//!
//! The first probe is sent soon, and each wait is about as long as all earlier ones together, until a probe is served.
//! The duration of the ban is then known. In the next pause the first long wait has that duration. If each request
//! prolongs the ban, such a pause costs one failed probe; otherwise it costs two.

use super::Seconds;

/// When probes are sent, from the start of the pause on: the intervals double, and each probe comes just after a common
/// ban duration (a prior): 1, 2, 5, 10, 20, 30 s, 1, 2, 5, 10 min. Each wait is about as long as all earlier ones, so a
/// ban that each request prolongs ends after twice its duration, too.
const PROBE_TIMES: [Seconds; 13] =
    [0.05, 0.2, 0.5, 1.05, 2.1, 5.2, 10.4, 20.8, 31.0, 62.0, 124.0, 310.0, 620.0];
/// The wait after a probe that failed in another mode.
const REPROBE_AFTER: Seconds = 0.05;
/// The schedule advances after this many failures in another mode than the host's: on a poor network a quarter of the
/// probes fail at random.
const ODD_PROBES_MIN: u32 = 3;
/// A wait that was long enough is repeated with this factor.
const MARGIN: f64 = 1.03;
/// A shorter pause is no ban: the host had no capacity for a moment.
pub(super) const BAN_MIN: Seconds = 1.0;

#[derive(Debug, Clone)]
pub(super) struct Pause {
    /// When the first request of the run of failures was sent.
    pub(super) started_at: Seconds,
    /// The sequence number of that request.
    pub(super) run_start: u64,
    /// Requests from this one on are probes.
    pub(super) probes_from: u64,
    pub(super) next_probe: Seconds,
    last_failure: Seconds,
    failures: u32,
    has_retry_after: bool,
    has_waited: bool,
    /// Probes that failed in another mode since the schedule last advanced.
    odd_failures: u32,
}

impl Pause {
    /// Failed probes.
    pub(super) const fn failures(&self) -> u32 {
        self.failures
    }
}

/// A pause that is over.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndedPause {
    /// From the last request that failed to the probe that was served.
    pub(super) gap: Seconds,
    /// From the first failure to the probe that was served.
    pub(super) duration: Seconds,
    /// Failed probes.
    pub(super) failures: u32,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Backoff {
    pub(super) pause: Option<Pause>,
    /// The last ban, if there was one.
    ban: Option<EndedPause>,
}

impl Backoff {
    /// Begins a pause. `started_at`: when the first failed request was sent. `wait_min`: the least wait until the first
    /// probe.
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

    /// The host has sent a Retry-After that ends at this time.
    pub(super) fn retry_after(&mut self, until: Seconds) {
        if let Some(pause) = &mut self.pause {
            pause.next_probe = pause.next_probe.max(until);
            pause.has_retry_after = true;
        }
    }

    /// A probe failed that was sent at this time. `is_odd`: it failed in another mode than the host's, perhaps at
    /// random, so one such failure does not advance the schedule.
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
        // Repeat the waits that ended the last ban: first its silence before the probe that was served, then its whole
        // duration.
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

    /// A probe that was sent at this time was served: the pause is over.
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

    /// The duration of the last ban.
    pub(super) fn ban(&self) -> Option<Seconds> {
        self.ban.map(|ended_pause| ended_pause.duration)
    }
}

#[cfg(test)]
mod tests {
    use super::Backoff;

    /// Probes until a ban of this duration is over; each probe prolongs it or not. Returns the number of failed probes,
    /// and when the last probe was sent.
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
    fn an_unknown_ban_costs_about_twice_its_duration() {
        for ban in [1.0, 5.0, 10.0, 30.0, 60.0] {
            let (_, at) = probe_until_over(&mut Backoff::default(), ban, false);
            assert!(at < 2.1 * ban + 0.1, "{ban}: {at}");
            let (_, at) = probe_until_over(&mut Backoff::default(), ban, true);
            assert!(at < 6.3 * ban + 0.1, "prolonged {ban}: {at}");
        }
    }

    #[test]
    fn a_known_ban_costs_few_probes() {
        let mut backoff = Backoff::default();
        let (before, _) = probe_until_over(&mut backoff, 30.0, true);
        let (after, at) = probe_until_over(&mut backoff, 30.0, true);
        assert!(after < before && after <= 4, "{before}, then {after}");
        assert!(at < 40.0, "{at}");
    }

    #[test]
    fn a_probe_that_fails_in_another_mode_is_repeated() {
        let mut backoff = Backoff::default();
        backoff.begin(0, 0.0, 1, 0.0, 0.0);
        backoff.failed(310.0, true, 310.0);
        assert!(backoff.pause.as_ref().expect("it ban").next_probe < 311.0);
        backoff.failed(310.1, true, 310.1);
        assert!(backoff.pause.as_ref().expect("it ban").next_probe < 311.0);
        backoff.failed(310.2, true, 310.2);
        assert!(
            backoff.pause.as_ref().expect("it ban").next_probe > 311.0,
            "the third such failure advances the schedule"
        );
    }
}
