//! Two hauls as the workers of a fleet: one map says which worker gets which host, and hears what each worker finds out.

mod world;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use longhaul::host_routing::{Evidence, HostRouting, LimitRouting, RouteChange, ShardId};
use longhaul::{HttpUrl, Origin, PacePer};
use world::{Reply, Request, World, list_of, simulate};

const HOSTS: usize = 12;
const FILES: usize = 5;
const WORKERS: usize = 2;

/// The map of a worker's own shards. What it hears also goes to the map of the fleet.
struct WorkerRouting {
    own: LimitRouting,
    worker: ShardId,
    fleet: Arc<Mutex<FleetMap>>,
}

/// The map of the fleet, and which worker has reported responses of which host.
struct FleetMap {
    routing: LimitRouting,
    heard: BTreeSet<(Origin, ShardId)>,
}

impl HostRouting for WorkerRouting {
    fn owner(&self, host: &Origin) -> ShardId {
        self.own.owner(host)
    }

    fn heard(&mut self, evidence: &Evidence) -> Option<RouteChange> {
        let mut fleet = self.fleet.lock().expect("no test panics within");
        fleet.heard.insert((evidence.host.clone(), self.worker));
        let for_fleet = Evidence { shard: self.worker, ..evidence.clone() };
        assert_eq!(fleet.routing.heard(&for_fleet), None, "these hosts share no address");
        self.own.heard(evidence)
    }

    fn settle(&mut self, host: &Origin, shard: ShardId) -> Option<RouteChange> {
        self.own.settle(host, shard)
    }
}

/// A host that refuses its first request: shards report refusals at once, and other responses in batches.
fn once_refused(request: &Request) -> Reply {
    if request.number == 1 { Reply::status(429) } else { Reply::status(200).body("content") }
}

#[test]
fn each_host_is_asked_by_the_worker_that_owns_it() {
    let fleet = Arc::new(Mutex::new(FleetMap {
        routing: LimitRouting::new(WORKERS, PacePer::Host),
        heard: BTreeSet::new(),
    }));
    let host = |number: usize| format!("host-{number}.test");
    for worker in (0..WORKERS).map(ShardId) {
        let is_ours = |number: usize| {
            let url: HttpUrl = format!("http://{}/", host(number)).parse().expect("a URL");
            fleet.lock().expect("no test panics within").routing.owner(url.origin()) == worker
        };
        let share: String = (0..HOSTS)
            .filter(|number| is_ours(*number))
            .map(|number| list_of(&host(number), FILES))
            .collect();
        simulate(async {
            let world = World::new(1);
            let hosts: Vec<_> =
                (0..HOSTS).map(|number| world.scripted(&host(number), once_refused)).collect();
            let map = Arc::clone(&fleet);
            let plan =
                world.haul(share.as_str()).settings(|settings| settings.shards = 3).builder(|builder| {
                    builder.host_routing(move |shards| {
                        assert_eq!(shards, 3);
                        let own = LimitRouting::new(shards, PacePer::Host);
                        Box::new(WorkerRouting { own, worker, fleet: map })
                    })
                });
            let run = plan.run().await;
            assert_eq!(run.counts(), (share.lines().count() as u64, 0, 0, 0));
            for (number, host) in hosts.iter().enumerate() {
                assert_eq!(host.requests().is_empty(), !is_ours(number), "{number}");
            }
        });
    }
    let heard = &fleet.lock().expect("no test panics within").heard;
    let hosts: BTreeSet<_> = heard.iter().map(|(host, _)| host).collect();
    let workers: BTreeSet<_> = heard.iter().map(|(_, worker)| worker).collect();
    assert_eq!(hosts.len(), HOSTS, "the fleet hears of every host");
    assert_eq!(heard.len(), HOSTS, "no host is reported by two workers");
    assert_eq!(workers.len(), WORKERS, "both workers have a share");
}

/// A number beyond the last shard counts from the first one again, so a map that is wrong about the shards loses no row.
#[test]
fn a_map_that_counts_too_far_loses_no_row() {
    struct Beyond;

    impl HostRouting for Beyond {
        fn owner(&self, host: &Origin) -> ShardId {
            ShardId(1000 + host.to_string().len())
        }

        fn heard(&mut self, _evidence: &Evidence) -> Option<RouteChange> {
            None
        }

        fn settle(&mut self, _host: &Origin, _shard: ShardId) -> Option<RouteChange> {
            None
        }
    }

    simulate(async {
        let world = World::new(1);
        let _host = world.scripted(world::ORIGIN, |_| Reply::status(200).body("content"));
        let plan = world.haul(world::list(FILES)).settings(|settings| settings.shards = 3);
        let run = plan.builder(|builder| builder.host_routing(|_| Box::new(Beyond))).run().await;
        assert_eq!(run.counts(), (FILES as u64, 0, 0, 0));
    });
}
