//! A case: one file.

use std::collections::BTreeMap;

use serde::Deserialize;
use thiserror::Error;
use toml::Value;

use super::dns_plan::DnsPlan;
use super::host_plan::{HostPlan, ListenMode, ResponsePlan, Step};
use super::mutation::Mutation;
use super::run_plan::{InitialFile, Run};
use super::values::Span;

/// One fault, and the expected behavior of the program.
#[derive(Debug, Clone, PartialEq)]
pub struct Case {
    /// Its number in the list of faults.
    pub number: u16,
    /// The fault.
    pub title: String,
    /// What the program does then, in a sentence.
    pub then: String,
    /// The sections of RFCs about it.
    pub rfc: Vec<String>,
    /// The outcomes of the URLs.
    pub outcome: Vec<CaseOutcome>,
    /// How it is tested.
    pub proof: Proof,
    /// Its hosts behave well: the fault is somewhere else.
    pub honest_hosts: bool,
    /// A bug of the program that the case shows: the case is expected to fail until the bug is fixed.
    pub known: Option<String>,
    /// Changes that must make the case fail.
    pub mutations: Vec<Mutation>,
    source: Value,
}

/// How a case is tested.
#[derive(Debug, Clone, PartialEq)]
pub enum Proof {
    /// By playing it on a stage.
    Play {
        /// The hosts, by name.
        hosts: BTreeMap<String, HostPlan>,
        /// The name server.
        dns: Option<DnsPlan>,
        /// The files in the working directory before the first run.
        before: BTreeMap<String, InitialFile>,
        /// The runs of the program, one after the other.
        runs: Vec<Run>,
    },
    /// By other tests, each as `FILE::FUNCTION`.
    Elsewhere(Vec<String>),
    /// Not tested, for this reason.
    Missing(String),
}

/// The outcome of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CaseOutcome {
    /// It is tried again, within its retry policy.
    Retry,
    /// What was received is kept, and the rest requested.
    Incomplete,
    /// It fails for good.
    Failed,
    /// A policy refuses it.
    Refused,
    /// It is done.
    Done,
    /// There is nothing to download, and so no file.
    NoContent,
    /// The fault is of this machine, and charged to no URL and no host.
    Local,
}

impl CaseOutcome {
    /// The word in the files of the cases.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Done => "done",
            Self::NoContent => "no-content",
            Self::Local => "local",
        }
    }
}

/// A file that is not a case.
#[derive(Debug, Error)]
#[error("{file}: {reason}")]
pub struct InvalidCase {
    /// The name of the file.
    pub file: String,
    /// The error, with its place.
    pub reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Raw {
    number: u16,
    title: String,
    then: String,
    #[serde(default)]
    rfc: Vec<String>,
    outcome: Vec<CaseOutcome>,
    #[serde(default)]
    hosts: BTreeMap<String, HostPlan>,
    dns: Option<DnsPlan>,
    #[serde(default)]
    before: BTreeMap<String, InitialFile>,
    #[serde(default, rename = "run")]
    runs: Vec<Run>,
    #[serde(default)]
    proven_by: Vec<String>,
    missing: Option<String>,
    #[serde(default)]
    honest_hosts: bool,
    known: Option<String>,
    #[serde(default, rename = "mutation")]
    mutations: Vec<Mutation>,
}

impl Case {
    /// Parses the text of `file`, whose name begins with the number.
    ///
    /// # Errors
    /// When the text is not a case, its name has another number, or a mutation cannot be applied.
    pub fn parse(file: &str, text: &str) -> Result<Self, InvalidCase> {
        let invalid = |reason: String| InvalidCase { file: file.to_owned(), reason };
        let raw: Raw = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let source = toml::from_str(text).map_err(|error| invalid(error.to_string()))?;
        let case = Self::of(raw, source).map_err(&invalid)?;
        if !file.starts_with(&format!("{:03}-", case.number)) {
            return Err(invalid(format!("the name of the file does not begin with {:03}-", case.number)));
        }
        for mutation in &case.mutations {
            case.mutated(mutation).map_err(&invalid)?;
        }
        Ok(case)
    }

    /// The case with a mutation applied.
    ///
    /// # Errors
    /// Why the result is not a case.
    pub fn mutated(&self, mutation: &Mutation) -> Result<Self, String> {
        let mut source = self.source.clone();
        mutation.apply(&mut source).ok_or_else(|| format!("there is no {}", mutation.at))?;
        let raw: Raw = source.clone().try_into().map_err(|error| format!("{}: {error}", mutation.at))?;
        Self::of(raw, source)
    }

    /// The case with well-behaved hosts: each responds to every request as it would in the end, or else with a few bytes
    /// that are always the same. `None` if its hosts are well-behaved already.
    #[must_use]
    pub fn with_honest_hosts(&self) -> Option<Self> {
        let mut case = self.clone();
        let Proof::Play { hosts, .. } = &mut case.proof else { return None };
        if self.honest_hosts || hosts.values().all(|host| host.answers.is_empty() && host.openings.is_empty())
        {
            return None;
        }
        for host in hosts.values_mut() {
            let steps = match host.answers.last().map(|answer| answer.steps.as_slice()) {
                // Its last response is the one from the beginning.
                Some([serve @ Step::Serve(_)]) if host.answers.len() > 1 || !host.openings.is_empty() => {
                    vec![serve.clone()]
                }
                _ => {
                    let head = ["HTTP/1.1 200 OK", "Content-Length: 7"].map(str::to_owned).to_vec();
                    vec![Step::Head(head), Step::Send("honest\n".to_owned())]
                }
            };
            host.listen_mode = ListenMode::Listens;
            host.openings.clear();
            host.answers = vec![ResponsePlan { path: None, request: Span::ALL, having: None, steps }];
        }
        Some(case)
    }

    fn of(raw: Raw, source: Value) -> Result<Self, String> {
        let is_set = !raw.hosts.is_empty() || raw.dns.is_some() || !raw.before.is_empty();
        let proof = match (raw.runs.is_empty(), raw.proven_by.is_empty(), raw.missing) {
            (false, true, None) => {
                Proof::Play { hosts: raw.hosts, dns: raw.dns, before: raw.before, runs: raw.runs }
            }
            (true, false, None) if !is_set => Proof::Elsewhere(raw.proven_by),
            (true, true, Some(reason)) if !is_set => Proof::Missing(reason),
            _ => return Err("a case needs exactly one of `run`, `proven-by` and `missing`".to_owned()),
        };
        Ok(Self {
            number: raw.number,
            title: raw.title,
            then: raw.then,
            rfc: raw.rfc,
            outcome: raw.outcome,
            proof,
            honest_hosts: raw.honest_hosts,
            known: raw.known,
            mutations: raw.mutations,
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"
        number = 7
        title = "t"
        then = "t"
        outcome = ["failed"]
        [hosts.host]
        [[hosts.host.answer]]
        steps = [{ send = "x" }, "close"]
        [[run]]
        arguments = ["get"]
        within = "1s"
        [run.expect]
        code = 7
    "#;

    #[test]
    fn an_unknown_key_is_named_with_its_file() {
        let text = SMALL.replace("code", "cod");
        let error = Case::parse("007-t.toml", &text).unwrap_err().to_string();
        assert!(error.starts_with("007-t.toml: ") && error.contains("cod"), "{error}");
    }

    #[test]
    fn the_name_of_the_file_begins_with_the_number() {
        assert!(Case::parse("008-t.toml", SMALL).is_err());
        assert!(Case::parse("007-t.toml", SMALL).is_ok());
    }

    #[test]
    fn a_mutation_changes_one_thing() {
        let case = Case::parse("007-t.toml", SMALL).expect("a case");
        let mutation = |at: &str, to: Value| Mutation { why: String::new(), at: at.to_owned(), to };
        let mutated = case.mutated(&mutation("run.0.expect.code", 3.into())).expect("a case");
        let Proof::Play { runs, .. } = mutated.proof else { panic!("it is played") };
        assert_eq!(runs[0].expect.code, Some(3));
        assert!(case.mutated(&mutation("run.1.expect.code", 3.into())).is_err());
        assert!(case.mutated(&mutation("run.0.expect.code", "x".into())).is_err());
    }

    #[test]
    fn honest_hosts_respond_to_every_request_in_the_same_way() {
        let case = Case::parse("007-t.toml", SMALL).expect("a case");
        let Some(Proof::Play { hosts, .. }) = case.with_honest_hosts().map(|case| case.proof) else {
            panic!("there is a host")
        };
        assert!(matches!(&hosts["host"].answers[0].steps[..], [Step::Head(_), Step::Send(_)]));
    }
}
