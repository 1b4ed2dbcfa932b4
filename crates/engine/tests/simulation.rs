//! The engine as it is, over a network and a storage in memory, in virtual time.

mod world;

use longhaul_origin::{FaultMix, Site, Sizes};
use world::{EventKind, World, list, paths, simulate};

/// The whole rehearsal's mix of faults on 200 files: everything arrives, byte for byte, once.
#[test]
fn two_hundred_urls_through_faults_arrive() {
    simulate(async {
        let site = Site::new(7).with_sizes(Sizes::between(0, 40_000));
        let (world, origin) = World::serving(7, site, FaultMix::rehearsal());
        let run = world.haul(list(200)).run().await;
        assert_eq!(run.counts(), (200, 0, 0, 0), "{:#?}", run.report());
        world.assert_every_file_is_right(origin.site(), &paths(200));
        for event in run.events_of(EventKind::Done) {
            let path = event.url.replacen("http://origin.test", "", 1);
            assert_eq!(event.blake3, Some(origin.site().content(&path).blake3()), "{path}");
        }
    });
}

/// One seed is one run, to the event and its time.
#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = |seed| {
        simulate(async {
            let (world, _) = World::serving(seed, Site::new(seed), FaultMix::rehearsal());
            let run = world.haul(list(200)).run().await;
            run.events.iter().map(|event| format!("{event:?}")).collect::<Vec<_>>()
        })
    };
    let (first, second) = (trace(11), trace(11));
    assert!(first.len() > 400, "a trace of {} events is no run of 200 URLs", first.len());
    assert_eq!(first, second);
    assert_ne!(first, trace(12));
}
