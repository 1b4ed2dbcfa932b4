//! Our own network goes down and comes back: no host and no URL is charged for it.

mod world;

use std::time::Duration;

use longhaul::{Settings, Stopper};
use longhaul_origin::{FaultMix, Site, Sizes};
use world::{EventKind, RecordedEvent, Run, World, list_of, paths, simulate};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// The cable is out: the machine has no route.
    Cable,
    /// Packets are lost somewhere beyond the machine.
    Silence,
}

/// Files of each host.
const FILES: usize = 60;

fn name(host: usize) -> String {
    format!("host-{host}.test")
}

/// Downloads from so many working hosts; in the middle the network is down for a while.
fn run_through(cut: Cut, hosts: usize, away: Duration, settings: fn(&mut Settings)) -> Run {
    simulate(async {
        let world = World::new(11);
        let origins: Vec<_> = (0..hosts)
            .map(|host| {
                world.host(
                    &name(host),
                    Site::new(11).with_sizes(Sizes::between(1_000, 400_000)),
                    FaultMix::none(),
                )
            })
            .collect();
        // A refusal is a response, too.
        world.endpoint("canary.test");
        let network = world.network.clone();
        let mut seen = 0;
        let cut_in_the_middle = move |event: &RecordedEvent, _: &Stopper| {
            seen += usize::from(event.kind == EventKind::Done);
            if event.kind == EventKind::Done && seen == hosts * FILES / 3 {
                match cut {
                    Cut::Cable => network.down(),
                    Cut::Silence => network.blackout(),
                };
                let network = network.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(away).await;
                    network.up();
                });
            }
        };
        let lines: String = (0..hosts).map(|host| list_of(&name(host), FILES)).collect();
        let run = world.haul(lines).settings(settings).watch(cut_in_the_middle).run().await;
        assert_eq!(run.counts(), ((hosts * FILES) as u64, 0, 0, 0), "{cut:?}: {:#?}", run.report());
        for (host, origin) in origins.iter().enumerate() {
            for path in paths(FILES) {
                let found = world.file(&format!("{}{path}", name(host))).expect("it is done");
                assert!(found == origin.site().content(&path).to_vec(), "{path} is not right");
            }
        }
        run
    })
}

/// No attempt was charged, the outage was reported once, and downloads resumed at once.
fn assert_uncharged(run: &Run, away: Duration) {
    let charged: Vec<_> = run.events_of(EventKind::Done).filter(|event| event.attempts != 1).collect();
    assert!(charged.is_empty(), "{} URLs were charged: {:#?}", charged.len(), charged.first());
    let offline: Vec<_> = run.events_of(EventKind::Offline).collect();
    let online: Vec<_> = run.events_of(EventKind::Online).collect();
    assert_eq!((offline.len(), online.len()), (1, 1), "{offline:#?} {online:#?}");
    let cut_at = run
        .events_of(EventKind::Done)
        .map(|event| event.at)
        .filter(|&at| at < offline[0].at)
        .max()
        .expect("files before");
    let on_at = run
        .events_of(EventKind::Done)
        .map(|event| event.at)
        .find(|&at| at > online[0].at)
        .expect("files after");
    let back_at = cut_at + away;
    assert!(
        on_at < back_at + Duration::from_secs(5),
        "the network was back at {back_at:?}, the first file came at {on_at:?}"
    );
}

#[test]
fn an_hour_without_a_route_is_not_charged() {
    let away = Duration::from_hours(1);
    for hosts in [1, 2, 10] {
        assert_uncharged(&run_through(Cut::Cable, hosts, away, |_| {}), away);
    }
}

#[test]
fn an_hour_without_any_response_is_not_charged() {
    let away = Duration::from_hours(1);
    for hosts in [3, 10] {
        assert_uncharged(&run_through(Cut::Silence, hosts, away, |_| {}), away);
    }
}

/// The outage is noticed before the first deadline passes, so requests on open connections are not charged either.
#[test]
fn an_outage_shorter_than_a_deadline_is_not_charged() {
    let away = Duration::from_secs(6);
    assert_uncharged(&run_through(Cut::Cable, 4, away, |_| {}), away);
    assert_uncharged(&run_through(Cut::Silence, 4, away, |_| {}), away);
}

/// With one host on the list only the canary can tell an outage from a dead host.
#[test]
fn a_canary_detects_an_outage_for_a_single_host() {
    let away = Duration::from_hours(1);
    let run = run_through(Cut::Silence, 1, away, |settings| {
        settings.canary = Some("http://canary.test/".parse().expect("a URL"));
    });
    assert_uncharged(&run, away);
}

/// A host that stops responding while others respond is given up, and the others do not wait for it.
#[test]
fn one_dead_host_is_no_outage() {
    simulate(async {
        let world = World::new(11);
        world.network.silence(world.endpoint(&name(0)));
        for host in 1..4 {
            world.host(&name(host), Site::new(11).with_sizes(Sizes::fixed(1_000)), FaultMix::none());
        }
        let slow = |settings: &mut Settings| settings.rate_limit = Some(2_000);
        let lines: String = (0..4).map(|host| list_of(&name(host), FILES)).collect();
        let run = world.haul(lines).settings(slow).run().await;
        assert_eq!(run.counts(), (3 * FILES as u64, FILES as u64, 0, 0), "{:#?}", run.report());
        assert_eq!(run.events_of(EventKind::Offline).count(), 0);
        assert!(
            run.events_of(EventKind::Failed)
                .all(|event| event.class() == "timeout" && event.url.contains("host-0"))
        );
    });
}
