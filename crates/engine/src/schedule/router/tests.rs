//! The map of hosts under load from several threads, and a second map.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;
use std::thread;

use crate::list::expectation::ExpectedContent;
use longhaul_http::HttpUrl;
use longhaul_journal::{Fields, RowId};
use longhaul_socket::{Endpoint, Protocol, clock};

use super::*;
use crate::haul::PacePer;
use crate::pace::{Controller, InferencePace, NameAnswer, UserLimits};
use crate::schedule::host_routing::LimitRouting;
use crate::schedule::job::Job;

const SHARDS: usize = 4;
const HOSTS: u64 = 200;
const ROWS: u64 = 8_000;
/// A job ends after so many visits to shards.
const VISITS: u32 = 6;

fn host(row: u64) -> HttpUrl {
    format!("http://name-{}.test/{row}", row % HOSTS).parse().expect("a URL")
}

/// The endpoint of a host: five hosts at each.
fn endpoint(row: u64) -> Endpoint {
    let last = u8::try_from(row % HOSTS / 5).expect("few");
    Endpoint::new(IpAddr::V4(Ipv4Addr::new(10, 0, 0, last)), Protocol::Tcp, 80)
}

fn assignment(row: u64) -> Assignment {
    let job = Job::new(RowId(row), host(row), String::new(), ExpectedContent::default(), Fields::default());
    Assignment { job: Box::new(job), not_before: None, memory: None }
}

fn memory() -> Memory {
    InferencePace::new(UserLimits::window(8), clock::now()).memory(clock::now())
}

/// Each thread is a shard: it reports a response for each job and passes the job on, until the job has made all its visits.
/// Some hosts are turned away, and memories are left behind. No job is lost or doubled, and when all is over every thread
/// agrees with the map about the owner of each host that moved.
#[test]
fn four_threads_change_the_map_at_once_and_no_job_is_lost() {
    let ended: Mutex<BTreeMap<u64, u32>> = Mutex::default();
    let believed: Mutex<Vec<BTreeMap<Origin, ShardId>>> = Mutex::default();
    let (to_router, mut from_shards) = mpsc::unbounded_channel();
    let (senders, inboxes): (Vec<_>, Vec<_>) = (0..SHARDS).map(|_| mpsc::unbounded_channel()).unzip();
    let routing = Box::new(LimitRouting::new(SHARDS, PacePer::Address));
    let mut router = Router::new(routing, senders, Arc::new(Observer::inline(Box::new(|_| {}))));
    thread::scope(|scope| {
        for (number, mut inbox) in inboxes.into_iter().enumerate() {
            let (to_router, ended, believed) = (to_router.clone(), &ended, &believed);
            scope.spawn(move || {
                let shard = ShardId(number);
                let mut owners = BTreeMap::new();
                while let Some(message) = inbox.blocking_recv() {
                    match message {
                        ToShard::Assign(mut assignment) => {
                            let row = assignment.job.row.0;
                            let host = assignment.job.home().clone();
                            assignment.job.attempts += 1;
                            let answer =
                                NameAnswer { sent_at: clock::now(), is_refused: true, is_limited: true };
                            let (from, heard_at) = (endpoint(row), clock::now());
                            let evidence = Evidence { host: host.clone(), from, answer, shard, heard_at };
                            let _ = to_router.send(FromShard::Heard(vec![evidence]));
                            if row % 7 == 0 && assignment.job.attempts == 2 {
                                let _ = to_router
                                    .send(FromShard::Left { host: host.clone(), memory: Box::new(memory()) });
                            }
                            if row % 97 == 0 && assignment.job.attempts == 3 {
                                let _ = to_router.send(FromShard::Settled { host, shard });
                            }
                            if assignment.job.attempts < VISITS {
                                let _ = to_router.send(FromShard::Reroute(assignment));
                            } else {
                                *ended.lock().expect("no thread panics").entry(row).or_default() += 1;
                            }
                        }
                        ToShard::Route(change) => match &*change {
                            RouteChange::Grouped { owner, hosts, .. } => {
                                owners.extend(hosts.iter().map(|host| (host.clone(), *owner)));
                            }
                            RouteChange::Pinned { host, owner } => {
                                owners.insert(host.clone(), *owner);
                            }
                            RouteChange::Parted(_) => {}
                        },
                        ToShard::Remember { host, .. } => {
                            assert!(
                                owners.get(&host).is_none_or(|&owner| owner == shard),
                                "{host} is not ours"
                            );
                        }
                    }
                }
                believed.lock().expect("no thread panics").push(owners);
            });
        }
        drop(to_router);
        (0..ROWS).for_each(|row| router.assign(assignment(row)).expect("the shards are there"));
        while ended.lock().expect("no thread panics").len() < usize::try_from(ROWS).expect("few") {
            let Some(message) = from_shards.blocking_recv() else { break };
            router.take(message).expect("the shards are there");
        }
        while let Ok(message) = from_shards.try_recv() {
            router.take(message).expect("the shards are there");
        }
        let Router { routing, shards, .. } = router;
        drop(shards);
        // Whatever is said from here on changes nothing: the threads only drain their inboxes.
        let moved: BTreeSet<Origin> = (0..HOSTS).map(|row| host(row).origin().clone()).collect();
        while from_shards.blocking_recv().is_some() {}
        let believed = believed.lock().expect("no thread panics");
        assert_eq!(believed.len(), SHARDS);
        for host in moved {
            for owners in &*believed {
                assert!(owners.get(&host).is_none_or(|&owner| owner == routing.owner(&host)), "{host}");
            }
        }
    });
    let ended = ended.into_inner().expect("no thread panicked");
    assert_eq!(ended.len() as u64, ROWS);
    assert!(ended.values().all(|&times| times == 1), "a job ended twice");
}

/// The second map: one worker does everything, and nothing that it hears changes that.
struct AllToOne(ShardId);

impl HostRouting for AllToOne {
    fn owner(&self, _host: &Origin) -> ShardId {
        self.0
    }

    fn heard(&mut self, _evidence: &Evidence) -> Option<RouteChange> {
        None
    }

    fn settle(&mut self, _host: &Origin, _shard: ShardId) -> Option<RouteChange> {
        None
    }
}

#[test]
fn a_map_that_sends_every_host_to_one_worker_is_followed() {
    let (senders, mut inboxes): (Vec<_>, Vec<_>) = (0..SHARDS).map(|_| mpsc::unbounded_channel()).unzip();
    let mut router =
        Router::new(Box::new(AllToOne(ShardId(2))), senders, Arc::new(Observer::inline(Box::new(|_| {}))));
    for row in 0..HOSTS {
        router.assign(assignment(row)).expect("the shards are there");
        router.take(FromShard::Reroute(assignment(row))).expect("the shards are there");
        let host = host(row).origin().clone();
        router.take(FromShard::Left { host, memory: Box::new(memory()) }).expect("the shards are there");
    }
    let mut count = |shard: usize| std::iter::from_fn(|| inboxes[shard].try_recv().ok()).count() as u64;
    assert_eq!([count(0), count(1), count(2), count(3)], [0, 0, 3 * HOSTS, 0]);
}
