//! A timer for deadlines that only move away: every chunk that arrives postpones the moment at which silence is too long.
//!
//! Re-arming a timer for each chunk would cost more than reading the chunk. This one stays armed where it was, which is too
//! early, and checks the deadline when it goes off.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::time::{Instant, Sleep, sleep_until};

#[derive(Default)]
pub(crate) struct PostponedTimer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl PostponedTimer {
    /// Ready once `due` has come; otherwise the task is woken then, or earlier.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>, due: Instant) -> Poll<()> {
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if sleep.deadline() > due {
            sleep.as_mut().reset(due);
        }
        loop {
            ready!(sleep.as_mut().poll(cx));
            if sleep.deadline() >= due {
                return Poll::Ready(());
            }
            sleep.as_mut().reset(due);
        }
    }
}
