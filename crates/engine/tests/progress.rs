//! What people see of a run's progress is true: bytes received, and hosts that are waited for.

mod world;

use std::time::Duration;

use longhaul::Stopper;
use world::{End, EventKind, RecordedEvent, Reply, World, simulate, urls};

const HOST: &str = "slow.test";
const BODY_BYTES: usize = 500_000;

#[test]
fn bytes_that_a_stop_cut_off_count_as_received() {
    simulate(async {
        let world = World::new(4);
        let _host = world.scripted(HOST, |request| match request.path.as_str() {
            "/whole" => Reply::status(200).body(vec![b'w'; 1000]),
            _ => Reply::status(200).body(vec![b'b'; BODY_BYTES]).cut(BODY_BYTES / 2, End::Silence),
        });
        let mut received = 0;
        let stop = move |event: &RecordedEvent, stopper: &Stopper| {
            received += if event.kind == EventKind::Received { event.bytes } else { 0 };
            if received >= 100_000 {
                stopper.stop();
            }
        };
        let run = world.haul(urls(HOST, ["/whole", "/cut"])).watch(stop).run().await;
        assert!(run.report().stopped);
        let seen: u64 = run.events_of(EventKind::Received).map(|event| event.bytes).sum();
        let received = run.report().bytes_received;
        assert!(received >= seen && seen >= 100_000, "{received} received, {seen} of them seen");
        assert!(received <= 1000 + BODY_BYTES as u64 / 2, "{received}");
    });
}

#[test]
fn a_host_that_is_given_up_is_not_waited_for() {
    simulate(async {
        let world = World::new(4);
        let dead = "dead.test";
        // Nobody listens there.
        let _endpoint = world.endpoint(dead);
        let _host = world.scripted(HOST, |_| Reply::status(200).body("body"));
        let list = urls(dead, (0..30).map(|n| format!("/{n}"))) + &urls(HOST, ["/a"]);
        let run = world.haul(list).settings(|s| s.host_patience = Duration::from_secs(5)).run().await;
        assert_eq!(run.counts(), (1, 30, 0, 0));
        let paced = run.events_of(EventKind::Paced).filter(|event| event.reason == "failing").last();
        let paced = paced.expect("the dead host is said to be failing");
        let idle = run.events_of(EventKind::HostIdle).last().expect("no row waits for it at the end");
        assert!(idle.reason.contains(dead) && idle.at >= paced.at, "{idle:?} after {paced:?}");
    });
}
