//! The engine as it is, over a network and a storage in memory, in virtual time.

mod world;

use std::time::Duration;

use longhaul::Report;
use longhaul_origin::{FaultMix, Site, Sizes};
use world::World;

/// The whole rehearsal's mix of faults on 200 files: everything that exists arrives, byte for byte, and each URL that
/// does not exist is reported once.
#[test]
fn two_hundred_urls_through_faults_arrive() {
    let world = World::new(7, Site::new(7).with_sizes(Sizes::between(0, 40_000)), FaultMix::rehearsal());
    let run = world.run(World::list(200), Duration::from_secs(10));
    let Report { counts, .. } = run.report;
    assert_eq!(counts.rows(), 200);
    assert_eq!((counts.done, counts.failed, counts.pending), (200, 0, 0), "{:#?}", run.report);
    world.assert_every_file_is_right(200);
}

/// One seed is one run, to the event and its time.
#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        let world = World::new(seed, Site::new(seed), FaultMix::rehearsal());
        world.run(World::list(200), Duration::from_secs(10)).trace
    };
    let (first, second) = (trace(11), trace(11));
    assert!(first.len() > 400, "a trace of {} events is no run of 200 URLs", first.len());
    assert_eq!(first, second);
    assert_ne!(first, trace(12));
}
