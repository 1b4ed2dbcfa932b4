//! Exit codes. The numbers follow the classes of wget(1).

use std::process::ExitCode;

use longhaul::{Class, HaulError, Report};
use longhaul_journal::JournalError;

/// A shell reports a process that signal n killed as this number plus n.
pub(crate) const KILLED_BY_SIGNAL: i32 = 128;

/// How the program ended. Scripts may rely on the numbers.
///
/// If several classes of failures occurred, the lowest number is used. A run that ended before every row had its outcome
/// is [`Unfinished`](Self::Unfinished), whatever failed: run it again, and the run that completes reports the failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Every URL is done, or did not need to be downloaded.
    Complete = 0,
    /// Any other failure.
    Other = 1,
    /// The command line is invalid, or a line of a list is not a URL that can be downloaded.
    Usage = 2,
    /// A list, a file or the directory cannot be read or written, or another process uses the haul.
    File = 3,
    /// A host could not be reached, or a connection broke or was too slow.
    Network = 4,
    /// A TLS handshake or a certificate failed.
    Tls = 5,
    /// A server asked for credentials.
    Auth = 6,
    /// A server violated the protocol, or sent a redirect that this program does not follow.
    Protocol = 7,
    /// A server responded with an error status.
    Server = 8,
    /// The run was stopped, or left rows for a later run: run it again.
    Unfinished = 9,
}

impl Exit {
    /// The exit status of the process.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The exit code for a failure of this class.
    #[must_use]
    pub const fn of_class(class: Class) -> Self {
        match class {
            Class::List => Self::Usage,
            Class::File | Class::TooLarge => Self::File,
            Class::Dns
            | Class::Refused
            | Class::Unreachable
            | Class::Reset
            | Class::Closed
            | Class::Timeout
            | Class::Slow
            | Class::Local => Self::Network,
            Class::Tls => Self::Tls,
            Class::Auth => Self::Auth,
            Class::Protocol | Class::Redirect => Self::Protocol,
            Class::Throttled
            | Class::NotReady
            | Class::ClientError
            | Class::ServerError
            | Class::Mismatch
            | Class::Suspect => Self::Server,
            _ => Self::Other,
        }
    }

    /// The exit code of a run that completed or was stopped.
    #[must_use]
    pub fn of_report(report: &Report) -> Self {
        let is_read = report.unread_lists.is_empty();
        if report.stopped || report.parked > 0 || report.counts.pending > 0 || !is_read {
            return Self::Unfinished;
        }
        let failures = report.failures.iter().filter(|(_, count)| **count > 0);
        let suspect = (report.suspect_done > 0).then_some(Class::Suspect);
        let classes = failures.map(|(class, _)| *class).chain(suspect);
        classes.map(Self::of_class).min().unwrap_or(Self::Complete)
    }

    /// The exit code for an error that ended a run or prevented it.
    #[must_use]
    pub fn of_error(error: &HaulError) -> Self {
        match error {
            HaulError::UserAgent => Self::Usage,
            HaulError::Directory { .. }
            | HaulError::List { .. }
            | HaulError::ListBroken { .. }
            | HaulError::Disk(_)
            | HaulError::LockLost(_)
            | HaulError::Store(_)
            | HaulError::Journal(
                JournalError::Io { .. } | JournalError::Held { .. } | JournalError::Missing { .. },
            ) => Self::File,
            _ => Self::Other,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_its_exit_code() {
        let expected = [
            ("dns", 4),
            ("refused", 4),
            ("unreachable", 4),
            ("reset", 4),
            ("closed", 4),
            ("timeout", 4),
            ("slow", 4),
            ("tls", 5),
            ("protocol", 7),
            ("not-ready", 8),
            ("mismatch", 8),
            ("suspect", 8),
            ("too-large", 3),
            ("redirect", 7),
            ("auth", 6),
            ("throttled", 8),
            ("4xx", 8),
            ("5xx", 8),
            ("file", 3),
            ("list", 2),
            ("local", 4),
            ("other", 1),
        ];
        assert_eq!(expected.len(), Class::ALL.len());
        for (class, code) in expected {
            let class: Class = class.parse().expect("a class");
            assert_eq!(Exit::of_class(class).code(), code, "{class}");
        }
    }

    #[test]
    fn the_lowest_code_wins() {
        let mut report = Report::default();
        report.failures = [(Class::ClientError, 5), (Class::Tls, 1), (Class::File, 0)].into();
        report.counts.failed = 6;
        assert_eq!(Exit::of_report(&report), Exit::Tls);
    }

    #[test]
    fn an_unfinished_run_is_unfinished_whatever_failed() {
        let mut report = Report::default();
        report.failures = [(Class::File, 1)].into();
        report.counts.pending = 1;
        assert_eq!(Exit::of_report(&report), Exit::Unfinished);
    }
}
