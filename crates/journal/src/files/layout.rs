//! The files beneath the haul's directory, by name.

use crate::storage::RelativePath;

/// The directory of Longhaul's own files, beneath the haul's directory.
pub const STATE_DIRECTORY: &str = ".longhaul";
/// The directory of the bodies under way, one file a row.
pub const PARTS_DIRECTORY: &str = ".longhaul/parts";
/// The file whose lock says that a process works on the haul.
pub const LOCK_FILE: &str = ".longhaul/lock";

/// The remembered states of hosts' paces.
pub(crate) const HOSTS_FILE: &str = ".longhaul/hosts";
/// The remembered suspicions.
pub(crate) const SUSPICIONS_FILE: &str = ".longhaul/suspicions";

/// How far the log reaches.
pub(crate) const EXTENT_FILE: &str = ".longhaul/extent";

/// The index of claimed names, and the one that replaces it when it grows. The next run makes them anew.
pub(crate) const CLAIMS_FILE: &str = ".longhaul/claims";
pub(crate) const CLAIMS_GROWN_FILE: &str = ".longhaul/claims.grown";

/// The kinds of numbered files in the state directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Spool,
    Log,
    Summary,
}

impl Kind {
    const fn affixes(self) -> (&'static str, &'static str) {
        match self {
            Self::Spool => ("spool-", ".seg"),
            Self::Log => ("log-", ".seg"),
            Self::Summary => ("summary-", ""),
        }
    }

    /// The file of this kind with this number.
    pub(crate) fn path(self, number: u32) -> RelativePath {
        let (prefix, suffix) = self.affixes();
        fixed(&format!("{STATE_DIRECTORY}/{prefix}{number:010}{suffix}"))
    }

    /// The numbers of the files of this kind among the names in the state directory, ascending.
    pub(crate) fn numbers(self, names: &[String]) -> Vec<u32> {
        let (prefix, suffix) = self.affixes();
        let number = |name: &String| {
            let digits = name.strip_prefix(prefix)?.strip_suffix(suffix)?;
            (digits.len() == 10 && digits.bytes().all(|byte| byte.is_ascii_digit()))
                .then_some(digits)?
                .parse()
                .ok()
        };
        let mut numbers: Vec<u32> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }
}

/// The suffix of a file under construction. Such a file was never part of the journal, and is removed when the journal is opened.
const UNFINISHED_SUFFIX: &str = ".new";

/// The name of a file until it is complete.
pub(crate) fn unfinished(path: &RelativePath) -> RelativePath {
    fixed(&format!("{path}{UNFINISHED_SUFFIX}"))
}

/// Whether a name in the state directory belongs to a temporary file of a process that has ended.
pub(crate) fn is_leftover(name: &str) -> bool {
    let temporary = [CLAIMS_FILE, CLAIMS_GROWN_FILE].map(|path| fixed(path).file_name() == name);
    let kinds = [Kind::Spool, Kind::Log, Kind::Summary];
    let replaced = [HOSTS_FILE, SUSPICIONS_FILE, LOCK_FILE, EXTENT_FILE]
        .map(|path| unfinished(&fixed(path)).file_name() == name);
    let unfinished = name
        .strip_suffix(UNFINISHED_SUFFIX)
        .is_some_and(|name| kinds.iter().any(|kind| !kind.numbers(&[name.to_owned()]).is_empty()));
    unfinished || temporary.contains(&true) || replaced.contains(&true)
}

/// The row of a file among the unfinished bodies, and whether the file is the copy of one that had other names.
pub(crate) fn row_of_part(name: &str) -> Option<(u64, bool)> {
    let number = name.strip_suffix(UNFINISHED_SUFFIX);
    Some((number.unwrap_or(name).parse().ok()?, number.is_some()))
}

pub(crate) fn state_directory() -> RelativePath {
    fixed(STATE_DIRECTORY)
}

/// A path that is spelled in this crate, not by anyone outside.
pub(crate) fn fixed(path: &str) -> RelativePath {
    path.parse().expect("names spelled in this crate are valid relative paths")
}
