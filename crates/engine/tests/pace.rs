//! The adaptive pace of one host, healthy or not.

use std::time::Duration;

use longhaul::pace::{
    AdaptivePace, Controller, Denial, Limiter, Memory, Permit, SendRecord, Signal, UserLimits,
    WINDOW_CAP_PRIVATE, WINDOW_CAP_PUBLIC, Work,
};
use longhaul_socket::clock;
use tokio::time::Instant;

const SERVED: Signal = Signal::Success { latency: Duration::from_millis(10) };
const JITTER: f64 = 0.5;
const THROTTLED: Signal = Signal::Throttle { retry_after: None };

const fn asked_to_wait(seconds: u64) -> Signal {
    Signal::Throttle { retry_after: Some(Duration::from_secs(seconds)) }
}

/// One pace for the hosts of several.
fn merged(paces: &[&AdaptivePace], now: Instant) -> AdaptivePace {
    let window_max = paces.iter().map(|pace| pace.limits().window_max).max().expect("at least one");
    let memories: Vec<Memory> = paces.iter().map(|pace| pace.memory(now)).collect();
    AdaptivePace::recalling(UserLimits::window(window_max), &memories, now)
}

/// Takes every slot.
fn fill(pace: &mut AdaptivePace, now: Instant) -> Vec<SendRecord> {
    let mut requests = Vec::new();
    while let Permit::Go(sent) = pace.permit(Work::default(), now) {
        requests.push(sent);
    }
    requests
}

fn answer_all(pace: &mut AdaptivePace, requests: Vec<SendRecord>, signal: Signal, now: Instant) {
    for sent in requests {
        pace.ended(sent, signal, false, now, JITTER);
    }
}

/// The pace of a host that has served enough for the window to be at its cap.
fn at_cap(cap: u32, now: Instant) -> AdaptivePace {
    let mut pace = AdaptivePace::new(UserLimits::window(cap));
    while pace.belief().window < cap {
        let requests = fill(&mut pace, now);
        answer_all(&mut pace, requests, SERVED, now);
    }
    pace
}

#[test]
fn a_server_that_accepts_everything_sees_the_cap() {
    // The window reaches eight at once, and grows by one per round trip from there.
    for (cap, round_trips_max) in [(1, 0), (4, 0), (WINDOW_CAP_PUBLIC, 1), (WINDOW_CAP_PRIVATE, 10)] {
        let now = clock::now();
        let mut pace = AdaptivePace::new(UserLimits::window(cap));
        let mut round_trips = 0;
        while pace.belief().window < cap {
            let requests = fill(&mut pace, now);
            assert_eq!(requests.len(), pace.belief().window as usize);
            answer_all(&mut pace, requests, SERVED, now);
            round_trips += 1;
        }
        assert!(round_trips <= round_trips_max, "{round_trips} round trips to {cap}");
        let requests = fill(&mut pace, now);
        answer_all(&mut pace, requests, SERVED, now);
        assert_eq!((pace.belief().window, pace.belief().limiter), (cap, Limiter::Cap), "it stays there");
    }
}

#[test]
fn one_round_trip_makes_one_cut() {
    let now = clock::now();
    let mut pace = at_cap(16, now);
    // Fewer failures than make a pause, so that only the window changes.
    let requests = fill(&mut pace, now);
    let (failing, fine) = requests.split_at(7);
    answer_all(&mut pace, failing.to_vec(), Signal::Congestion, now);
    assert_eq!((pace.belief().window, pace.belief().limiter), (8, Limiter::Congestion));
    answer_all(&mut pace, fine.to_vec(), SERVED, now);
    let before = pace.belief().window;
    let requests = fill(&mut pace, now);
    answer_all(&mut pace, requests[..1].to_vec(), Signal::Congestion, now);
    assert_eq!(pace.belief().window, before / 2, "requests that were sent after the cut may cut again");
}

#[test]
fn cuts_have_a_floor() {
    let mut now = clock::now();
    let mut pace = at_cap(8, now);
    for _ in 0..20 {
        now += Duration::from_mins(1);
        let Permit::Go(sent) = pace.permit(Work::default(), now) else {
            panic!("a minute is longer than any pause")
        };
        pace.ended(sent, Signal::Congestion, false, now, JITTER);
        assert!(pace.belief().window >= 2);
    }
    assert_eq!(pace.belief().window, 2);
}

#[test]
fn one_refusal_begins_no_rate_and_three_in_a_row_do() {
    let mut now = clock::now();
    let mut pace = at_cap(8, now);
    now += Duration::from_secs(1);
    for refusals in 1..=3 {
        assert_eq!(pace.belief().rate, None, "two refusals may be random");
        let Permit::Go(sent) = pace.permit(Work::default(), now) else { panic!("it may be asked") };
        pace.ended(sent, THROTTLED, false, now, JITTER);
        if refusals == 1 {
            assert!(pace.belief().window < 8, "fewer requests at a time may be served better");
        }
    }
    let (per_second, limit) = pace.belief().rate.expect("the host has a limit");
    assert!(per_second < limit);
    assert_eq!(pace.belief().limiter, Limiter::Throttle);
}

/// The pace of a host that refused its first requests: next to nothing is known of it.
fn guessed(now: Instant) -> AdaptivePace {
    let mut pace = AdaptivePace::new(UserLimits::window(16));
    for _ in 0..3 {
        let Permit::Go(sent) = pace.permit(Work::default(), now) else { panic!("it may be asked") };
        pace.ended(sent, THROTTLED, false, now, JITTER);
    }
    pace
}

/// Sends whenever the pace permits, for this long; `answer` gets the number of requests before. Returns the time until the
/// pace had no rate.
fn ask_on(
    pace: &mut AdaptivePace,
    mut now: Instant,
    lasts: Duration,
    answer: impl Fn(u32) -> Signal,
) -> Option<Duration> {
    let began = now;
    let mut asked = 0;
    while now - began < lasts {
        match pace.permit(Work::default(), now) {
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
fn assert_open_within(pace: &mut AdaptivePace, now: Instant, seconds: u64, answer: impl Fn(u32) -> Signal) {
    let open_after = ask_on(pace, now, Duration::from_mins(2), answer);
    assert!(open_after.is_some_and(|after| after < Duration::from_secs(seconds)), "{open_after:?}");
}

#[test]
fn a_guessed_rate_does_not_limit_a_host_for_long() {
    let now = clock::now();
    let mut pace = guessed(now);
    let (per_second, _) = pace.belief().rate.expect("it may have a limit");
    assert!(per_second < 2.0, "{per_second} a second");
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
fn a_guess_is_searched_for_even_if_its_test_is_abandoned() {
    let now = clock::now();
    let mut pace = guessed(now);
    // The first refusal is tested, and the second asks for a pause.
    let answer = |asked| [THROTTLED, asked_to_wait(1)].get(asked as usize).copied().unwrap_or(SERVED);
    assert_open_within(&mut pace, now, 18, answer);
}

#[test]
fn a_test_does_not_outlast_a_merger() {
    let mut now = clock::now();
    let mut pace = guessed(now);
    let Permit::WaitUntil(until) = pace.permit(Work::default(), now) else { panic!("it has just refused") };
    now = until;
    // The refusal starts a test at twice the rate, which the merged pace does not continue.
    ask(&mut pace, THROTTLED, now);
    for mut merged in
        [merged(&[&pace], now), merged(&[&pace, &AdaptivePace::new(UserLimits::window(8))], now)]
    {
        assert_open_within(&mut merged, now, 25, |_| SERVED);
    }
}

#[test]
fn after_a_refusal_the_next_request_comes_a_gap_later() {
    let now = clock::now();
    let mut pace = guessed(now);
    let (per_second, _) = pace.belief().rate.expect("it may have a limit");
    let gap = Duration::from_secs_f64(1.0 / per_second);
    assert_eq!(pace.permit(Work::default(), now), Permit::WaitUntil(now + gap));
}

/// Sends one request.
fn ask(pace: &mut AdaptivePace, signal: Signal, now: Instant) {
    let Permit::Go(sent) = pace.permit(Work::default(), now) else { panic!("it may be asked") };
    pace.ended(sent, signal, false, now, JITTER);
}

#[test]
fn random_refusals_count_even_among_broken_connections() {
    let now = clock::now();
    let mut pace = at_cap(16, now);
    for _ in 0..3 {
        (0..15).for_each(|_| ask(&mut pace, SERVED, now));
        // The broken connections cut the pace, and the refused request was sent before that.
        let requests = fill(&mut pace, now);
        let mut signals = [Signal::Congestion, THROTTLED].into_iter();
        for sent in requests {
            pace.ended(sent, signals.next().unwrap_or(SERVED), false, now, JITTER);
        }
    }
    (0..2).for_each(|_| ask(&mut pace, THROTTLED, now));
    assert_eq!(pace.belief().rate, None, "it refuses randomly, and two in a row are no limit");
}

#[test]
fn many_recent_refusals_halve_the_window() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    for _ in 0..2 {
        ask(&mut pace, THROTTLED, now);
        (0..40).for_each(|_| ask(&mut pace, SERVED, now));
    }
    assert_eq!(pace.belief().window, 8);
    ask(&mut pace, THROTTLED, now);
    assert_eq!(pace.belief().window, 6, "it refuses regularly, but rarely");
    ask(&mut pace, SERVED, now);
    ask(&mut pace, THROTTLED, now);
    assert_eq!(pace.belief().window, 3, "two of the newest three");
}

#[test]
fn a_silent_request_is_aborted_when_others_are_served() {
    let now = clock::now();
    let second = Duration::from_secs(1);
    let mut pace = at_cap(8, now);
    let mut requests = fill(&mut pace, now);
    let silent = requests[0];
    assert!(!pace.cuts_short(silent, 10 * second, 0), "no other request was served: the host is silent");
    answer_all(&mut pace, requests.split_off(1), SERVED, now);
    for (before, too_soon, late) in [(0, 900, 1_000), (1, 1_900, 2_000), (2, 3_900, 4_000)] {
        assert!(!pace.cuts_short(silent, Duration::from_millis(too_soon), before));
        assert!(pace.cuts_short(silent, Duration::from_millis(late), before));
        pace.repeated(false);
    }
    assert!(!pace.cuts_short(silent, 1_000 * second, 3), "the fourth request has its whole deadline");
}

#[test]
fn a_silent_straggler_is_aborted_at_the_end_of_a_list() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    let Permit::Go(last) = pace.permit(Work::default(), now) else { panic!("there is room") };
    assert!(pace.cuts_short(last, Duration::from_secs(1), 0));
}

#[test]
fn requests_are_not_aborted_where_repetitions_stall_too() {
    let now = clock::now();
    let long = Duration::from_secs(5);
    let mut pace = at_cap(8, now);
    let Permit::Go(silent) = pace.permit(Work::default(), now) else { panic!("there is room") };
    let Permit::Go(other) = pace.permit(Work::default(), now) else { panic!("there is room") };
    pace.ended(other, SERVED, false, now, JITTER);
    let cuts = (0..20).filter(|_| pace.cuts_short(silent, long, 0)).count();
    assert_eq!(cuts, 4, "no more are repeated at a time");
    (0..4).for_each(|_| pace.repeated(true));
    assert!(!pace.cuts_short(silent, long, 0), "all repetitions stalled again");
    (0..5).for_each(|_| pace.repeated(false));
    assert!(pace.cuts_short(silent, long, 0), "most repetitions did not stall");
}

#[test]
fn several_403_in_a_row_are_a_storm_and_one_is_not() {
    let now = clock::now();
    let denied = Signal::Denied { latency: Duration::from_millis(10) };
    let mut pace = at_cap(16, now);
    let mut requests = fill(&mut pace, now);
    for is_denying in [false, false, true] {
        let sent = requests.remove(0);
        pace.ended(sent, denied, false, now, JITTER);
        assert_eq!(pace.denial(sent, false) == Denial::OfPace, is_denying);
    }
    let mut pace = AdaptivePace::new(UserLimits::window(16));
    let requests = fill(&mut pace, now);
    let first = requests[0];
    answer_all(&mut pace, requests, denied, now);
    assert_ne!(
        pace.denial(first, false),
        Denial::OfPace,
        "a host that has never served anything denies URLs"
    );
    assert_eq!(pace.failing(), None);
}

#[test]
fn a_retry_after_is_respected_and_one_probe_follows() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    let mut requests = fill(&mut pace, now);
    pace.ended(requests.remove(0), asked_to_wait(100), false, now, 1.0);
    let Permit::WaitUntil(until) = pace.permit(Work::default(), now) else {
        panic!("the host asked for a pause")
    };
    assert!((100..=105).contains(&(until - now).as_secs()), "{:?}", until - now);
    assert_eq!((pace.belief().blocked_until, pace.belief().limiter), (Some(until), Limiter::RetryAfter));

    // Responses to earlier requests neither end the pause nor widen the window.
    let last = requests.pop().expect("eight were in flight");
    answer_all(&mut pace, requests, SERVED, now);
    assert_eq!(
        pace.permit(Work::default(), until.checked_sub(Duration::from_nanos(1)).expect("later")),
        Permit::WaitUntil(until)
    );
    pace.ended(last, asked_to_wait(1), false, now, JITTER);
    assert_eq!(
        pace.permit(Work::default(), now),
        Permit::WaitUntil(until),
        "a shorter pause does not shorten a longer one"
    );

    let Permit::Go(probe) = pace.permit(Work::default(), until) else { panic!("the time has come") };
    assert_eq!(pace.permit(Work::default(), until), Permit::WaitForAnswer, "one probe at a time");
    pace.ended(probe, Signal::Neutral, false, until, JITTER);
    let Permit::Go(probe) = pace.permit(Work::default(), until) else {
        panic!("a probe that said nothing is made again")
    };
    pace.ended(probe, SERVED, false, until, JITTER);
    assert_eq!(fill(&mut pace, until).len(), pace.belief().window as usize, "the window is back");
    assert_ne!(pace.belief().limiter, Limiter::RetryAfter, "the pause is over");
}

#[test]
fn a_retry_after_of_zero_does_not_replace_a_pause() {
    let mut now = clock::now();
    let began = now;
    let mut pace = at_cap(8, now);
    for _ in 0..20 {
        match pace.permit(Work::default(), now) {
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
        let now = clock::now();
        let mut pace = at_cap(32, now);
        let requests = fill(&mut pace, now);
        answer_all(&mut pace, requests, signal, now);
        let wait = pace.belief().blocked_until.map_or(Duration::ZERO, |until| until - now);
        assert!(wait <= Duration::from_millis(2_200), "{signal:?}: {wait:?} for a moment's trouble");
    }
}

#[test]
fn pauses_of_a_host_that_never_served_much_grow_up_to_half_a_minute() {
    for signal in [Signal::Congestion, Signal::Absent] {
        let mut now = clock::now();
        let mut pace = at_cap(8, now);
        let mut pauses = Vec::new();
        for _ in 0..60 {
            match pace.permit(Work::default(), now) {
                Permit::Go(sent) => pace.ended(sent, signal, false, now, JITTER),
                Permit::WaitUntil(until) => {
                    assert_eq!(pace.belief().limiter, Limiter::Failing);
                    pauses.push(until - now);
                    now = until;
                }
                Permit::WaitForAnswer => panic!("nothing is in flight"),
            }
        }
        assert!(pauses.is_sorted() && pauses[0] < Duration::from_secs(1), "{pauses:?}");
        let longest = *pauses.last().expect("there are pauses");
        assert!((30..=33).contains(&longest.as_secs()), "{longest:?}");
        let (failures, since) = pace.failing().expect("it is failing");
        assert!(failures > 20 && now - since > Duration::from_mins(1));

        now = pace.belief().blocked_until.unwrap_or(now);
        let Permit::Go(probe) = pace.permit(Work::default(), now) else { panic!("the time has come") };
        pace.ended(probe, SERVED, false, now, JITTER);
        assert_eq!((pace.failing(), fill(&mut pace, now).is_empty()), (None, false));
    }
}

#[test]
fn stalled_requests_free_their_slots_up_to_a_bound() {
    let now = clock::now();
    let cap = 4;
    let mut pace = AdaptivePace::new(UserLimits::window(cap));
    let mut requests = fill(&mut pace, now);
    assert_eq!((requests.len(), pace.permit(Work::default(), now)), (4, Permit::WaitForAnswer));
    pace.stalled(requests[0], now);
    let more = fill(&mut pace, now);
    assert_eq!(more.len(), 1, "one slot was freed");
    requests.extend(more);
    // Progress again: one more request is in flight than the window has slots.
    pace.revived(requests[0], now);
    pace.ended(requests.remove(1), SERVED, false, now, JITTER);
    assert_eq!(pace.permit(Work::default(), now), Permit::WaitForAnswer);
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
    let mut now = clock::now();
    let mut pace = at_cap(16, now);
    let mut asked = Vec::new();
    let began = now;
    while now - began < Duration::from_mins(15) {
        match pace.permit(Work::default(), now) {
            Permit::Go(sent) => {
                asked.push(now - began);
                pace.ended(sent, Signal::Congestion, false, now, JITTER);
            }
            Permit::WaitUntil(until) => now = until,
            Permit::WaitForAnswer => panic!("nothing is in flight"),
        }
    }
    assert!(asked.len() <= 12, "{} requests of the banned", asked.len());
    let is_outlasted = |ban: u64| asked.windows(2).any(|pair| pair[1] > pair[0] + Duration::from_secs(ban));
    assert!(is_outlasted(60) && is_outlasted(300), "{asked:?}");
    let Permit::Go(probe) = pace.permit(Work::default(), now) else { panic!("the time has come") };
    pace.ended(probe, SERVED, false, now, JITTER);
    let (per_second, _) = pace.belief().rate.expect("it was banned for its rate");
    assert!(per_second > 0.0);
}

#[test]
fn a_neutral_signal_changes_nothing() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    let requests = fill(&mut pace, now);
    answer_all(&mut pace, requests, Signal::Neutral, now);
    assert_eq!((pace.belief().window, pace.belief().limiter, pace.failing()), (8, Limiter::Cap, None));
    assert_eq!((pace.in_flight(), pace.belief().blocked_until), (0, None));
}

#[test]
fn a_slow_host_does_not_count_as_stalled() {
    let now = clock::now();
    let mut pace = AdaptivePace::new(UserLimits::window(8));
    assert_eq!(pace.stall_after(), None, "there is nothing to compare with");
    for (latency_ms, at_least_ms, at_most_ms) in [(1, 100, 2_000), (100, 400, 2_000), (5_000, 19_000, 30_000)]
    {
        for _ in 0..100 {
            let Permit::Go(sent) = pace.permit(Work::default(), now) else { panic!("nothing is in flight") };
            let latency = Duration::from_millis(latency_ms);
            pace.ended(sent, Signal::Success { latency }, false, now, JITTER);
        }
        let stall_after = pace.stall_after().expect("there were answers").as_millis();
        assert!((at_least_ms..=at_most_ms).contains(&stall_after), "{stall_after} ms for {latency_ms} ms");
    }
}
