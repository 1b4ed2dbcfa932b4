//! The pace of one host: what it does to a host that is well, and to one that is not.

use std::time::Duration;

use longhaul::pace::{Limiter, Pace, Permit, SendRecord, Signal, WINDOW_CAP_PRIVATE, WINDOW_CAP_PUBLIC};
use longhaul_socket::clock;
use tokio::time::Instant;

const SERVED: Signal = Signal::Success { latency: Duration::from_millis(10) };
const JITTER: f64 = 0.5;
const THROTTLED: Signal = Signal::Throttle { retry_after: None };

const fn asked_to_wait(seconds: u64) -> Signal {
    Signal::Throttle { retry_after: Some(Duration::from_secs(seconds)) }
}

/// Takes every place there is.
fn fill(pace: &mut Pace, now: Instant) -> Vec<SendRecord> {
    let mut tickets = Vec::new();
    while let Permit::Go(ticket) = pace.permit(now) {
        tickets.push(ticket);
    }
    tickets
}

fn answer_all(pace: &mut Pace, tickets: Vec<SendRecord>, signal: Signal, now: Instant) {
    for ticket in tickets {
        pace.answered(ticket, signal, false, now, JITTER);
    }
}

/// A host that has served enough for the window to be at its cap.
fn at_cap(cap: u32, now: Instant) -> Pace {
    let mut pace = Pace::new(cap);
    while pace.window() < cap {
        let tickets = fill(&mut pace, now);
        answer_all(&mut pace, tickets, SERVED, now);
    }
    pace
}

#[test]
fn a_server_that_accepts_everything_sees_the_cap() {
    // Eight at once, and from there one more a round trip.
    for (cap, round_trips_max) in [(1, 0), (4, 0), (WINDOW_CAP_PUBLIC, 1), (WINDOW_CAP_PRIVATE, 10)] {
        let now = clock::now();
        let mut pace = Pace::new(cap);
        let mut round_trips = 0;
        while pace.window() < cap {
            let tickets = fill(&mut pace, now);
            assert_eq!(tickets.len(), pace.window() as usize);
            answer_all(&mut pace, tickets, SERVED, now);
            round_trips += 1;
        }
        assert!(round_trips <= round_trips_max, "{round_trips} round trips to {cap}");
        let tickets = fill(&mut pace, now);
        answer_all(&mut pace, tickets, SERVED, now);
        assert_eq!((pace.window(), pace.limiter()), (cap, Limiter::Cap), "it stays there");
    }
}

#[test]
fn one_round_trip_makes_one_cut() {
    let now = clock::now();
    let mut pace = at_cap(16, now);
    // Fewer than the failures that would make a pause, so that the window alone is seen.
    let tickets = fill(&mut pace, now);
    let (failing, fine) = tickets.split_at(7);
    answer_all(&mut pace, failing.to_vec(), Signal::Congestion, now);
    assert_eq!((pace.window(), pace.limiter()), (8, Limiter::Congestion));
    answer_all(&mut pace, fine.to_vec(), SERVED, now);
    let before = pace.window();
    let tickets = fill(&mut pace, now);
    answer_all(&mut pace, tickets[..1].to_vec(), Signal::Congestion, now);
    assert_eq!(pace.window(), before / 2, "what was sent after the cut may cut again");
}

#[test]
fn cuts_have_a_floor() {
    let mut now = clock::now();
    let mut pace = at_cap(8, now);
    for _ in 0..20 {
        now += Duration::from_mins(1);
        let Permit::Go(ticket) = pace.permit(now) else { panic!("a minute is longer than any pause") };
        pace.answered(ticket, Signal::Congestion, false, now, JITTER);
        assert!(pace.window() >= 2);
    }
    assert_eq!(pace.window(), 2);
}

#[test]
fn one_refusal_is_no_rate_and_a_row_of_them_is() {
    let mut now = clock::now();
    let mut pace = at_cap(8, now);
    now += Duration::from_secs(1);
    for refusals in 1..=3 {
        assert_eq!(pace.rate(), None, "two of them may be chance");
        let Permit::Go(ticket) = pace.permit(now) else { panic!("it may be asked") };
        pace.answered(ticket, THROTTLED, false, now, JITTER);
        if refusals == 1 {
            assert!(pace.window() < 8, "fewer at a time are served better, perhaps");
        }
    }
    let (per_second, limit) = pace.rate().expect("the host counts");
    assert!(per_second < limit);
    assert_eq!(pace.limiter(), Limiter::Throttle);
}

/// One that has refused its first requests: next to nothing is known of it.
fn guessed(now: Instant) -> Pace {
    let mut pace = Pace::new(16);
    for _ in 0..3 {
        let Permit::Go(ticket) = pace.permit(now) else { panic!("it may be asked") };
        pace.answered(ticket, THROTTLED, false, now, JITTER);
    }
    pace
}

/// Asks whenever it may, for so long; `answer` knows how many were asked before. Returns when the host was first known not
/// to count.
fn ask_on(
    pace: &mut Pace,
    mut now: Instant,
    lasts: Duration,
    answer: impl Fn(u32) -> Signal,
) -> Option<Duration> {
    let began = now;
    let mut asked = 0;
    while now - began < lasts {
        match pace.permit(now) {
            Permit::Go(ticket) => {
                now += Duration::from_millis(10);
                pace.answered(ticket, answer(asked), false, now, JITTER);
                asked += 1;
            }
            Permit::WaitUntil(until) => now = until,
            Permit::WaitForAnswer => panic!("nothing is in flight"),
        }
        if pace.rate().is_none() {
            return Some(now - began);
        }
    }
    None
}

/// Asks whenever it may, until the host is known not to count, which it is within so many seconds.
fn assert_open_within(pace: &mut Pace, now: Instant, seconds: u64, answer: impl Fn(u32) -> Signal) {
    let open_after = ask_on(pace, now, Duration::from_mins(2), answer);
    assert!(open_after.is_some_and(|after| after < Duration::from_secs(seconds)), "{open_after:?}");
}

#[test]
fn a_guess_does_not_hold_a_host_back_for_long() {
    let now = clock::now();
    let mut pace = guessed(now);
    let (per_second, _) = pace.rate().expect("it may count");
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
    let Permit::WaitUntil(until) = pace.permit(now) else { panic!("it has just refused") };
    now = until;
    // The refusal is put to the test, at twice the rate, of which the merged pace knows nothing.
    ask(&mut pace, THROTTLED, now);
    for mut merged in [Pace::merged(&[&pace], now), Pace::merged(&[&pace, &Pace::new(8)], now)] {
        assert_open_within(&mut merged, now, 25, |_| SERVED);
    }
}

#[test]
fn after_a_refusal_the_next_request_comes_a_gap_later() {
    let now = clock::now();
    let mut pace = guessed(now);
    let (per_second, _) = pace.rate().expect("it may count");
    let gap = Duration::from_secs_f64(1.0 / per_second);
    assert_eq!(pace.permit(now), Permit::WaitUntil(now + gap));
}

/// Asks once.
fn ask(pace: &mut Pace, signal: Signal, now: Instant) {
    let Permit::Go(ticket) = pace.permit(now) else { panic!("it may be asked") };
    pace.answered(ticket, signal, false, now, JITTER);
}

#[test]
fn refusals_by_chance_are_counted_though_much_else_breaks() {
    let now = clock::now();
    let mut pace = at_cap(16, now);
    for _ in 0..3 {
        (0..15).for_each(|_| ask(&mut pace, SERVED, now));
        // What breaks cuts, and the refusal was asked for before that.
        let tickets = fill(&mut pace, now);
        let mut signals = [Signal::Congestion, THROTTLED].into_iter();
        for ticket in tickets {
            pace.answered(ticket, signals.next().unwrap_or(SERVED), false, now, JITTER);
        }
    }
    (0..2).for_each(|_| ask(&mut pace, THROTTLED, now));
    assert_eq!(pace.rate(), None, "it refuses by chance, and two in a row are no limit");
}

#[test]
fn where_much_is_refused_just_now_the_window_is_halved() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    for _ in 0..2 {
        ask(&mut pace, THROTTLED, now);
        (0..40).for_each(|_| ask(&mut pace, SERVED, now));
    }
    assert_eq!(pace.window(), 8);
    ask(&mut pace, THROTTLED, now);
    assert_eq!(pace.window(), 6, "it does so now and then");
    ask(&mut pace, SERVED, now);
    ask(&mut pace, THROTTLED, now);
    assert_eq!(pace.window(), 3, "two of the newest three");
}

#[test]
fn a_silence_is_cut_short_where_others_are_served() {
    let now = clock::now();
    let second = Duration::from_secs(1);
    let mut pace = at_cap(8, now);
    let mut tickets = fill(&mut pace, now);
    let silent = tickets[0];
    assert!(!pace.cuts_short(silent, 10 * second, 0), "nobody was served meanwhile: the host is silent");
    answer_all(&mut pace, tickets.split_off(1), SERVED, now);
    for (before, too_soon, late) in [(0, 900, 1_000), (1, 1_900, 2_000), (2, 3_900, 4_000)] {
        assert!(!pace.cuts_short(silent, Duration::from_millis(too_soon), before));
        assert!(pace.cuts_short(silent, Duration::from_millis(late), before));
        pace.made_again(false);
    }
    assert!(!pace.cuts_short(silent, 1_000 * second, 3), "then it has its whole deadline");
}

#[test]
fn a_straggler_is_cut_short_though_nobody_is_served_any_more() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    let Permit::Go(last) = pace.permit(now) else { panic!("there is room") };
    assert!(pace.cuts_short(last, Duration::from_secs(1), 0));
}

#[test]
fn silences_of_the_urls_own_are_not_cut_short() {
    let now = clock::now();
    let long = Duration::from_secs(5);
    let mut pace = at_cap(8, now);
    let Permit::Go(silent) = pace.permit(now) else { panic!("there is room") };
    let Permit::Go(other) = pace.permit(now) else { panic!("there is room") };
    pace.answered(other, SERVED, false, now, JITTER);
    let cuts = (0..20).filter(|_| pace.cuts_short(silent, long, 0)).count();
    assert_eq!(cuts, 4, "more are not made again at a time");
    (0..4).for_each(|_| pace.made_again(true));
    assert!(!pace.cuts_short(silent, long, 0), "all of them were silent again");
    (0..5).for_each(|_| pace.made_again(false));
    assert!(pace.cuts_short(silent, long, 0), "most of them were not");
}

#[test]
fn a_storm_of_403_is_a_refusal_and_one_is_none() {
    let now = clock::now();
    let denied = Signal::Denied { latency: Duration::from_millis(10) };
    let mut pace = at_cap(16, now);
    let mut tickets = fill(&mut pace, now);
    for (answers, is_denying) in [(1, false), (1, false), (1, true)] {
        answer_all(&mut pace, tickets.drain(..answers).collect(), denied, now);
        assert_eq!(pace.is_denying(), is_denying);
    }
    let mut pace = Pace::new(16);
    let tickets = fill(&mut pace, now);
    answer_all(&mut pace, tickets, denied, now);
    assert!(!pace.is_denying(), "a host that has never served anything denies what it denies");
    assert_eq!(pace.failing(), None);
}

#[test]
fn retry_after_is_kept_and_one_probe_follows() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    let mut tickets = fill(&mut pace, now);
    pace.answered(tickets.remove(0), asked_to_wait(100), false, now, 1.0);
    let Permit::WaitUntil(until) = pace.permit(now) else { panic!("the host asked to be left alone") };
    assert!((100..=105).contains(&(until - now).as_secs()), "{:?}", until - now);
    assert_eq!((pace.blocked_until(), pace.limiter()), (Some(until), Limiter::RetryAfter));

    // Answers to what was sent before neither end the pause nor open the window.
    let last = tickets.pop().expect("eight were in flight");
    answer_all(&mut pace, tickets, SERVED, now);
    assert_eq!(
        pace.permit(until.checked_sub(Duration::from_nanos(1)).expect("later")),
        Permit::WaitUntil(until)
    );
    pace.answered(last, asked_to_wait(1), false, now, JITTER);
    assert_eq!(pace.permit(now), Permit::WaitUntil(until), "a shorter wish does not shorten a longer one");

    let Permit::Go(probe) = pace.permit(until) else { panic!("the time has come") };
    assert_eq!(pace.permit(until), Permit::WaitForAnswer, "one probe at a time");
    pace.answered(probe, Signal::Neutral, false, until, JITTER);
    let Permit::Go(probe) = pace.permit(until) else { panic!("a probe that said nothing is made again") };
    pace.answered(probe, SERVED, false, until, JITTER);
    assert_eq!(fill(&mut pace, until).len(), pace.window() as usize, "the window is open again");
    assert_ne!(pace.limiter(), Limiter::RetryAfter, "nobody asks to wait any more");
}

#[test]
fn a_retry_after_of_nothing_does_not_excuse_from_pausing() {
    let mut now = clock::now();
    let began = now;
    let mut pace = at_cap(8, now);
    for _ in 0..20 {
        match pace.permit(now) {
            Permit::Go(ticket) => pace.answered(ticket, asked_to_wait(0), false, now, JITTER),
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
        let tickets = fill(&mut pace, now);
        answer_all(&mut pace, tickets, signal, now);
        let wait = pace.blocked_until().map_or(Duration::ZERO, |until| until - now);
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
            match pace.permit(now) {
                Permit::Go(ticket) => pace.answered(ticket, signal, false, now, JITTER),
                Permit::WaitUntil(until) => {
                    assert_eq!(pace.limiter(), Limiter::Failing);
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

        now = pace.blocked_until().unwrap_or(now);
        let Permit::Go(probe) = pace.permit(now) else { panic!("the time has come") };
        pace.answered(probe, SERVED, false, now, JITTER);
        assert_eq!((pace.failing(), fill(&mut pace, now).is_empty()), (None, false));
    }
}

#[test]
fn stalled_exchanges_vacate_their_places_up_to_a_bound() {
    let now = clock::now();
    let cap = 4;
    let mut pace = Pace::new(cap);
    let mut tickets = fill(&mut pace, now);
    assert_eq!((tickets.len(), pace.permit(now)), (4, Permit::WaitForAnswer));
    pace.stalled(tickets[0]);
    let more = fill(&mut pace, now);
    assert_eq!(more.len(), 1, "one place was vacated");
    tickets.extend(more);
    // Progress again: one more is in flight than the window has places.
    pace.revived(tickets[0]);
    pace.answered(tickets.remove(1), SERVED, false, now, JITTER);
    assert_eq!(pace.permit(now), Permit::WaitForAnswer);
    pace.answered(tickets.remove(1), SERVED, false, now, JITTER);
    tickets.extend(fill(&mut pace, now));
    assert_eq!(pace.in_flight(), 4);

    // A host that answers nobody is asked a few more times, and no more.
    for &ticket in &tickets {
        pace.stalled(ticket);
    }
    let more = fill(&mut pace, now);
    assert!(more.len() <= 4, "{} more", more.len());
    tickets.extend(more);

    // One that answers others is asked on, within bounds.
    for _ in 0..100 {
        let Some(ticket) = tickets.pop() else { break };
        pace.answered(ticket, SERVED, false, now, JITTER);
        for ticket in fill(&mut pace, now) {
            pace.stalled(ticket);
            tickets.insert(0, ticket);
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
        match pace.permit(now) {
            Permit::Go(ticket) => {
                asked.push(now - began);
                pace.answered(ticket, Signal::Congestion, false, now, JITTER);
            }
            Permit::WaitUntil(until) => now = until,
            Permit::WaitForAnswer => panic!("nothing is in flight"),
        }
    }
    assert!(asked.len() <= 12, "{} requests of the banned", asked.len());
    let is_outlasted = |ban: u64| asked.windows(2).any(|pair| pair[1] > pair[0] + Duration::from_secs(ban));
    assert!(is_outlasted(60) && is_outlasted(300), "{asked:?}");
    let Permit::Go(probe) = pace.permit(now) else { panic!("the time has come") };
    pace.answered(probe, SERVED, false, now, JITTER);
    let (per_second, _) = pace.rate().expect("it was banned for its rate");
    assert!(per_second > 0.0);
}

#[test]
fn what_says_nothing_about_the_host_changes_nothing() {
    let now = clock::now();
    let mut pace = at_cap(8, now);
    let tickets = fill(&mut pace, now);
    answer_all(&mut pace, tickets, Signal::Neutral, now);
    assert_eq!((pace.window(), pace.limiter(), pace.failing()), (8, Limiter::Cap, None));
    assert_eq!((pace.in_flight(), pace.blocked_until()), (0, None));
}

#[test]
fn a_slow_host_is_not_called_stalled() {
    let now = clock::now();
    let mut pace = Pace::new(8);
    assert_eq!(pace.stall_after(), None, "there is nothing to compare with");
    for (latency_ms, at_least_ms, at_most_ms) in [(1, 100, 2_000), (100, 400, 2_000), (5_000, 19_000, 30_000)]
    {
        for _ in 0..100 {
            let Permit::Go(ticket) = pace.permit(now) else { panic!("nothing is in flight") };
            let latency = Duration::from_millis(latency_ms);
            pace.answered(ticket, Signal::Success { latency }, false, now, JITTER);
        }
        let stall_after = pace.stall_after().expect("there were answers").as_millis();
        assert!((at_least_ms..=at_most_ms).contains(&stall_after), "{stall_after} ms for {latency_ms} ms");
    }
}
