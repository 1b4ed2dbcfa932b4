//! Random failures and failures because of a limit look alike, and are told apart.

use std::time::Duration;

use longhaul::pace::{
    AdaptivePace, Controller, Permit, SendRecord, Signal, UserLimits, WINDOW_CAP_PUBLIC, Work,
};
use longhaul_socket::clock;
use tokio::time::Instant;

const SERVED: Signal = Signal::Success { latency: Duration::from_millis(10) };

/// Takes every slot.
fn fill(pace: &mut AdaptivePace, now: Instant) -> Vec<SendRecord> {
    let mut requests = Vec::new();
    while let Permit::Go(sent) = pace.permit(Work::default(), now) {
        requests.push(sent);
    }
    requests
}

/// The mean window of a host without a limit that breaks this share of its responses randomly, once it is known a little.
fn mean_window_with_random_failures(percent: u32, seed: u64) -> f64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pace = AdaptivePace::new(UserLimits::window(WINDOW_CAP_PUBLIC));
    let mut now = clock::now();
    let (mut flying, mut windows) = (Vec::new(), 0);
    for answer in 0..5_000 {
        now += Duration::from_millis(10);
        flying.extend(fill(&mut pace, now));
        if flying.is_empty() {
            now = pace.belief().blocked_until.expect("nothing is in flight");
            flying.extend(fill(&mut pace, now));
        }
        let sent = flying.swap_remove(random.usize(..flying.len()));
        let signal = if random.u32(..100) < percent { Signal::Congestion } else { SERVED };
        pace.ended(sent, signal, false, now, random.f64());
        windows += if answer >= 1_000 { pace.belief().window } else { 0 };
    }
    f64::from(windows) / 4_000.0
}

#[test]
fn a_host_that_breaks_responses_randomly_keeps_most_of_its_window() {
    for percent in [5, 10, 20, 30, 40] {
        let windows = (0..12).map(|seed| mean_window_with_random_failures(percent, seed));
        let mean = windows.sum::<f64>() / 12.0;
        assert!(mean >= 0.7 * f64::from(WINDOW_CAP_PUBLIC), "{percent} %: a window of {mean}");
    }
}

/// Rejections per 1,000 successes of a host that resets connections beyond a limit at once, for 20,000 slow files.
fn rejections_of_a_limit(connections_max: usize) -> u32 {
    let mut random = fastrand::Rng::with_seed(1);
    let mut pace = AdaptivePace::new(UserLimits::window(WINDOW_CAP_PUBLIC));
    let mut now = clock::now();
    let (mut served, mut rejected) = (0, 0);
    let mut flying: Vec<(Instant, SendRecord, Signal)> = Vec::new();
    while served < 20_000 {
        while let Permit::Go(sent) = pace.permit(Work::default(), now) {
            let taken = flying.iter().filter(|(_, _, signal)| *signal == SERVED).count();
            flying.push(if taken < connections_max {
                (now + Duration::from_millis(random.u64(20..80)), sent, SERVED)
            } else {
                (now + Duration::from_millis(10), sent, Signal::Congestion)
            });
        }
        let Some(index) = (0..flying.len()).min_by_key(|&index| flying[index].0) else {
            now = pace.belief().blocked_until.expect("nothing is in flight");
            continue;
        };
        let (at, sent, signal) = flying.swap_remove(index);
        now = at;
        *(if signal == SERVED { &mut served } else { &mut rejected }) += 1;
        pace.ended(sent, signal, false, now, random.f64());
    }
    rejected * 1_000 / served
}

#[test]
fn a_connection_limit_is_not_taken_for_random_failures() {
    for connections_max in 2..=8 {
        let rejections = rejections_of_a_limit(connections_max);
        // One in four at two connections: a third is tried after every few files.
        assert!(rejections <= 350, "{rejections} rejections with {connections_max} connections");
    }
}

#[test]
fn failures_of_a_url_may_be_explained_by_its_host() {
    let explained = |broken_of_ten: u64, answers: u64| {
        let now = clock::now();
        let mut pace = AdaptivePace::new(UserLimits::window(8));
        for number in 0..answers {
            let Permit::Go(sent) = pace.permit(Work::default(), now) else {
                panic!("a row of failures is short")
            };
            // Evenly spread: never more than a few in a row.
            let is_broken = number * broken_of_ten / 10 != (number + 1) * broken_of_ten / 10;
            let signal = if is_broken { Signal::Congestion } else { SERVED };
            pace.ended(sent, signal, false, now, 0.5);
        }
        (1..30).take_while(|&failures| pace.explains_failures(failures)).count()
    };
    assert_eq!(explained(4, 20), 0, "the host is not known well enough");
    assert_eq!(explained(0, 500), 0, "the host breaks nothing");
    assert!((6..9).contains(&explained(4, 500)), "{}", explained(4, 500));
    assert!((2..4).contains(&explained(1, 500)), "{}", explained(1, 500));
    assert_eq!(explained(6, 500), 0, "the host is out of order");
}
