//! What the user does, and what is expected of the program.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::values::{Bytes, Section, Size, Span, Time};

/// What lies in the working directory before the first run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum InitialFile {
    /// A file with this text, which may contain placeholders.
    Text(String),
    /// Something else.
    Content(FileContent),
}

/// What a file is made of.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileContent {
    /// A part of the content of all cases.
    Content(Section),
    /// Parts of it, one after the other.
    Sections(Vec<Section>),
    /// Bytes.
    Bytes(Bytes),
    /// A text many times, and then another.
    Repeat {
        /// How often.
        times: usize,
        /// What.
        text: String,
        /// The rest.
        #[serde(default)]
        then: String,
    },
    /// Lines that differ in a number, which stands for each `{n}`.
    Numbered {
        /// How many, from 0 on.
        lines: u64,
        /// What.
        text: String,
    },
    /// A link to this place.
    Link(String),
    /// An empty directory with this mode.
    Directory(u32),
    /// A file system of this size, in memory. It takes root to make one.
    Disk(Size),
}

/// What a file has to be.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ExpectedFile {
    /// This text, which may contain placeholders.
    Text(String),
    /// Something else.
    Content(FileContent),
}

/// One run of the program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Run {
    /// Its arguments, with placeholders. `get` and `retry` are told to speak JSON beside them.
    pub arguments: Vec<String>,
    /// What comes on standard input.
    pub input: Option<String>,
    /// Standard input stays open after that.
    #[serde(default)]
    pub input_stalls: bool,
    /// Variables of the environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Limits that the system puts on it.
    #[serde(default)]
    pub limits: ProcessLimits,
    /// What is done before it starts.
    #[serde(default)]
    pub first: Vec<Action>,
    /// Trigger it must have ended.
    pub within: Time,
    /// Trigger it must not have ended yet.
    pub not_before: Option<Time>,
    /// The most of memory that it may have had (resident).
    pub memory_max: Option<Size>,
    /// What happens to it meanwhile, in this order.
    #[serde(default, rename = "act")]
    pub actions: Vec<TimedAction>,
    /// What is expected.
    pub expect: Expectations,
}

/// Limits that the system puts on a program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProcessLimits {
    /// Descriptors.
    pub open_files: Option<u64>,
    /// It has a network of its own, made by these commands of the shell. Not every machine allows that.
    pub network: Option<Vec<String>>,
}

/// Something that is done while the program runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimedAction {
    /// Trigger.
    pub when: Trigger,
    /// What.
    #[serde(rename = "do")]
    pub action: Action,
}

/// A moment. It has to come before the run's time is over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// So many requests were seen by all hosts together.
    Requests(u64),
    /// So many events of this name were told: `done`, or `done 3`.
    Event(String),
    /// So much time after the act before it.
    After(Time),
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// A signal is sent, or several at once.
    Signal(String),
    /// A file is written over: its path, and what it becomes.
    Write(String, ExpectedFile),
    /// A file is removed.
    Remove(String),
    /// A path is removed, and a link to the second put there.
    Link(String, String),
    /// The reader of its output goes away.
    CloseOutput,
    /// Another run beside it, which must end with this code and say this.
    Beside {
        /// Its arguments.
        arguments: Vec<String>,
        /// Its exit code.
        code: i32,
        /// What it must say.
        says: String,
    },
}

/// What is expected of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expectations {
    /// The exit code; none where a signal is expected to end it.
    pub code: Option<i32>,
    /// The exit code where several are right.
    #[serde(default)]
    pub code_is_one_of: Vec<i32>,
    /// URLs done.
    pub done: Option<u64>,
    /// URLs failed.
    pub failed: Option<u64>,
    /// URLs skipped.
    pub skipped: Option<u64>,
    /// URLs pending.
    pub pending: Option<u64>,
    /// The classes of the failures, each once, in alphabetical order.
    pub class: Option<Vec<String>>,
    /// The classes of the retries, each once, in alphabetical order.
    pub retried: Option<Vec<String>>,
    /// How many retries.
    pub retries: Option<Span>,
    /// Each is said, on standard error or in an event.
    #[serde(default)]
    pub says: Vec<String>,
    /// None of these is ever said.
    #[serde(default)]
    pub never_says: Vec<String>,
    /// Standard output, where it is not events.
    pub output: Option<String>,
    /// What lies in the working directory, beside what was there before (which must be as it was) and the state of the
    /// haul. Nothing unless given. In a name a `*` stands for the mark that makes it distinct.
    #[serde(default)]
    pub files: BTreeMap<String, ExpectedFile>,
    /// So many further files lie there, all alike.
    pub many_files: Option<ManyFiles>,
    /// Files that were there and are no more.
    #[serde(default)]
    pub removed: Vec<String>,
}

/// Files that are all alike.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManyFiles {
    /// How many.
    pub count: usize,
    /// What each has to be.
    pub each: ExpectedFile,
}
