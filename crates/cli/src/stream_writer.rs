//! Standard output and standard error, written by threads of their own, so that a reader that has stopped reading ends no run late.
//!
//! A full pipe, a stopped terminal and a connection that hangs have one effect: write(2) does not return. The thread waits then,
//! and nobody else does for longer than a limit. What has no room meanwhile is left out and counted.

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use longhaul_socket::clock;
use rustix::io::Errno;
use tokio::time::Instant;

/// Bytes that wait for the thread: what a reader takes at once, and little memory. A writer waits while there are more.
const QUEUE_BYTES_MAX: usize = 256 * 1024;
/// Bytes of one write(2): a reader that takes some of a longer one would look like one that takes nothing.
const WRITE_BYTES_MAX: usize = 4096;
/// A program that reads messages for people takes some in this time; what it misses, `status` and `export` still say.
const MESSAGES_TIME_MAX: Duration = Duration::from_secs(5);
/// The same of a terminal, which a person may have stopped for a while.
const TERMINAL_TIME_MAX: Duration = Duration::from_mins(1);
/// A program that reads events may do something long for one of them, and misses none in this time.
const EVENTS_TIME_MAX: Duration = Duration::from_mins(1);

/// Writes to one stream from a thread. Clones write to the same one.
#[derive(Clone, Debug)]
pub(crate) struct StreamWriter {
    shared: Arc<Shared>,
    /// With no byte taken in this time, nobody reads.
    time_max: Duration,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    queue: Vec<u8>,
    /// The thread has taken bytes that are not written yet.
    is_writing: bool,
    /// When the reader last took a byte, or the queue was last empty.
    taken_at: Option<Instant>,
    /// The stream is closed: nothing can be written any more.
    is_closed: bool,
    /// Why nothing can be written, unless the reader has closed the stream: then it has seen enough.
    error: Option<Errno>,
    /// Texts that were left out because nobody read.
    lost: u64,
}

impl State {
    fn is_empty(&self) -> bool {
        self.queue.is_empty() && !self.is_writing
    }
}

static STANDARD_ERROR: OnceLock<StreamWriter> = OnceLock::new();

/// Returns when every message is written, or when nobody reads them.
pub(crate) fn finish_standard_error() {
    if let Some(writer) = STANDARD_ERROR.get() {
        writer.finish();
    }
}

/// Standard error, for messages.
pub(crate) fn standard_error() -> &'static StreamWriter {
    STANDARD_ERROR.get_or_init(|| {
        let time_max = if io::stderr().is_terminal() { TERMINAL_TIME_MAX } else { MESSAGES_TIME_MAX };
        StreamWriter::start("stderr", io::stderr(), time_max)
    })
}

/// Standard output, for events.
pub(crate) fn standard_output() -> StreamWriter {
    StreamWriter::start("stdout", io::stdout(), EVENTS_TIME_MAX)
}

impl StreamWriter {
    fn start(name: &str, stream: impl AsFd + Send + 'static, time_max: Duration) -> Self {
        let writer = Self { shared: Arc::default(), time_max };
        let shared = Arc::clone(&writer.shared);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || shared.write_to(&stream));
        // Without a thread the stream counts as closed: the exit code is all that is left.
        writer.shared.state().is_closed = thread.is_err();
        writer
    }

    /// Hands a text to the thread. Waits while the reader is behind; false if the text is left out because nobody reads.
    pub(crate) fn write(&self, text: &[u8]) -> bool {
        let state = self.wait_while(|state| state.queue.len() > QUEUE_BYTES_MAX);
        let Some(mut state) = state else {
            self.shared.state().lost += 1;
            return false;
        };
        if state.is_closed {
            return false;
        }
        if state.is_empty() {
            state.taken_at = Some(clock::now());
        }
        let lost = std::mem::take(&mut state.lost);
        if lost > 0 {
            state
                .queue
                .extend_from_slice(format!("({lost} messages were left out: nobody read them)\n").as_bytes());
        }
        state.queue.extend_from_slice(text);
        self.shared.changed.notify_all();
        true
    }

    /// Returns when everything is written, or when nobody reads or can read.
    pub(crate) fn finish(&self) {
        drop(self.wait_while(|state| !state.is_empty()));
    }

    /// The error that ended the writing, such as a full disk. A reader that has closed the stream is none.
    pub(crate) fn error(&self) -> Option<io::Error> {
        self.shared.state().error.map(io::Error::from)
    }

    /// The state, once this is no longer so or the stream is closed; `None` if the reader has taken nothing for too long.
    fn wait_while(&self, is_so: impl Fn(&State) -> bool) -> Option<MutexGuard<'_, State>> {
        let mut state = self.shared.state();
        while !state.is_closed && is_so(&state) {
            let since = state.taken_at.unwrap_or_else(clock::now);
            let left = self.time_max.checked_sub(since.elapsed()).filter(|left| !left.is_zero())?;
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        Some(state)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // No code can panic between two changes that belong together.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, stream: &impl AsFd) {
        loop {
            let mut state = self.state();
            while state.queue.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let bytes = std::mem::take(&mut state.queue);
            state.is_writing = true;
            drop(state);
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                match rustix::io::write(stream, &rest[..rest.len().min(WRITE_BYTES_MAX)]) {
                    Ok(count) => rest = &rest[count..],
                    Err(Errno::INTR) => continue,
                    // Somebody has made the stream non-blocking, as a shell does.
                    Err(Errno::AGAIN) => thread::sleep(Duration::from_millis(10)),
                    Err(error) => {
                        let mut state = self.state();
                        state.error = Some(error).filter(|error| *error != Errno::PIPE);
                        state.is_closed = true;
                        state.queue = Vec::new();
                        self.changed.notify_all();
                        return;
                    }
                }
                let mut state = self.state();
                state.taken_at = Some(clock::now());
                state.is_writing = !rest.is_empty();
                self.changed.notify_all();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    const LINES: usize = 20_000;

    fn pipe(time_max: Duration) -> (StreamWriter, std::fs::File) {
        let (reader, writer) = rustix::pipe::pipe().expect("a pipe");
        (StreamWriter::start("test", writer, time_max), reader.into())
    }

    fn line(number: usize) -> String {
        format!("line {number} of a text that is long enough to fill a pipe\n")
    }

    #[test]
    fn a_reader_that_takes_its_time_gets_everything_in_order() {
        let (writer, mut reader) = pipe(Duration::from_mins(1));
        let reading = thread::spawn(move || {
            let mut text = String::new();
            reader.read_to_string(&mut text).map(|_| text)
        });
        for number in 0..LINES {
            assert!(writer.write(line(number).as_bytes()));
        }
        writer.finish();
        assert!(writer.shared.state().is_empty());
        // The thread ends with its stream; here the process would end.
        drop(writer);
        drop(reading);
    }

    #[test]
    fn nobody_waits_for_a_reader_that_has_stopped() {
        let (writer, mut reader) = pipe(Duration::from_millis(50));
        let written = (0..LINES).take_while(|number| writer.write(line(*number).as_bytes())).count();
        assert!(written < LINES, "the pipe and the queue are bounded");
        for number in 0..LINES {
            assert!(!writer.write(line(number).as_bytes()), "and nobody waits again for each line");
        }
        writer.finish();
        // It reads again: it gets what had room, and is told of the rest.
        let mut bytes = vec![0; line(0).len()];
        reader.read_exact(&mut bytes).expect("the first line");
        assert_eq!(bytes, line(0).into_bytes());
        let reading = thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
        while !writer.shared.state().is_empty() {
            thread::yield_now();
        }
        assert!(writer.write(b"last\n"));
        assert_eq!(writer.shared.state().lost, 0);
        drop(reading);
    }

    #[test]
    fn a_closed_stream_is_no_error_and_no_wait() {
        let (writer, reader) = pipe(Duration::from_mins(10));
        drop(reader);
        writer.write(b"text");
        writer.finish();
        assert!(!writer.write(b"text"));
        writer.finish();
    }
}
