//! A zoo of random hosts in virtual time: how fast may a client ask a host that it has never met?
//!
//! Hosts are drawn by seed from a stated prior (`hosts/draw.rs`). Each is met with the engine's own queue, controller and
//! rule for retries, and the time is set against that of an oracle which knows the host (`hosts/oracle.rs`).
//!
//! ```sh
//! cargo run --release -p longhaul --example zoo -- zoo HOSTS [FIRST_SEED] [-v] [--strict] [--kind KIND]   # random hosts
//! ... check                                               # a gate for CI: fails where the figures are worse than they were
//! ... host SEED [--trace]                                     # one of them
//! ... table [SEEDS] [--only TEXT]                             # real limiters, as models
//! ... scenarios [SEEDS] [--only TEXT] [--trace]               # hosts made by hand
//! ```
//!
//! `--pace NAME` chooses the controller.

mod hosts;
mod random;
mod run;
mod world;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hosts::{Host, draw, table};
use longhaul::pace::{ControllerFactory, PaceKind};
use run::Run;

/// Seconds, since the beginning of a run or between two events.
type Seconds = f64;

fn pace(name: Option<&str>) -> Arc<dyn ControllerFactory> {
    Arc::new(match name {
        Some("fixed") => PaceKind::Fixed,
        _ => PaceKind::Inference,
    })
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| words.iter().any(|word| word == name);
    let after =
        |name: &str| words.iter().position(|word| word == name).and_then(|at| words.get(at + 1)).cloned();
    let number = |at: usize| words.get(at).and_then(|word| word.parse::<u64>().ok());
    let pace = pace(after("--pace").as_deref());
    match words.first().map(String::as_str) {
        Some("zoo") => {
            let (hosts, first) = (number(1).unwrap_or(300), number(2).unwrap_or(1));
            zoo(&pace, hosts, first, flag("-v"), !flag("--strict"), after("--kind").as_deref());
        }
        Some("check") => return check(&pace),
        Some("host") => {
            let seed = number(1).unwrap_or(1);
            let mut host = draw::draw(seed);
            describe(&host);
            let run = world::run(&pace, &mut host, true, flag("--trace"));
            line(seed, &host, &run);
            if flag("--seconds") {
                println!("{:?}", run.seconds);
            }
        }
        Some("table") => {
            several(&pace, number(1).unwrap_or(5), table::table, after("--only").as_deref(), flag("--trace"));
        }
        Some("scenarios") => {
            several(
                &pace,
                number(1).unwrap_or(5),
                table::scenarios,
                after("--only").as_deref(),
                flag("--trace"),
            );
        }
        _ => {
            eprintln!("zoo, check, host, table or scenarios?");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// Hosts of the gate: seeds that nothing was tuned on.
const GATE_SEEDS: std::ops::Range<u64> = 2_000_001..2_000_201;
/// Times against the oracle's that the gate demands: the median, and nine hosts in ten. They are what is reached, and a little
/// more; what is wanted is 1.05 and 1.5.
const GATE_MEDIAN: f64 = 1.2;
const GATE_P90: f64 = 2.5;
/// Lists that may lose rows or not end: one host bans for 60 s whoever asks twice in a second, and broke by chance the only
/// response it ever gave.
const GATE_BAD: usize = 1;
/// The ban that serves one page for all looks like success: the engine does not compare what files hold.
const GATE_EXCLUDES: &str = "captcha";

/// Fails where a list does not end, where a row is lost, or where the times are worse than they were.
fn check(pace: &Arc<dyn ControllerFactory>) -> ExitCode {
    let runs = runs(pace, GATE_SEEDS, true, None);
    let judged: Vec<_> = runs.iter().filter(|(_, host, _)| host.kind != GATE_EXCLUDES).collect();
    let mut ratios: Vec<f64> = judged.iter().map(|(_, _, run)| run.ratio()).collect();
    ratios.sort_by(f64::total_cmp);
    let (median, p90) = (quantile(&ratios, 0.5), quantile(&ratios, 0.9));
    let bad: Vec<_> = judged.iter().filter(|(_, _, run)| run.lost > 0 || run.left > 0).collect();
    for (seed, host, run) in &bad {
        line(*seed, host, run);
    }
    println!(
        "{} hosts: median {median:.2} of {GATE_MEDIAN}, p90 {p90:.2} of {GATE_P90}; lists that lost rows or did not end: {} of {GATE_BAD}",
        judged.len(),
        bad.len()
    );
    let is_met = bad.len() <= GATE_BAD && median <= GATE_MEDIAN && p90 <= GATE_P90;
    if is_met { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn describe(host: &Host) {
    println!(
        "{} rows {} latency {:.3} service {:?} keep-alive {} noise {:?} natures {:?} change {:?}",
        host.kind,
        host.rows,
        host.latency,
        host.service,
        host.keep_alive,
        host.noise.0,
        host.natures,
        host.change
    );
    for gate in &host.gates {
        println!("  {:?} {:?}", gate.rule, gate.form);
    }
}

fn line(seed: u64, host: &Host, run: &Run) {
    println!(
        "{seed:7} {:12} {:6.2} took {:.1} ideal {:.1}+{:.1} rows {} requests {} refused {} lost {} left {}; {}",
        host.kind,
        run.ratio(),
        run.took,
        run.ideal.takes,
        run.ideal.ban,
        host.rows,
        run.requests,
        run.refusals,
        run.lost,
        run.left,
        run.belief
    );
}

fn quantile(sorted: &[f64], at: f64) -> f64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an index")]
    let index = ((sorted.len() as f64 * at) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

fn row(name: &str, runs: &[(f64, f64, u32, u32)]) {
    let mut ratios: Vec<f64> = runs.iter().map(|run| run.0).collect();
    ratios.sort_by(f64::total_cmp);
    let kept = runs.iter().filter(|run| run.1 <= 1.0).count();
    println!(
        "{name:14} {:5} | median {:5.2} p90 {:5.2} p99 {:6.2} worst {:6.2} | refusals kept {:3.0} % | lost {:4} in {:3} | unended {:3}",
        runs.len(),
        quantile(&ratios, 0.5),
        quantile(&ratios, 0.9),
        quantile(&ratios, 0.99),
        quantile(&ratios, 1.0),
        100.0 * kept as f64 / runs.len() as f64,
        runs.iter().map(|run| run.2).sum::<u32>(),
        runs.iter().filter(|run| run.2 > 0).count(),
        runs.iter().filter(|run| run.3 > 0).count(),
    );
}

/// Runs the hosts of these seeds on all cores; the answers are in the order of the seeds.
fn runs(
    pace: &Arc<dyn ControllerFactory>,
    seeds: std::ops::Range<u64>,
    is_courteous: bool,
    kind: Option<&str>,
) -> Vec<(u64, Host, Run)> {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get) as u64;
    let next = AtomicU64::new(seeds.start);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return done;
            }
            let mut host = draw::draw(seed);
            if kind.is_none_or(|kinds| kinds.split(',').any(|kind| kind == host.kind)) {
                let run = world::run(pace, &mut host, is_courteous, false);
                done.push((seed, host, run));
            }
        }
    };
    let mut all: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..cores).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no run panics")).collect()
    });
    all.sort_by_key(|&(seed, ..)| seed);
    all
}

fn zoo(
    pace: &Arc<dyn ControllerFactory>,
    hosts: u64,
    first: u64,
    is_verbose: bool,
    is_courteous: bool,
    kind: Option<&str>,
) {
    let mut by_kind: BTreeMap<&str, Vec<(f64, f64, u32, u32)>> = BTreeMap::new();
    let mut all = Vec::new();
    for (seed, host, run) in runs(pace, first..first + hosts, is_courteous, kind) {
        let entry = (run.ratio(), run.refused(host.rows), run.lost, run.left);
        by_kind.entry(host.kind).or_default().push(entry);
        all.push(entry);
        let is_refused = run.refused(host.rows) > 1.0;
        if is_verbose && (run.ratio() > 1.5 || run.lost > 0 || is_refused) {
            line(seed, &host, &run);
        }
    }
    for (kind, runs) in &by_kind {
        row(kind, runs);
    }
    row("all", &all);
}

fn several(
    pace: &Arc<dyn ControllerFactory>,
    seeds: u64,
    hosts: fn(u64) -> Vec<Host>,
    only: Option<&str>,
    is_traced: bool,
) {
    for at in 0..hosts(0).len() {
        let mut runs = Vec::new();
        let name = hosts(0)[at].kind;
        if only.is_some_and(|only| !name.contains(only)) {
            continue;
        }
        for seed in 0..seeds {
            let mut host = hosts(1_000 + seed).swap_remove(at);
            let rows = host.rows;
            let run = world::run(pace, &mut host, true, is_traced && seed == 0);
            runs.push((run.ratio(), run.took, run.refusals, run.lost, run.left, run.ideal, rows));
        }
        runs.sort_by(|one, other| one.0.total_cmp(&other.0));
        let (middle, worst) = (&runs[runs.len() / 2], &runs[runs.len() - 1]);
        println!(
            "{name:50} | {:5.2} ({:5.2}) | {:6.1} s of {:6.1} + {:4.1} | refused {:4} of {} | lost {} left {}",
            middle.0,
            worst.0,
            middle.1,
            middle.5.takes,
            middle.5.ban,
            middle.2,
            middle.6,
            runs.iter().map(|run| run.3).sum::<u32>(),
            runs.iter().map(|run| run.4).sum::<u32>(),
        );
    }
}
