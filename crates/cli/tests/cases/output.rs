//! What a program says, read as it comes.

use std::io::Read;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// Output that is kept; a program that says more is not listened to.
const OUTPUT_BYTES_MAX: usize = 4 * 1024 * 1024;

/// An output, read by a thread as it comes.
pub(crate) struct Listened {
    text: Arc<Mutex<Heard>>,
    thread: thread::JoinHandle<()>,
}

#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    has_left: bool,
}

impl Listened {
    pub(crate) fn to(output: Option<impl Read + Send + 'static>) -> Self {
        let text = Arc::new(Mutex::new(Heard::default()));
        let heard = Arc::clone(&text);
        let thread = thread::spawn(move || {
            let Some(mut output) = output else { return };
            let mut buffer = [0; 8192];
            while let Ok(read @ 1..) = output.read(&mut buffer) {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.bytes.extend_from_slice(&buffer[..read]);
                if heard.has_left || heard.bytes.len() > OUTPUT_BYTES_MAX {
                    return;
                }
            }
        });
        Self { text, thread }
    }

    pub(crate) fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.heard().bytes).into_owned()
    }

    /// Hangs up at the next word.
    pub(crate) fn leave(&self) {
        self.heard().has_left = true;
    }

    pub(crate) fn end(self) -> String {
        let Self { text, thread } = self;
        let _ = thread.join();
        let heard = text.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&heard.bytes).into_owned()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.text.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
