//! The arguments of `get`, `retry`, `status`, `export`, `verify` and `forget`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use http::{HeaderName, HeaderValue};
use longhaul::retry::Tries;
use longhaul::{BaseUrl, Class, HttpUrl, MediaRange};
use longhaul_socket::Host;

use crate::values;

/// Download everything on the lists; run it again to resume
#[derive(Debug, Args)]
pub(crate) struct GetArguments {
    /// URLs to download, in addition to those on the lists
    #[arg(value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// A list with one URL per line; `size=BYTES`, `type=TYPE` and digests such as `sha256=HEX` may follow it, separated
    /// by tabs or spaces. `-` is standard input. Repeatable
    #[arg(short, long = "input-file", value_name = "LIST")]
    pub(crate) input_files: Vec<PathBuf>,
    /// A lock file of `export`: a list, whose rows are reported as same, changed or gone
    #[arg(long, value_name = "FILE")]
    pub(crate) locked: Option<PathBuf>,
    /// Compare the lock file with its signature FILE.minisig before anything is requested: a public key of minisign, or a file
    /// with one
    #[arg(long, value_name = "KEY", requires = "locked")]
    pub(crate) verify_key: Option<String>,
    /// Where the files are that checksum files among the lists name (sha256sum, b3sum, BagIt manifests): a URL that ends in /
    #[arg(long, value_name = "URL")]
    pub(crate) base: Option<BaseUrl>,
    /// Directory for the files and the state of the haul; created if missing
    #[arg(
        short,
        long = "dir",
        visible_short_alias = 'P',
        visible_alias = "directory-prefix",
        value_name = "DIR"
    )]
    pub(crate) directory: PathBuf,
    /// Check the lists and print each URL with the name of its file; download nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Resume. This is always done; the flag is accepted for users of wget
    #[arg(short = 'c', long = "continue")]
    pub(crate) resume: bool,
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// Download failed and parked URLs again, and those still pending
#[derive(Debug, Args)]
pub(crate) struct RetryArguments {
    /// Directory of the haul
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Retry only failures of these classes, such as timeout,5xx [default: all]
    #[arg(long = "class", value_name = "CLASS", value_delimiter = ',', value_parser = values::class)]
    pub(crate) classes: Vec<Class>,
    #[command(flatten)]
    pub(crate) run: RunArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
}

/// The value of `--pace`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PaceChoice {
    /// Find the pace that each host tolerates: infer what it counts and how long it bans
    #[default]
    Inference,
    /// Keep --per-host downloads in progress; only Retry-After slows a host down
    Fixed,
}

/// The value of `--pace-per`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum PacePerChoice {
    /// Each host has its own; hosts at one address share one once they prove to be limited together
    #[default]
    Host,
    /// Each address and port has its own, whatever the host names
    Address,
}

/// The value of `--suspect`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum SuspectChoice {
    /// Keep them, and say so once
    #[default]
    Warn,
    /// Fail them from the one on that shows the pattern
    Fail,
}

/// Settings of a run, the same for `get` and `retry`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// Simultaneous downloads, all hosts together
    #[arg(short, long, value_name = "N", default_value_t = longhaul::JOBS_DEFAULT,
          value_parser = clap::value_parser!(u32).range(1..=65_536), help_heading = "Pace")]
    pub(crate) jobs: u32,
    /// Simultaneous downloads from one host [default: up to 64, beyond 8 only while nothing speaks against it]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=65_536), help_heading = "Pace")]
    pub(crate) per_host: Option<u32>,
    /// Minimum time between two requests to a host [default: none]
    #[arg(short, long, value_name = "TIME", value_parser = values::duration_or_zero, help_heading = "Pace")]
    pub(crate) wait: Option<Duration>,
    /// Maximum request rate for a host, such as example.org=10/s or example.org=300/m. Repeatable
    #[arg(long, value_name = "HOST=RATE", value_parser = values::host_rate, help_heading = "Pace")]
    pub(crate) max_rate: Vec<(Host, Duration)>,
    /// How the request rate of a host is decided
    #[arg(long, value_name = "HOW", value_enum, default_value_t, help_heading = "Pace")]
    pub(crate) pace: PaceChoice,
    /// What has a pace of its own
    #[arg(long, value_name = "WHAT", value_enum, default_value_t, help_heading = "Pace")]
    pub(crate) pace_per: PacePerChoice,
    /// Maximum bytes per second, all hosts together, such as 500k; 0 for no limit [default: unlimited]
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Pace")]
    pub(crate) limit_rate: Option<u64>,
    /// Set --connect-timeout and --read-timeout at once [default: 10s and 20s]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Timeouts and retries")]
    pub(crate) timeout: Option<Duration>,
    /// Timeout of name resolution and connecting together, and of the TLS handshake
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Timeouts and retries")]
    pub(crate) connect_timeout: Option<Duration>,
    /// Timeout of a response head, and of silence in a body. Unless it is set, that of a head doubles from 20s to 5m while
    /// the attempts of a URL end at it
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Timeouts and retries")]
    pub(crate) read_timeout: Option<Duration>,
    /// Timeout of a whole attempt; 0 for none [default: none]
    #[arg(long, value_name = "TIME", value_parser = values::duration_or_zero, help_heading = "Timeouts and retries")]
    pub(crate) max_time: Option<Duration>,
    /// Abort an attempt that stays below this many bytes per second; 0 never does [default: 100]
    #[arg(long, value_name = "SIZE", value_parser = values::minimum_speed, help_heading = "Timeouts and retries")]
    pub(crate) min_speed: Option<u32>,
    /// Attempts per URL, or `inf` [default: 20]
    #[arg(long, visible_alias = "retry", value_name = "N", value_parser = values::tries,
          help_heading = "Timeouts and retries")]
    pub(crate) tries: Option<Tries>,
    /// Give up a host that has not responded to any request for this long [default: 1m]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Timeouts and retries")]
    pub(crate) patience: Option<Duration>,
    /// Give up a file that its host is still preparing (202) after this long [default: 1h]
    #[arg(long, value_name = "TIME", value_parser = values::duration, help_heading = "Timeouts and retries")]
    pub(crate) ready_within: Option<Duration>,
    /// Also retry responses with these statuses, which are final by default, such as 404,410
    #[arg(long, value_name = "CODES", value_delimiter = ',',
          value_parser = clap::value_parser!(u16).range(400..=599), help_heading = "Timeouts and retries")]
    pub(crate) retry_on_http_error: Vec<u16>,
    /// When no host responds any more, connect here to find out whether the local network is down
    #[arg(long, value_name = "URL", help_heading = "Timeouts and retries")]
    pub(crate) canary: Option<HttpUrl>,
    /// Query this name server instead of the system's, such as 192.0.2.1 or 127.0.0.1:5353. Repeatable
    #[arg(long, value_name = "ADDRESS", value_parser = values::name_server, help_heading = "Requests",
          hide_short_help = true)]
    pub(crate) resolver: Vec<SocketAddr>,
    /// Send this header field, such as `Accept-Language: en`. Repeatable
    #[arg(short = 'H', long = "header", value_name = "FIELD", value_parser = values::header,
          help_heading = "Requests")]
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Value of the User-Agent field [default: longhaul/VERSION]
    #[arg(short = 'U', visible_short_alias = 'A', long, value_name = "TEXT", value_parser = values::field_value,
          help_heading = "Requests")]
    pub(crate) user_agent: Option<HeaderValue>,
    /// Value of the Referer field
    #[arg(short = 'e', long, value_name = "URL", value_parser = values::field_value, help_heading = "Requests")]
    pub(crate) referer: Option<HeaderValue>,
    /// Do not verify the certificates of this host. Repeatable
    #[arg(short = 'k', long, value_name = "HOST", value_parser = values::host, help_heading = "Requests")]
    pub(crate) insecure: Vec<String>,
    /// Skip a URL whose file name is taken by a file that Longhaul did not create, unless that file contradicts the list.
    /// `-nc` is accepted too
    #[arg(long, help_heading = "Files")]
    pub(crate) no_clobber: bool,
    /// Adopt a file that is there already and has the `size=` of its line, also without a digest on the list
    #[arg(long, help_heading = "Files")]
    pub(crate) adopt: bool,
    /// Fail what is not of this media type, such as application/pdf or image/*, unless its line has a type. Repeatable
    #[arg(long, value_name = "TYPE", value_delimiter = ',', help_heading = "Files")]
    pub(crate) expect_type: Vec<MediaRange>,
    /// What becomes of files that look like a login or an error page: many of a host have one body, or are web pages under
    /// names of data
    #[arg(long, value_name = "WHAT", value_enum, default_value_t, help_heading = "Files")]
    pub(crate) suspect: SuspectChoice,
    /// Fail a file that is larger, such as 500M [default: nine tenths of the free disk space]
    #[arg(long, value_name = "SIZE", value_parser = values::size, help_heading = "Files")]
    pub(crate) max_filesize: Option<u64>,
    /// Seed of every random choice, to repeat a run
    #[arg(long, value_name = "N", hide_short_help = true)]
    pub(crate) seed: Option<u64>,
}

/// What a run prints.
#[derive(Debug, Args)]
pub(crate) struct OutputArguments {
    /// Write one JSON event per line to standard output; the last one is the report
    #[arg(long, help_heading = "Output")]
    pub(crate) json: bool,
    /// Print errors and failures only
    #[arg(short, long, help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Print every retry and every change of pace too; `-vv` also traces decisions
    #[arg(short, long, action = clap::ArgAction::Count, conflicts_with = "quiet", help_heading = "Output")]
    pub(crate) verbose: u8,
    /// Also write failures, retries and other events to this file, which is renamed to FILE.1 when it is full; 5 files are kept
    #[arg(long, value_name = "FILE", help_heading = "Output")]
    pub(crate) log: Option<PathBuf>,
    /// What the log looks like [default: json if FILE ends in .json, .jsonl or .ndjson, otherwise text]
    #[arg(long, value_name = "FORMAT", value_enum, requires = "log", help_heading = "Output")]
    pub(crate) log_format: Option<LogFormatChoice>,
    /// Size at which the log is renamed, such as 10M
    #[arg(long, value_name = "SIZE", value_parser = values::log_size, requires = "log",
          default_value_t = LOG_BYTES_DEFAULT, hide_default_value = true, help_heading = "Output")]
    pub(crate) log_size: u64,
}

/// The size at which a log is renamed, unless the user gives another: that of about 200,000 failures.
const LOG_BYTES_DEFAULT: u64 = 64 * 1024 * 1024;

/// The value of `--log-format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormatChoice {
    /// A line for people, with the time
    Text,
    /// One JSON object per line, as of --json
    Json,
}

/// Show the progress of a haul, running or not
#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    /// Directory of the haul
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Also list the hosts that slow the haul down, and why
    #[arg(long)]
    pub(crate) hosts: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Write the outcome of every URL, or a lock file, or checksums
#[derive(Debug, Args)]
pub(crate) struct ExportArguments {
    /// Directory of the haul
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Output format
    #[arg(long, value_enum)]
    pub(crate) format: ExportFormat,
    /// Output file, or the directory of a bag [default: standard output]
    #[arg(short, long, value_name = "FILE", required_if_eq("format", "bagit"))]
    pub(crate) output: Option<PathBuf>,
    /// Sign the output file with this secret key of minisign, which has no password; the signature is FILE.minisig
    #[arg(long, value_name = "KEY", requires = "output")]
    pub(crate) sign: Option<PathBuf>,
}

/// Compare the downloaded files with what was recorded of them
#[derive(Debug, Args)]
pub(crate) struct VerifyArguments {
    /// Directory of the haul
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Compare sizes and modification times; read only files whose time differs
    #[arg(long)]
    pub(crate) quick: bool,
    /// Make the rows of missing and changed files pending, so that `get` downloads them again. A changed file is renamed to
    /// NAME~changed
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print one JSON object per finding, and the report as the last one
    #[arg(long)]
    pub(crate) json: bool,
}

/// Take rows out of the haul: those of a list, of a class, of a URL
#[derive(Debug, Args)]
#[command(group(clap::ArgGroup::new("rows").args(["lists", "classes", "urls"]).required(true).multiple(true)))]
pub(crate) struct ForgetArguments {
    /// Directory of the haul
    #[arg(value_name = "DIR")]
    pub(crate) directory: PathBuf,
    /// Rows of this list. Repeatable
    #[arg(short = 'i', long = "list", value_name = "LIST")]
    pub(crate) lists: Vec<PathBuf>,
    /// Rows that failed with these classes, such as 4xx,list
    #[arg(long = "class", value_name = "CLASS", value_delimiter = ',', value_parser = values::class)]
    pub(crate) classes: Vec<Class>,
    /// Rows with this URL, or the refused line that begins like this. Repeatable
    #[arg(long = "url", value_name = "URL")]
    pub(crate) urls: Vec<String>,
    /// Also rows that are done; their files stay
    #[arg(long)]
    pub(crate) done: bool,
}

/// The value of `export --format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ExportFormat {
    /// One JSON object per line
    Jsonl,
    /// Comma-separated values (RFC 4180)
    Csv,
    /// A list of the finished files with sizes, digests and names, for `get --locked`
    Lock,
    /// The finished files as `sha256sum` writes them; reads each file
    Sha256sums,
    /// The finished files as `b3sum` writes them
    B3sums,
    /// A BagIt bag (RFC 8493) of the finished files in the directory --output; reads each file
    Bagit,
}
