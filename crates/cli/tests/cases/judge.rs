//! Compares a run with its expectations.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use longhaul_origin::script::{DnsPlan, HostPlan, Run, Span, Stage, head_contains};
use serde_json::Value;

use crate::program::{Ended, LATE_MAX, speaks_json};

/// The differences between the program's behaviour and the expectations.
pub(crate) fn judge(run: &Run, ended: &Ended, stage: &Stage) -> Vec<String> {
    let expect = &run.expect;
    let mut wrong = ended.problems.clone();
    match ended.status {
        None => wrong.push(format!("it still ran after {:?}", run.within.0 + LATE_MAX)),
        Some(status) if status.code() == expect.code => {}
        Some(status) if status.code().is_some_and(|code| expect.code_is_one_of.contains(&code)) => {}
        Some(status) => {
            let expected: Vec<i32> = expect.code.iter().chain(&expect.code_is_one_of).copied().collect();
            wrong.push(format!("it ended with {status}, expected {expected:?}"));
        }
    }
    if let Some(least) = run.not_before.filter(|least| ended.took < least.0) {
        wrong.push(format!("it ended after {:?}, expected at least {:?}", ended.took, least.0));
    }
    if let Some(most) = run.memory_max.filter(|most| ended.memory_bytes_max > most.0) {
        wrong.push(format!("it used {} bytes of memory, more than {}", ended.memory_bytes_max, most.0));
    }
    let events = ended.events();
    if speaks_json(run) {
        let report = events.iter().rev().find(|event| event["event"] == "report");
        let counts = [
            ("done", expect.done),
            ("failed", expect.failed),
            ("skipped", expect.skipped),
            ("pending", expect.pending),
        ];
        for (name, expected) in counts.into_iter().filter_map(|(name, count)| Some((name, count?))) {
            let counted = report.and_then(|report| report[name].as_u64());
            if counted != Some(expected) {
                wrong.push(format!("{name}: {counted:?}, expected {expected}"));
            }
        }
    }
    for (event, expected) in [("failed", &expect.class), ("retrying", &expect.retried)] {
        let classes = classes(&events, event);
        if let Some(expected) = expected.as_ref().filter(|expected| **expected != classes) {
            wrong.push(format!("{event}: {classes:?}, expected {expected:?}"));
        }
    }
    let retries = events.iter().filter(|event| event["event"] == "retrying").count() as u64;
    span("retries", expect.retries, retries, &mut wrong);
    if let Some(output) = expect.output.as_ref().map(|output| stage.fill(output))
        && output != ended.stdout
    {
        wrong.push(format!("standard output is {:?}, expected {output:?}", ended.stdout));
    }
    let output = format!("{}\n{}", ended.stderr, ended.stdout);
    for text in expect.says.iter().map(|text| stage.fill(text)).filter(|text| !output.contains(text)) {
        wrong.push(format!("its output lacks `{}`", text.escape_debug()));
    }
    for text in expect.never_says.iter().map(|text| stage.fill(text)).filter(|text| output.contains(text)) {
        wrong.push(format!("its output has `{}`", text.escape_debug()));
    }
    wrong
}

/// The differences between what the servers and the name server saw and the expectations.
pub(crate) fn judge_stage(
    hosts: &BTreeMap<String, HostPlan>,
    dns: Option<&DnsPlan>,
    stage: &Stage,
) -> Vec<String> {
    let record = stage.record();
    let mut wrong = record.unexpected();
    for (name, HostPlan { seen, .. }) in hosts {
        span(&format!("requests to {name}"), seen.requests, record.requests(Some(name)), &mut wrong);
        span(&format!("connections to {name}"), seen.connections, record.connections(name), &mut wrong);
        let heads = record.heads(name);
        let is_asked = |text: &str| heads.iter().any(|head| head_contains(head, text));
        for text in seen.asked.iter().map(|text| stage.fill(text)).filter(|text| !is_asked(text)) {
            wrong.push(format!("{name} did not receive `{}`", text.escape_debug()));
        }
        for text in seen.not_asked.iter().map(|text| stage.fill(text)).filter(|text| is_asked(text)) {
            wrong.push(format!("{name} received `{}`", text.escape_debug()));
        }
    }
    span("queries", dns.and_then(|dns| dns.queries), record.queries(), &mut wrong);
    wrong
}

fn span(what: &str, expected: Option<Span>, counted: u64, wrong: &mut Vec<String>) {
    if let Some(expected) = expected.filter(|expected| !expected.contains(counted)) {
        wrong.push(format!("{what}: {counted}, expected {expected}"));
    }
}

fn classes(events: &[Value], name: &str) -> Vec<String> {
    let events = events.iter().filter(|event| event["event"] == name);
    let classes: BTreeSet<String> =
        events.filter_map(|event| event["class"].as_str().map(str::to_owned)).collect();
    classes.into_iter().collect()
}
