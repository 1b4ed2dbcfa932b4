//! Errors on demand: every fallible call is counted, and a chosen one fails.

use std::io;

/// An error to inject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// An error of this kind.
    Kind(io::ErrorKind),
    /// An error with this number of the operating system.
    Errno(i32),
}

impl From<io::ErrorKind> for Failure {
    fn from(kind: io::ErrorKind) -> Self {
        Self::Kind(kind)
    }
}

impl From<Failure> for io::Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Kind(kind) => kind.into(),
            Failure::Errno(number) => Self::from_raw_os_error(number),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(super) struct Faults {
    calls: u64,
    plan: Option<Plan>,
}

#[derive(Clone, Copy, Debug)]
struct Plan {
    at: u64,
    failure: Failure,
    /// Whether every later call fails too: the disk is gone.
    lasting: bool,
}

impl Faults {
    pub(super) fn calls(&self) -> u64 {
        self.calls
    }

    pub(super) fn plan(&mut self, after: u64, failure: Failure, lasting: bool) {
        self.plan = Some(Plan { at: self.calls + after, failure, lasting });
    }

    pub(super) fn clear(&mut self) {
        self.plan = None;
    }

    /// Counts a call and decides its fate.
    pub(super) fn check(&mut self) -> io::Result<()> {
        let call = self.calls;
        self.calls += 1;
        match self.plan {
            Some(plan) if call == plan.at || (plan.lasting && call > plan.at) => Err(plan.failure.into()),
            _ => Ok(()),
        }
    }
}
