//! Other downloaders that take part in a contest: how each is given the list, with the flags that its careful users set.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::files;

/// Attempts of one URL, as many as Longhaul makes. Every tool is told so in its own words.
const TRIES: &str = "20";
/// The deadline of every wait, in seconds: the same for all.
const TIMEOUT_SECONDS: &str = "2";
/// A tool that does not say its version or its help within this is taken for one that is not there.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// More than this of such an answer is not read: the longest help is a tenth of it.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Downloads at a time for the tools that can: what Longhaul gives to as many hosts.
const PARALLEL: &str = "128";
/// What wget has had for long, and wget2 only of late.
const RETRY_ON: &str = "--retry-on-http-error";
/// Statuses that are worth another attempt.
const RETRIED: &str = "429,500,503";
/// The last number that a name of the contest has digits for.
const DIGITS: usize = 6;

/// One who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Peer {
    Longhaul,
    Wget,
    Wget2,
    Curl,
    Aria2,
}

impl Peer {
    pub(super) const ALL: [Self; 5] = [Self::Longhaul, Self::Wget, Self::Wget2, Self::Curl, Self::Aria2];

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

    /// The first line that it says of its version; `None` where it is not installed.
    pub(super) fn version(self) -> Option<String> {
        let said = self.says("--version")?;
        let line = said.lines().next()?;
        // Of a whole inventory of libraries the first words are enough.
        let end = line.char_indices().nth(24).map_or(line.len(), |(at, _)| at);
        let version = line.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()));
        Some(version.unwrap_or(&line[..end]).to_owned())
    }

    /// Whether its help names this option. One that it does not know would keep it from starting.
    fn knows(self, option: &str) -> bool {
        self.says("--help").is_some_and(|said| said.contains(option))
    }

    /// What it answers to one argument; `None` where it is not installed, or says nothing within the time.
    fn says(self, argument: &str) -> Option<String> {
        let mut child = Command::new(self.program().ok()?)
            .arg(argument)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut output = child.stdout.take()?.take(ANSWER_BYTES_MAX);
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let mut said = Vec::new();
            let _ = tell.send(output.read_to_end(&mut said).map(|_| said));
        });
        let said = told.recv_timeout(ANSWER_MAX);
        // It has said everything, or never will.
        let _ = child.kill();
        let _ = child.wait();
        Some(String::from_utf8_lossy(&said.ok()?.ok()?).into_owned())
    }

    /// The command that downloads these URLs into `directory`, each to the file that its path names.
    pub(super) fn command<'a>(
        self,
        urls: impl Iterator<Item = (String, String)> + 'a,
        directory: &Path,
    ) -> io::Result<Command> {
        let mut list = String::new();
        for (url, path) in urls {
            let name = path.split('?').next().unwrap_or_default().trim_start_matches('/');
            match self {
                Self::Curl => list.extend(["url = \"", &url, "\"\noutput = \"", name, "\"\n"]),
                Self::Aria2 => list.extend([&url, "\n  out=", name, "\n"]),
                Self::Longhaul | Self::Wget | Self::Wget2 => list.extend([&url, "\n"]),
            }
        }
        let list_path = directory.join("list.txt");
        files::create(&list_path)?.write_all(list.as_bytes())?;
        let mut command = Command::new(self.program()?);
        command.current_dir(directory);
        match self {
            Self::Longhaul => command.args(["get", "--quiet", "--timeout", TIMEOUT_SECONDS, "-d", ".", "-i"]),
            Self::Wget | Self::Wget2 => {
                command.args([
                    "--quiet",
                    "--force-directories",
                    "--no-host-directories",
                    "--retry-connrefused",
                ]);
                command.arg(format!("--tries={TRIES}")).arg(format!("--timeout={TIMEOUT_SECONDS}"));
                command.arg("--waitretry=1");
                if self.knows(RETRY_ON) {
                    command.arg(format!("{RETRY_ON}={RETRIED}"));
                }
                if self == Self::Wget2 {
                    command.arg(format!("--max-threads={PARALLEL}"));
                }
                command.arg("-i")
            }
            Self::Curl => {
                command.args(["--silent", "--fail", "--create-dirs", "--retry-all-errors", "--retry", TRIES]);
                command.args(["--connect-timeout", TIMEOUT_SECONDS, "--speed-limit", "1", "--speed-time"]);
                command.args([TIMEOUT_SECONDS, "--parallel", "--parallel-max", PARALLEL, "--config"])
            }
            Self::Aria2 => {
                command.args(["--quiet", "--auto-file-renaming=false", "--allow-overwrite=true"]);
                command.arg("--retry-wait=1").arg(format!("--max-tries={TRIES}"));
                command.arg(format!("--timeout={TIMEOUT_SECONDS}"));
                command.arg(format!("--connect-timeout={TIMEOUT_SECONDS}"));
                command.args(["--lowest-speed-limit=100", "--max-connection-per-server=1"]);
                command.arg(format!("--max-concurrent-downloads={PARALLEL}")).arg("-i")
            }
        };
        command.arg(&list_path);
        Ok(command)
    }

    /// Of which file of the contest this is the final name, by its number.
    ///
    /// Every tool names a file by its path, some with the query behind it.
    pub(super) fn number_of(file_name: &str) -> Option<u32> {
        let (digits, rest) = file_name.split_at_checked(DIGITS)?;
        let is_final = match rest.strip_prefix(".bin")? {
            "" => true,
            // wget's and wget2's `?size=`, and Longhaul's escaped one.
            query => query.contains("size=") || query.contains("size%3D"),
        };
        digits.parse().ok().filter(|_| is_final)
    }
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
            assert_eq!(Peer::number_of(name), number, "{name}");
        }
    }
}
