//! Plays every failure case in `crates/origin/cases` against the program.
//!
//! `cargo test -p longhaul-cli --test cases` plays them all, `-- 015` those of one number. With `-- --ignored`, each case
//! is broken on purpose, by each of its mutations and by servers without faults, and has to fail.
#![expect(clippy::disallowed_methods, reason = "tests look at what is on disk, and the cases are files")]

mod directory;
mod identities;
mod judge;
mod output;
mod page;
mod play;
mod program;
#[path = "../common/signals.rs"]
mod signals;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Failed, Trial};
use longhaul_origin::script::{Case, Proof};

use crate::play::Proven;

/// Cases played at the same time. They mostly wait.
const CASES_AT_A_TIME: usize = 8;
/// Fewer cases than this mean that the folder was not found or is incomplete.
const CASES_MIN: usize = 100;

fn main() -> ExitCode {
    signals::restore_for_children();
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(CASES_AT_A_TIME);
    let cases: Vec<Arc<(String, Case)>> = match cases() {
        Ok(cases) => cases.into_iter().map(Arc::new).collect(),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let mut trials = Vec::new();
    for case in &cases {
        trials.push(play_trial(case));
        if case.1.known.is_none() {
            trials.extend(broken_trials(case));
        }
    }
    let all = cases.clone();
    trials.push(Trial::test("page", move || page::check(&all)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The root of the workspace.
fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("it exists")
}

fn folder() -> PathBuf {
    workspace().join("crates/origin/cases")
}

/// Every case with the name of its file, ordered by number.
fn cases() -> Result<Vec<(String, Case)>, String> {
    let files = fs::read_dir(folder()).map_err(|error| format!("{}: {error}", folder().display()))?;
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    let cases = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let mut names: Vec<String> =
        cases.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect();
    names.sort();
    if names.len() < CASES_MIN {
        return Err(format!("only {} cases", names.len()));
    }
    let read = |name: &String| {
        let text = fs::read_to_string(folder().join(format!("{name}.toml")))
            .map_err(|error| format!("{name}: {error}"))?;
        let case = Case::parse(name, &text).map_err(|error| error.to_string())?;
        Ok((name.clone(), case))
    };
    names.iter().map(read).collect()
}

fn play_trial(case: &Arc<(String, Case)>) -> Trial {
    let shared = Arc::clone(case);
    Trial::test(case.0.clone(), move || {
        let (name, case) = &*shared;
        let outcome = play::prove(name, case);
        match (&case.known, outcome) {
            (_, Ok(Proven::Unsupported(reason))) => {
                eprintln!("UNSUPPORTED {name}: {reason}");
                Ok(())
            }
            (None, outcome) => outcome.map(drop).map_err(Failed::from),
            (Some(fault), Err(_)) => {
                eprintln!("KNOWN {name} fails: {fault}");
                Ok(())
            }
            (Some(_), Ok(Proven::Yes)) => {
                Err("it is marked as known to fail but passes: remove the mark".into())
            }
        }
    })
}

/// A trial for each way in which the case is broken on purpose. The broken case must fail.
fn broken_trials(shared: &Arc<(String, Case)>) -> Vec<Trial> {
    let (name, case) = &**shared;
    if !matches!(case.proof, Proof::Play { .. }) {
        return Vec::new();
    }
    let mut wrong: Vec<(String, Case)> = Vec::new();
    if let Some(honest) = case.with_honest_hosts() {
        wrong.push(("by hosts that do nothing wrong".to_owned(), honest));
    }
    for mutation in &case.mutations {
        let mutated = case.mutated(mutation).expect("the mutations were checked when the case was read");
        wrong.push((format!("at {}: {}", mutation.at, mutation.why), mutated));
    }
    let trial = |(what, case): (String, Case)| {
        let (title, name) = (format!("{name} broken {what}"), name.clone());
        let test = move || match play::prove(&name, &case) {
            Err(_) | Ok(Proven::Unsupported(_)) => Ok(()),
            Ok(Proven::Yes) => Err(format!("{name} was broken {what} but passes").into()),
        };
        Trial::test(title, test).with_ignored_flag(true)
    };
    wrong.into_iter().map(trial).collect()
}
