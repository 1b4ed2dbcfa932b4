//! Every line gets one outcome, and it says what happened, where, in which phase, and after how long.

mod world;

use std::time::Duration;

use longhaul::retry::Tries;
use longhaul::{Class, Stopper};
use longhaul_origin::{FaultMix, Site};
use longhaul_socket::LookupError;
use world::{End, EventKind, ORIGIN, RecordedEvent, Reply, Run, World, list, path, simulate, urls};

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
    let plan = world.haul(url("/a")).settings(|settings| settings.tries = Tries::AtMost(5));
    let run = plan.run().await;
    (run, host.requests().len())
}

#[test]
fn what_a_host_says_for_good_is_believed_at_once() {
    for (status, class) in [
        (400, Class::ClientError),
        (401, Class::Auth),
        (403, Class::ClientError),
        (404, Class::ClientError),
        (407, Class::Auth),
        (410, Class::ClientError),
        (451, Class::ClientError),
        (501, Class::ServerError),
        (505, Class::ServerError),
    ] {
        simulate(async {
            let (run, requests) = always(Reply::status(status).body("no")).await;
            let failure = only_failure(&run);
            assert_eq!((failure.class(), failure.status), (class.as_str(), Some(status)));
            assert_eq!((failure.attempts, requests), (1, 1), "status {status}");
        });
    }
}

#[test]
fn what_may_pass_is_tried_as_often_as_allowed() {
    for (reply, class) in [
        (Reply::status(500).body("no"), Class::ServerError),
        (Reply::status(502).body("no"), Class::ServerError),
        (Reply::status(408).body("no"), Class::ClientError),
        (Reply::status(200).body(vec![1; 9]).cut(3, End::Fin), Class::Closed),
        (Reply::status(200).body(vec![1; 9]).cut(3, End::Reset), Class::Reset),
        (Reply::status(200).body(vec![1; 9]).cut(3, End::Silence), Class::Timeout),
    ] {
        simulate(async {
            let (run, requests) = always(reply).await;
            let failure = only_failure(&run);
            assert_eq!(failure.class(), class.as_str(), "{failure:?}");
            // An attempt that was cut short is not charged, but the user's limit counts every request.
            let is_silence = class == Class::Timeout;
            assert!(
                failure.attempts == 5 || is_silence && failure.attempts < 5,
                "{class}: {}",
                failure.attempts
            );
            assert_eq!(requests, 5, "{class}");
            assert_eq!(run.events_of(EventKind::Retrying).count(), 4);
        });
    }
}

#[test]
fn a_failure_says_what_where_in_which_phase_and_after_how_long() {
    simulate(async {
        let world = World::new(1);
        world.endpoint("refused.test");
        world.network.silence(world.endpoint("silent.test"));
        world.network.name_fails("lost.test", LookupError::Silent);
        let silence = world.scripted("late.test", |_| Reply::status(200).body("a").cut(0, End::Silence));
        let hosts = ["refused.test", "silent.test", "lost.test", "unknown.test", "late.test"];
        let lines = hosts.map(|host| urls(host, ["/a"])).concat();
        let plan = world.haul(lines).timeout(Duration::from_secs(4));
        let run = plan.settings(|settings| settings.tries = Tries::AtMost(2)).run().await;
        assert_eq!(run.counts(), (0, 5, 0, 0));
        let fault = |host: &str| run.outcome(&format!("http://{host}/a")).fault.clone().expect("a failure");
        for (host, class, phase, endpoint, elapsed_ms) in [
            ("refused.test", "refused", "connect", "tcp://10.0.0.1:80", 10..=20),
            ("silent.test", "timeout", "connect", "tcp://10.0.0.2:80", 4_000..=4_010),
            ("lost.test", "timeout", "resolve", "", 4_000..=4_010),
            ("unknown.test", "dns", "resolve", "", 0..=10),
            ("late.test", "timeout", "body", "tcp://10.0.0.3:80", 4_000..=4_040),
        ] {
            let fault = fault(host);
            assert_eq!((fault.class.as_str(), fault.phase.as_str()), (class, phase), "{fault:?}");
            assert_eq!(fault.endpoint, endpoint, "{fault:?}");
            assert!(elapsed_ms.contains(&fault.elapsed_ms), "{fault:?}");
            assert!(fault.message.contains(host) || endpoint.is_empty(), "{fault:?}");
        }
        drop(silence);
    });
}

#[test]
fn lines_that_are_no_urls_and_lines_that_come_again_have_outcomes_too() {
    simulate(async {
        let (world, origin) = World::serving(1, Site::new(1), FaultMix::none());
        let lines = format!(
            "# a comment\n\n{}\nftp://{ORIGIN}/x\n{}\nnot a url\n{}\n",
            url("/a"),
            url("/a"),
            url("/b")
        );
        let run = world.haul(&lines).run().await;
        assert_eq!(run.counts(), (2, 2, 1, 0), "{:#?}", run.events);
        assert_eq!(origin.requests_of("/a"), 1);
        let refused: Vec<_> = run
            .events_of(EventKind::Failed)
            .map(|event| (event.class().to_owned(), event.attempts))
            .collect();
        assert_eq!(refused, [("list".to_owned(), 0), ("list".to_owned(), 0)]);
        assert_eq!(run.events_of(EventKind::Skipped).count(), 1);
        let again = world.haul(&lines).run().await;
        assert_eq!(
            (again.counts(), again.events.iter().filter(|event| event.is_outcome()).count()),
            ((2, 2, 1, 0), 0)
        );
    });
}

/// A file of somebody else under the final name stays as it is, whether it was there before or appeared meanwhile.
#[test]
fn a_file_of_somebody_elses_is_never_changed() {
    simulate(async {
        let (world, origin) = World::serving(1, Site::new(1), FaultMix::none());
        world.put_file("origin.test/files/00001.bin", b"mine");
        world.put_file("origin.test/files/00002.bin/inside", b"mine too");
        world.put_file("origin.test/a", b"and this");
        let lines = list(4) + &url("/a/b") + "\n";
        let run = world.haul(&lines).run().await;
        assert_eq!(run.counts(), (2, 3, 0, 0), "{:#?}", run.events);
        for failure in run.events_of(EventKind::Failed) {
            assert_eq!(failure.class(), "file", "{failure:?}");
        }
        assert_eq!(origin.requests_of(&path(1)), 0, "what cannot be kept is not fetched");
        assert_eq!(world.file("origin.test/files/00001.bin").as_deref(), Some(&b"mine"[..]));
        assert_eq!(world.file("origin.test/files/00002.bin/inside").as_deref(), Some(&b"mine too"[..]));
        assert_eq!(world.file("origin.test/a").as_deref(), Some(&b"and this"[..]));
        assert_eq!(world.parts(), Vec::<String>::new());
    });
    simulate(async {
        let (world, _) = World::serving(1, Site::new(1), FaultMix::none());
        world.put_file("origin.test/files/00001.bin", b"mine");
        let run = world.haul(list(4)).settings(|settings| settings.no_clobber = true).run().await;
        assert_eq!(run.counts(), (3, 0, 1, 0));
        assert_eq!(world.file("origin.test/files/00001.bin").as_deref(), Some(&b"mine"[..]));
    });
    for no_clobber in [false, true] {
        simulate(async {
            let (world, _) = World::serving(1, Site::new(1), FaultMix::none());
            let storage = world.storage();
            let put = move |event: &RecordedEvent, _: &Stopper| {
                if event.kind == EventKind::Started && event.url.ends_with("00003.bin") {
                    world::put_file(&storage, "origin.test/files/00003.bin", b"just now");
                }
            };
            let plan = world.haul(list(6)).watch(put);
            let run = plan.settings(|settings| settings.no_clobber = no_clobber).run().await;
            let expected = if no_clobber { (5, 0, 1, 0) } else { (5, 1, 0, 0) };
            assert_eq!(run.counts(), expected, "{:#?}", run.events);
            assert_eq!(world.file("origin.test/files/00003.bin").as_deref(), Some(&b"just now"[..]));
        });
    }
}
