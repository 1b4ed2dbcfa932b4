//! The inferred pace of one host, healthy or not.

use std::time::Duration;

use longhaul::pace::{Controller, InferencePace, Limiter, Permit, SendRecord, Signal, UserLimits, Work};
use longhaul_socket::clock;
use tokio::time::Instant;

const SERVED: Signal = Signal::Success { latency: LATENCY };
const JITTER: f64 = 0.5;
const LATENCY: Duration = Duration::from_millis(10);

/// A host with many rows that may be requested now.
const WORK: Work =
    Work { connections_idle: 8, jobs_waiting: 1_000, jobs_ready: 1_000, jobs_held: 0, jobs_in_flight: 0 };
const THROTTLED: Signal = Signal::Throttle { retry_after: None };

const fn asked_to_wait(seconds: u64) -> Signal {
    Signal::Throttle { retry_after: Some(Duration::from_secs(seconds)) }
}

/// Takes every slot.
fn fill(pace: &mut InferencePace, now: Instant) -> Vec<SendRecord> {
    let mut requests = Vec::new();
    while let Permit::Go(sent) = pace.permit(WORK, now) {
        requests.push(sent);
    }
    requests
}

fn answer_all(pace: &mut InferencePace, requests: Vec<SendRecord>, signal: Signal, now: Instant) {
    for sent in requests {
        pace.ended(sent, signal, false, now, JITTER);
    }
}

/// Serves rounds of requests until the window is at its cap. Returns when it is.
fn reach_cap(pace: &mut InferencePace, mut now: Instant) -> Instant {
    while pace.belief().window < pace.limits().window_max {
        let requests = fill(pace, now);
        assert_eq!(requests.len(), pace.belief().window as usize);
        now += LATENCY;
        answer_all(pace, requests, SERVED, now);
    }
    now
}

/// The pace of a host that has served enough for the window to be at its cap, and the time when it is.
fn at_cap(cap: u32) -> (InferencePace, Instant) {
    let now = clock::now();
    let mut pace = InferencePace::new(UserLimits::window(cap), now);
    let now = reach_cap(&mut pace, now);
    (pace, now)
}

#[test]
fn a_server_that_accepts_everything_sees_the_cap() {
    // Eight at once, and then twice as many each second.
    for (cap, seconds_max) in [(1, 0.0), (4, 0.0), (8, 0.05), (16, 2.0), (64, 4.0)] {
        let began = clock::now();
        let mut pace = InferencePace::new(UserLimits::window(cap), began);
        let mut now = reach_cap(&mut pace, began);
        assert!((now - began).as_secs_f64() <= seconds_max, "{:?} to {cap}", now - began);
        for _ in 0..10 {
            let requests = fill(&mut pace, now);
            now += LATENCY;
            answer_all(&mut pace, requests, SERVED, now);
        }
        assert_eq!((pace.belief().window, pace.belief().limiter), (cap, Limiter::Cap), "it stays there");
    }
}

#[test]
fn one_refusal_begins_no_rate_and_a_bucket_does() {
    let (mut pace, now) = at_cap(8);
    let mut requests = fill(&mut pace, now);
    pace.ended(requests.remove(3), THROTTLED, false, now, JITTER);
    answer_all(&mut pace, requests, SERVED, now + LATENCY);
    assert_eq!(pace.belief().rate, None, "one refusal may be random");

    let (mut tokens, mut filled_at, mut now) = (20.0_f64, now, now + LATENCY);
    let until = now + Duration::from_secs(20);
    while now < until {
        match pace.permit(WORK, now) {
            Permit::Go(sent) => {
                tokens = (tokens + 20.0 * (now - filled_at).as_secs_f64()).min(20.0);
                filled_at = now;
                let is_served = tokens >= 1.0;
                tokens -= f64::from(u8::from(is_served));
                now += LATENCY;
                pace.ended(sent, if is_served { SERVED } else { THROTTLED }, false, now, JITTER);
            }
            Permit::WaitUntil(at) => now = at,
            Permit::WaitForAnswer => panic!("nothing is in flight"),
        }
    }
    let (per_second, _) = pace.belief().rate.expect("the host has a limit");
    assert!((18.0..22.0).contains(&per_second), "{per_second} a second");
    assert_eq!(pace.belief().limiter, Limiter::Throttle);
}

/// A silent request is aborted while others are served: at most five times for one URL, after waits that double.
#[test]
fn a_silent_request_is_aborted_when_others_are_served() {
    let (mut pace, now) = at_cap(8);
    let row = 100_000;
    let mut later = now;
    for aborts in 0..6 {
        let mut requests = fill(&mut pace, later);
        let silent = requests.remove(0);
        pace.assigned(silent, row);
        let stall_after = pace.stall_after().expect("the host has responded");
        let late = stall_after * (2 << aborts);
        let early = late.saturating_sub(LATENCY);
        assert!(!pace.cuts_short(silent, late), "no other request was served: the host is silent");
        answer_all(&mut pace, requests, SERVED, later + LATENCY);
        assert!(!pace.cuts_short(silent, early), "too soon after {aborts} aborts");
        assert_eq!(pace.cuts_short(silent, late), aborts < 5, "after {aborts} aborts");
        later += late;
        pace.ended(silent, Signal::Silence, false, later, JITTER);
    }
}

#[test]
fn a_silent_straggler_is_aborted_at_the_end_of_a_list() {
    let (mut pace, now) = at_cap(8);
    let last = Work { jobs_waiting: 1, jobs_ready: 1, ..WORK };
    for _ in 0..20 {
        let requests = fill(&mut pace, now);
        answer_all(&mut pace, requests, SERVED, now + LATENCY);
    }
    let Permit::Go(straggler) = pace.permit(last, now + LATENCY) else { panic!("there is room") };
    assert!(pace.cuts_short(straggler, Duration::from_secs(2)));
}

/// The pace of a host that refused its first requests: next to nothing is known of it.
fn guessed(now: Instant) -> InferencePace {
    let mut pace = InferencePace::new(UserLimits::window(16), now);
    let requests = fill(&mut pace, now);
    answer_all(&mut pace, requests, THROTTLED, now);
    pace
}

/// Sends whenever the pace permits, for this long; `answer` gets the number of requests before. Returns the time until the
/// pace had no rate.
fn ask_on(
    pace: &mut InferencePace,
    mut now: Instant,
    lasts: Duration,
    answer: impl Fn(u32) -> Signal,
) -> Option<Duration> {
    let began = now;
    let mut asked = 0;
    while now - began < lasts {
        match pace.permit(WORK, now) {
            Permit::Go(sent) => {
                now += Duration::from_millis(10);
                pace.ended(sent, answer(asked), false, now, JITTER);
                asked += 1;
            }
            Permit::WaitUntil(until) => now = until,
            Permit::WaitForAnswer => panic!("nothing is in flight"),
        }
        if pace.belief().rate.is_none() {
            return Some(now - began);
        }
    }
    None
}

/// Sends whenever the pace permits, and asserts that the pace has no rate within this many seconds.
fn assert_open_within(pace: &mut InferencePace, now: Instant, seconds: u64, answer: impl Fn(u32) -> Signal) {
    let open_after = ask_on(pace, now, Duration::from_mins(2), answer);
    assert!(open_after.is_some_and(|after| after < Duration::from_secs(seconds)), "{open_after:?}");
}

#[test]
fn a_guessed_rate_does_not_limit_a_host_for_long() {
    let now = clock::now();
    let mut pace = guessed(now);
    assert_open_within(&mut pace, now, 25, |_| SERVED);
}

#[test]
fn the_first_refusal_after_a_guess_is_tested() {
    let now = clock::now();
    let mut pace = guessed(now);
    let refuses_the_sixth = |asked| if asked == 5 { THROTTLED } else { SERVED };
    assert_open_within(&mut pace, now, 15, refuses_the_sixth);
}

#[test]
fn a_retry_after_is_respected_and_one_probe_follows() {
    let (mut pace, now) = at_cap(8);
    let mut requests = fill(&mut pace, now);
    pace.ended(requests.remove(0), asked_to_wait(100), false, now, 1.0);
    let Permit::WaitUntil(until) = pace.permit(WORK, now) else { panic!("the host asked for a pause") };
    assert!((100..=105).contains(&(until - now).as_secs()), "{:?}", until - now);
    assert_eq!((pace.belief().blocked_until, pace.belief().limiter), (Some(until), Limiter::RetryAfter));

    // Responses to earlier requests neither end the pause nor widen the window.
    let last = requests.pop().expect("eight were in flight");
    answer_all(&mut pace, requests, SERVED, now);
    pace.ended(last, asked_to_wait(1), false, now, JITTER);
    assert_eq!(
        pace.permit(WORK, now),
        Permit::WaitUntil(until),
        "a shorter pause does not shorten a longer one"
    );
    assert_eq!(
        pace.permit(WORK, until.checked_sub(Duration::from_millis(1)).expect("later")),
        Permit::WaitUntil(until)
    );

    let Permit::Go(probe) = pace.permit(WORK, until) else { panic!("the time has come") };
    assert_eq!(pace.permit(WORK, until), Permit::WaitForAnswer, "one probe at a time");
    pace.ended(probe, Signal::Neutral, false, until, JITTER);
    let Permit::Go(probe) = pace.permit(WORK, until) else {
        panic!("a probe that said nothing is made again")
    };
    pace.ended(probe, SERVED, false, until, JITTER);
    assert_eq!(fill(&mut pace, until).len(), pace.belief().window as usize, "the window is back");
    assert_ne!(pace.belief().limiter, Limiter::RetryAfter, "the pause is over");
}

#[test]
fn a_retry_after_of_zero_does_not_replace_a_pause() {
    let (mut pace, mut now) = at_cap(8);
    let began = now;
    for _ in 0..20 {
        match pace.permit(WORK, now) {
            Permit::Go(sent) => pace.ended(sent, asked_to_wait(0), false, now, JITTER),
            Permit::WaitUntil(until) => now = until,
            Permit::WaitForAnswer => panic!("nothing is in flight"),
        }
    }
    assert!(now - began > Duration::from_secs(5), "ten refusals within {:?}", now - began);
}

#[test]
fn one_burst_of_failures_is_one_short_pause() {
    for signal in [Signal::Congestion, THROTTLED] {
        let (mut pace, now) = at_cap(32);
        let requests = fill(&mut pace, now);
        answer_all(&mut pace, requests, signal, now);
        let wait = pace.belief().blocked_until.map_or(Duration::ZERO, |until| until - now);
        assert!(wait <= Duration::from_millis(2_200), "{signal:?}: {wait:?} for a moment's trouble");
    }
}

#[test]
fn pauses_of_a_failing_host_grow_up_to_ten_minutes() {
    for signal in [Signal::Congestion, Signal::Absent] {
        let (mut pace, mut now) = at_cap(8);
        let mut pauses = Vec::new();
        for _ in 0..60 {
            match pace.permit(WORK, now) {
                Permit::Go(sent) => pace.ended(sent, signal, false, now, JITTER),
                Permit::WaitUntil(until) => {
                    assert_eq!(pace.belief().limiter, Limiter::Failing);
                    pauses.push(until - now);
                    now = until;
                }
                Permit::WaitForAnswer => panic!("nothing is in flight"),
            }
        }
        let grow = |pair: &[Duration]| pair[1] >= pair[0].mul_f64(0.9);
        assert!(pauses.windows(2).all(grow) && pauses[0] < Duration::from_secs(1), "{pauses:?}");
        let longest = *pauses.last().expect("there are pauses");
        assert!((590..=610).contains(&longest.as_secs()), "{longest:?}");
        let (failures, since) = pace.failing().expect("it is failing");
        assert!(failures > 20 && now - since > Duration::from_mins(1));

        now = pace.belief().blocked_until.unwrap_or(now);
        let Permit::Go(probe) = pace.permit(WORK, now) else { panic!("the time has come") };
        pace.ended(probe, SERVED, false, now, JITTER);
        assert_eq!(pace.failing(), None);
        let next = match pace.permit(WORK, now) {
            Permit::Go(_) => now,
            Permit::WaitUntil(at) => at,
            Permit::WaitForAnswer => panic!("nothing is in flight"),
        };
        assert!(next - now < Duration::from_mins(1), "{:?}", next - now);
    }
}

#[test]
fn stalled_requests_free_their_slots_up_to_a_bound() {
    let now = clock::now();
    let cap = 4;
    let mut pace = InferencePace::new(UserLimits::window(cap), clock::now());
    let mut requests = fill(&mut pace, now);
    assert_eq!((requests.len(), pace.permit(WORK, now)), (4, Permit::WaitForAnswer));
    pace.stalled(requests[0], now);
    let more = fill(&mut pace, now);
    assert_eq!(more.len(), 1, "one slot was freed");
    requests.extend(more);
    // Progress again: one more request is in flight than the window has slots.
    pace.revived(requests[0], now);
    pace.ended(requests.remove(1), SERVED, false, now, JITTER);
    assert_eq!(pace.permit(WORK, now), Permit::WaitForAnswer);
    pace.ended(requests.remove(1), SERVED, false, now, JITTER);
    requests.extend(fill(&mut pace, now));
    assert_eq!(pace.in_flight(), 4);

    // A host that answers nothing gets a few more requests, and no more.
    for &sent in &requests {
        pace.stalled(sent, now);
    }
    let more = fill(&mut pace, now);
    assert!(more.len() <= 4, "{} more", more.len());
    requests.extend(more);

    // A host that answers others gets more requests, within bounds.
    for _ in 0..100 {
        let Some(sent) = requests.pop() else { break };
        pace.ended(sent, SERVED, false, now, JITTER);
        for sent in fill(&mut pace, now) {
            pace.stalled(sent, now);
            requests.insert(0, sent);
        }
    }
    assert!(pace.in_flight() <= 9 * cap, "{} in flight", pace.in_flight());
}

/// A ban lasts minutes, and each request during it may restart it.
#[test]
fn pauses_of_a_host_that_served_well_outlast_a_ban() {
    let (mut pace, mut now) = at_cap(16);
    let mut asked = Vec::new();
    let began = now;
    while now - began < Duration::from_mins(15) {
        match pace.permit(WORK, now) {
            Permit::Go(sent) => {
                asked.push(now - began);
                pace.ended(sent, Signal::Congestion, false, now, JITTER);
            }
            Permit::WaitUntil(until) => now = until,
            Permit::WaitForAnswer => panic!("nothing is in flight"),
        }
    }
    assert!(asked.len() <= 16, "{} requests of the banned", asked.len());
    let is_outlasted = |ban: u64| asked.windows(2).any(|pair| pair[1] > pair[0] + Duration::from_secs(ban));
    assert!(is_outlasted(60) && is_outlasted(300), "{asked:?}");
    let Permit::Go(probe) = pace.permit(WORK, now) else { panic!("the time has come") };
    pace.ended(probe, SERVED, false, now, JITTER);
    let (per_second, _) = pace.belief().rate.expect("it was banned for its rate");
    assert!(per_second > 0.0);
}

#[test]
fn a_neutral_signal_changes_nothing() {
    let (mut pace, now) = at_cap(8);
    let requests = fill(&mut pace, now);
    answer_all(&mut pace, requests, Signal::Neutral, now);
    assert_eq!((pace.belief().window, pace.belief().limiter, pace.failing()), (8, Limiter::Cap, None));
    assert_eq!((pace.in_flight(), pace.belief().blocked_until), (0, None));
}

#[test]
fn a_slow_host_does_not_count_as_stalled() {
    let now = clock::now();
    let mut pace = InferencePace::new(UserLimits::window(8), clock::now());
    assert_eq!(pace.stall_after(), Some(Duration::from_secs(2)), "there is nothing to compare with");
    for (latency_ms, at_least_ms, at_most_ms) in [(1, 100, 2_000), (100, 250, 2_000), (5_000, 10_000, 30_000)]
    {
        for _ in 0..100 {
            let Permit::Go(sent) = pace.permit(WORK, now) else { panic!("nothing is in flight") };
            let latency = Duration::from_millis(latency_ms);
            pace.ended(sent, Signal::Success { latency }, false, now, JITTER);
        }
        let stall_after = pace.stall_after().expect("there were answers").as_millis();
        assert!((at_least_ms..=at_most_ms).contains(&stall_after), "{stall_after} ms for {latency_ms} ms");
    }
}

/// Where some URLs are slow, their silence must not end every probe: a URL that was aborted before has its whole deadline.
#[test]
fn a_probe_of_a_slow_url_has_its_whole_deadline() {
    let (mut pace, mut now) = at_cap(8);
    let silent_for = Duration::from_mins(1);
    let mut requests = fill(&mut pace, now);
    pace.assigned(requests[0], 7);
    for &sent in &requests {
        pace.stalled(sent, now);
    }
    now += silent_for;
    for sent in requests.drain(..) {
        pace.ended(sent, Signal::Silence, true, now, JITTER);
    }
    for is_fresh in [true, false] {
        let probe = loop {
            match pace.permit(WORK, now) {
                Permit::Go(sent) => break sent,
                Permit::WaitUntil(at) => now = at,
                Permit::WaitForAnswer => panic!("nothing is in flight"),
            }
        };
        pace.assigned(probe, 7);
        assert_eq!(pace.cuts_short(probe, silent_for), is_fresh, "the host is silent");
        now += silent_for;
        pace.ended(probe, Signal::Silence, false, now, JITTER);
    }
}
