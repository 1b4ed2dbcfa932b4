//! A failed attempt on one line: URL, reason, endpoint, phase, time, number of the attempt, and what happens next.

use std::fmt::Write as _;
use std::time::Duration;

use longhaul::FaultRecord;

use super::{escaped, time};

/// What happens to the URL next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum NextStep {
    /// It is retried after this time at the earliest.
    Again(Duration),
    /// It is left for a later run.
    Parked,
    /// It has failed for good.
    GivenUp,
}

/// The line, safe for a terminal. `attempts` is 0 if no request was made, as for a line that is not a URL.
pub(crate) fn failure(url: &str, fault: &FaultRecord, attempts: u32, next_step: NextStep) -> String {
    let mut line = match next_step {
        NextStep::GivenUp => "failed: ".to_owned(),
        NextStep::Again(_) => "retry: ".to_owned(),
        NextStep::Parked => "parked: ".to_owned(),
    };
    let _ = write!(line, "{}: {}", escaped(url), escaped(&fault.message));
    let mut details = Vec::new();
    // The message of a broken exchange contains the endpoint, the phase and the time. That of an error status does not.
    if !fault.endpoint.is_empty() && !fault.message.contains(&fault.endpoint) {
        details.push(format!("{} at {}", escaped(&fault.phase), escaped(&fault.endpoint)));
        details.push(format!("after {}", time(Duration::from_millis(fault.elapsed_ms))));
    }
    if attempts > 0 {
        details.push(format!("attempt {attempts}"));
    }
    match next_step {
        NextStep::Again(wait) => details.push(format!("again in {}", time(wait))),
        NextStep::Parked => details.push("left for a later run".to_owned()),
        NextStep::GivenUp if attempts > 0 => details.push("given up".to_owned()),
        NextStep::GivenUp => {}
    }
    if !details.is_empty() {
        let _ = write!(line, " ({})", details.join(", "));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(endpoint: &str, message: &str) -> FaultRecord {
        FaultRecord {
            class: "4xx".to_owned(),
            phase: "head".to_owned(),
            endpoint: endpoint.to_owned(),
            elapsed_ms: 1_500,
            message: message.to_owned(),
        }
    }

    #[test]
    fn an_error_status_is_shown_with_its_endpoint() {
        let fault = fault("tcp://192.0.2.1:80", "the server answered 404 Not Found");
        assert_eq!(
            failure("http://h/a", &fault, 1, NextStep::GivenUp),
            "failed: http://h/a: the server answered 404 Not Found \
             (head at tcp://192.0.2.1:80, after 1.5 s, attempt 1, given up)"
        );
    }

    #[test]
    fn the_endpoint_is_shown_once() {
        let fault = fault("tcp://192.0.2.1:80", "connect to tcp://192.0.2.1:80: refused after 12 ms");
        assert_eq!(
            failure("http://h/a", &fault, 3, NextStep::Again(Duration::from_millis(750))),
            "retry: http://h/a: connect to tcp://192.0.2.1:80: refused after 12 ms (attempt 3, again in 750 ms)"
        );
    }

    #[test]
    fn text_of_a_list_or_a_server_is_escaped() {
        let line = failure("\x1b[2Jx", &fault("", "\u{9b}2J\r\n"), 0, NextStep::GivenUp);
        assert_eq!(line, "failed: \\u{1b}[2Jx: \\u{9b}2J\\u{d}\\u{a}");
    }
}
