//! Failures by chance and failures by a limit look alike, and are told apart.

use std::time::Duration;

use longhaul::pace::{AdaptivePace, Controller, Permit, SendRecord, Signal, UserLimits, WINDOW_CAP_PUBLIC};
use longhaul_socket::clock;
use tokio::time::Instant;

const SERVED: Signal = Signal::Success { latency: Duration::from_millis(10) };

/// Takes every place there is.
fn fill(pace: &mut AdaptivePace, now: Instant) -> Vec<SendRecord> {
    let mut requests = Vec::new();
    while let Permit::Go(sent) = pace.permit(0, now) {
        requests.push(sent);
    }
    requests
}

/// The mean window of a host without limit that breaks so many of its answers by chance, when it is known a little.
fn window_despite_chance(percent: u32, seed: u64) -> f64 {
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
    let mut pace = AdaptivePace::new(UserLimits::window(WINDOW_CAP_PUBLIC));
    let mut now = clock::now();
    let (mut served, mut rejected) = (0, 0);
    let mut flying: Vec<(Instant, SendRecord, Signal)> = Vec::new();
    while served < 20_000 {
        while let Permit::Go(sent) = pace.permit(0, now) {
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
fn a_limit_of_connections_is_not_taken_for_chance() {
    for connections_max in 2..=8 {
        let rejections = rejections_of_a_limit(connections_max);
        // One in four at two connections: a third is tried after every few files, as after every cut.
        assert!(rejections <= 350, "{rejections} rejections with {connections_max} connections");
    }
}

#[test]
fn failures_of_a_url_are_explained_by_the_habits_of_its_host() {
    let explained = |broken_of_ten: u64, answers: u64| {
        let now = clock::now();
        let mut pace = AdaptivePace::new(UserLimits::window(8));
        for number in 0..answers {
            let Permit::Go(sent) = pace.permit(0, now) else { panic!("a row of failures is short") };
            // Spread evenly: never more than a few in a row.
            let is_broken = number * broken_of_ten / 10 != (number + 1) * broken_of_ten / 10;
            let signal = if is_broken { Signal::Congestion } else { SERVED };
            pace.ended(sent, signal, false, now, 0.5);
        }
        (1..30).take_while(|&failures| pace.explains_failures(failures)).count()
    };
    assert_eq!(explained(4, 20), 0, "it is not known");
    assert_eq!(explained(0, 500), 0, "it breaks nothing");
    assert!((6..9).contains(&explained(4, 500)), "{}", explained(4, 500));
    assert!((2..4).contains(&explained(1, 500)), "{}", explained(1, 500));
    assert_eq!(explained(6, 500), 0, "it is out of order");
}
