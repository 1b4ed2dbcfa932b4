//! The pace of one host: what it does to a host that is well, to one that is not, and that it never comes to a halt.

use std::time::Duration;

use longhaul::pace::{Limiter, Pace, Permit, Signal, Ticket, WINDOW_CAP_PRIVATE, WINDOW_CAP_PUBLIC};
use longhaul_socket::clock;
use proptest::prelude::*;
use tokio::time::Instant;

const SERVED: Signal = Signal::Success { latency: Duration::from_millis(10) };
const JITTER: f64 = 0.5;
const THROTTLED: Signal = Signal::Throttle { retry_after: None };

const fn asked_to_wait(seconds: u64) -> Signal {
    Signal::Throttle { retry_after: Some(Duration::from_secs(seconds)) }
}

/// Takes every place there is.
fn fill(pace: &mut Pace, now: Instant) -> Vec<Ticket> {
    let mut tickets = Vec::new();
    while let Permit::Go(ticket) = pace.permit(now) {
        tickets.push(ticket);
    }
    tickets
}

fn answer_all(pace: &mut Pace, tickets: Vec<Ticket>, signal: Signal, now: Instant) {
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

/// Successes after which the window is at its cap, whatever was before. Each of them adds at least 1/window, so the
/// square of the window grows by more than 2; but a test of whether slowing down helps may hold it for 32 answers first.
const fn answers_to_cap(cap: u32) -> u32 {
    cap * cap / 2 + 1 + 32
}

#[test]
fn a_server_that_accepts_everything_sees_the_cap_within_two_round_trips() {
    for (cap, round_trips_max) in [(1, 0), (4, 0), (WINDOW_CAP_PUBLIC, 1), (WINDOW_CAP_PRIVATE, 2)] {
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
fn cuts_have_floors() {
    let now = clock::now();
    for (signal, floor) in [(Signal::Congestion, 2), (THROTTLED, 1)] {
        let mut pace = at_cap(8, now);
        let mut at = now;
        for _ in 0..20 {
            at += Duration::from_mins(1);
            let Permit::Go(ticket) = pace.permit(at) else { panic!("a minute is longer than any pause") };
            pace.answered(ticket, signal, false, at, JITTER);
            assert!(pace.window() >= floor);
        }
        assert_eq!(pace.window(), floor);
        let Permit::Go(ticket) = pace.permit(at + Duration::from_mins(1)) else { panic!("likewise") };
        pace.answered(ticket, Signal::Congestion, false, at, JITTER);
        assert_eq!(pace.window(), floor, "a floor is no reason to go faster");
    }
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
    assert_eq!(pace.limiter(), Limiter::Throttle, "nobody asks to wait any more");
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
        assert!(wait <= Duration::from_millis(500), "{signal:?}: {wait:?} for a moment's trouble");
    }
}

#[test]
fn pauses_grow_with_failed_probes_up_to_half_a_minute() {
    for signal in [Signal::Congestion, THROTTLED] {
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
        assert!((15..=30).contains(&longest.as_secs()), "{longest:?}");
        let (failures, since) = pace.failing().expect("it is failing");
        assert!(failures > 20 && now - since > Duration::from_mins(1));

        now = pace.blocked_until().unwrap_or(now);
        let Permit::Go(probe) = pace.permit(now) else { panic!("the time has come") };
        pace.answered(probe, SERVED, false, now, JITTER);
        assert_eq!((pace.failing(), fill(&mut pace, now).is_empty()), (None, false));
    }
}

/// The mean window of a host without limit that breaks so many of its answers by chance, when it is known a little.
fn window_despite_chance(percent: u32, seed: u64) -> f64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pace = Pace::new(WINDOW_CAP_PUBLIC);
    let mut now = clock::now();
    let (mut flying, mut windows) = (Vec::new(), 0);
    for answer in 0..5_000 {
        now += Duration::from_millis(10);
        flying.extend(fill(&mut pace, now));
        if flying.is_empty() {
            now = pace.blocked_until().expect("nothing is in flight");
            flying.extend(fill(&mut pace, now));
        }
        let ticket = flying.swap_remove(random.usize(..flying.len()));
        let signal = if random.u32(..100) < percent { Signal::Congestion } else { SERVED };
        pace.answered(ticket, signal, false, now, random.f64());
        windows += if answer >= 1_000 { pace.window() } else { 0 };
    }
    f64::from(windows) / 4_000.0
}

#[test]
fn a_host_that_breaks_a_share_of_its_answers_anyway_keeps_most_of_its_window() {
    for percent in [5, 10, 20, 30, 40] {
        let windows = (0..12).map(|seed| window_despite_chance(percent, seed));
        let mean = windows.sum::<f64>() / 12.0;
        assert!(mean >= 0.7 * f64::from(WINDOW_CAP_PUBLIC), "{percent} %: a window of {mean}");
    }
}

/// Rejections per 1,000 successes of a host that resets at once what is above so many connections, for 20,000 files that
/// take a while.
fn rejections_of_a_limit(connections_max: usize) -> u32 {
    let mut random = fastrand::Rng::with_seed(1);
    let mut pace = Pace::new(WINDOW_CAP_PUBLIC);
    let mut now = clock::now();
    let (mut served, mut rejected) = (0, 0);
    let mut flying: Vec<(Instant, Ticket, Signal)> = Vec::new();
    while served < 20_000 {
        while let Permit::Go(ticket) = pace.permit(now) {
            let taken = flying.iter().filter(|(_, _, signal)| *signal == SERVED).count();
            flying.push(if taken < connections_max {
                (now + Duration::from_millis(random.u64(20..80)), ticket, SERVED)
            } else {
                (now + Duration::from_millis(10), ticket, Signal::Congestion)
            });
        }
        let Some(index) = (0..flying.len()).min_by_key(|&index| flying[index].0) else {
            now = pace.blocked_until().expect("nothing is in flight");
            continue;
        };
        let (at, ticket, signal) = flying.swap_remove(index);
        now = at;
        *(if signal == SERVED { &mut served } else { &mut rejected }) += 1;
        pace.answered(ticket, signal, false, now, random.f64());
    }
    rejected * 1_000 / served
}

#[test]
fn a_limit_of_connections_is_not_taken_for_chance() {
    for connections_max in 2..=8 {
        let rejections = rejections_of_a_limit(connections_max);
        // One in four at two connections: a third is tried after every few files, as after every cut.
        assert!(rejections <= 350, "{rejections} rejections with {connections_max} connections");
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

    for _ in 0..10 {
        for &ticket in &tickets {
            pace.stalled(ticket);
        }
        tickets = fill(&mut pace, now);
    }
    assert_eq!((pace.in_flight(), pace.permit(now)), (3 * cap, Permit::WaitForAnswer));
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

#[derive(Debug, Clone, Copy)]
enum Step {
    Ask,
    Answer { index: usize, signal: Signal, jitter: f64 },
    ToggleStall { index: usize },
    Pass { ms: u64 },
}

fn signals() -> impl Strategy<Value = Signal> {
    prop_oneof![
        3 => (0_u64..10_000).prop_map(|ms| Signal::Success { latency: Duration::from_millis(ms) }),
        3 => Just(Signal::Congestion),
        2 => prop::option::of(0_u64..3_600_000)
            .prop_map(|ms| Signal::Throttle { retry_after: ms.map(Duration::from_millis) }),
        1 => Just(Signal::Neutral),
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Ask),
        5 => (any::<usize>(), signals(), 0.0..1.0)
            .prop_map(|(index, signal, jitter)| Step::Answer { index, signal, jitter }),
        2 => any::<usize>().prop_map(|index| Step::ToggleStall { index }),
        2 => prop_oneof![0_u64..100, 0_u64..60_000].prop_map(|ms| Step::Pass { ms }),
    ];
    // Whether failures come in rows or alone makes a difference: some runs have one kind of answer only.
    prop_oneof![
        3 => prop::collection::vec(step, 0..300),
        1 => (signals(), 0_usize..60).prop_map(|(signal, count)| {
            let answer = Step::Answer { index: 0, signal, jitter: JITTER };
            [Step::Ask, answer, Step::Pass { ms: 20_000 }].repeat(count)
        }),
    ]
}

/// The controller, and what the caller knows.
struct World {
    pace: Pace,
    cap: u32,
    flying: Vec<(Ticket, bool)>,
    now: Instant,
}

impl World {
    fn take(&mut self, step: Step) {
        match step {
            Step::Ask => self.ask(),
            Step::Pass { ms } => self.now += Duration::from_millis(ms),
            _ if self.flying.is_empty() => {}
            Step::Answer { index, signal, jitter } => {
                let (ticket, was_stalled) = self.flying.swap_remove(index % self.flying.len());
                self.pace.answered(ticket, signal, was_stalled, self.now, jitter);
            }
            Step::ToggleStall { index } => {
                let index = index % self.flying.len();
                let (ticket, is_stalled) = &mut self.flying[index];
                *is_stalled = !*is_stalled;
                if *is_stalled { self.pace.stalled(*ticket) } else { self.pace.revived(*ticket) }
            }
        }
        self.check();
    }

    fn stalled(&self) -> u32 {
        u32::try_from(self.flying.iter().filter(|(_, is_stalled)| *is_stalled).count()).expect("a few")
    }

    fn ask(&mut self) {
        let blocked_until = self.pace.blocked_until().filter(|&until| self.now < until);
        match self.pace.permit(self.now) {
            Permit::Go(ticket) => {
                assert_eq!(blocked_until, None, "a permit for a host that is left alone");
                self.flying.push((ticket, false));
                let places = self.pace.window() + self.stalled().min(2 * self.cap);
                assert!(self.pace.in_flight() <= places, "more in flight than there are places");
            }
            Permit::WaitUntil(until) => {
                assert_eq!(blocked_until, Some(until));
                assert!(until - self.now <= Duration::from_hours(1).mul_f64(1.05));
            }
            Permit::WaitForAnswer => assert!(!self.flying.is_empty(), "there is no answer to wait for"),
        }
    }

    fn check(&self) {
        assert!((1..=self.cap).contains(&self.pace.window()), "a window of {}", self.pace.window());
        assert_eq!(self.pace.in_flight() as usize, self.flying.len());
    }

    /// Whatever was: the host serves everything from now on. Returns how many answers that took to reach the cap.
    fn recover(&mut self) -> u32 {
        let mut answers = 0;
        while self.pace.window() < self.cap || self.pace.blocked_until().is_some() {
            self.ask();
            if self.flying.is_empty() {
                self.now = self.pace.blocked_until().expect("some action is possible");
            } else {
                self.take(Step::Answer { index: 0, signal: SERVED, jitter: JITTER });
                answers += 1;
            }
            assert!(answers < 100_000, "the window does not open");
        }
        answers
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn no_history_stops_it(cap in 1_u32..40, steps in steps()) {
        let now = clock::now();
        let mut world = World { pace: Pace::new(cap), cap, flying: Vec::new(), now };
        let mut again = World { pace: Pace::new(cap), cap, flying: Vec::new(), now };
        for &step in &steps {
            world.take(step);
            again.take(step);
        }
        prop_assert_eq!(format!("{:?}", world.pace), format!("{:?}", again.pace), "one history, one state");
        // What was sent before a block has to be answered before the probe, too.
        let in_flight = world.pace.in_flight();
        let answers = world.recover();
        prop_assert!(answers <= answers_to_cap(cap) + in_flight + 1, "{answers} answers to a window of {cap}");
    }
}
