//! The exchange between standard input and output and a socket: what `connect` and `listen` share.
//!
//! Standard output gets what the peer says, byte for byte, or a dump of both directions; nothing else. Whatever of the
//! peer gets into a message is escaped there.

mod datagrams;
mod hex;
mod peer;
mod stdio;
mod streams;
mod summary;

pub(crate) use datagrams::{
    DATAGRAM_BYTES_MAX, PIECE_BYTES as DATAGRAM_PIECE_BYTES, exchange as exchange_datagrams,
};
pub(crate) use hex::Dump;
pub(crate) use peer::{Peer, Server, Subject};
pub(crate) use stdio::{Input, Output, OutputClosed, PIECE_BYTES as STREAM_PIECE_BYTES};
pub(crate) use streams::exchange as exchange_stream;
pub(crate) use summary::tls_summary;

use std::cell::{Cell, RefCell};
use std::time::Duration;

use longhaul_socket::{Deadline, Fault, clock, defaults};
use tokio::time::Instant;

use crate::arguments::ExchangeArguments;
use crate::error::CommandError;

/// How long silence may last while a person sits at a terminal: long enough to think, or to have lunch.
const TERMINAL_SILENCE_MAX: Duration = Duration::from_hours(1);

/// The patience of one exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waits {
    /// A piece sent, a direction ended.
    pub(crate) step: Duration,
    /// Time in which nothing moves either way.
    pub(crate) silence: Duration,
}

impl Waits {
    /// Sets the default of the process too: every other wait takes it from there.
    pub(crate) fn of(arguments: &ExchangeArguments, input: &Input) -> Self {
        if let Some(timeout) = arguments.timeout {
            defaults::set_timeout(timeout);
        }
        let step = defaults::timeout();
        let silence =
            arguments.timeout.unwrap_or(if input.is_terminal() { TERMINAL_SILENCE_MAX } else { step });
        Self { step, silence }
    }
}

/// What both directions of an exchange know of each other. They run in one task.
struct Shared {
    moved: Cell<Instant>,
    waits: Waits,
    dumps: Option<RefCell<(Dump, Dump)>>,
    output: Output,
}

impl Shared {
    fn new(waits: Waits, hex: bool, output: Output) -> Self {
        let dumps = hex.then(|| RefCell::new((Dump::of_sent(), Dump::of_received())));
        Self { moved: Cell::new(clock::now()), waits, dumps, output }
    }

    /// Something moved, in whichever direction.
    fn moved(&self) {
        self.moved.set(clock::now());
    }

    /// The end of a silence that began when something moved last.
    fn silence_ends(&self) -> Deadline {
        Deadline::at(self.moved.get() + self.waits.silence)
    }

    async fn sent(&self, bytes: &[u8]) -> Result<(), OutputClosed> {
        self.moved();
        let Some(dumps) = &self.dumps else { return Ok(()) };
        let lines = dumps.borrow_mut().0.lines(bytes);
        self.output.put(lines.into_bytes()).await
    }

    async fn received(&self, bytes: &[u8]) -> Result<(), OutputClosed> {
        let piece = match &self.dumps {
            Some(dumps) => dumps.borrow_mut().1.lines(bytes).into_bytes(),
            None => bytes.to_vec(),
        };
        let put = self.output.put(piece).await;
        // Whoever reads our output may be slow; the peer is not to blame for that time.
        self.moved();
        put
    }
}

/// Why an exchange ended before its end.
enum Ended {
    /// Whoever read standard output has seen enough.
    OutputClosed,
    Failed(CommandError),
}

impl From<OutputClosed> for Ended {
    fn from(_: OutputClosed) -> Self {
        Self::OutputClosed
    }
}

impl From<CommandError> for Ended {
    fn from(error: CommandError) -> Self {
        Self::Failed(error)
    }
}

impl From<Fault> for Ended {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.into())
    }
}

/// An output that nobody reads ends an exchange as it should.
fn settled(outcome: Result<(), Ended>) -> Result<(), CommandError> {
    match outcome {
        Ok(()) | Err(Ended::OutputClosed) => Ok(()),
        Err(Ended::Failed(error)) => Err(error),
    }
}
