//! Names at one address: one host where a refusal to one name means refusals to all, and several otherwise.

use std::time::Duration;

use longhaul::pace::{
    Controller, InferencePace, Limiter, Memory, NameAnswer, Permit, SharedLimitDetector, SharedLimitFinding,
    Signal, UserLimits, Work,
};
use longhaul_socket::clock;
use proptest::prelude::*;
use tokio::time::Instant;

const ANSWER: Duration = Duration::from_millis(100);

/// A host with many rows that may be requested now.
const WORK: Work =
    Work { connections_idle: 8, jobs_waiting: 1_000, jobs_ready: 1_000, jobs_held: 0, jobs_in_flight: 0 };

/// A token bucket with this rate.
struct Bucket {
    rate: f64,
    burst: f64,
    tokens: f64,
    filled_at: Instant,
}

impl Bucket {
    fn new(rate: f64, now: Instant) -> Self {
        Self { rate, burst: 2.0 * rate, tokens: 2.0 * rate, filled_at: now }
    }

    fn serves(&mut self, now: Instant) -> bool {
        let passed = (now - self.filled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * self.rate).min(self.burst);
        self.filled_at = now;
        let serves = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(serves));
        serves
    }
}

/// Sends requests to names at random times with these mean rates, for this long. Returns the findings with their times.
fn ask(
    rates: &[f64],
    lasts: Duration,
    seed: u64,
    mut is_served: impl FnMut(usize, Instant, &mut fastrand::Rng) -> bool,
) -> Vec<(SharedLimitFinding, usize, Duration)> {
    let mut random = fastrand::Rng::with_seed(seed);
    let start = clock::now();
    let mut shared_limits: SharedLimitDetector<u8, usize> = SharedLimitDetector::new();
    let mut next = |rate: f64, now: Instant| now + Duration::from_secs_f64(-(1.0 - random.f64()).ln() / rate);
    let mut times: Vec<Instant> = rates.iter().map(|&rate| next(rate, start)).collect();
    let mut random = fastrand::Rng::with_seed(seed ^ 1);
    let mut found = Vec::new();
    let mut now = start;
    while now - start < lasts && found.len() < 2 {
        let name = (0..rates.len()).min_by_key(|&name| times[name]).expect("a name");
        now = times[name];
        times[name] = next(rates[name], now);
        let is_refused = !is_served(name, now, &mut random);
        let news = shared_limits.answered(
            &0,
            &name,
            NameAnswer { sent_at: now, is_refused, is_limited: true },
            now + ANSWER,
        );
        if let Some(news) = news {
            found.push((news, name, now - start));
            let names: Vec<usize> = shared_limits.names(&0).copied().collect();
            assert_eq!(shared_limits.is_one(&0, &name), names.contains(&name));
            assert_eq!(news == SharedLimitFinding::One, names.contains(&name));
        }
    }
    found
}

#[test]
fn a_bucket_for_all_names_is_detected() {
    for rates in [&[6.0, 6.0][..], &[10.0, 3.0], &[2.0; 8], &[0.5; 50]] {
        let mut late = 0;
        for seed in 0..10 {
            let mut bucket = Bucket::new(10.0, clock::now());
            let found = ask(rates, Duration::from_mins(3), seed, |_, now, _| bucket.serves(now));
            late += u32::from(!found.first().is_some_and(|(news, ..)| *news == SharedLimitFinding::One));
        }
        assert!(late <= 1, "{late} of 10 were not found at {rates:?}");
    }
}

#[test]
fn a_bucket_for_each_name_is_no_bucket_for_all() {
    // Asked beyond their limits all the time: far more refusals than a pace allows.
    let mut misled = 0;
    for seed in 0..24 {
        let mut buckets = [10.0, 30.0, 5.0].map(|rate| Bucket::new(rate, clock::now()));
        let rates = [10.2, 30.6, 5.1];
        let found = ask(&rates, Duration::from_mins(4), seed, |name, now, _| buckets[name].serves(now));
        misled += usize::from(!found.is_empty());
    }
    assert!(misled <= 3, "{misled} of 24");
}

#[test]
fn a_limit_of_one_name_does_not_merge_the_others() {
    for seed in 0..10 {
        let mut bucket = Bucket::new(5.0, clock::now());
        let rates = [6.0, 20.0, 20.0, 1.0, 1.0, 20.0];
        let found = ask(&rates, Duration::from_mins(4), seed, |name, now, _| name > 0 || bucket.serves(now));
        assert_eq!(found, [], "seed {seed}");
    }
}

#[test]
fn random_refusals_are_not_a_common_limit() {
    let mut misled = 0;
    for seed in 0..24 {
        let rates = [10.0, 10.0];
        let found = ask(&rates, Duration::from_mins(2), seed, |_, _, random| random.f64() > 0.05);
        misled += usize::from(!found.is_empty());
    }
    assert!(misled <= 1, "{misled} of 24");
}

/// After the names were merged, one of them is still refused: it parts from the others.
#[test]
fn a_name_with_most_of_the_refusals_parts_from_the_others() {
    let start = clock::now();
    let mut found = Vec::new();
    for seed in 0..3 {
        let mut shared = Bucket::new(20.0, start);
        let mut own = Bucket::new(1.0, start);
        found = ask(&[8.0, 8.0, 8.0], Duration::from_hours(1), seed, |name, now, _| {
            if now - start < Duration::from_mins(5) {
                shared.serves(now)
            } else {
                name != 1 || own.serves(now)
            }
        });
        let [(first, ..), (then, who, at)] = found[..] else { panic!("two findings, not {found:?}") };
        assert_eq!((first, then, who), (SharedLimitFinding::One, SharedLimitFinding::Apart, 1));
        assert!(at < Duration::from_mins(7), "{at:?}");
    }
    assert_eq!(found.len(), 2);
}

/// One pace for the hosts of several.
fn merge(paces: &[&InferencePace], now: Instant) -> InferencePace {
    let window_max = paces.iter().map(|pace| pace.limits().window_max).max().expect("at least one");
    let memories: Vec<Memory> = paces.iter().map(|pace| pace.memory(now)).collect();
    InferencePace::recalling(UserLimits::window(window_max), &memories, now)
}

#[test]
fn a_merged_pace_adds_up_what_its_hosts_served() {
    let now = clock::now();
    let asked_to_wait = |seconds: u64| {
        let mut pace = InferencePace::new(UserLimits::window(8), clock::now());
        let Permit::Go(sent) = pace.permit(WORK, now) else { panic!("a new host may be asked") };
        let signal = Signal::Throttle { retry_after: Some(Duration::from_secs(seconds)) };
        pace.ended(sent, signal, false, now, 0.0);
        pace
    };
    let (first, second, idle) =
        (asked_to_wait(30), asked_to_wait(100), InferencePace::new(UserLimits::window(16), clock::now()));
    let merged = merge(&[&first, &second, &idle], now);
    assert_eq!((merged.limits().window_max, merged.in_flight()), (16, 0));
    assert_eq!(
        merged.belief().blocked_until,
        second.belief().blocked_until,
        "the longest pause that was asked for"
    );
    assert_eq!(merged.belief().limiter, Limiter::RetryAfter);
}

/// Sends as often as the pace permits; each request is answered at once.
fn drive(pace: &mut InferencePace, bucket: &mut Bucket, from: Instant, to: Instant) {
    let mut now = from;
    while now < to {
        match pace.permit(WORK, now) {
            Permit::Go(sent) => {
                let latency = Duration::from_millis(10);
                let is_served = bucket.serves(now);
                let signal = if is_served {
                    Signal::Success { latency }
                } else {
                    Signal::Throttle { retry_after: None }
                };
                pace.ended(sent, signal, false, now, 0.5);
            }
            Permit::WaitUntil(at) => now = at.max(now + Duration::from_millis(1)),
            Permit::WaitForAnswer => unreachable!("nothing is in flight"),
        }
    }
}

#[test]
fn a_name_that_joins_a_group_changes_the_rate_little() {
    let start = clock::now();
    let mut bucket = Bucket::new(20.0, start);
    let mut many = InferencePace::new(UserLimits::window(8), start);
    let now = start + Duration::from_mins(2);
    drive(&mut many, &mut bucket, start, now);
    let (rate, _) = many.belief().rate.expect("the host has a limit");
    assert!((18.0..=21.0).contains(&rate), "{rate} a second, of 20");
    // Nothing is known of the name, so it adds nothing; what it was served shows whether that is too little.
    let mut merged = merge(&[&many, &InferencePace::new(UserLimits::window(8), now)], now);
    let (rate_all, _) = merged.belief().rate.expect("one of them had one");
    assert!((rate_all - rate).abs() < 1e-9, "{rate} and {rate_all}");
    let gap = Duration::from_secs_f64(1.0 / rate_all) + Duration::from_millis(1);
    assert!(
        matches!(merged.permit(WORK, now + gap), Permit::Go(_)),
        "the next request may be sent a gap later"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever the responses, memory is bounded, and the same history has the same result.
    #[test]
    fn the_detector_is_bounded_and_deterministic(responses in prop::collection::vec(
        (0_u8..2, 0_u16..4_000, any::<bool>(), any::<bool>(), 0_u64..5_000), 2_000..4_000,
    )) {
        let start = clock::now();
        let play = || {
            let mut shared_limits: SharedLimitDetector<u8, u16> = SharedLimitDetector::new();
            let mut now = start;
            let mut found = Vec::new();
            for &(address, name, is_refused, is_limited, ms) in &responses {
                now += Duration::from_millis(ms);
                let sent_at = now.checked_sub(Duration::from_millis(ms / 2)).unwrap_or(now);
                found.push(shared_limits.answered(&address, &name, NameAnswer { sent_at, is_refused, is_limited }, now));
                prop_assert!(shared_limits.names(&address).count() <= 1_024);
            }
            Ok(found)
        };
        prop_assert_eq!(play()?, play()?);
    }
}
