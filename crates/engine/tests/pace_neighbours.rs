//! Names at one address: taken for one host where a refusal to one means a refusal to all, and for several otherwise.

use std::time::Duration;

use longhaul::pace::{
    AdaptivePace, Controller, Limiter, Memory, NameAnswer, Permit, SharedLimitDetector, SharedLimitFinding,
    Signal, UserLimits,
};
use longhaul_socket::clock;
use proptest::prelude::*;
use tokio::time::Instant;

const ANSWER: Duration = Duration::from_millis(100);

/// A bucket that fills with so many tokens a second.
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

/// Names that are asked at random times, each so often on the average, for so long. Returns what was found out, and when.
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
fn one_bucket_for_all_names_is_found() {
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
    // Asked beyond what they bear for all that time, without ever slowing down: far more refusals than a pace lets happen.
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
fn one_name_that_is_limited_by_itself_is_nobody_elses_affair() {
    for seed in 0..10 {
        let mut bucket = Bucket::new(5.0, clock::now());
        let rates = [6.0, 20.0, 20.0, 1.0, 1.0, 20.0];
        let found = ask(&rates, Duration::from_mins(4), seed, |name, now, _| name > 0 || bucket.serves(now));
        assert_eq!(found, [], "seed {seed}");
    }
}

#[test]
fn refusals_by_chance_are_no_bucket() {
    let mut misled = 0;
    for seed in 0..24 {
        let rates = [10.0, 10.0];
        let found = ask(&rates, Duration::from_mins(2), seed, |_, _, random| random.f64() > 0.05);
        misled += usize::from(!found.is_empty());
    }
    assert!(misled <= 1, "{misled} of 24");
}

/// Where the names have become one, and one of them is refused all the same, it goes by itself.
#[test]
fn a_name_at_which_refusals_gather_leaves_the_others() {
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

/// One pace for the hosts of these.
fn merge(paces: &[&AdaptivePace], now: Instant) -> AdaptivePace {
    let window_max = paces.iter().map(|pace| pace.limits().window_max).max().expect("at least one");
    let memories: Vec<Memory> = paces.iter().map(|pace| pace.memory(now)).collect();
    AdaptivePace::recalling(UserLimits::window(window_max), &memories, now)
}

#[test]
fn a_merged_pace_bears_what_its_hosts_bore_together() {
    let now = clock::now();
    let asked_to_wait = |seconds: u64| {
        let mut pace = AdaptivePace::new(UserLimits::window(8));
        let Permit::Go(sent) = pace.permit(0, now) else { panic!("a new host may be asked") };
        let signal = Signal::Throttle { retry_after: Some(Duration::from_secs(seconds)) };
        pace.ended(sent, signal, false, now, 0.0);
        pace
    };
    let (first, second, idle) =
        (asked_to_wait(30), asked_to_wait(100), AdaptivePace::new(UserLimits::window(16)));
    let merged = merge(&[&first, &second, &idle], now);
    assert_eq!((merged.limits().window_max, merged.in_flight()), (16, 0));
    assert_eq!(
        merged.belief().blocked_until,
        second.belief().blocked_until,
        "the longest pause that was asked for"
    );
    assert_eq!(merged.belief().limiter, Limiter::RetryAfter);
}

/// Asks the host for the pace as often as that allows, with at once an answer to each.
fn drive(pace: &mut AdaptivePace, bucket: &mut Bucket, from: Instant, to: Instant) {
    let mut now = from;
    while now < to {
        match pace.permit(0, now) {
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
            Permit::WaitForAnswer => unreachable!("nothing is under way"),
        }
    }
}

#[test]
fn what_many_names_guessed_is_no_limit_of_all_of_them() {
    let start = clock::now();
    let mut bucket = Bucket { burst: 20.0, tokens: 20.0, ..Bucket::new(100.0, start) };
    // Each is refused before it has been served: what it takes is a guess, and forty guesses say no more than one.
    let names: Vec<AdaptivePace> = (0..40)
        .map(|_| {
            let mut pace = AdaptivePace::new(UserLimits::window(8));
            drive(&mut pace, &mut bucket, start, start + Duration::from_millis(1));
            pace
        })
        .collect();
    let guessed = names.iter().filter(|pace| pace.belief().rate.is_some()).count();
    assert!(guessed > 30, "{guessed} names have begun to count");
    let now = start + Duration::from_secs(2);
    let mut merged = merge(&names.iter().collect::<Vec<_>>(), now);
    let (_, limit) = merged.belief().rate.expect("what they have shown");
    assert!(limit < 20.0, "{limit} is more than all of them have been served");
    let at = now + Duration::from_secs(12);
    drive(&mut merged, &mut bucket, now, at);
    let (_, limit) = merged.belief().rate.expect("the host counts");
    assert!((70.0..=130.0).contains(&limit), "{limit} after twelve seconds, of 100");
}

#[test]
fn a_name_that_joins_others_changes_little_for_them() {
    let start = clock::now();
    let mut bucket = Bucket::new(20.0, start);
    let mut many = AdaptivePace::new(UserLimits::window(8));
    let now = start + Duration::from_mins(2);
    drive(&mut many, &mut bucket, start, now);
    let (rate, limit) = many.belief().rate.expect("the host counts");
    let mut one = AdaptivePace::new(UserLimits::window(8));
    let mut empty = Bucket { tokens: 0.0, ..Bucket::new(0.001, now) };
    drive(&mut one, &mut empty, now, now + Duration::from_millis(1));
    let (_, limit_one) = one.belief().rate.expect("three refusals in a row");
    let mut merged = merge(&[&many, &one], now);
    let (rate_all, limit_all) = merged.belief().rate.expect("both had one");
    assert!((limit_all - limit - limit_one).abs() < 1e-9, "{limit} and {limit_one} make {limit_all}");
    assert!(
        (rate_all / limit_all - rate / limit).abs() < 1e-9,
        "{rate} of {limit} and {rate_all} of {limit_all}"
    );
    // The one that was refused last does not make all of them wait for as long as it would have waited.
    let gap = Duration::from_secs_f64(1.0 / rate_all);
    assert!(matches!(merged.permit(0, now + gap), Permit::Go(_)), "a gap later it may be asked");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Whatever is told, nothing is lost, and the same history has the same result.
    #[test]
    fn nothing_is_too_much(told in prop::collection::vec(
        (0_u8..2, 0_u16..4_000, any::<bool>(), any::<bool>(), 0_u64..5_000), 2_000..4_000,
    )) {
        let start = clock::now();
        let play = || {
            let mut shared_limits: SharedLimitDetector<u8, u16> = SharedLimitDetector::new();
            let mut now = start;
            let mut found = Vec::new();
            for &(address, name, is_refused, is_limited, ms) in &told {
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
