//! Announced limits: a counter is used up without a refusal, and any other announcement does not slow the pace.

use std::collections::VecDeque;
use std::time::Duration;

use longhaul::pace::{
    Announcement, Controller, FixedPace, InferencePace, Limiter, Permit, SendRecord, Signal, UserLimits, Work,
};
use longhaul_socket::clock;
use proptest::prelude::*;
use tokio::time::Instant;

const CAP: u32 = 8;
const JITTER: f64 = 0.5;

/// A host with many rows that may be requested now.
const WORK: Work =
    Work { connections_idle: 8, jobs_waiting: 1_000, jobs_ready: 1_000, jobs_held: 0, jobs_in_flight: 0 };
const ANSWER: Duration = Duration::from_millis(100);
const MINUTE: Duration = Duration::from_mins(1);
/// The longest pause for an announcement, with its stretch.
const BLOCK_MAX: Duration = Duration::from_mins(63);

/// The response of a host: whether it serves, and the remaining count and the time until the reset that it announces.
type Reply = (bool, Option<(u64, Duration)>);

/// What became of the requests.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    served: u32,
    refused: u32,
    /// Pauses because of an announcement.
    announced: u32,
    longest_block: Duration,
}

/// Requests of one trial at most: enough for any of them.
const REQUESTS_MAX: u64 = 60_000;

/// Sends as often as the pace permits, for this long.
fn ask(pace: impl Controller, lasts: Duration, host: impl FnMut(u64, Duration) -> Reply) -> Outcome {
    ask_up_to(REQUESTS_MAX, pace, lasts, host)
}

fn ask_up_to(
    requests_max: u64,
    mut pace: impl Controller,
    lasts: Duration,
    mut host: impl FnMut(u64, Duration) -> Reply,
) -> Outcome {
    let start = clock::now();
    let mut now = start;
    let mut open: VecDeque<(Instant, SendRecord, Reply)> = VecDeque::new();
    let mut outcome = Outcome::default();
    let mut number = 0;
    while now - start < lasts && number < requests_max {
        let wake_at = loop {
            match pace.permit(WORK, now) {
                Permit::Go(sent) => {
                    open.push_back((now + ANSWER, sent, host(number, now - start)));
                    number += 1;
                }
                Permit::WaitUntil(until) => break Some(until),
                Permit::WaitForAnswer => break None,
            }
        };
        let answer_at = open.front().map(|&(at, ..)| at);
        let next = [wake_at, answer_at].into_iter().flatten().min().expect("some action is possible");
        now = now.max(next);
        if answer_at.is_none_or(|at| at > now) {
            continue;
        }
        let (_, sent, (is_served, said)) = open.pop_front().expect("there is one");
        if let Some((remaining, reset_after)) = said {
            // Counted from the time of the response.
            let reset_at = now - ANSWER + reset_after;
            pace.announced(sent, Announcement { remaining, reset_at });
        }
        let before = pace.belief().blocked_until;
        let served = Signal::Success { latency: ANSWER };
        let signal = if is_served { served } else { Signal::Throttle { retry_after: None } };
        pace.ended(sent, signal, false, now, JITTER);
        *(if is_served { &mut outcome.served } else { &mut outcome.refused }) += 1;
        if let Some(until) = pace.belief().blocked_until.filter(|_| pace.belief().blocked_until != before) {
            outcome.longest_block = outcome.longest_block.max(until - now);
            outcome.announced += u32::from(pace.belief().limiter == Limiter::Announced);
        }
    }
    outcome
}

/// An announced quota per minute; other clients take `others` requests of it for each of ours.
fn counter(quota: u64, others: u64, skew: Duration) -> impl FnMut(u64, Duration) -> Reply {
    let (mut window, mut used) = (0, 0);
    move |_, at| {
        let minute = at.as_secs() / 60;
        if minute != window {
            (window, used) = (minute, 0);
        }
        let is_served = used < quota;
        used += 1 + others;
        let reset_after = Duration::from_secs((minute + 1) * 60).saturating_sub(at);
        // In whole seconds, rounded up.
        let seconds = Duration::from_secs(reset_after.as_secs() + u64::from(reset_after.subsec_nanos() > 0));
        (is_served, Some((quota.saturating_sub(used), seconds + skew)))
    }
}

#[test]
fn an_announced_counter_is_used_up_without_a_refusal() {
    for others in [0, 2] {
        let outcome = ask(
            InferencePace::new(UserLimits::window(CAP), clock::now()),
            10 * MINUTE,
            counter(600, others, Duration::ZERO),
        );
        let in_all = 10 * 600 / (1 + others);
        assert_eq!(outcome.refused, 0, "{outcome:?}");
        assert!(u64::from(outcome.served) >= in_all * 98 / 100, "{outcome:?} of {in_all}");
        assert!((9..=10).contains(&outcome.announced), "{outcome:?}");
    }
}

#[test]
fn a_small_quota_is_learned_soon() {
    let outcome = ask(
        InferencePace::new(UserLimits::window(CAP), clock::now()),
        10 * MINUTE,
        counter(20, 0, Duration::ZERO),
    );
    assert!(outcome.served >= 195, "{outcome:?}");
    assert!(outcome.refused <= 2 * CAP, "{outcome:?}");
}

#[test]
fn a_fixed_pace_is_not_slowed_by_announcements() {
    let fixed = FixedPace::recalling(UserLimits::window(CAP), &[], clock::now());
    let outcome = ask(fixed, MINUTE, |number, at| {
        (true, Some((50_u64.saturating_sub(number), MINUTE.saturating_sub(at))))
    });
    assert_eq!((outcome.announced, outcome.longest_block), (0, Duration::ZERO), "{outcome:?}");
}

#[test]
fn a_refusal_with_nothing_left_asks_for_a_pause_and_no_longer_than_an_hour() {
    for (reset_after, least) in [(Duration::from_secs(100), 100), (Duration::from_hours(1_000), 3_600)] {
        let now = clock::now();
        let mut pace = InferencePace::new(UserLimits::window(CAP), clock::now());
        let Permit::Go(sent) = pace.permit(WORK, now) else { panic!("nothing is known of it") };
        pace.announced(sent, Announcement { remaining: 0, reset_at: now + reset_after });
        pace.ended(sent, Signal::Throttle { retry_after: None }, false, now, JITTER);
        let wait = pace.belief().blocked_until.expect("it asked for a pause") - now;
        assert!((least..=least + least / 20).contains(&wait.as_secs()), "{wait:?}");
        assert_eq!(pace.belief().limiter, Limiter::Announced);
    }
}

/// A host that announces the same before and after the pause gets no second pause.
#[test]
fn a_useless_pause_is_not_repeated() {
    let outcome =
        ask(InferencePace::new(UserLimits::window(CAP), clock::now()), Duration::from_hours(5), |_, at| {
            (at >= Duration::from_mins(70), Some((0, Duration::from_hours(1))))
        });
    assert_eq!(outcome.announced, 1, "{outcome:?}");
    assert!(outcome.served >= 50_000, "{outcome:?}");
}

#[test]
fn a_retry_after_takes_precedence_over_an_announcement() {
    let now = clock::now();
    let mut pace = InferencePace::new(UserLimits::window(CAP), clock::now());
    let Permit::Go(sent) = pace.permit(WORK, now) else { panic!("nothing is known of it") };
    pace.announced(sent, Announcement { remaining: 0, reset_at: now + Duration::from_mins(15) });
    pace.ended(sent, Signal::Throttle { retry_after: Some(MINUTE) }, false, now, JITTER);
    assert_eq!(pace.belief().limiter, Limiter::RetryAfter);
    assert!(pace.belief().blocked_until.expect("it asked for a pause") - now < 2 * MINUTE);
}

/// A count of all requests ever, which says nothing about later ones, costs one pause.
#[test]
fn a_counter_that_is_never_reset_is_believed_once() {
    for reset_after in [MINUTE, Duration::from_mins(30)] {
        let outcome = ask(
            InferencePace::new(UserLimits::window(CAP), clock::now()),
            Duration::from_hours(2),
            move |number, at| {
                let left = Duration::from_secs(reset_after.as_secs() - at.as_secs() % reset_after.as_secs());
                (true, Some((500_u64.saturating_sub(number), left)))
            },
        );
        assert!(outcome.announced <= 1, "{outcome:?}");
        assert!(outcome.served > 50_000, "{outcome:?}");
    }
}

#[test]
fn rare_refusals_with_a_constant_announcement_cost_no_hour() {
    let outcome = ask(
        InferencePace::new(UserLimits::window(CAP), clock::now()),
        Duration::from_mins(5),
        |number, _| (number % 97 != 50, Some((0, Duration::from_hours(1)))),
    );
    assert_eq!(outcome.announced, 0, "{outcome:?}");
    assert!(outcome.longest_block < MINUTE, "{outcome:?}");
}

/// Announcements that are no counter, from a host that serves everything.
#[derive(Debug, Clone)]
enum Nonsense {
    Constant {
        remaining: u64,
        reset_after: Duration,
    },
    /// The window seems to begin with each response. (A count that ends before that shows is like any other.)
    Sliding {
        quota: u64,
        reset_after: Duration,
    },
    /// Two counters in turn.
    TwoCounters {
        quota: u64,
        ahead: u64,
    },
    /// Counts used requests upwards.
    CountsUp {
        quota: u64,
    },
    /// Announces a counter in some responses, and something else in others.
    Past {
        remaining: u64,
    },
}

impl Nonsense {
    fn of(&self, number: u64, at: Duration) -> (u64, Duration) {
        let left = Duration::from_secs(3_600 - at.as_secs() % 3_600);
        match *self {
            Self::Constant { remaining, reset_after } => (remaining, reset_after),
            Self::Sliding { quota, reset_after } => (quota - number % (quota + 1), reset_after),
            Self::TwoCounters { quota, ahead } => {
                (quota.saturating_sub(number / 2) + if number.is_multiple_of(2) { ahead } else { 0 }, left)
            }
            Self::CountsUp { quota } => (number % quota, left),
            Self::Past { remaining } => (remaining.saturating_sub(number), Duration::ZERO),
        }
    }
}

fn nonsense() -> impl Strategy<Value = Nonsense> {
    let remaining = || prop_oneof![Just(0), 0_u64..100, Just(u64::MAX)];
    let seconds = |least: u64| (least..100_000).prop_map(Duration::from_secs);
    prop_oneof![
        3 => (remaining(), seconds(0))
            .prop_map(|(remaining, reset_after)| Nonsense::Constant { remaining, reset_after }),
        2 => (400_u64..2_000, seconds(10)).prop_map(|(quota, reset_after)| Nonsense::Sliding { quota, reset_after }),
        1 => (0_u64..1_000, 100_u64..1_000).prop_map(|(quota, ahead)| Nonsense::TwoCounters { quota, ahead }),
        1 => (1_u64..1_000).prop_map(|quota| Nonsense::CountsUp { quota }),
        1 => (0_u64..1_000).prop_map(|remaining| Nonsense::Past { remaining }),
    ]
}

#[derive(Debug, Clone, Copy)]
struct Said {
    remaining: u64,
    reset_after_ms: u64,
    is_served: bool,
}

fn anything() -> impl Strategy<Value = Said> {
    let remaining = prop_oneof![3 => 0_u64..5, 1 => 0_u64..1_000, 1 => Just(u64::MAX)];
    let reset_after_ms = prop_oneof![0_u64..100, 0_u64..100_000, 0_u64..1_000_000_000_000];
    (remaining, reset_after_ms, any::<bool>()).prop_map(|(remaining, reset_after_ms, is_served)| Said {
        remaining,
        reset_after_ms,
        is_served,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn announcements_that_are_no_counter_do_not_slow_the_pace(nonsense in nonsense()) {
        let lasts = Duration::from_mins(5);
        let without = ask(InferencePace::new(UserLimits::window(CAP), clock::now()), lasts, |_, _| (true, None));
        let with = ask(InferencePace::new(UserLimits::window(CAP), clock::now()), lasts, |number, at| (true, Some(nonsense.of(number, at))));
        // What looks like a counter down to zero may cost one pause, which shows that it is none.
        prop_assert!(with.announced <= 1, "{:?}", with);
        let asked_for = lasts.saturating_sub(with.longest_block).as_secs_f64() / lasts.as_secs_f64();
        let most = f64::from(without.served) * asked_for;
        prop_assert!(f64::from(with.served) >= 0.98 * most, "{:?} instead of {:?}", with, without);
    }

    #[test]
    fn a_clock_difference_costs_few_refusals(skew_ms in 0_u64..1_500, quota in 100_u64..2_000) {
        let outcome = ask(InferencePace::new(UserLimits::window(CAP), clock::now()), 10 * MINUTE, counter(quota, 0, Duration::from_millis(skew_ms)));
        prop_assert_eq!(outcome.refused, 0, "{:?}", outcome);
        let most = (10 * quota).min(8 * 10 * 600);
        prop_assert!(u64::from(outcome.served) >= most * 93 / 100, "{:?} of {}", outcome, most);
    }

    /// Whatever is announced, the host is asked again within the hour.
    #[test]
    fn no_announcement_stops_the_pace_for_longer_than_an_hour(said in prop::collection::vec(anything(), 1..40)) {
        let outcome = ask_up_to(3_000, InferencePace::new(UserLimits::window(CAP), clock::now()), Duration::from_hours(30), |number, _| {
            let said = &said[usize::try_from(number % said.len() as u64).expect("a few")];
            (said.is_served, Some((said.remaining, Duration::from_millis(said.reset_after_ms))))
        });
        prop_assert!(outcome.longest_block <= BLOCK_MAX, "{:?}", outcome);
        prop_assert!(outcome.served + outcome.refused >= 28, "{:?}", outcome);
    }
}
