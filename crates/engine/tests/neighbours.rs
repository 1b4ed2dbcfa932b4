//! Names of one address: they share a controller where they are limited together, and have their own where they are not.

mod world;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::{PacePer, Settings, Stopper};
use longhaul_journal::read_hosts;
use longhaul_journal::storage::Storage;
use longhaul_socket::clock::WallClock;
use world::{EventKind, RecordedEvent, Reply, Request, Scripted, World, list_of, simulate};

/// A token bucket with this rate and a burst of two seconds.
struct Bucket {
    rate: f64,
    tokens: f64,
    filled_unix_ms: u64,
}

impl Bucket {
    fn new(rate: f64) -> Self {
        Self { rate, tokens: 2.0 * rate, filled_unix_ms: 0 }
    }

    fn serves(&mut self, now_unix_ms: u64) -> bool {
        if self.filled_unix_ms > 0 {
            let passed = (now_unix_ms - self.filled_unix_ms) as f64 / 1_000.0;
            self.tokens = (self.tokens + passed * self.rate).min(2.0 * self.rate);
        }
        self.filled_unix_ms = now_unix_ms;
        let serves = self.tokens >= 1.0;
        self.tokens -= f64::from(u8::from(serves));
        serves
    }
}

/// How the address responds.
enum Answer {
    Served,
    TooFast,
    Denied,
}

/// One server at one address, to which these names resolve. It counts refusals by name.
struct Address {
    refused: Arc<Mutex<BTreeMap<String, u32>>>,
    _host: Scripted,
}

impl Address {
    fn new(
        world: &World,
        names: &[String],
        mut serves: impl FnMut(&str, u64) -> bool + Send + 'static,
    ) -> Self {
        Self::answering(
            world,
            names,
            move |name, _, now| {
                if serves(name, now) { Answer::Served } else { Answer::TooFast }
            },
        )
    }

    /// The same, where the response depends on the path too.
    fn answering(
        world: &World,
        names: &[String],
        mut answer: impl FnMut(&str, &str, u64) -> Answer + Send + 'static,
    ) -> Self {
        let refused: Arc<Mutex<BTreeMap<String, u32>>> = Arc::default();
        let (count, clock): (_, WallClock) = (Arc::clone(&refused), world.clock);
        let decide = Mutex::new(move |name: &str, path: &str| answer(name, path, clock.unix_ms()));
        let host = world.scripted("address.test", move |request: &Request| {
            let name = request.field("host").unwrap_or_default().to_owned();
            match decide.lock().expect("no script panics")(&name, &request.path) {
                Answer::Served => return Reply::status(200).body("a"),
                Answer::Denied => return Reply::status(403).body("not for you"),
                Answer::TooFast => {}
            }
            *count.lock().expect("no script panics").entry(name).or_default() += 1;
            Reply::status(429).body("too fast")
        });
        for name in names {
            world.network.name(name, [IpAddr::from([10, 0, 0, 1])]);
        }
        Self { refused, _host: host }
    }

    fn refused(&self) -> u32 {
        self.refused.lock().expect("no script panics").values().sum()
    }
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("name-{number}.test")).collect()
}

fn lists(names: &[String], files: usize) -> String {
    names.iter().map(|name| list_of(name, files)).collect()
}

#[test]
fn two_names_with_one_bucket_are_as_fast_as_it_is() {
    for shards in [1, 2, 3] {
        simulate(async {
            let world = World::new(1);
            let names = names(2);
            let mut bucket = Bucket::new(10.0);
            let address = Address::new(&world, &names, move |_, now| bucket.serves(now));
            let sharded = move |settings: &mut Settings| settings.shards = shards;
            let run = world.haul(lists(&names, 600)).settings(sharded).run().await;
            assert_eq!(run.counts(), (1_200, 0, 0, 0));
            assert!(address.refused() < 150, "{shards} shards: {} refused", address.refused());
            assert!(run.elapsed < Duration::from_secs(118 * 14 / 10), "{shards}: {:?}", run.elapsed);
        });
    }
}

/// Held denials move with their host: each of those rows fails because of its URL, and none is lost.
#[test]
fn held_denials_are_judged_on_the_shard_that_owns_the_host() {
    for (seed, shards) in (0..8).flat_map(|seed| [(seed, 2), (seed, 3)]) {
        simulate(async {
            let world = World::new(seed);
            let names = names(4);
            let mut bucket = Bucket::new(10.0);
            let _address = Address::answering(&world, &names, move |_, path, now| {
                let is_denied = ["1.bin", "3.bin", "7.bin", "9.bin"].iter().any(|end| path.ends_with(end));
                match bucket.serves(now) {
                    false => Answer::TooFast,
                    true if is_denied => Answer::Denied,
                    true => Answer::Served,
                }
            });
            let sharded = move |settings: &mut Settings| settings.shards = shards;
            let run = world.haul(lists(&names, 100)).settings(sharded).run().await;
            assert_eq!(run.counts(), (240, 160, 0, 0), "seed {seed}, {shards} shards");
        });
    }
}

#[test]
fn fifty_names_with_one_bucket_share_one_controller() {
    for (shards, pace_per, refused_max) in
        [(1, PacePer::Host, 600), (4, PacePer::Host, 600), (4, PacePer::Address, 400)]
    {
        simulate(async {
            let world = World::new(1);
            let names = names(50);
            let mut bucket = Bucket::new(10.0);
            let address = Address::new(&world, &names, move |_, now| bucket.serves(now));
            let change =
                move |settings: &mut Settings| (settings.shards, settings.pace_per) = (shards, pace_per);
            let run = world.haul(lists(&names, 20)).settings(change).run().await;
            assert_eq!(run.counts(), (1_000, 0, 0, 0));
            assert_eq!(run.events_of(EventKind::Merged).count(), usize::from(pace_per == PacePer::Host));
            let (refused, took) = (address.refused(), run.elapsed);
            assert!(refused < refused_max, "{shards} {pace_per:?}: {refused} refused in {took:?}");
            assert!(took < Duration::from_secs(98 * 14 / 10), "{shards} {pace_per:?}: {took:?}");
        });
    }
}

/// A later run begins each name with its share of the common rate, and not with the whole rate.
#[test]
fn each_name_is_remembered_with_its_share_of_the_rate() {
    simulate(async {
        let world = World::new(1);
        let names = names(2);
        let mut bucket = Bucket::new(10.0);
        let _address = Address::new(&world, &names, move |_, now| bucket.serves(now));
        let stop = |event: &RecordedEvent, stopper: &Stopper| {
            if event.at > Duration::from_secs(40) {
                stopper.stop();
            }
        };
        let run = world.haul(lists(&names, 600)).watch(stop).run().await;
        assert_eq!(run.events_of(EventKind::Merged).count(), 1);
        let storage: Arc<dyn Storage> = Arc::new(world.storage().clone());
        let rates: Vec<f64> = read_hosts(&storage).iter().filter_map(|host| Some(host.rate?.1)).collect();
        assert_eq!(rates.len(), 2);
        assert!((7.0..13.0).contains(&rates.iter().sum::<f64>()), "{rates:?}");
    });
}

/// A quota of the address is detected on whichever shards the names are, and then used by one controller: not every name
/// tries for the last of it.
#[test]
fn names_with_a_common_quota_share_one_controller() {
    for shards in [1, 3] {
        simulate(async {
            let world = World::new(3);
            let names = names(4);
            let mut window = (0, 0);
            let address = Address::new(&world, &names, move |_, now| {
                if window.0 != now / 30_000 {
                    window = (now / 30_000, 0);
                }
                window.1 += 1;
                window.1 <= 300
            });
            let sharded = move |settings: &mut Settings| settings.shards = shards;
            let run = world.haul(lists(&names, 300)).settings(sharded).run().await;
            assert_eq!(run.counts(), (1_200, 0, 0, 0));
            let merged: Vec<_> = run.events_of(EventKind::Merged).collect();
            assert_eq!(merged.len(), 1, "{shards} shards: {merged:?}");
            assert_eq!(merged[0].reason, "tcp://10.0.0.1:80");
            assert!(merged[0].at < Duration::from_mins(2), "{shards} shards: {merged:?}");
            assert!(address.refused() < 200, "{} refused", address.refused());
        });
    }
}

/// Nine healthy names beside one with a bucket of its own are as fast as without it.
#[test]
fn a_name_that_is_limited_by_itself_slows_no_other() {
    let took_by_others = |limit: f64| {
        simulate(async {
            let world = World::new(1);
            let names = names(10);
            let mut bucket = Bucket::new(limit);
            let address =
                Address::new(&world, &names, move |name, now| name != "name-0.test" || bucket.serves(now));
            let run = world.haul(lists(&names, 200)).settings(|settings| settings.shards = 2).run().await;
            assert_eq!(run.counts(), (2_000, 0, 0, 0));
            assert_eq!(run.events_of(EventKind::Merged).count(), 0);
            assert_eq!(address.refused() > 0, limit < 100.0);
            let others = run.events_of(EventKind::Done).filter(|event| !event.url.contains("name-0.test"));
            others.last().expect("1,800 files").at
        })
    };
    let (beside, alone) = (took_by_others(5.0), took_by_others(1e6));
    assert!(beside <= alone.mul_f64(1.05), "{beside:?} instead of {alone:?}");
}

/// Names that only share an address keep their windows, unless the user merges them.
#[test]
fn healthy_names_keep_their_windows_unless_the_user_merges_them() {
    let took = |pace_per: PacePer| {
        simulate(async {
            let world = World::new(1);
            let names = names(10);
            let _address = Address::new(&world, &names, |_, _| true);
            let change = move |settings: &mut Settings| (settings.shards, settings.pace_per) = (2, pace_per);
            let run = world.haul(lists(&names, 200)).settings(change).run().await;
            assert_eq!(run.counts(), (2_000, 0, 0, 0));
            assert_eq!(run.events_of(EventKind::Merged).count(), 0, "nothing had to be detected");
            run.elapsed
        })
    };
    let (by_host, by_address) = (took(PacePer::Host), took(PacePer::Address));
    assert!(by_address > 4 * by_host, "{by_host:?} by host, {by_address:?} by address");
}
