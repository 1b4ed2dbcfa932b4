//! `longhaul get --dry-run`: checks the lists and prints what would be downloaded.
//!
//! The engine itself reads the lists, into a scratch copy of the haul and with a network that never responds. So the names,
//! duplicates and refused lines printed here are those of a run, and neither the directory nor any host is touched.

use std::io::{self, Read};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use longhaul::{Event, Haul, Row, RowOutcome, Source, Status, Stopper};
use longhaul_socket::{BoxFuture, Endpoint, HostName, Listener, LookupError, Network, Transport};

use super::{write_data, write_message};
use crate::error::CommandError;
use crate::exit::Exit;
use crate::files::{self, ScratchDirectory};
use crate::plan::{Input, Plan, Verbosity};
use crate::render::{count, escaped, json};

pub(super) fn run(plan: Plan) -> Result<Exit, CommandError> {
    let scratch = ScratchDirectory::new("dry-run").map_err(CommandError::Scratch)?;
    if files::holds_haul(&plan.directory) {
        files::copy_state(&plan.directory, scratch.path()).map_err(CommandError::Scratch)?;
    }
    let output = plan.output;
    read_lists(plan, &scratch)?;
    let status = Status::read(scratch.path())?;
    let (mut to_fetch, mut refused) = (0, 0);
    let mut written = Ok(());
    status.for_each_row(|row| {
        let line = match row.outcome {
            RowOutcome::Pending | RowOutcome::Waiting(_) => {
                to_fetch += 1;
                if output.json { json_line(row) } else { text_line(row) }
            }
            RowOutcome::Refused(reason) => {
                refused += 1;
                let text = format!("refused: {}:{}: {}: {}", row.list, row.line, row.url, reason);
                write_message(&format!("{}\n", escaped(&text)));
                return;
            }
            _ => return,
        };
        if written.is_ok() {
            written = write_data(&line);
        }
    })?;
    if output.verbosity > Verbosity::Quiet {
        let counts = status.counts();
        write_message(&format!(
            "{} to fetch, {} refused, {} skipped as duplicates or already there, {} done; nothing was touched\n",
            count(to_fetch),
            count(refused),
            count(counts.skipped),
            count(counts.done)
        ));
    }
    written.map(|()| if refused > 0 { Exit::Usage } else { Exit::Complete })
}

fn text_line(row: &Row<'_>) -> String {
    format!("{}\t{}\n", escaped(&row.url), escaped(row.name.as_deref().unwrap_or_default()))
}

fn json_line(row: &Row<'_>) -> String {
    let fields = [
        ("list", row.list.into()),
        ("line", row.line.into()),
        ("url", row.url.as_str().into()),
        ("name", row.name.as_deref().into()),
    ];
    json::object(&fields) + "\n"
}

/// Reads every list to its end into the scratch haul.
fn read_lists(plan: Plan, scratch: &ScratchDirectory) -> Result<(), CommandError> {
    let Plan { directory: _, inputs, urls, settings, output: _ } = plan;
    let mut unread_lists = inputs.len() + usize::from(!urls.is_empty());
    if unread_lists == 0 {
        return Ok(());
    }
    let stopper: Arc<OnceLock<Stopper>> = Arc::default();
    let mut builder = Haul::builder(scratch.path()).network(Arc::new(SilentNetwork)).settings(|defaults| {
        *defaults = settings;
        // Nothing responds, so one download is enough.
        defaults.jobs_max = 1;
        defaults.shards = 1;
    });
    let first_error = FirstReadError::default();
    for input in inputs {
        builder = builder.source(source(input, &first_error)?);
    }
    builder = urls.into_iter().fold(builder, longhaul::Builder::url);
    let shared_stopper = Arc::clone(&stopper);
    let haul = builder
        .on_event(move |event| {
            if let Event::ListRead { .. } = event {
                unread_lists -= 1;
                if unread_lists == 0
                    && let Some(stopper) = shared_stopper.get()
                {
                    stopper.stop();
                }
            }
        })
        .build()?;
    // The cell is empty: it is set here only.
    let _ = stopper.set(haul.stopper());
    haul.run()?;
    let error = first_error.0.lock().unwrap_or_else(PoisonError::into_inner).take();
    error.map_or(Ok(()), |(label, source)| Err(CommandError::List { label, source }))
}

/// The first error of reading a list, with the label of the list.
#[derive(Debug, Default, Clone)]
struct FirstReadError(Arc<Mutex<Option<(String, io::Error)>>>);

/// Reads a list and records an error of the reader as its end, so that the engine ends the run.
struct RecordingReader<R> {
    reader: R,
    label: String,
    first_error: FirstReadError,
}

impl<R: Read> Read for RecordingReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.reader.read(buffer) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let mut first_error = self.first_error.0.lock().unwrap_or_else(PoisonError::into_inner);
                first_error.get_or_insert((self.label.clone(), error));
                Ok(0)
            }
            read => read,
        }
    }
}

/// A list as a reader. The engine would skip a file that has not changed since an earlier run.
fn source(input: Input, first_error: &FirstReadError) -> Result<Source, CommandError> {
    let first_error = first_error.clone();
    Ok(match input {
        Input::Standard => {
            let label = "-".to_owned();
            let reader = RecordingReader { reader: io::stdin(), label: label.clone(), first_error };
            Source::Reader { label, reader: Box::new(reader) }
        }
        Input::File(path) => {
            let label = canonical_label(&path);
            let reader = files::open_list(&path)
                .map_err(|source| CommandError::List { label: path.display().to_string(), source })?;
            let reader = RecordingReader { reader, label: label.clone(), first_error };
            Source::Reader { label, reader: Box::new(reader) }
        }
    })
}

/// The label that the engine gives to the list of a file: the same in every run, whatever the working directory.
fn canonical_label(path: &PathBuf) -> String {
    path.canonicalize().as_ref().unwrap_or(path).to_string_lossy().into_owned()
}

/// A network that never responds.
struct SilentNetwork;

impl Network for SilentNetwork {
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
