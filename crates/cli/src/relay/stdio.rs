//! Standard input and output. Reading and writing them blocks, so each has a thread of its own and a short queue between
//! the thread and the relay.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

/// Pieces in each queue: enough to keep both sides busy while a wake-up is on its way.
const QUEUE: usize = 16;
/// The most that is read at once from standard input for a stream, and at once from a stream.
pub(super) const PIECE_BYTES_MAX: usize = 16 * 1024;

/// The source of the bytes to send.
pub(crate) enum Input {
    /// A text, returned once.
    Text(Option<Arc<[u8]>>),
    /// Standard input.
    Standard { pieces: mpsc::Receiver<io::Result<Vec<u8>>>, is_terminal: bool },
    /// An input that has ended.
    Nothing,
}

impl Input {
    /// Standard input in pieces of at most `piece_bytes_max` bytes. The thread that reads ends with the process, because
    /// a blocking read cannot be cancelled.
    pub(crate) fn standard(piece_bytes_max: usize) -> Self {
        let (to, pieces) = mpsc::channel(QUEUE);
        let read = move || {
            let mut input = io::stdin().lock();
            let mut buffer = vec![0; piece_bytes_max];
            loop {
                let piece = match input.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(length) => Ok(buffer[..length].to_vec()),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let is_end = piece.is_err();
                if to.blocking_send(piece).is_err() || is_end {
                    return;
                }
            }
        };
        // If the thread cannot be started, its end of the queue is dropped, and the input has ended.
        let _ = thread::Builder::new().name("stdin".to_owned()).spawn(read);
        Self::Standard { pieces, is_terminal: io::stdin().is_terminal() }
    }

    /// True if the input is a terminal.
    pub(crate) const fn is_terminal(&self) -> bool {
        matches!(self, Self::Standard { is_terminal: true, .. })
    }

    /// Returns the next piece, or `None` at the end. Cancel safe.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Text(text) => Ok(text.take().map(|text| text.to_vec())),
            Self::Standard { pieces, .. } => pieces.recv().await.transpose(),
            Self::Nothing => Ok(None),
        }
    }
}

/// The sending end of the queue to standard output. Clones share the queue.
#[derive(Clone)]
pub(crate) struct Output(mpsc::Sender<Vec<u8>>);

/// The thread that writes standard output.
pub(crate) struct Writer(Option<thread::JoinHandle<io::Result<()>>>);

/// Standard output is closed or has failed. [`Writer::finish`] returns the error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OutputClosed;

impl Output {
    pub(crate) fn standard() -> io::Result<(Self, Writer)> {
        let (to, mut pieces) = mpsc::channel::<Vec<u8>>(QUEUE);
        let write = move || {
            let mut output = io::stdout().lock();
            while let Some(piece) = pieces.blocking_recv() {
                output.write_all(&piece)?;
                output.flush()?;
            }
            Ok(())
        };
        let thread = thread::Builder::new().name("stdout".to_owned()).spawn(write)?;
        Ok((Self(to), Writer(Some(thread))))
    }

    /// Queues a piece. While the queue is full it waits, as long as the reader of standard output takes. Cancel safe: a
    /// cancelled call queues nothing.
    pub(crate) async fn put(&self, piece: Vec<u8>) -> Result<(), OutputClosed> {
        self.0.send(piece).await.map_err(|_| OutputClosed)
    }

    /// Waits until standard output is closed. Cancel safe.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }
}

impl Writer {
    /// Waits until every queued piece is written. Every [`Output`] must have been dropped. A reader that has closed the
    /// pipe is not an error.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let written = match self.0.take().map(thread::JoinHandle::join) {
            Some(Ok(written)) => written,
            // The thread panicked: the output is incomplete.
            Some(Err(_)) => Err(io::ErrorKind::Other.into()),
            None => Ok(()),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }
}
