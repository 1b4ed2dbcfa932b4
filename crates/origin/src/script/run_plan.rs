//! What the user runs, and what is expected of the program.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::values::{Bytes, Section, Size, Span, Time};

/// A file in the working directory before the first run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum InitialFile {
    /// A text, which may contain placeholders.
    Text(String),
    /// Other content, or something other than a file.
    Content(FileContent),
}

/// What a file contains, or what is there instead of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileContent {
    /// A part of the content that all cases share.
    Content(Section),
    /// Parts of that content, one after the other.
    Sections(Vec<Section>),
    /// Bytes.
    Bytes(Bytes),
    /// A text repeated, and then another text.
    Repeat {
        /// The number of repetitions.
        times: usize,
        /// The text.
        text: String,
        /// The text behind the repetitions.
        #[serde(default)]
        then: String,
    },
    /// Lines that differ in a number, which replaces each `{n}`.
    Numbered {
        /// The number of lines; the first one has the number 0.
        lines: u64,
        /// The text.
        text: String,
    },
    /// A symbolic link with this target.
    Link(String),
    /// An empty directory with this mode.
    Directory(u32),
    /// A file system of this size, in memory. Mounting one needs root.
    Disk(Size),
}

/// The expected content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum ExpectedFile {
    /// A text, which may contain placeholders.
    Text(String),
    /// Other content, or something other than a file.
    Content(FileContent),
}

/// One run of the program.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Run {
    /// Its arguments, with placeholders. `get` and `retry` get a flag for JSON output in addition.
    pub arguments: Vec<String>,
    /// The text on standard input.
    pub input: Option<String>,
    /// Whether standard input stays open after that.
    #[serde(default)]
    pub input_stalls: bool,
    /// Environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Limits of the system.
    #[serde(default)]
    pub limits: ProcessLimits,
    /// Actions before it starts.
    #[serde(default)]
    pub first: Vec<Action>,
    /// The time within which it must end.
    pub within: Time,
    /// The time before which it must not end.
    pub not_before: Option<Time>,
    /// The most resident memory that it may use.
    pub memory_max: Option<Size>,
    /// Actions while it runs, in this order.
    #[serde(default, rename = "act")]
    pub actions: Vec<TimedAction>,
    /// The expected result.
    pub expect: Expectations,
}

/// Limits of the system for a program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProcessLimits {
    /// File descriptors.
    pub open_files: Option<u64>,
    /// Shell commands that set up a network namespace of its own. Not every machine allows that.
    pub network: Option<Vec<String>>,
}

/// An action while the program runs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TimedAction {
    /// The moment of the action.
    pub when: Trigger,
    /// The action.
    #[serde(rename = "do")]
    pub action: Action,
}

/// The moment of an action. It has to come before the time of the run is over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Trigger {
    /// All hosts together have received this many requests.
    Requests(u64),
    /// The program has reported an event of this name, or several: `done`, or `done 3`.
    Event(String),
    /// This time has passed since the action before it.
    After(Time),
}

/// An action.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Sends a signal, or several at once.
    Signal(String),
    /// Overwrites a file: its path, and its new content.
    Write(String, ExpectedFile),
    /// Removes a file.
    Remove(String),
    /// Replaces a path by a symbolic link to the second path.
    Link(String, String),
    /// Closes the reader of its output.
    CloseOutput,
    /// Runs the program a second time at the same time, with an expected result.
    Beside {
        /// Its arguments.
        arguments: Vec<String>,
        /// Its exit code.
        code: i32,
        /// The text that it must print.
        says: String,
    },
}

/// What is expected of a run.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Expectations {
    /// The exit code; `None` where a signal has to end it.
    pub code: Option<i32>,
    /// The exit code where several are correct.
    #[serde(default)]
    pub code_is_one_of: Vec<i32>,
    /// The number of URLs done.
    pub done: Option<u64>,
    /// The number of URLs failed.
    pub failed: Option<u64>,
    /// The number of URLs skipped.
    pub skipped: Option<u64>,
    /// The number of URLs pending.
    pub pending: Option<u64>,
    /// The classes of the failures, each once, in alphabetical order.
    pub class: Option<Vec<String>>,
    /// The classes of the retries, each once, in alphabetical order.
    pub retried: Option<Vec<String>>,
    /// The number of retries.
    pub retries: Option<Span>,
    /// Texts that must appear on standard error or in an event.
    #[serde(default)]
    pub says: Vec<String>,
    /// Texts that must not appear.
    #[serde(default)]
    pub never_says: Vec<String>,
    /// Standard output, if it is not events.
    pub output: Option<String>,
    /// The new files in the working directory, without the state of the haul; none unless given. Files that were there
    /// before must be unchanged. In a name, `*` stands for the hash that makes it distinct.
    #[serde(default)]
    pub files: BTreeMap<String, ExpectedFile>,
    /// Further new files, all alike.
    pub many_files: Option<ManyFiles>,
    /// Files that were there and must be gone.
    #[serde(default)]
    pub removed: Vec<String>,
}

/// Files that are all alike.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManyFiles {
    /// Their number.
    pub count: usize,
    /// The content of each.
    pub each: ExpectedFile,
}
