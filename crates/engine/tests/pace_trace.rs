//! The trace tells why the pace of a host changed.

mod world;

use std::fmt::{self, Debug, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};
use world::{ORIGIN, Reply, World, list, simulate};

/// Keeps each event with its target and its fields, and each span with its name and its fields.
#[derive(Clone, Default)]
struct Recorder {
    lines: Arc<Mutex<Vec<Line>>>,
    spans: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
struct Line {
    level: Level,
    target: String,
    text: String,
}

#[derive(Default)]
struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let _ = write!(self.0, "{field}={value:?} ");
    }
}

impl Recorder {
    fn push(&self, metadata: &Metadata<'_>, name: &str, record: impl FnOnce(&mut Fields)) {
        let mut fields = Fields::default();
        record(&mut fields);
        let (level, target) = (*metadata.level(), metadata.target().to_owned());
        let text = format!("{name} {}", fields.0);
        self.lines.lock().expect("no test panics with it").push(Line { level, target, text });
    }

    fn of(&self, target: &str) -> Vec<Line> {
        let lines = self.lines.lock().expect("no test panics with it");
        lines.iter().filter(|line| line.target == target).cloned().collect()
    }
}

impl Subscriber for Recorder {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("longhaul")
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        self.push(span.metadata(), &format!("span {}", span.metadata().name()), |fields| span.record(fields));
        Id::from_u64(self.spans.fetch_add(1, Ordering::Relaxed) + 1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        self.push(event.metadata(), "event", |fields| event.record(fields));
    }

    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Recorder")
    }
}

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
    let spans = recorder.lines.lock().expect("the haul has ended").clone();
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
    find("a rate limit begins", "Throttle { retry_after: None }");
    let pause = find("message=pause", "Throttle { retry_after: Some(20s) }");
    assert!(pause.text.contains("asked to wait"), "{pause:?}");
    let readings = recorder.of("longhaul::pace::adaptive::evidence");
    assert!(readings.iter().any(|line| line.text.contains("reading=Limit")), "{readings:#?}");
}
