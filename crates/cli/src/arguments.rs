//! The command line as it is typed. Every value is parsed here; what the values mean together is the plan's affair.

use std::ffi::{OsStr, OsString};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};
use http::{HeaderName, HeaderValue};
use longhaul::retry::Tries;
use longhaul::{Class, HttpUrl};
use longhaul_socket::Host;

use crate::values;

mod serve;
mod sockets;

pub(crate) use serve::ServeArguments;
pub(crate) use sockets::{ConnectArguments, ExchangeArguments, ListenArguments, SocketsArguments};

/// Downloads everything on a list, whatever the network does.
#[derive(Debug, Parser)]
#[command(
    name = "longhaul",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "Exit codes: 0 all done, 2 usage or a bad line of a list, 3 files, 4 network, 5 TLS, 6 credentials, \
                  7 protocol, 8 server errors, 9 stopped before the end (run it again), 1 anything else."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Get(Box<GetArguments>),
    Status(StatusArguments),
    Retry(Box<RetryArguments>),
    Export(ExportArguments),
    Rehearse(RehearseArguments),
    Serve(ServeArguments),
    Connect(ConnectArguments),
    Listen(ListenArguments),
    Sockets(SocketsArguments),
}

/// Download everything on the lists; run it again to resume
#[derive(Debug, Args)]
pub(crate) struct GetArguments {
    /// URLs, as if they stood on a list
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// A list with one URL a line, and behind tabs `size=BYTES` or `sha256=HEX`, if its content is known; `-` is standard
    /// input. May be given several times
    #[arg(short, long = "input-file", value_name = "LIST")]
    pub(crate) input_files: Vec<PathBuf>,
    /// The directory of the files; it keeps the state of the haul too
    #[arg(
        short,
        long = "dir",
        visible_short_alias = 'P',
        visible_alias = "directory-prefix",
        value_name = "DIR"
    )]
    pub(crate) directory: PathBuf,
    /// Check the lists and print what would be fetched, under which name
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Resume; always done, accepted for habit's sake
    #[arg(short = 'c', long = "continue")]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Try failed URLs again, and whatever is pending
#[derive(Debug, Args)]
pub(crate) struct RetryArguments {
    /// The directory of the haul
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Only failures of these classes, such as timeout,5xx; all unless given
    #[arg(long = "class", value_name = "CLASS", value_delimiter = ',', value_parser = values::class)]
    pub(crate) classes: Vec<Class>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Who decides how fast hosts are asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PaceChoice {
    /// The program, by what each host answers
    #[default]
    Adaptive,
    /// The user: only Retry-After is heeded
    Fixed,
}

/// What has a pace of its own.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PacePerChoice {
    /// Each host; those at one address share a pace once they turn out to be limited together
    #[default]
    Host,
    /// Each address and port, whatever the names that lead there
    Address,
}

/// How a haul is run: the same for `get` and `retry`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Downloads at a time, all hosts together
    #[arg(short, long, value_name = "N", default_value_t = longhaul::JOBS_DEFAULT,
          value_parser = clap::value_parser!(u32).range(1..=65_536), help_heading = "Pace")]
    pub(crate) jobs: u32,
    /// Downloads at a time from one host [default: up to 8; 16 on private addresses]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536), help_heading = "Pace")]
    pub(crate) per_host: Option<u32>,
    /// The least time between two requests to a host [default: none]
    #[arg(short, long, value_name = "TIME", value_parser = values::duration, help_heading = "Pace")]
    pub(crate) wait: Option<Duration>,
    /// Requests to this host at most, such as example.org=10/s or example.org=300/m. May be given several times
    #[arg(long, value_name = "HOST=RATE", value_parser = values::host_rate, help_heading = "Pace")]
    pub(crate) max_rate: Vec<(Host, Duration)>,
    /// Find the pace that each host tolerates, or keep as many downloads going as --per-host says, whatever it answers
    #[arg(long, value_name = "WHICH", value_enum, default_value_t, help_heading = "Pace")]
    pub(crate) pace: PaceChoice,
    /// What has a pace of its own
    #[arg(long, value_name = "WHAT", value_enum, default_value_t, help_heading = "Pace")]
    pub(crate) pace_per: PacePerChoice,
    /// Bytes a second, all hosts together, such as 500k
    #[arg(long, value_name = "SIZE", value_parser = values::rate, help_heading = "Pace")]
    pub(crate) limit_rate: Option<u64>,
    /// Every wait on a socket at once [default: 10s to connect, 20s otherwise]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Patience")]
    pub(crate) timeout: Option<Duration>,
    /// Names, connections and TLS handshakes
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Patience")]
    pub(crate) connect_timeout: Option<Duration>,
    /// The head of an answer, and silence in its body
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Patience")]
    pub(crate) read_timeout: Option<Duration>,
    /// One attempt as a whole [default: no limit]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Patience")]
    pub(crate) max_time: Option<Duration>,
    /// Give an attempt up that stays below so many bytes a second; 0 never does [default: 100]
    #[arg(long, value_name = "SIZE", value_parser = values::minimum_speed, help_heading = "Patience")]
    pub(crate) min_speed: Option<u32>,
    /// Attempts per URL, or `inf` [default: 20]
    #[arg(long, visible_alias = "retry", value_name = "N", value_parser = values::tries, help_heading = "Patience")]
    pub(crate) tries: Option<Tries>,
    /// Give a host up that has answered nothing for so long, whatever it was asked [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Patience")]
    pub(crate) patience: Option<Duration>,
    /// Statuses to be tried again although they are final by default, such as 404,410
    #[arg(long, value_name = "CODES", value_delimiter = ',',
          value_parser = clap::value_parser!(u16).range(400..=599), help_heading = "Patience")]
    pub(crate) retry_on_http_error: Vec<u16>,
    /// Ask here whether our own network is there when no host answers any more; only a connection is made
    #[arg(long, value_name = "URL", help_heading = "Patience")]
    pub(crate) canary: Option<HttpUrl>,
    /// Ask this name server instead of the system's, such as 192.0.2.1 or 127.0.0.1:5353. May be given several times
    #[arg(long, value_name = "ADDRESS", value_parser = values::name_server, help_heading = "Requests",
          hide_short_help = true)]
    pub(crate) resolver: Vec<SocketAddr>,
    /// A request field, such as `Accept-Language: en`. May be given several times
    #[arg(short = 'H', long = "header", value_name = "FIELD", value_parser = values::header,
          help_heading = "Requests")]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// What the program calls itself [default: longhaul/VERSION]
    #[arg(short = 'U', visible_short_alias = 'A', long, value_name = "TEXT", value_parser = values::field_value,
          help_heading = "Requests")]
    pub(crate) user_agent: Option<HeaderValue>,
    /// The Referer field
    #[arg(short = 'e', long, value_name = "URL", value_parser = values::field_value, help_heading = "Requests")]
    pub(crate) referer: Option<HeaderValue>,
    /// Do not check the certificates of this host. May be given several times
    #[arg(short = 'k', long, value_name = "HOST", value_parser = values::host, help_heading = "Requests")]
    pub(crate) insecure: Vec<String>,
    /// Skip a URL whose file is there already, put by somebody else; `-nc` for short
    #[arg(long, help_heading = "Files")]
    pub(crate) no_clobber: bool,
    /// Seed of every random choice, to repeat a run
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(crate) seed: Option<u64>,
}

/// What is said while a haul runs.
#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// One event a line on standard output; the last line is the report
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Say nothing but errors
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Say every retry too
    #[arg(short, long, conflicts_with = "quiet", help_heading = "Output")]
    pub(crate) verbose: bool,
}

/// Show how far a haul is, running or not
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// The directory of the haul
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Hosts that are slower than they could be, and why
    #[arg(long)]
    pub(crate) hosts: bool,
    /// As one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write what became of every URL
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// The directory of the haul
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// The format
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// Where to [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object a line
    Jsonl,
    /// Comma-separated values (RFC 4180)
    Csv,
}

/// Prove the promises on this machine: a hostile host, a kill -9, a resume, every byte checked
#[derive(Debug, Args)]
pub(crate) struct RehearseArguments {
    /// An empty directory to work in, which is kept [default: a temporary one]
    #[arg(short, long = "dir", value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Have wget, wget2, curl and aria2c, as far as they are installed, download from the same host, and compare
    #[arg(long)]
    pub(crate) peers: bool,
    /// Files to download
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) files: u32,
    /// Seed of the files and of what goes wrong
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}

/// Makes `-nc`, which wget's users type, the long flag that it stands for: two letters after one dash would be two
/// flags. What follows `--` is left alone.
pub(crate) fn with_two_letter_flags(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut are_flags = true;
    let rewrite = |argument: OsString| {
        are_flags &= argument != OsStr::new("--");
        if are_flags && argument == OsStr::new("-nc") { OsString::from("--no-clobber") } else { argument }
    };
    arguments.into_iter().map(rewrite).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn the_commands_of_the_pages_are_understood() {
        let pages = [include_str!("../../../docs/cli.md"), include_str!("../../../docs/proxy.md")];
        let mut commands = 0;
        for page in pages {
            let page = page.replace("\\\n", " ");
            for command in page.lines().filter(|line| line.starts_with("longhaul serve ")) {
                let words = command.split(" #").next().unwrap_or_default().split_whitespace();
                if let Err(error) = Arguments::try_parse_from(words) {
                    panic!("{command}: {error}");
                }
                commands += 1;
            }
        }
        assert!(commands >= 5, "{commands}");
    }

    #[test]
    fn two_letters_after_one_dash() {
        let typed = ["longhaul", "get", "-nc", "--", "-nc"].map(OsString::from);
        let read = with_two_letter_flags(typed);
        assert_eq!(read, ["longhaul", "get", "--no-clobber", "--", "-nc"]);
    }
}
