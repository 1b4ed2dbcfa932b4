//! The downloaders of a comparison: the format of each one's list, and the flags that a careful user would give it.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::files;

/// Attempts per URL, as many as Longhaul makes by default.
const TRIES: &str = "20";
/// The timeout of every wait, in seconds: the same for all.
const TIMEOUT_SECONDS: &str = "2";
/// A downloader that does not print its version or its help within this time counts as not installed.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// The most that is read of a version or a help text. The longest help has a tenth of it.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Simultaneous downloads for the tools that support them: as many as Longhaul makes from this number of hosts.
const PARALLEL: &str = "128";
/// wget downloads one file at a time, so xargs(1) runs several, each with a part of the list.
const WGET_PROCESSES: &str = "64";
/// URLs for each wget, so that a thousand of them keep all processes busy.
const WGET_URLS: &str = "16";
/// A flag that old versions of wget2 do not have.
const RETRY_ON: &str = "--retry-on-http-error";
/// Statuses that are worth another attempt.
const RETRIED_STATUSES: &str = "429,500,503";
/// Digits in the name of a file of the comparison.
const NAME_DIGITS: usize = 6;
/// The list, in the directory of the downloader.
const LIST: &str = "list.txt";

/// A downloader that takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Downloader {
    Longhaul,
    Wget,
    Wget2,
    Curl,
    Aria2,
}

impl Downloader {
    pub(super) const ALL: [Self; 5] = [Self::Longhaul, Self::Wget, Self::Wget2, Self::Curl, Self::Aria2];

    /// The name of its command.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Longhaul => "longhaul",
            Self::Wget => "wget",
            Self::Wget2 => "wget2",
            Self::Curl => "curl",
            Self::Aria2 => "aria2c",
        }
    }

    fn program(self) -> io::Result<OsString> {
        if self == Self::Longhaul {
            return std::env::current_exe().map(OsString::from);
        }
        Ok(self.as_str().into())
    }

    /// The command that runs it, if that is another one.
    const fn runner(self) -> Option<&'static str> {
        match self {
            Self::Wget => Some("xargs"),
            Self::Longhaul | Self::Wget2 | Self::Curl | Self::Aria2 => None,
        }
    }

    /// The version from the first line of `--version`; `None` if it is not installed.
    pub(super) fn version(self) -> Option<String> {
        let answer = self.output_of("--version")?;
        let line = answer.lines().next()?;
        // Some tools list their libraries on the same line.
        let end = line.char_indices().nth(24).map_or(line.len(), |(at, _)| at);
        let version = line.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        Some(version.unwrap_or(&line[..end]).to_owned())
    }

    /// True if its help names this flag. An unknown flag would keep it from starting.
    fn supports(self, flag: &str) -> bool {
        self.output_of("--help").is_some_and(|help| help.contains(flag))
    }

    /// Its output for one argument; `None` if it is not installed or does not answer in time.
    fn output_of(self, argument: &str) -> Option<String> {
        let mut child = Command::new(self.program().ok()?)
            .arg(argument)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut stdout = child.stdout.take()?.take(ANSWER_BYTES_MAX);
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let mut output = Vec::new();
            // The receiver is gone if the time is over.
            let _ = sender.send(stdout.read_to_end(&mut output).map(|_| output));
        });
        let output = receiver.recv_timeout(ANSWER_TIMEOUT);
        // Killing fails if it has ended, which is the normal case.
        let _ = child.kill();
        let _ = child.wait();
        Some(String::from_utf8_lossy(&output.ok()?.ok()?).into_owned())
    }

    /// Writes the list of these URLs and their paths to `directory`, in the format that this downloader reads.
    pub(super) fn write_list(
        self,
        urls: impl Iterator<Item = (String, String)>,
        directory: &Path,
    ) -> io::Result<()> {
        let mut list = String::new();
        for (url, path) in urls {
            let name = path.split('?').next().unwrap_or_default().trim_start_matches('/');
            match self {
                Self::Curl => list.extend(["url = \"", &url, "\"\noutput = \"", name, "\"\n"]),
                Self::Aria2 => list.extend([&url, "\n  out=", name, "\n"]),
                Self::Longhaul | Self::Wget | Self::Wget2 => list.extend([&url, "\n"]),
            }
        }
        files::create(&directory.join(LIST))?.write_all(list.as_bytes())
    }

    /// The command that downloads the list in `directory` into it.
    pub(super) fn command(self, directory: &Path) -> io::Result<Command> {
        let mut command = match self.runner() {
            Some(runner) => Command::new(runner),
            None => Command::new(self.program()?),
        };
        command.current_dir(directory).args(self.arguments());
        Ok(command)
    }

    /// The command as a user would type it.
    pub(super) fn command_line(self) -> String {
        let mut words = vec![self.runner().unwrap_or(self.as_str()).to_owned()];
        words.extend(self.arguments());
        words.join(" ")
    }

    /// The flags that a careful user would give it. `docs/performance.md` says why.
    fn arguments(self) -> Vec<String> {
        let flags = match self {
            Self::Longhaul => format!("get --quiet --timeout {TIMEOUT_SECONDS} -d . -i {LIST}"),
            Self::Wget => format!(
                "--arg-file={LIST} --max-procs={WGET_PROCESSES} --max-args={WGET_URLS} wget {} {RETRY_ON}={RETRIED_STATUSES}",
                wget_flags()
            ),
            Self::Wget2 => {
                let mut flags = format!("{} --max-threads={PARALLEL}", wget_flags());
                if self.supports(RETRY_ON) {
                    let _ = write!(flags, " {RETRY_ON}={RETRIED_STATUSES}");
                }
                format!("{flags} -i {LIST}")
            }
            Self::Curl => format!(
                "--silent --fail --create-dirs --remove-on-error --retry {TRIES} --retry-all-errors --retry-delay 1 \
                 --connect-timeout {TIMEOUT_SECONDS} --speed-limit 100 --speed-time {TIMEOUT_SECONDS} \
                 --parallel --parallel-max {PARALLEL} --config {LIST}"
            ),
            Self::Aria2 => format!(
                "--quiet --auto-file-renaming=false --allow-overwrite=true --retry-wait=1 --max-tries={TRIES} \
                 --timeout={TIMEOUT_SECONDS} --connect-timeout={TIMEOUT_SECONDS} --lowest-speed-limit=100 \
                 --max-connection-per-server=1 --max-concurrent-downloads={PARALLEL} -i {LIST}"
            ),
        };
        // No flag has a space in it.
        flags.split_whitespace().map(str::to_owned).collect()
    }

    /// The number in the final name of a file of the comparison; `None` for any other name.
    ///
    /// Each tool names a file by its path. Some append the query.
    pub(super) fn number_of(file_name: &str) -> Option<u32> {
        let (digits, rest) = file_name.split_at_checked(NAME_DIGITS)?;
        let is_final = match rest.strip_prefix(".bin")? {
            "" => true,
            // `?size=` by wget and wget2, and Longhaul's escaped form.
            query => query.contains("size=") || query.contains("size%3D"),
        };
        digits.parse().ok().filter(|_| is_final)
    }
}

/// Flags of both wget and wget2.
fn wget_flags() -> String {
    format!(
        "--quiet --force-directories --no-host-directories --retry-connrefused --tries={TRIES} \
         --timeout={TIMEOUT_SECONDS} --waitretry=1"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn final_names_and_others() {
        for (name, number) in [
            ("000017.bin", Some(17)),
            ("000200.bin?size=1048577", Some(200)),
            ("000017.bin.aria2", None),
            ("000017.bin.1", None),
            ("list.txt", None),
            ("000017", None),
        ] {
            assert_eq!(Downloader::number_of(name), number, "{name}");
        }
    }
}
