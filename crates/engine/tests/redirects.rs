//! Where redirects lead, where they do not, and what goes with them.

mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use longhaul::Settings;
use longhaul_origin::{FaultMix, Site};
use world::{EventKind, ORIGIN, RecordedEvent, Reply, Run, World, list, path, simulate};

fn url(path: &str) -> String {
    format!("http://{ORIGIN}{path}")
}

/// The one failure of a run of one URL.
fn only_failure(run: &Run) -> &RecordedEvent {
    assert_eq!(run.counts(), (0, 1, 0, 0), "{:#?}", run.report());
    run.events_of(EventKind::Failed).next().expect("a failure that is counted is reported")
}

/// Runs one URL against a host that always gives this answer; returns the run and the requests that came.
async fn always(reply: Reply) -> (Run, usize) {
    let world = World::new(1);
    let host = world.scripted(ORIGIN, move |_| reply.clone());
    let run = world.haul(url("/a")).run().await;
    (run, host.requests().len())
}

#[test]
fn redirects_within_a_host_and_to_another_are_followed() {
    simulate(async {
        let (world, origin) = World::serving(1, Site::new(1), FaultMix::none());
        let _other = world.scripted("other.test", |request| match request.path.as_str() {
            "/away" => Reply::status(301).field("Location", "http://origin.test/files/00001.bin").body(""),
            _ => Reply::status(404).body(""),
        });
        let lines = format!("{}\nhttp://other.test/away\nhttp://other.test/none\n", url("/redirect/3/deep"));
        let run = world.haul(lines).settings(|settings| settings.shards = 3).run().await;
        assert_eq!(run.counts(), (2, 1, 0, 0), "{:#?}", run.events);
        assert_eq!(origin.requests_of("/redirect/1/deep"), 1);
        assert_eq!(world.file("origin.test/redirect/3/deep"), Some(origin.site().content("/deep").to_vec()));
        assert_eq!(world.file("other.test/away"), Some(origin.site().content(&path(1)).to_vec()));
        assert_eq!(run.outcome("http://other.test/away").attempts, 1);
    });
}

/// A redirect is a request like any other: those within a host keep the distance that the user wants, too.
#[test]
fn requests_after_a_redirect_keep_their_distance() {
    simulate(async {
        let world = World::new(1);
        let clock = world.clock;
        let times_ms = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&times_ms);
        let _host = world.scripted(ORIGIN, move |request| {
            seen.lock().expect("no script panics").push(clock.unix_ms());
            match request.path.matches("/next").count() {
                0..3 => Reply::status(302).field("Location", format!("{}/next", request.path)).body(""),
                _ => Reply::status(200).body("a"),
            }
        });
        let spaced = |settings: &mut Settings| settings.spacing = Duration::from_millis(250);
        let run = world.haul(list(6)).settings(spaced).run().await;
        assert_eq!(run.counts(), (6, 0, 0, 0), "{:#?}", run.report());
        let times_ms = times_ms.lock().expect("no script panics");
        assert_eq!(times_ms.len(), 24);
        assert!(times_ms.windows(2).all(|pair| pair[1] - pair[0] >= 240), "{times_ms:?}");
        assert_eq!(run.report().requests, 24);
    });
}

#[test]
fn redirects_that_lead_nowhere_good_are_not_followed() {
    for location in ["file:///etc/passwd", "ftp://origin.test/a", "data:text/plain,a", "http://", ""] {
        simulate(async {
            let (run, requests) = always(Reply::status(302).field("Location", location).body("")).await;
            let failure = only_failure(&run);
            assert_eq!((failure.class(), requests), ("redirect", 1), "{location}");
        });
    }
    simulate(async {
        let world = World::new(1);
        let host = world.scripted(ORIGIN, |request| {
            Reply::status(302).field("Location", format_args!("/{}", request.number)).body("")
        });
        let run = world.haul(url("/a")).run().await;
        assert_eq!(only_failure(&run).class(), "redirect");
        assert_eq!(host.requests().len(), 11, "ten redirects are followed");
    });
    simulate(async {
        let (run, requests) = always(Reply::status(302).field("Location", "/a").body("")).await;
        assert_eq!(
            (only_failure(&run).class(), requests),
            ("redirect", 11),
            "a URL that leads to itself for ever"
        );
    });
    simulate(async {
        let (run, requests) = always(Reply::status(302).body("")).await;
        assert_eq!((only_failure(&run).class(), requests), ("redirect", 1), "no location");
    });
    simulate(async {
        let world = World::new(1);
        let _first =
            world.scripted("a.test", |_| Reply::status(302).field("Location", "http://b.test/").body(""));
        let _second =
            world.scripted("b.test", |_| Reply::status(302).field("Location", "http://a.test/").body(""));
        let run = world.haul("http://a.test/\n").settings(|settings| settings.shards = 2).run().await;
        assert_eq!(only_failure(&run).class(), "redirect");
    });
}

/// Credentials of a URL and fields of the user are not sent to another origin after a redirect.
#[test]
fn credentials_stay_with_their_host() {
    simulate(async {
        let world = World::new(1);
        let home = world.scripted("home.test", |request| match request.path.as_str() {
            "/a" => Reply::status(302).field("Location", "/b").body(""),
            _ => Reply::status(302).field("Location", "http://away.test/c").body(""),
        });
        let away = world.scripted("away.test", |_| Reply::status(200).body("a"));
        let fields = [
            ("authorization", "Bearer 1"),
            ("cookie", "id=2"),
            ("x-client", "3"),
            ("x-api-key", "4"),
            ("private-token", "5"),
            ("x-auth-token", "6"),
            ("referer", "http://home.test/?key=7"),
        ];
        let plan = world.haul("http://home.test/a\nhttp://user:word@home.test/a?2\n").settings(|settings| {
            settings.headers = fields
                .iter()
                .map(|(name, value)| (name.parse().expect("a name"), value.parse().expect("a value")))
                .collect();
        });
        let run = plan.run().await;
        assert_eq!(run.counts(), (2, 0, 0, 0), "{:#?}", run.events);
        for request in home.requests() {
            assert!(request.field("authorization").is_some(), "{request:?}");
            assert_eq!(request.field("cookie"), Some("id=2"));
            for (name, value) in &fields[1..] {
                assert_eq!(request.field(name), Some(*value), "{request:?}");
            }
        }
        let basic: Vec<_> = home
            .requests()
            .iter()
            .filter_map(|request| request.field("authorization").map(str::to_owned))
            .collect();
        assert!(basic.iter().any(|value| value.starts_with("Basic ")), "{basic:?}");
        assert_eq!(away.requests().len(), 2);
        for request in away.requests() {
            for (name, _) in fields {
                assert_eq!(request.field(name), None, "{request:?}");
            }
            assert!(request.field("user-agent").is_some_and(|agent| agent.starts_with("longhaul")));
        }
        assert!(run.events.iter().all(|event| !event.url.contains("word")), "no password is reported");
    });
}

/// Two fields of the user's are one list of cookies.
#[test]
fn cookies_from_several_fields_are_sent_in_one() {
    simulate(async {
        let world = World::new(1);
        let host = world.scripted(ORIGIN, |_| Reply::status(200).body("hello"));
        let cookies = |settings: &mut longhaul::Settings| {
            for cookie in ["a=1", "b=2; c=3"] {
                settings.headers.push((http::header::COOKIE, http::HeaderValue::from_static(cookie)));
            }
        };
        let run = world.haul(url("/a")).settings(cookies).run().await;
        assert_eq!(run.counts(), (1, 0, 0, 0));
        assert_eq!(host.requests()[0].field("cookie"), Some("a=1; b=2; c=3"));
    });
}
