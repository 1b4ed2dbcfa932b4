//! The pace of one host: what it does to a host that is well, and to one that is not.

use std::time::Duration;

use longhaul::pace::{
    AdaptivePace, Controller, Denial, Limiter, Memory, Permit, SendRecord, Signal, UserLimits,
    WINDOW_CAP_PRIVATE, WINDOW_CAP_PUBLIC,
};
use longhaul_socket::clock;
use tokio::time::Instant;

const SERVED: Signal = Signal::Success { latency: Duration::from_millis(10) };
const JITTER: f64 = 0.5;
const THROTTLED: Signal = Signal::Throttle { retry_after: None };

const fn asked_to_wait(seconds: u64) -> Signal {
    Signal::Throttle { retry_after: Some(Duration::from_secs(seconds)) }
}

/// One pace for the hosts of these.
fn merged(paces: &[&AdaptivePace], now: Instant) -> AdaptivePace {
    let window_max = paces.iter().map(|pace| pace.limits().window_max).max().expect("at least one");
    let memories: Vec<Memory> = paces.iter().map(|pace| pace.memory(now)).collect();
    AdaptivePace::recalling(UserLimits::window(window_max), &memories, now)
}

/// Takes every place there is.
fn fill(pace: &mut AdaptivePace, now: Instant) -> Vec<SendRecord> {
    let mut requests = Vec::new();
    while let Permit::Go(sent) = pace.permit(0, now) {
        requests.push(sent);
    }
    requests
}

fn answer_all(pace: &mut AdaptivePace, requests: Vec<SendRecord>, signal: Signal, now: Instant) {
    for sent in requests {
        pace.ended(sent, signal, false, now, JITTER);
    }
}

/// A host that has served enough for the window to be at its cap.
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
    // Eight at once, and from there one more a round trip.
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
    // Fewer than the failures that would make a pause, so that the window alone is seen.
    let requests = fill(&mut pace, now);
    let (failing, fine) = requests.split_at(7);
    answer_all(&mut pace, failing.to_vec(), Signal::Congestion, now);
    assert_eq!((pace.belief().window, pace.belief().limiter), (8, Limiter::Congestion));
    answer_all(&mut pace, fine.to_vec(), SERVED, now);
    let before = pace.belief().window;
    let requests = fill(&mut pace, now);
    answer_all(&mut pace, requests[..1].to_vec(), Signal::Congestion, now);
    assert_eq!(pace.belief().window, before / 2, "what was sent after the cut may cut again");
}

#[test]
fn cuts_have_a_floor() {
    let mut now = clock::now();
    let mut pace = at_cap(8, now);
    for _ in 0..20 {
        now += Duration::from_mins(1);
        let Permit::Go(sent) = pace.permit(0, now) else { panic!("a minute is longer than any pause") };
        pace.ended(sent, Signal::Congestion, false, now, JITTER);
        assert!(pace.belief().window >= 2);
    }
    assert_eq!(pace.belief().window, 2);
}

#[test]
fn one_refusal_is_no_rate_and_a_row_of_them_is() {
    let mut now = clock::now();
    let mut pace = at_cap(8, now);
    now += Duration::from_secs(1);
    for refusals in 1..=3 {
        assert_eq!(pace.belief().rate, None, "two of them may be chance");
        let Permit::Go(sent) = pace.permit(0, now) else { panic!("it may be asked") };
        pace.ended(sent, THROTTLED, false, now, JITTER);
        if refusals == 1 {
            assert!(pace.belief().window < 8, "fewer at a time are served better, perhaps");
        }
    }
    let (per_second, limit) = pace.belief().rate.expect("the host counts");
    assert!(per_second < limit);
    assert_eq!(pace.belief().limiter, Limiter::Throttle);
}

/// One that has refused its first requests: next to nothing is known of it.
fn guessed(now: Instant) -> AdaptivePace {
    let mut pace = AdaptivePace::new(UserLimits::window(16));
    for _ in 0..3 {
        let Permit::Go(sent) = pace.permit(0, now) else { panic!("it may be asked") };
        pace.ended(sent, THROTTLED, false, now, JITTER);
    }
    pace
}

/// Asks whenever it may, for so long; `answer` knows how many were asked before. Returns when the host was first known not
/// to count.
fn ask_on(
    pace: &mut AdaptivePace,
    mut now: Instant,
    lasts: Duration,
    answer: impl Fn(u32) -> Signal,
) -> Option<Duration> {
    let began = now;
    let mut asked = 0;
    while now - began < lasts {
        match pace.permit(0, now) {
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

/// Asks whenever it may, until the host is known not to count, which it is within so many seconds.
fn assert_open_within(pace: &mut AdaptivePace, now: Instant, seconds: u64, answer: impl Fn(u32) -> Signal) {
    let open_after = ask_on(pace, now, Duration::from_mins(2), answer);
    assert!(open_after.is_some_and(|after| after < Duration::from_secs(seconds)), "{open_after:?}");
}

#[test]
fn a_guess_does_not_hold_a_host_back_for_long() {
    let now = clock::now();
    let mut pace = guessed(now);
    let (per_second, _) = pace.belief().rate.expect("it may count");
    assert!(per_second < 2.0, "{per_second} a second");
    assert_open_within(&mut pace, now, 25, |_| SERVED);
}

#[test]
fn the_first_refusal_after_a_guess_is_put_to_the_test() {
    let now = clock::now();
    let mut pace = guessed(now);
    let refuses_the_sixth = |asked| if asked == 5 { THROTTLED } else { SERVED };
    assert_open_within(&mut pace, now, 15, refuses_the_sixth);
}

#[test]
fn a_guess_is_searched_for_though_its_test_is_cut_short() {
    let now = clock::now();
    let mut pace = guessed(now);
    // The first is put to the test, and the second asks for a pause.
    let answer = |asked| [THROTTLED, asked_to_wait(1)].get(asked as usize).copied().unwrap_or(SERVED);
    assert_open_within(&mut pace, now, 18, answer);
}

#[test]
fn a_test_does_not_outlast_a_merger() {
    let mut now = clock::now();
    let mut pace = guessed(now);
    let Permit::WaitUntil(until) = pace.permit(0, now) else { panic!("it has just refused") };
    now = until;
    // The refusal is put to the test, at twice the rate, of which the merged pace knows nothing.
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
    let (per_second, _) = pace.belief().rate.expect("it may count");
    let gap = Duration::from_secs_f64(1.0 / per_second);
    assert_eq!(pace.permit(0, now), Permit::WaitUntil(now + gap));
}

/// Asks once.
fn ask(pace: &mut AdaptivePace, signal: Signal, now: Instant) {
    let Permit::Go(sent) = pace.permit(0, now) else { panic!("it may be asked") };
    pace.ended(sent, signal, false, now, JITTER);
}

#[test]
fn refusals_by_chance_are_counted_though_much_else_breaks() {
    let now = clock::now();
    let mut pace = at_cap(16, now);
    for _ in 0..3 {
        (0..15).for_each(|_| ask(&mut pace, SERVED, now));
        // What breaks cuts, and the refusal was asked for before that.
        let requests = fill(&mut pace, now);
        let mut signals = [Signal::Congestion, THROTTLED].into_iter();
        for sent in requests {
            pace.ended(sent, signals.next().unwrap_or(SERVED), false, now, JITTER);
        }
    }
    (0..2).for_each(|_| ask(&mut pace, THROTTLED, now));
    assert_eq!(pace.belief().rate, None, "it refuses by chance, and two in a row are no limit");
}

#[test]
fn where_much_is_refused_just_now_the_window_is_halved() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    for _ in 0..2 {
        ask(&mut pace, THROTTLED, now);
        (0..40).for_each(|_| ask(&mut pace, SERVED, now));
    }
    assert_eq!(pace.belief().window, 8);
    ask(&mut pace, THROTTLED, now);
    assert_eq!(pace.belief().window, 6, "it does so now and then");
    ask(&mut pace, SERVED, now);
    ask(&mut pace, THROTTLED, now);
    assert_eq!(pace.belief().window, 3, "two of the newest three");
}

#[test]
fn a_silence_is_cut_short_where_others_are_served() {
    let now = clock::now();
    let second = Duration::from_secs(1);
    let mut pace = at_cap(8, now);
    let mut requests = fill(&mut pace, now);
    let silent = requests[0];
    assert!(!pace.cuts_short(silent, 10 * second, 0), "nobody was served meanwhile: the host is silent");
    answer_all(&mut pace, requests.split_off(1), SERVED, now);
    for (before, too_soon, late) in [(0, 900, 1_000), (1, 1_900, 2_000), (2, 3_900, 4_000)] {
        assert!(!pace.cuts_short(silent, Duration::from_millis(too_soon), before));
        assert!(pace.cuts_short(silent, Duration::from_millis(late), before));
        pace.repeated(false);
    }
    assert!(!pace.cuts_short(silent, 1_000 * second, 3), "then it has its whole deadline");
}

#[test]
fn a_straggler_is_cut_short_though_nobody_is_served_any_more() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    let Permit::Go(last) = pace.permit(0, now) else { panic!("there is room") };
    assert!(pace.cuts_short(last, Duration::from_secs(1), 0));
}

#[test]
fn silences_of_the_urls_own_are_not_cut_short() {
    let now = clock::now();
    let long = Duration::from_secs(5);
    let mut pace = at_cap(8, now);
    let Permit::Go(silent) = pace.permit(0, now) else { panic!("there is room") };
    let Permit::Go(other) = pace.permit(0, now) else { panic!("there is room") };
    pace.ended(other, SERVED, false, now, JITTER);
    let cuts = (0..20).filter(|_| pace.cuts_short(silent, long, 0)).count();
    assert_eq!(cuts, 4, "more are not made again at a time");
    (0..4).for_each(|_| pace.repeated(true));
    assert!(!pace.cuts_short(silent, long, 0), "all of them were silent again");
    (0..5).for_each(|_| pace.repeated(false));
    assert!(pace.cuts_short(silent, long, 0), "most of them were not");
}

#[test]
fn a_storm_of_403_is_a_refusal_and_one_is_none() {
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
        "a host that has never served anything denies what it denies"
    );
    assert_eq!(pace.failing(), None);
}

#[test]
fn retry_after_is_kept_and_one_probe_follows() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    let mut requests = fill(&mut pace, now);
    pace.ended(requests.remove(0), asked_to_wait(100), false, now, 1.0);
    let Permit::WaitUntil(until) = pace.permit(0, now) else { panic!("the host asked to be left alone") };
    assert!((100..=105).contains(&(until - now).as_secs()), "{:?}", until - now);
    assert_eq!((pace.belief().blocked_until, pace.belief().limiter), (Some(until), Limiter::RetryAfter));

    // Answers to what was sent before neither end the pause nor open the window.
    let last = requests.pop().expect("eight were in flight");
    answer_all(&mut pace, requests, SERVED, now);
    assert_eq!(
        pace.permit(0, until.checked_sub(Duration::from_nanos(1)).expect("later")),
        Permit::WaitUntil(until)
    );
    pace.ended(last, asked_to_wait(1), false, now, JITTER);
    assert_eq!(pace.permit(0, now), Permit::WaitUntil(until), "a shorter wish does not shorten a longer one");

    let Permit::Go(probe) = pace.permit(0, until) else { panic!("the time has come") };
    assert_eq!(pace.permit(0, until), Permit::WaitForAnswer, "one probe at a time");
    pace.ended(probe, Signal::Neutral, false, until, JITTER);
    let Permit::Go(probe) = pace.permit(0, until) else { panic!("a probe that said nothing is made again") };
    pace.ended(probe, SERVED, false, until, JITTER);
    assert_eq!(fill(&mut pace, until).len(), pace.belief().window as usize, "the window is open again");
    assert_ne!(pace.belief().limiter, Limiter::RetryAfter, "nobody asks to wait any more");
}

#[test]
fn a_retry_after_of_nothing_does_not_excuse_from_pausing() {
    let mut now = clock::now();
    let began = now;
    let mut pace = at_cap(8, now);
    for _ in 0..20 {
        match pace.permit(0, now) {
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
            match pace.permit(0, now) {
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
        let Permit::Go(probe) = pace.permit(0, now) else { panic!("the time has come") };
        pace.ended(probe, SERVED, false, now, JITTER);
        assert_eq!((pace.failing(), fill(&mut pace, now).is_empty()), (None, false));
    }
}

#[test]
fn stalled_exchanges_vacate_their_places_up_to_a_bound() {
    let now = clock::now();
    let cap = 4;
    let mut pace = AdaptivePace::new(UserLimits::window(cap));
    let mut requests = fill(&mut pace, now);
    assert_eq!((requests.len(), pace.permit(0, now)), (4, Permit::WaitForAnswer));
    pace.stalled(requests[0]);
    let more = fill(&mut pace, now);
    assert_eq!(more.len(), 1, "one place was vacated");
    requests.extend(more);
    // Progress again: one more is in flight than the window has places.
    pace.revived(requests[0]);
    pace.ended(requests.remove(1), SERVED, false, now, JITTER);
    assert_eq!(pace.permit(0, now), Permit::WaitForAnswer);
    pace.ended(requests.remove(1), SERVED, false, now, JITTER);
    requests.extend(fill(&mut pace, now));
    assert_eq!(pace.in_flight(), 4);

    // A host that answers nobody is asked a few more times, and no more.
    for &sent in &requests {
        pace.stalled(sent);
    }
    let more = fill(&mut pace, now);
    assert!(more.len() <= 4, "{} more", more.len());
    requests.extend(more);

    // One that answers others is asked on, within bounds.
    for _ in 0..100 {
        let Some(sent) = requests.pop() else { break };
        pace.ended(sent, SERVED, false, now, JITTER);
        for sent in fill(&mut pace, now) {
            pace.stalled(sent);
            requests.insert(0, sent);
        }
    }
    assert!(pace.in_flight() <= 9 * cap, "{} in flight", pace.in_flight());
}

/// A ban lasts minutes, and each request of the banned may begin it anew.
#[test]
fn pauses_of_a_host_that_served_well_outlast_a_ban() {
    let mut now = clock::now();
    let mut pace = at_cap(16, now);
    let mut asked = Vec::new();
    let began = now;
    while now - began < Duration::from_mins(15) {
        match pace.permit(0, now) {
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
    let Permit::Go(probe) = pace.permit(0, now) else { panic!("the time has come") };
    pace.ended(probe, SERVED, false, now, JITTER);
    let (per_second, _) = pace.belief().rate.expect("it was banned for its rate");
    assert!(per_second > 0.0);
}

#[test]
fn what_says_nothing_about_the_host_changes_nothing() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    let requests = fill(&mut pace, now);
    answer_all(&mut pace, requests, Signal::Neutral, now);
    assert_eq!((pace.belief().window, pace.belief().limiter, pace.failing()), (8, Limiter::Cap, None));
    assert_eq!((pace.in_flight(), pace.belief().blocked_until), (0, None));
}

#[test]
fn a_slow_host_is_not_called_stalled() {
    let now = clock::now();
    let mut pace = AdaptivePace::new(UserLimits::window(8));
    assert_eq!(pace.stall_after(), None, "there is nothing to compare with");
    for (latency_ms, at_least_ms, at_most_ms) in [(1, 100, 2_000), (100, 400, 2_000), (5_000, 19_000, 30_000)]
    {
        for _ in 0..100 {
            let Permit::Go(sent) = pace.permit(0, now) else { panic!("nothing is in flight") };
            let latency = Duration::from_millis(latency_ms);
            pace.ended(sent, Signal::Success { latency }, false, now, JITTER);
        }
        let stall_after = pace.stall_after().expect("there were answers").as_millis();
        assert!((at_least_ms..=at_most_ms).contains(&stall_after), "{stall_after} ms for {latency_ms} ms");
    }
}
