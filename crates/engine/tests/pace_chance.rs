//! Random failures and failures because of a limit look alike, and are told apart.

use std::time::Duration;

use longhaul::pace::{
    Controller, InferencePace, Permit, SendRecord, Signal, UserLimits, WINDOW_CAP_PUBLIC, Work,
};
use longhaul_socket::clock;
use tokio::time::Instant;

const SERVED: Signal = Signal::Success { latency: Duration::from_millis(10) };

/// A host with many rows that may be requested now.
const WORK: Work =
    Work { connections_idle: 8, jobs_waiting: 1_000, jobs_ready: 1_000, jobs_held: 0, jobs_in_flight: 0 };

/// Takes every slot.
fn fill(pace: &mut InferencePace, now: Instant) -> Vec<SendRecord> {
    let mut requests = Vec::new();
    while let Permit::Go(sent) = pace.permit(WORK, now) {
        requests.push(sent);
    }
    requests
}

/// The mean window of a host without a limit that breaks this share of its responses randomly, once it is known a little.
fn mean_window_with_random_failures(percent: u32, seed: u64) -> f64 {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut pace = InferencePace::new(UserLimits::window(WINDOW_CAP_PUBLIC), clock::now());
    let mut now = clock::now();
    let (mut flying, mut windows) = (Vec::new(), 0);
    for answer in 0..5_000 {
        now += Duration::from_millis(10);
        flying.extend(fill(&mut pace, now));
        while flying.is_empty() {
            match pace.permit(WORK, now) {
                Permit::Go(sent) => flying.push(sent),
                Permit::WaitUntil(until) => now = until,
                Permit::WaitForAnswer => panic!("nothing is in flight"),
            }
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
    let mut pace = InferencePace::new(UserLimits::window(WINDOW_CAP_PUBLIC), clock::now());
    let mut now = clock::now();
    let (mut served, mut rejected) = (0, 0);
    let mut flying: Vec<(Instant, SendRecord, Signal)> = Vec::new();
    while served < 20_000 {
        let mut wake_at = None;
        loop {
            let sent = match pace.permit(WORK, now) {
                Permit::Go(sent) => sent,
                Permit::WaitUntil(until) => {
                    wake_at = Some(until);
                    break;
                }
                Permit::WaitForAnswer => break,
            };
            let taken = flying.iter().filter(|(_, _, signal)| *signal == SERVED).count();
            flying.push(if taken < connections_max {
                (now + Duration::from_millis(random.u64(20..80)), sent, SERVED)
            } else {
                (now + Duration::from_millis(10), sent, Signal::Congestion)
            });
        }
        let Some(index) = (0..flying.len()).min_by_key(|&index| flying[index].0) else {
            now = wake_at.expect("nothing is in flight");
            continue;
        };
        if let Some(at) = wake_at.filter(|&at| at < flying[index].0) {
            now = at;
            continue;
        }
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
        let mut now = clock::now();
        let mut pace = InferencePace::new(UserLimits::window(8), now);
        for number in 0..answers {
            let sent = loop {
                match pace.permit(WORK, now) {
                    Permit::Go(sent) => break sent,
                    Permit::WaitUntil(until) => now = until,
                    Permit::WaitForAnswer => panic!("nothing is in flight"),
                }
            };
            // Evenly spread: never more than a few in a row.
            let is_broken = number * broken_of_ten / 10 != (number + 1) * broken_of_ten / 10;
            let signal = if is_broken { Signal::Congestion } else { SERVED };
            pace.ended(sent, signal, false, now, 0.5);
        }
        (1..30).take_while(|&failures| pace.explains_failures(failures)).count()
    };
    assert_eq!(explained(0, 500), 1, "the host breaks nothing");
    assert!(explained(4, 20) < explained(4, 500), "the host is not known well enough");
    assert!((8..12).contains(&explained(4, 500)), "{}", explained(4, 500));
    assert!((3..6).contains(&explained(1, 500)), "{}", explained(1, 500));
}
