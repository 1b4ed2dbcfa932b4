//! What a run will do, resolved: arguments in, settings and sources out. Whatever is wrong with the arguments as a
//! whole is found here, before anything is touched.

use std::io;
use std::path::{Path, PathBuf};

use http::header::REFERER;
use longhaul::{Builder, Haul, PacePer, Settings, Source};

use crate::arguments::{
    GetArguments, OutputArguments, PaceChoice, PacePerChoice, RetryArguments, RunArguments,
};
use crate::error::CommandError;
use crate::files;

/// A run of `get` or `retry`.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) directory: PathBuf,
    pub(crate) inputs: Vec<Input>,
    pub(crate) urls: Vec<String>,
    pub(crate) settings: Settings,
    pub(crate) output: Output,
}

/// Where lines come from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Input {
    Standard,
    File(PathBuf),
}

/// What is said while the haul runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) json: bool,
    pub(crate) verbosity: Verbosity,
}

/// How much is said to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Verbosity {
    /// Errors and failures.
    Quiet,
    /// Progress and the report, too.
    Normal,
    /// Every retry, too.
    Verbose,
}

impl Plan {
    /// The plan of `get`.
    pub(crate) fn of_get(arguments: GetArguments) -> Result<Self, CommandError> {
        let GetArguments { urls, input_files, directory, run, output, dry_run: _, resume: _ } = arguments;
        if input_files.is_empty() && urls.is_empty() && !files::holds_haul(&directory) {
            return Err(CommandError::NothingToDo { directory });
        }
        let inputs: Vec<Input> = input_files.into_iter().map(Input::of).collect();
        if inputs.iter().filter(|input| **input == Input::Standard).count() > 1 {
            return Err(CommandError::StandardInputTwice);
        }
        Ok(Self { directory, inputs, urls, settings: settings(run), output: output.into() })
    }

    /// The plan of `retry`: what has been reopened, and whatever was pending.
    pub(crate) fn of_retry(arguments: RetryArguments) -> Self {
        let RetryArguments { directory, run, output, classes: _ } = arguments;
        Self {
            directory,
            inputs: Vec::new(),
            urls: Vec::new(),
            settings: settings(run),
            output: output.into(),
        }
    }

    /// The library's builder with all of the plan in it. Events go nowhere yet.
    pub(crate) fn into_builder(self) -> Builder {
        let settings = self.settings;
        let builder = Haul::builder(self.directory).settings(|defaults| *defaults = settings);
        let builder = self.inputs.into_iter().fold(builder, |builder, input| builder.source(input.source()));
        self.urls.into_iter().fold(builder, Builder::url)
    }
}

impl Input {
    /// `-` is standard input; a file of that name is `./-`.
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

impl From<OutputArguments> for Output {
    fn from(arguments: OutputArguments) -> Self {
        let verbosity = match arguments {
            OutputArguments { quiet: true, .. } => Verbosity::Quiet,
            OutputArguments { verbose: true, .. } => Verbosity::Verbose,
            _ => Verbosity::Normal,
        };
        Self { json: arguments.json, verbosity }
    }
}

/// The coarse flag first, then the finer ones over it.
fn settings(run: RunArguments) -> Settings {
    let mut settings = Settings::default();
    settings.jobs_max = run.jobs;
    settings.jobs_per_host_max = run.per_host;
    settings.pace.is_fixed = run.pace == PaceChoice::Fixed;
    settings.pace_per = match run.pace_per {
        PacePerChoice::Host => PacePer::Host,
        PacePerChoice::Address => PacePer::Address,
    };
    settings.pace.spacing = run.wait.unwrap_or_default();
    settings.spacings = run.max_rate;
    settings.rate_limit = run.limit_rate;
    settings.no_clobber = run.no_clobber;
    settings.insecure_hosts = run.insecure;
    settings.retry_statuses = run.retry_on_http_error;
    settings.name_servers = run.resolver;
    settings.canary = run.canary;
    settings.headers = run.headers;
    if let Some(wait) = run.timeout {
        settings.set_timeout(wait);
    }
    if let Some(wait) = run.connect_timeout {
        settings.timeouts.connect = wait;
        settings.timeouts.tls = wait;
    }
    if let Some(wait) = run.read_timeout {
        settings.timeouts.head = wait;
        settings.timeouts.idle = wait;
    }
    settings.timeouts.total = run.max_time;
    if let Some(speed) = run.min_speed {
        settings.timeouts.speed.bytes_per_second = speed;
    }
    if let Some(tries) = run.tries {
        settings.tries = tries;
    }
    if let Some(patience) = run.patience {
        settings.host_patience = patience;
    }
    if let Some(agent) = run.user_agent.as_ref().and_then(|agent| agent.to_str().ok()) {
        agent.clone_into(&mut settings.user_agent);
    }
    if let Some(referer) = run.referer {
        settings.headers.push((REFERER, referer));
    }
    if let Some(seed) = run.seed {
        settings.seed = seed;
    }
    settings
}
