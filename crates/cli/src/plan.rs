//! The resolved plan of a run: raw arguments in, settings and sources out. Checks that concern several arguments happen
//! here, before a file or a host is touched.
//!
//! Every struct of arguments is destructured without `..`, so a flag that is defined and then forgotten does not
//! compile.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::header::REFERER;
use longhaul::pace::PaceKind;
use longhaul::{BaseUrl, Builder, Haul, PacePer, Settings, Source, SuspectPolicy};

use crate::arguments::{
    GetArguments, LogFormatChoice, OutputArguments, PaceChoice, PacePerChoice, RetryArguments, RunArguments,
    SuspectChoice,
};
use crate::error::CommandError;
use crate::files;
use crate::progress::{LogFormat, LogPlan};
use crate::signature;

/// Extensions of log files whose lines are JSON.
const JSON_EXTENSIONS: [&str; 3] = ["json", "jsonl", "ndjson"];

/// A run of `get` or `retry`.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) directory: PathBuf,
    pub(crate) inputs: Vec<Input>,
    pub(crate) urls: Vec<String>,
    /// The name that the haul has for the lock file, if one is among the lists.
    pub(crate) locked: Option<String>,
    /// Where the files of checksum files are.
    pub(crate) base: Option<BaseUrl>,
    pub(crate) settings: Settings,
    pub(crate) output: Output,
    pub(crate) log: Option<LogPlan>,
}

/// A list to read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Standard,
    File(PathBuf),
}

/// What a run prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) verbosity: Verbosity,
}

/// How many messages people get. Each level includes the ones before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Errors and failures.
    Quiet,
    /// Progress and the report.
    Normal,
    /// Every retry and every change of pace.
    Verbose,
}

impl Plan {
    /// The plan of `get`.
    pub(crate) fn of_get(arguments: GetArguments) -> Result<Self, CommandError> {
        // The caller has looked at `dry_run`, and a run always resumes.
        let GetArguments {
            urls,
            mut input_files,
            locked,
            verify_key,
            base,
            directory,
            run,
            output,
            dry_run: _,
            resume: _,
        } = arguments;
        if let (Some(file), Some(key)) = (&locked, &verify_key) {
            signature::verify(file, key).map_err(CommandError::Signature)?;
        }
        input_files.extend(locked.clone());
        if input_files.is_empty() && urls.is_empty() && !files::holds_haul(&directory) {
            return Err(CommandError::NothingToDo { directory });
        }
        if let Some(path) = urls.iter().find(|url| names_file(url)) {
            return Err(CommandError::ListAsUrl { path: path.into() });
        }
        let inputs: Vec<Input> = input_files.into_iter().map(Input::of).collect();
        if inputs.iter().filter(|input| **input == Input::Standard).count() > 1 {
            return Err(CommandError::StandardInputTwice);
        }
        let locked = locked.as_deref().map(files::list_label);
        let (output, log) = outputs(output);
        Ok(Self { directory, inputs, urls, locked, base, settings: settings(run), output, log })
    }

    /// The plan of `retry`: a run of the haul without new lists.
    pub(crate) fn of_retry(arguments: RetryArguments) -> Self {
        // The caller has reopened the rows of `classes`.
        let RetryArguments { directory, run, output, classes: _ } = arguments;
        let (output, log) = outputs(output);
        Self {
            directory,
            inputs: Vec::new(),
            urls: Vec::new(),
            locked: None,
            base: None,
            settings: settings(run),
            output,
            log,
        }
    }

    /// A builder of the library that holds the whole plan, without an event callback. Formats of list files other than text are
    /// added here ([`Builder::list_format`]).
    pub(crate) fn into_builder(self) -> Builder {
        let Self { directory, inputs, urls, base, settings, locked: _, output: _, log: _ } = self;
        let builder = Haul::builder(directory).settings(|defaults| *defaults = settings);
        let builder = inputs.into_iter().fold(builder, |builder, input| builder.source(input.source()));
        let builder = urls.into_iter().fold(builder, Builder::url);
        match base {
            Some(base) => builder.base(base),
            None => builder,
        }
    }
}

impl Input {
    /// `-` is standard input; `./-` names a file called `-`.
    fn of(path: PathBuf) -> Self {
        if path == Path::new("-") { Self::Standard } else { Self::File(path) }
    }

    fn source(self) -> Source {
        match self {
            Self::File(path) => Source::File(path),
            Self::Standard => Source::Reader { label: "-".to_owned(), reader: Box::new(io::stdin()) },
        }
    }
}

/// True if an argument names a file and is not a URL: most likely a list without `-i`.
fn names_file(url: &str) -> bool {
    !url.contains("://") && files::is_file(Path::new(url))
}

/// What a run prints, and its log file.
fn outputs(arguments: OutputArguments) -> (Output, Option<LogPlan>) {
    let OutputArguments { json, quiet, verbose, log, log_format, log_size } = arguments;
    let verbosity = match (quiet, verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        // From 2 on, `trace` writes more.
        (false, _) => Verbosity::Verbose,
    };
    let log = log.map(|path| {
        let is_json = match log_format {
            Some(choice) => choice == LogFormatChoice::Json,
            None => path.extension().is_some_and(|extension| {
                JSON_EXTENSIONS.iter().any(|json| extension.eq_ignore_ascii_case(json))
            }),
        };
        let format = if is_json { LogFormat::Json } else { LogFormat::Text };
        LogPlan { path, format, bytes_max: log_size }
    });
    (Output { json, verbosity }, log)
}

/// The settings of a run. A flag that covers several settings comes before those that cover one.
fn settings(arguments: RunArguments) -> Settings {
    let RunArguments {
        jobs,
        per_host,
        wait,
        max_rate,
        pace,
        pace_per,
        limit_rate,
        timeout,
        connect_timeout,
        read_timeout,
        max_time,
        min_speed,
        tries,
        patience,
        ready_within,
        retry_on_http_error,
        canary,
        resolver,
        headers,
        user_agent,
        referer,
        insecure,
        no_clobber,
        adopt,
        max_filesize,
        expect_type,
        suspect,
        seed,
    } = arguments;
    let mut settings = Settings::default();
    settings.jobs_max = jobs;
    settings.jobs_per_host_max = per_host;
    settings.pace = Arc::new(match pace {
        PaceChoice::Inference => PaceKind::Inference,
        PaceChoice::Fixed => PaceKind::Fixed,
    });
    settings.pace_per = match pace_per {
        PacePerChoice::Host => PacePer::Host,
        PacePerChoice::Address => PacePer::Address,
    };
    settings.spacing = wait.unwrap_or_default();
    settings.spacings = max_rate;
    settings.file_bytes_max = max_filesize;
    settings.rate_limit = limit_rate.filter(|&rate| rate > 0);
    settings.no_clobber = no_clobber;
    settings.adopt_by_size = adopt;
    settings.expected_types = expect_type;
    settings.suspect = match suspect {
        SuspectChoice::Warn => SuspectPolicy::Warn,
        SuspectChoice::Fail => SuspectPolicy::Fail,
    };
    settings.insecure_hosts = insecure;
    settings.retry_statuses = retry_on_http_error;
    settings.name_servers = resolver;
    settings.canary = canary;
    settings.headers = headers;
    if let Some(timeout) = timeout {
        settings.set_timeout(timeout);
    }
    if let Some(timeout) = connect_timeout {
        settings.timeouts.connect = timeout;
        settings.timeouts.tls = timeout;
    }
    if let Some(timeout) = read_timeout {
        settings.timeouts.head = timeout;
        // What the user sets does not grow.
        settings.head_timeout_max = timeout;
        settings.timeouts.idle = timeout;
    }
    settings.timeouts.total = max_time.filter(|limit| !limit.is_zero());
    if let Some(bytes_per_second) = min_speed {
        settings.timeouts.speed.bytes_per_second = bytes_per_second;
    }
    if let Some(tries) = tries {
        settings.tries = tries;
    }
    if let Some(patience) = patience {
        settings.host_patience = patience;
    }
    if let Some(patience) = ready_within {
        settings.ready_patience = patience;
    }
    if let Some(agent) = user_agent.as_ref().and_then(|agent| agent.to_str().ok()) {
        agent.clone_into(&mut settings.user_agent);
    }
    if let Some(referer) = referer {
        settings.headers.push((REFERER, referer));
    }
    if let Some(seed) = seed {
        settings.seed = seed;
    }
    settings
}
