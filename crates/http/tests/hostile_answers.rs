//! Every file in `answers/` is one peer and what must come of it.
//!
//! ```text
//! expect done STATUS BYTES COMPLETION kept|retired
//! expect cut STATUS BYTES PHASE KIND       an error after that many bytes of the body
//! expect error PHASE KIND                  an error before the head
//! within DURATION                          of virtual time, the default being at once
//! ```
//! and then a script, see `support/script.rs`.
#![expect(clippy::disallowed_methods, reason = "the cases are files")]

mod support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use longhaul_http::{Error, Peer};
use longhaul_socket::clock;
use support::script::duration;
use support::{Scene, Script, local, read_all};

/// A folder that was not found, or lost half of its files, is no test passed.
const CASES_MIN: usize = 40;

struct Case {
    name: String,
    expected: String,
    within: Duration,
    script: Script,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/answers");
    let files = fs::read_dir(folder).expect("the folder of cases");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| case(path)).collect()
}

fn case(path: &Path) -> Case {
    let text = fs::read_to_string(path).expect("a text");
    let (mut expected, mut within, mut steps) = (None, Duration::ZERO, String::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.split_once(' ') {
            Some(("expect", outcome)) => expected = Some(outcome.to_owned()),
            Some(("within", time)) => within = duration(time),
            _ => steps.extend([line, "\n"]),
        }
    }
    Case {
        name: path.file_stem().expect("a name").to_string_lossy().into_owned(),
        expected: expected.expect("an expectation"),
        within,
        script: Script::parse(&steps),
    }
}

async fn outcome(scene: &Scene) -> String {
    let mut response = match scene.get().await {
        Ok(response) => response,
        Err(error) => return format!("error {}", described(&error)),
    };
    let status = response.head.status;
    match read_all(&mut response.body).await {
        Ok(bytes) => {
            let completion = response.body.completion().expect("a body that was read has an end");
            // Bytes that nobody asked for are seen at the latest when the connection is wanted again.
            scene.client.close_idle(clock::now());
            let kept = if scene.idle() == 1 { "kept" } else { "retired" };
            format!("done {status} {} {completion:?} {kept}", bytes.len())
        }
        Err(error) => format!("cut {status} {} {}", response.body.received(), described(&error)),
    }
}

fn described(error: &Error) -> String {
    assert_eq!(error.peer(), Some(Peer::direct(support::PEER)), "{error}");
    match error {
        Error::Socket(fault) => format!("{:?} {:?}", fault.phase(), fault.kind()),
        Error::Protocol(fault) => format!("{:?} {:?}", error.phase(), fault.kind()),
        other => panic!("unexpected: {other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn every_hostile_response_has_its_outcome() {
    let cases = cases();
    assert!(cases.len() >= CASES_MIN, "only {} cases", cases.len());
    let mut wrong = Vec::new();
    for Case { name, expected, within, script } in cases {
        let started = clock::now();
        let outcome = local(async { outcome(&Scene::new(vec![script])).await }).await;
        let took = started.elapsed();
        if outcome != expected {
            wrong.push(format!("{name}: expected {expected}, got {outcome}"));
        } else if took > within + Duration::from_millis(1) || took + Duration::from_millis(1) < within {
            wrong.push(format!("{name}: took {took:?} instead of {within:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
