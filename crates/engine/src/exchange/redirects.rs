//! Where the redirects of a row lead, and when the place where they led is no longer asked.
//!
//! A redirect is usually temporary (RFC 9110 section 15.4): a signed URL expires. So the row's own URL is requested again as soon as
//! a place that a redirect led to, and that has been used, denies the request or serves something else.

use std::time::Duration;

use longhaul_http::range::{self, ResumeDecision};
use longhaul_http::redirect::{self, RedirectFault, Redirection};
use longhaul_http::{Head, RangeRequest};
use longhaul_socket::{Endpoint, clock};

use crate::exchange::context::ExchangeContext;
use crate::schedule::job::{Job, Redirected};
use crate::schedule::retry::RETRY_AFTER_MAX;

/// How often the row's own URL is requested again without progress between. Beyond that, what a place responds is taken as it
/// is: otherwise a place that serves a few bytes and then denies the request would be asked for ever.
const HOMECOMINGS_MAX: u32 = 8;

/// What a redirect asks for.
pub(super) enum Follow {
    /// The next URL is requested after this pause, at the pace of its host.
    Next { wait: Duration },
    /// The URL is to be requested again later, at the time that `Retry-After` says.
    NotReady,
}

/// Notes in the job where the redirect leads. `sets_cookie`: the response has changed the cookies of the chain.
pub(super) fn follow(
    context: &ExchangeContext,
    job: &mut Job,
    head: &Head,
    sets_cookie: bool,
) -> Result<Follow, RedirectFault> {
    let host_ip = head.peer.host_endpoint().map(Endpoint::ip);
    let from = job.target().clone();
    let (earlier, changed_at) = job.chain();
    let changed_at = if sets_cookie { earlier.len() + 1 } else { changed_at };
    let redirection = Redirection { status: head.status, location: head.location(), host_ip, changed_at };
    let Some(hop) = redirect::next(&context.redirects, &from, earlier, redirection)? else {
        return Err(RedirectFault::NoLocation(head.status));
    };
    let wait = head.retry_after(context.clock.unix_ms()).unwrap_or_default();
    let is_itself = hop.url.as_str() == from.as_str();
    if wait > RETRY_AFTER_MAX || (is_itself && !wait.is_zero()) {
        return Ok(Follow::NotReady);
    }
    let redirected = job.redirected.take();
    let (mut earlier, mut statuses) =
        redirected.map(|redirected| (redirected.earlier, redirected.statuses)).unwrap_or_default();
    earlier.push(from);
    statuses.push(head.status);
    job.redirected = Some(Redirected {
        url: hop.url,
        earlier,
        statuses,
        changed_at,
        forbid_private: hop.forbid_private,
        since: clock::now() + wait,
        is_used: false,
    });
    Ok(Follow::Next { wait })
}

/// Whether a response says that a place that redirects led to earlier is no longer the place of the file.
pub(super) fn is_outdated(job: &Job, asked: Option<&RangeRequest>, head: &Head) -> bool {
    let is_used = job.redirected.as_ref().is_some_and(|redirected| redirected.is_used);
    is_used
        && job.homecomings < HOMECOMINGS_MAX
        && match (head.status, job.partial.as_ref().zip(asked)) {
            // It asks for another pace, or our own proxy asks for credentials.
            (408 | 425 | 429, _) => false,
            (407, _) if head.may_be_from_proxy() => false,
            (416, Some((partial, asked))) if partial.validator.is_strong() => {
                range::decide(partial, asked, head) != ResumeDecision::Complete
            }
            (400..=499, _) => true,
            // Without a condition, what comes is compared in another way; a page in place of the range is none of it.
            (200..=299, Some((_, RangeRequest { if_range: None, .. }))) => head.status != 206,
            (200..=299, Some((partial, _))) => !partial.validator.matches(&head.validator()),
            _ => false,
        }
}
