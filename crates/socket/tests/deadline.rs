//! Deadlines and clocks, in virtual time.

use std::future::{pending, ready};
use std::time::Duration;

use longhaul_socket::clock::{self, WallClock};
use longhaul_socket::{ConnectTimeouts, Connector, Deadline, DeadlinePassed, Resolver, Stream, Target};
use tokio::time::advance;

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_its_deadline() {
    let start = clock::now();
    let deadline = Deadline::after(Duration::from_secs(3));
    assert_eq!(deadline.bound(pending::<()>()).await, Err(DeadlinePassed));
    assert_eq!(clock::now(), deadline.instant());
    assert_eq!(start.elapsed(), Duration::from_secs(3));
    assert_eq!((deadline.has_passed(), deadline.remaining()), (true, Duration::ZERO));
    // Waits in a row share the time left, which is zero now; a future that is ready needs none.
    assert_eq!(deadline.bound(pending::<()>()).await, Err(DeadlinePassed));
    assert_eq!(clock::now(), deadline.instant());
    assert_eq!(deadline.bound(ready(5)).await, Ok(5));
}

#[tokio::test(start_paused = true)]
async fn earlier_of_returns_the_earlier_deadline() {
    let (sooner, later) = (Deadline::after(Duration::from_secs(1)), Deadline::after(Duration::from_secs(2)));
    assert_eq!(sooner.earlier_of(later), sooner);
    assert_eq!(later.earlier_of(sooner), sooner);
    advance(Duration::from_millis(1_500)).await;
    assert!(sooner.has_passed() && !later.has_passed());
    assert_eq!(later.remaining(), Duration::from_millis(500));
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_range_of_the_clock_is_cut() {
    let deadline = Deadline::after(Duration::MAX);
    assert!(deadline.remaining() > Duration::from_hours(24 * 365));
}

#[tokio::test(start_paused = true)]
async fn the_wall_clock_counts_from_its_start() {
    let clock = WallClock::starting_at(1_000);
    advance(Duration::from_millis(250)).await;
    assert_eq!(clock.unix_ms(), 1_250);
    let last = WallClock::starting_at(u64::MAX);
    advance(Duration::from_millis(250)).await;
    assert_eq!(last.unix_ms(), u64::MAX);
    // Later than the day on which this test was written.
    assert!(WallClock::system().unix_ms() > 1_763_000_000_000);
}

/// Compiles only if the futures can be spawned on a runtime with several threads.
#[test]
fn waits_can_move_between_threads() {
    fn is_send<T: Send>(_: T) {}
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Connector>();
    is_shared::<Resolver>();
    let _ = |connector: &'static Connector, target: &'static Target, timeouts: &'static ConnectTimeouts| {
        is_send(connector.connect(target, timeouts));
    };
    let _ = |stream: &'static mut Stream, buffer: &'static mut [u8], deadline: Deadline| {
        is_send(stream.receive_within(buffer, deadline));
    };
    is_shared::<Stream>();
    let _ = |stream: &'static Stream| is_send(stream.readable());
    let _ = |stream: &'static mut Stream, deadline: Deadline| {
        is_send(stream.send_within(b"hello", deadline));
    };
}
