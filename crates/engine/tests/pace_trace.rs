//! The trace tells why the pace of a host changed.

mod trace_recorder;
mod world;

use trace_recorder::{Line, Recorder};
use tracing::Level;
use world::{ORIGIN, Reply, World, list, simulate};

/// One host refuses three requests in a row and asks for a pause with the fourth: the trace names the spans of an attempt,
/// and for each change of the pace the response that caused it, with the belief before and after.
#[test]
fn each_change_of_the_pace_names_the_evidence() {
    let recorder = Recorder::default();
    let run = tracing::subscriber::with_default(recorder.clone(), || {
        simulate(async {
            let world = World::new(1);
            let _host = world.scripted(ORIGIN, |request| match request.number {
                40..=42 => Reply::status(429).body("too fast"),
                60 => Reply::status(429).field("Retry-After", 20).body("later"),
                _ => Reply::status(200).body("a"),
            });
            world.haul(list(100)).run().await
        })
    });
    assert_eq!(run.counts(), (100, 0, 0, 0));
    let spans = recorder.lines();
    for (name, field) in
        [("haul", "seed="), ("host", "host=http://"), ("row", "url="), ("attempt", "attempt=1")]
    {
        let is_span =
            |line: &Line| line.text.starts_with(&format!("span {name} ")) && line.text.contains(field);
        assert!(spans.iter().any(is_span), "no span {name} with {field}");
    }
    let decisions = recorder.of("longhaul::pace");
    let changes: Vec<&Line> = decisions.iter().filter(|line| line.level == Level::DEBUG).collect();
    assert!(
        changes.iter().all(|line| line.text.contains("evidence=") && line.text.contains("after=")),
        "{changes:#?}"
    );
    let find = |what: &str, evidence: &str| {
        let is_it = |line: &&&Line| line.text.contains(what) && line.text.contains(evidence);
        changes
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("no `{what}` because of `{evidence}`: {changes:#?}"))
    };
    find("the window grows", "Success");
    let pause = find("message=pause", "Throttle { retry_after: Some(20s) }");
    assert!(pause.text.contains("asked to wait"), "{pause:?}");
    let readings = recorder.of("longhaul::pace::inference::refusals");
    for what in ["every request fails", "a probe was served"] {
        assert!(readings.iter().any(|line| line.text.contains(what)), "no `{what}`: {readings:#?}");
    }
}
