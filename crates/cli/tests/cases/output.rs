//! Captures the output of a program while it runs.

use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The most output that is kept. After that, reading stops.
const OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An output that a thread reads continuously.
pub(crate) struct CapturedOutput {
    text: Arc<Mutex<Captured>>,
    thread: thread::JoinHandle<()>,
}

#[derive(Default)]
struct Captured {
    bytes: Vec<u8>,
    has_left: bool,
}

impl CapturedOutput {
    pub(crate) fn to(output: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(Captured::default()));
        let captured = Arc::clone(&text);
        let thread = thread::spawn(move || {
            let Some(mut output) = output else { return };
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
                captured.bytes.extend_from_slice(&buffer[..read]);
                if captured.has_left || captured.bytes.len() > OUTPUT_BYTES_MAX {
                    return;
                }
            }
        });
        Self { text, thread }
    }

    pub(crate) fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.captured().bytes).into_owned()
    }

    /// Closes the output after the next read.
    pub(crate) fn leave(&self) {
        self.captured().has_left = true;
    }

    pub(crate) fn end(self) -> String {
        let Self { text, thread } = self;
        let _ = thread.join();
        let captured = text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&captured.bytes).into_owned()
    }

    fn captured(&self) -> MutexGuard<'_, Captured> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
