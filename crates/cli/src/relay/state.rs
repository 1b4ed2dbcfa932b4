//! State that the two directions of a relay share, and how a relay ends. Both directions run in one task.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use longhaul_socket::{Deadline, Fault, clock, defaults};
use tokio::time::Instant;

use super::hex_dump::HexDump;
use super::stdio::{Input, Output, OutputClosed};
use crate::error::CommandError;

/// How long a connection may be silent while a person types: time to read and think.
const TERMINAL_SILENCE_MAX: Duration = Duration::from_hours(1);

/// Timeouts of one relay.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RelayTimeouts {
    /// For sending a piece, and for ending a direction.
    pub(crate) operation: Duration,
    /// For silence in both directions.
    pub(super) silence: Duration,
}

impl RelayTimeouts {
    /// Timeouts from the flag `--timeout`. The flag also becomes the default of the process, which resolving, connecting
    /// and TLS handshakes use.
    pub(crate) fn new(timeout: Option<Duration>, input: &Input) -> Self {
        if let Some(timeout) = timeout {
            defaults::set_timeout(timeout);
        }
        let operation = defaults::timeout();
        let silence = timeout.unwrap_or(if input.is_terminal() { TERMINAL_SILENCE_MAX } else { operation });
        Self { operation, silence }
    }
}

/// State of one relay.
pub(super) struct RelayState {
    last_activity: Cell<Instant>,
    timeouts: RelayTimeouts,
    /// Dumps of what is sent and of what is received.
    dumps: Option<RefCell<(HexDump, HexDump)>>,
    output: Output,
}

impl RelayState {
    pub(super) fn new(timeouts: RelayTimeouts, hex: bool, output: Output) -> Self {
        let dumps = hex.then(|| RefCell::new((HexDump::of_sent(), HexDump::of_received())));
        Self { last_activity: Cell::new(clock::now()), timeouts, dumps, output }
    }

    pub(super) fn timeouts(&self) -> RelayTimeouts {
        self.timeouts
    }

    pub(super) fn last_activity(&self) -> Instant {
        self.last_activity.get()
    }

    /// Records that bytes moved in either direction.
    pub(super) fn record_activity(&self) {
        self.last_activity.set(clock::now());
    }

    /// When the current silence has lasted too long.
    pub(super) fn silence_deadline(&self) -> Deadline {
        Deadline::at(self.last_activity.get() + self.timeouts.silence)
    }

    pub(super) async fn record_sent(&self, bytes: &[u8]) -> Result<(), OutputClosed> {
        self.record_activity();
        let Some(dumps) = &self.dumps else { return Ok(()) };
        let lines = dumps.borrow_mut().0.lines(bytes);
        self.output.put(lines.into_bytes()).await
    }

    pub(super) async fn write_received(&self, bytes: &[u8]) -> Result<(), OutputClosed> {
        let piece = match &self.dumps {
            Some(dumps) => dumps.borrow_mut().1.lines(bytes).into_bytes(),
            None => bytes.to_vec(),
        };
        let put = self.output.put(piece).await;
        // The wait for a slow reader of standard output is not silence of the peer.
        self.record_activity();
        put
    }
}

/// Why a relay ended early.
pub(super) enum RelayEnd {
    /// The reader of standard output has closed it.
    OutputClosed,
    Failed(CommandError),
}

impl RelayEnd {
    /// The result of a relay. A closed output is not an error: its reader has seen enough.
    pub(super) fn into_result(outcome: Result<(), Self>) -> Result<(), CommandError> {
        match outcome {
            Ok(()) | Err(Self::OutputClosed) => Ok(()),
            Err(Self::Failed(error)) => Err(error),
        }
    }
}

impl From<OutputClosed> for RelayEnd {
    fn from(_: OutputClosed) -> Self {
        Self::OutputClosed
    }
}

impl From<CommandError> for RelayEnd {
    fn from(error: CommandError) -> Self {
        Self::Failed(error)
    }
}

impl From<Fault> for RelayEnd {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault.into())
    }
}
