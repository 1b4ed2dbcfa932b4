//! A proxy on this machine forwards every request, so no address of a host is known: nothing is concluded from the address
//! of the proxy.

mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use longhaul::retry::Tries;
use longhaul::{Origin, PacePer, Route, Router};
use longhaul_socket::Endpoint;
use world::{End, EventKind, Plan, Reply, Request, Scripted, World, list_of, path, simulate};

/// Files of each host.
const FILES: usize = 20;

/// Sends every request to the proxy.
struct ViaProxy(Origin);

impl Router for ViaProxy {
    fn route(&self, _origin: &Origin) -> Route {
        Route::Forward(self.0.clone())
    }
}

fn proxy(world: &World, script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Scripted {
    let endpoint: Endpoint = "tcp://127.0.0.1:3128".parse().expect("an endpoint");
    world.scripted_at(endpoint, script)
}

/// A run whose requests all go to the proxy.
fn haul(world: &World, list: impl Into<String>) -> Plan<'_> {
    let url: longhaul::HttpUrl = "http://127.0.0.1:3128/".parse().expect("a URL");
    let router = Arc::new(ViaProxy(url.origin().clone()));
    world.haul(list).builder(|builder| builder.router(router))
}

fn hosts(count: usize) -> String {
    (0..count).map(|host| list_of(&format!("host-{host}.test"), FILES)).collect()
}

#[test]
fn the_proxy_is_sent_whole_urls_and_every_host_shares_its_connections() {
    simulate(async {
        let world = World::new(1);
        let proxy = proxy(&world, |request| Reply::status(200).body(request.path.clone()));
        let run = haul(&world, hosts(3)).run().await;
        assert_eq!(run.counts(), (3 * FILES as u64, 0, 0, 0), "{:#?}", run.events);
        let name = format!("host-2.test{}", path(0));
        assert_eq!(world.file(&name), Some(format!("http://{name}").into_bytes()));
        let requests = proxy.requests();
        assert!(requests.iter().all(|request| {
            let host = request.field("host").expect("a request has a host");
            request.path.starts_with(&format!("http://{host}/"))
        }));
    });
}

/// One host is too busy; the others are not slowed down with it, whatever has a pace of its own.
#[test]
fn hosts_behind_one_proxy_are_not_merged() {
    for pace_per in [PacePer::Host, PacePer::Address] {
        simulate(async {
            let world = World::new(1);
            let _proxy = proxy(&world, |request| {
                let is_busy = request.field("host") == Some("host-0.test");
                if is_busy && request.number % 2 == 0 {
                    Reply::status(429).field("Retry-After", "30").body("too fast")
                } else {
                    Reply::status(200).body("a")
                }
            });
            let run = haul(&world, hosts(4)).settings(|settings| settings.pace_per = pace_per).run().await;
            assert_eq!(run.counts(), (4 * FILES as u64, 0, 0, 0), "{:#?}", run.events);
            assert_eq!(run.events_of(EventKind::Merged).count(), 0);
            let last_of_others = run
                .events_of(EventKind::Done)
                .filter(|event| !event.url.contains("host-0"))
                .map(|event| event.at)
                .max()
                .expect("others are done");
            assert!(last_of_others < Duration::from_secs(20), "{pace_per:?}: {last_of_others:?}");
            assert!(run.elapsed > Duration::from_secs(30), "{pace_per:?}: host-0 was never too busy");
        });
    }
}

/// The proxy has a private address; that does not make its hosts private, so they must not lead into a private network.
#[test]
fn a_redirect_is_not_judged_by_the_address_of_the_proxy() {
    simulate(async {
        let world = World::new(1);
        let proxy = proxy(&world, |_| Reply::status(302).field("Location", "http://10.0.0.9/admin").body(""));
        let run = haul(&world, "http://public.test/\n").run().await;
        assert_eq!(run.counts(), (0, 1, 0, 0), "{:#?}", run.events);
        let failure = run.events_of(EventKind::Failed).next().expect("a failure that is counted is reported");
        assert_eq!((failure.class(), proxy.requests().len()), ("redirect", 1));
    });
    simulate(async {
        let world = World::new(1);
        let _proxy = proxy(&world, |request| match request.path.as_str() {
            "http://10.0.0.8/" => Reply::status(302).field("Location", "http://10.0.0.9/").body(""),
            _ => Reply::status(200).body("a"),
        });
        let run = haul(&world, "http://10.0.0.8/\n").run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0), "the URL itself is private: {:#?}", run.events);
    });
}

/// That the proxy is on this machine does not mean that its hosts are: outages are noticed, and charged to nobody.
#[test]
fn an_outage_is_noticed_behind_a_proxy_on_this_machine() {
    simulate(async {
        let world = World::new(1);
        let _proxy = proxy(&world, |_| Reply::status(200).body("a"));
        let (network, done) = (world.network.clone(), AtomicU32::new(0));
        let cut = move |event: &world::RecordedEvent, _: &longhaul::Stopper| {
            if event.kind == EventKind::Done && done.fetch_add(1, Ordering::Relaxed) == 10 {
                network.down();
                let network = network.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_hours(1)).await;
                    network.up();
                });
            }
        };
        let run = haul(&world, hosts(3)).watch(cut).run().await;
        assert_eq!(run.counts(), (3 * FILES as u64, 0, 0, 0), "{:#?}", run.report());
        assert_eq!(
            (run.events_of(EventKind::Offline).count(), run.events_of(EventKind::Online).count()),
            (1, 1)
        );
        assert!(run.events_of(EventKind::Done).all(|event| event.attempts == 1), "somebody was charged");
    });
}

/// The proxy asks for credentials of its own a few times, as one does that has just been configured: no host and no URL is
/// charged.
#[test]
fn what_the_proxy_wants_for_itself_is_charged_to_nobody() {
    simulate(async {
        let world = World::new(1);
        let _proxy = proxy(&world, |request| {
            if request.number <= 30 { Reply::status(407).body("") } else { Reply::status(200).body("a") }
        });
        let run = haul(&world, hosts(1)).run().await;
        assert_eq!(run.counts(), (FILES as u64, 0, 0, 0), "{:#?}", run.events);
        assert!(run.events_of(EventKind::Done).all(|event| event.attempts == 1), "a URL was charged");
    });
}

/// No retry changes what the proxy wants: each URL fails after a few seconds.
#[test]
fn a_proxy_that_always_asks_for_credentials_ends_the_run() {
    simulate(async {
        let world = World::new(1);
        let _proxy = proxy(&world, |_| Reply::status(407).body(""));
        let run = haul(&world, hosts(2)).run().await;
        assert_eq!(run.counts(), (0, 2 * FILES as u64, 0, 0), "{:#?}", run.events);
        assert!(run.events_of(EventKind::Failed).all(|event| event.class() == "auth"));
        assert!(run.elapsed < Duration::from_mins(1), "{:?}", run.elapsed);
    });
}

/// The canary has no address here, as a name outside of a closed network has none: it is the proxy that is probed for it.
#[test]
fn a_canary_behind_a_proxy_probes_the_proxy() {
    simulate(async {
        let world = World::new(1);
        let _proxy = proxy(&world, |_| Reply::status(200).raw("a").end(End::Silence));
        let canary = "http://canary.test/".parse().expect("a URL");
        let run = haul(&world, "http://silent.test/\n")
            .settings(|settings| {
                settings.canary = Some(canary);
                settings.tries = Tries::AtMost(2);
            })
            .run()
            .await;
        assert_eq!(run.counts(), (0, 1, 0, 0), "{:#?}", run.events);
        assert_eq!(
            run.events_of(EventKind::Offline).count(),
            0,
            "the proxy responds, so our own network is up"
        );
    });
}
