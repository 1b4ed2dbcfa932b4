//! Failures of responses of the 200s that are not the file.

use std::time::Duration;

use longhaul_http::Head;
use longhaul_socket::Phase;

use crate::exchange::Class;
use crate::exchange::failure::{Failure, bounded, status_text};

impl Failure {
    /// A response that says that the host is still making the file.
    pub(crate) fn of_not_ready(head: &Head, elapsed: Duration, now_unix_ms: u64) -> Self {
        let message = format!("the server answered {}: the file is not ready", status_text(head.status));
        let mut failure = Self::new(Class::NotReady, Phase::Head, Some(head.peer), elapsed, message);
        failure.status = Some(head.status);
        failure.retry_after = head.retry_after(now_unix_ms);
        failure
    }

    /// The file was not ready within the time that the run waits for it.
    pub(crate) fn waited_for(mut self, patience: Duration) -> Self {
        let message = format!("{} within {patience:?} (--ready-within)", self.record.message);
        self.record.message = bounded(message);
        self
    }

    /// A response of the 200s whose content is something else than the file.
    pub(crate) fn of_other_content(head: &Head, elapsed: Duration) -> Self {
        let message =
            format!("the server answered {}: its content is not the file", status_text(head.status));
        let mut failure = Self::new(Class::Protocol, Phase::Head, Some(head.peer), elapsed, message);
        failure.status = Some(head.status);
        failure
    }
}
