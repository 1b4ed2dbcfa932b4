//! What holds for the controller that infers limits, whatever the host: through the trait, as the engine uses it.

use std::time::Duration;

use longhaul::pace::{
    Controller, Denial, InferencePace, Limiter, Memory, Permit, Pick, SendRecord, Signal, UserLimits, Work,
};
use longhaul_socket::clock;
use tokio::time::Instant;

const SERVED: Signal = Signal::Success { latency: Duration::from_millis(1) };
const DENIED: Signal = Signal::Denied { latency: Duration::from_millis(1) };

/// A host with many rows that may be requested now.
const WORK: Work =
    Work { connections_idle: 8, jobs_waiting: 1_000, jobs_ready: 1_000, jobs_held: 0, jobs_in_flight: 0 };

fn recalled(memories: &[Memory], now: Instant) -> InferencePace {
    InferencePace::recalling(UserLimits::window(64), memories, now)
}

fn memory(rate: Option<f64>, connections_max: Option<u32>) -> Memory {
    let now = clock::now();
    let mut memory = Memory::of_belief(&recalled(&[], now).belief(), now);
    memory.rate = rate.map(|rate| (rate, rate));
    memory.connections_max = connections_max;
    memory
}

/// Sends a request for this row, if one is permitted.
fn send(pace: &mut InferencePace, row: u64, work: Work, now: Instant) -> Option<SendRecord> {
    let Permit::Go(sent) = pace.permit(work, now) else { return None };
    pace.pick(sent);
    pace.assigned(sent, row);
    Some(sent)
}

/// Sends as many requests as are permitted within a time, each answered at once, and returns how many those were.
fn sent_within(pace: &mut InferencePace, start: Instant, time: Duration) -> u64 {
    let (mut now, mut sent) = (start, 0);
    while now < start + time {
        match pace.permit(WORK, now) {
            Permit::Go(record) => {
                pace.assigned(record, sent);
                sent += 1;
                now += Duration::from_millis(1);
                pace.ended(record, SERVED, false, now, 0.5);
            }
            Permit::WaitUntil(at) => {
                assert!(at > now, "a wait until a time that has passed");
                now = at;
            }
            Permit::WaitForAnswer => panic!("nothing is in flight"),
        }
    }
    sent
}

#[test]
fn a_remembered_rate_is_kept_from_the_first_request() {
    let now = clock::now();
    let mut pace = recalled(&[memory(Some(10.0), None)], now);
    let sent = sent_within(&mut pace, now, Duration::from_secs(3));
    assert!((28..=32).contains(&sent), "{sent} requests in 3 s at 10/s");
    let (rate, _) = pace.memory(now).rate.expect("it is remembered");
    assert!((9.0..=11.0).contains(&rate), "{rate}/s are remembered");
}

#[test]
fn a_remembered_window_is_kept() {
    let now = clock::now();
    let mut pace = recalled(&[memory(None, Some(2))], now);
    let permitted = (0..8).take_while(|&row| send(&mut pace, row, WORK, now).is_some());
    assert_eq!(permitted.count(), 2);
}

#[test]
fn names_of_one_host_share_what_each_was_seen_to_take() {
    let now = clock::now();
    let merged = recalled(&[memory(Some(10.0), None), memory(Some(30.0), None)], now);
    assert_eq!(merged.belief().rate.map(|(rate, _)| rate), Some(40.0));
}

#[test]
fn a_retry_after_moves_with_the_memory() {
    let now = clock::now();
    let mut asked = recalled(&[], now);
    let sent = send(&mut asked, 0, WORK, now).expect("nothing is known of the host");
    let refused = Signal::Throttle { retry_after: Some(Duration::from_secs(30)) };
    asked.ended(sent, refused, false, now, 0.0);
    let mut merged = recalled(&[recalled(&[], now).memory(now), asked.memory(now)], now);
    let Permit::WaitUntil(at) = merged.permit(WORK, now) else { panic!("it does not wait") };
    assert!(at >= now + Duration::from_secs(30));
    assert_eq!(merged.belief().limiter, Limiter::RetryAfter);
}

#[test]
fn the_users_spacing_binds() {
    let now = clock::now();
    let limits = UserLimits { spacing: Duration::from_millis(200), ..UserLimits::window(64) };
    let mut pace = InferencePace::recalling(limits, &[], now);
    let sent = sent_within(&mut pace, now, Duration::from_secs(4));
    assert!((19..=21).contains(&sent), "{sent} requests in 4 s at 5/s");
}

/// Where nobody was ever served and no other row is left, a denial is the URL's own as soon as everything in flight has been
/// answered.
#[test]
fn a_host_that_denies_everybody_from_the_start_is_believed() {
    let now = clock::now();
    let mut pace = recalled(&[], now);
    let sent = send(&mut pace, 7, WORK, now).expect("nothing is known of the host");
    pace.ended(sent, DENIED, false, now, 0.5);
    assert_eq!(pace.denial(sent, false), Denial::Undecided);
    let only_held = Work { jobs_waiting: 0, jobs_ready: 0, jobs_held: 1, ..WORK };
    let _ = pace.permit(only_held, now);
    assert_eq!(pace.settled(), [7]);
}

/// After a request was served, a denied row is held and requested again between two requests that are served.
#[test]
fn a_denied_row_is_held_until_it_was_denied_beside_one_that_was_served() {
    let mut now = clock::now();
    let mut pace = recalled(&[], now);
    let step = Duration::from_millis(20);
    for row in 0..40 {
        let sent = send(&mut pace, row, WORK, now).expect("the host is healthy");
        now += step;
        pace.ended(sent, SERVED, false, now, 0.5);
        pace.offer_witness(row);
    }
    let sent = send(&mut pace, 40, WORK, now).expect("the host is healthy");
    now += step;
    pace.ended(sent, DENIED, false, now, 0.5);
    assert_eq!(pace.denial(sent, false), Denial::Undecided);
    let (mut witnesses, mut again) = (0, 0);
    let only_held = Work { jobs_waiting: 0, jobs_ready: 0, jobs_held: 1, ..WORK };
    for _ in 0..200 {
        match pace.permit(only_held, now) {
            Permit::Go(sent) => {
                let pick = pace.pick(sent);
                let (row, signal) = match pick {
                    Pick::Held(row) => (row, DENIED),
                    Pick::Witness(row) => (row, SERVED),
                    Pick::Next | Pick::Elsewhere => panic!("no other row is there"),
                };
                (witnesses, again) = (witnesses + u32::from(row != 40), again + u32::from(row == 40));
                pace.assigned(sent, row);
                now += step;
                pace.ended(sent, signal, false, now, 0.5);
            }
            Permit::WaitUntil(at) => now = at,
            Permit::WaitForAnswer => panic!("nothing is in flight"),
        }
        let settled = pace.settled();
        if !settled.is_empty() {
            assert_eq!(settled, [40]);
            assert!(again >= 1 && witnesses >= 2, "asked again {again} times, {witnesses} witnesses");
            return;
        }
    }
    panic!("the row is held for ever: asked again {again} times, {witnesses} witnesses");
}
