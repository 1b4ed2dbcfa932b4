//! Failures of responses of the 200s that are not the file.

use std::time::Duration;

use longhaul_http::Head;
use longhaul_socket::Phase;

use crate::exchange::Class;
use crate::exchange::failure::{Failure, bounded, status_text};
use crate::schedule::job::Job;

impl Failure {
    /// A response that says that the host is still making the file.
    pub(crate) fn of_not_ready(head: &Head, elapsed: Duration, now_unix_ms: u64) -> Self {
        let message = format!("the server answered {}: the file is not ready", status_text(head.status));
        let mut failure = Self::new(Class::NotReady, Phase::Head, Some(head.peer), elapsed, message);
        failure.status = Some(head.status);
        failure.retry_after = head.retry_after(now_unix_ms);
        failure
    }

    /// The file has been waited for, and another wait would exceed the user's limit.
    pub(crate) fn waited_for(mut self, waited: Duration, limit: Duration) -> Self {
        let waited = Duration::from_millis(u64::try_from(waited.as_millis()).unwrap_or(u64::MAX));
        let asked =
            self.retry_after.map_or_else(String::new, |wait| format!(" and a Retry-After of {wait:?}"));
        let message = format!(
            "{}; after a wait of {waited:?}{asked}, the next request would exceed the limit of {limit:?} (--ready-within)",
            self.record.message
        );
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

/// The failure of a response without content where there must be some: the list expects it, or the host has sent a part of it before.
pub(super) fn no_content_mismatch(job: &Job, head: &Head, elapsed: Duration) -> Option<Failure> {
    let expects_content = !job.expected.digests.is_empty() || job.expected.size.is_some_and(|size| size > 0);
    if expects_content {
        let what = format!("the server answered {}, no content", head.status);
        return Some(Failure::of_mismatch(&what, head, elapsed));
    }
    let have = job.partial.as_ref()?.have;
    let status = status_text(head.status);
    let message = format!("the server answered {status}, after it had sent {have} bytes of the file");
    let mut failure = Failure::new(Class::Mismatch, Phase::Head, Some(head.peer), elapsed, message);
    failure.status = Some(head.status);
    Some(failure)
}
