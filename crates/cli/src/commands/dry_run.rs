//! `longhaul get --dry-run`: what would be fetched, under which name.
//!
//! The lists are read by the engine itself, into a scratch copy of the haul and with a network on which nothing ever
//! answers. So what is said here about names, duplicates and refused lines cannot differ from what a run would do, and
//! neither the directory nor any host is touched.

use std::io::{self, Read, Write as _};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use longhaul::{Event, Haul, Row, RowOutcome, Source, Status, Stopper};
use longhaul_socket::{BoxFuture, Endpoint, HostName, Listener, LookupError, Network, Transport};

use crate::error::CommandError;
use crate::exit::Exit;
use crate::files::{self, Scratch};
use crate::plan::{Input, Plan, Verbosity};
use crate::render::{count, escaped, json};

pub(super) fn run(plan: Plan) -> Result<Exit, CommandError> {
    let scratch = Scratch::new("dry-run").map_err(CommandError::Scratch)?;
    if files::holds_haul(&plan.directory) {
        files::copy_state(&plan.directory, scratch.path()).map_err(CommandError::Scratch)?;
    }
    let output = plan.output;
    read_lists(plan, &scratch)?;
    let status = Status::read(scratch.path())?;
    let (mut fetched, mut refused) = (0, 0);
    let mut written = Ok(());
    status.for_each_row(|row| {
        let line = match row.outcome {
            RowOutcome::Pending | RowOutcome::Waiting(_) => {
                fetched += 1;
                if output.json { machine(row) } else { human(row) }
            }
            RowOutcome::Refused(reason) => {
                refused += 1;
                tell(&format!("refused: {}:{}: {}: {}", row.list, row.line, row.url, reason));
                return;
            }
            _ => return,
        };
        if written.is_ok() {
            written = io::stdout().write_all(line.as_bytes());
        }
    })?;
    if output.verbosity > Verbosity::Quiet {
        let counts = status.counts();
        tell(&format!(
            "{} to fetch, {} refused, {} skipped as duplicates or already there, {} done; nothing was touched",
            count(fetched),
            count(refused),
            count(counts.skipped),
            count(counts.done)
        ));
    }
    match written {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => {
            Err(CommandError::Output { place: "standard output".to_owned(), source })
        }
        _ if refused > 0 => Ok(Exit::Usage),
        _ => Ok(Exit::Complete),
    }
}

fn human(row: &Row<'_>) -> String {
    format!("{}\t{}\n", escaped(&row.url), escaped(row.name.as_deref().unwrap_or_default()))
}

fn machine(row: &Row<'_>) -> String {
    let fields = [
        ("list", row.list.into()),
        ("line", row.line.into()),
        ("url", row.url.as_str().into()),
        ("name", row.name.as_deref().into()),
    ];
    json::object(&fields) + "\n"
}

fn tell(text: &str) {
    // Where nobody listens, nothing is to be done.
    let _ = writeln!(io::stderr(), "{}", escaped(text));
}

/// Reads every list to its end into the scratch haul.
fn read_lists(plan: Plan, scratch: &Scratch) -> Result<(), CommandError> {
    let Plan { inputs, urls, settings, .. } = plan;
    let mut to_read = inputs.len() + usize::from(!urls.is_empty());
    if to_read == 0 {
        return Ok(());
    }
    let stopper: Arc<OnceLock<Stopper>> = Arc::default();
    let mut builder = Haul::builder(scratch.path()).network(Arc::new(Silence)).settings(|defaults| {
        *defaults = settings;
        // Nothing will answer, so nobody needs to be asked.
        defaults.jobs_max = 1;
        defaults.shards = 1;
    });
    let broken = Broken::default();
    for input in inputs {
        builder = builder.source(watched(input, &broken)?);
    }
    builder = urls.into_iter().fold(builder, longhaul::Builder::url);
    let known = Arc::clone(&stopper);
    let haul = builder
        .on_event(move |event| {
            if let Event::ListRead { .. } = event {
                to_read -= 1;
                if to_read == 0
                    && let Some(stopper) = known.get()
                {
                    stopper.stop();
                }
            }
        })
        .build()?;
    // Set once, here.
    let _ = stopper.set(haul.stopper());
    haul.run()?;
    let failed = broken.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    failed.map_or(Ok(()), |(label, source)| Err(CommandError::List { label, source }))
}

/// The first list that could not be read to its end, and why. To the engine it ends there, so that the run ends too.
#[derive(Debug, Default, Clone)]
struct Broken(Arc<Mutex<Option<(String, io::Error)>>>);

struct Watched<R> {
    reader: R,
    label: String,
    broken: Broken,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let mut broken = self.broken.0.lock().unwrap_or_else(PoisonError::into_inner);
                broken.get_or_insert((self.label.clone(), error));
                Ok(0)
            }
            read => read,
        }
    }
}

/// A list as a reader that is read in any case: the engine passes over a file that it knows to be unchanged.
fn watched(input: Input, broken: &Broken) -> Result<Source, CommandError> {
    let broken = broken.clone();
    Ok(match input {
        Input::Standard => {
            let label = "-".to_owned();
            Source::Reader {
                label: label.clone(),
                reader: Box::new(Watched { reader: io::stdin(), label, broken }),
            }
        }
        Input::File(path) => {
            let label = full_path(&path);
            let reader = files::open_list(&path)
                .map_err(|source| CommandError::List { label: path.display().to_string(), source })?;
            Source::Reader { label: label.clone(), reader: Box::new(Watched { reader, label, broken }) }
        }
    })
}

/// What the engine calls the list of a file: the same in every run, wherever the program is started from.
fn full_path(path: &PathBuf) -> String {
    path.canonicalize().as_ref().unwrap_or(path).to_string_lossy().into_owned()
}

/// A network on which nothing ever answers.
struct Silence;

impl Network for Silence {
    fn lookup<'a>(&'a self, _name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>> {
        Box::pin(std::future::pending())
    }

    fn dial(&self, _endpoint: Endpoint) -> BoxFuture<'_, io::Result<Box<dyn Transport>>> {
        Box::pin(std::future::pending())
    }

    fn listen(&self, _endpoint: Endpoint) -> io::Result<Box<dyn Listener>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
