//! Standard input and output beside a socket. Reading and writing them blocks, so each has a thread of its own, and a
//! short queue between it and the exchange.

use std::io::{self, IsTerminal as _, Read as _, Write as _};
use std::sync::Arc;
use std::thread;

use tokio::sync::mpsc;

/// Pieces in each queue: enough that neither side waits for a wake-up of the other.
const QUEUE: usize = 16;
/// What is read at once from standard input.
pub(crate) const PIECE_BYTES: usize = 16 * 1024;

/// Where what is sent comes from.
pub(crate) enum Input {
    /// A text that was given, once.
    Text(Option<Arc<[u8]>>),
    /// Standard input.
    Standard { pieces: mpsc::Receiver<io::Result<Vec<u8>>>, is_terminal: bool },
    /// Nothing, from the beginning.
    Nothing,
}

impl Input {
    /// Standard input, in pieces of at most so many bytes. The thread ends with the process: a read cannot be ended.
    pub(crate) fn standard(piece_bytes: usize) -> Self {
        let (to, pieces) = mpsc::channel(QUEUE);
        let read = move || {
            let mut input = io::stdin().lock();
            let mut buffer = vec![0; piece_bytes];
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
        // A thread that cannot be started drops its end of the queue: an input that has ended.
        let _ = thread::Builder::new().name("stdin".to_owned()).spawn(read);
        Self::Standard { pieces, is_terminal: io::stdin().is_terminal() }
    }

    /// Whether a person types it.
    pub(crate) const fn is_terminal(&self) -> bool {
        matches!(self, Self::Standard { is_terminal: true, .. })
    }

    /// The next piece, or `None` at the end. Cancel safe.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        match self {
            Self::Text(text) => Ok(text.take().map(|text| text.to_vec())),
            Self::Standard { pieces, .. } => pieces.recv().await.transpose(),
            Self::Nothing => Ok(None),
        }
    }
}

/// Standard output, behind a queue. Clones share it.
#[derive(Clone)]
pub(crate) struct Output(mpsc::Sender<Vec<u8>>);

/// The thread that writes.
pub(crate) struct Writer(Option<thread::JoinHandle<io::Result<()>>>);

/// Nobody takes standard output any more. [`Writer::finish`] knows why.
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

    /// Hands a piece over. It waits for whoever reads standard output, however long that takes.
    pub(crate) async fn put(&self, piece: Vec<u8>) -> Result<(), OutputClosed> {
        self.0.send(piece).await.map_err(|_| OutputClosed)
    }

    /// Waits until nobody takes standard output any more.
    pub(crate) async fn closed(&self) {
        self.0.closed().await;
    }
}

impl Writer {
    /// Waits until all is written that was handed over; every [`Output`] has to be gone. That a reader has gone away is
    /// no error: it has seen enough.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        let written = match self.0.take().map(thread::JoinHandle::join) {
            Some(Ok(written)) => written,
            // The thread has no way to panic; if it finds one, the output is not complete.
            Some(Err(_)) => Err(io::ErrorKind::Other.into()),
            None => Ok(()),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => written,
        }
    }
}
