//! A failed attempt in one line: what, why, where, in which phase, after how long, which attempt, and what is next.

use std::fmt::Write as _;
use std::time::Duration;

use longhaul::FaultRecord;

use super::{escaped, time};

/// What happens to the URL next.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    /// Tried again, not before this time has passed.
    Again(Duration),
    /// Left for a later run.
    Parked,
    /// Failed for good.
    GivenUp,
}

/// The line, safe for a terminal. `attempts` is 0 where nothing was asked for, as with a line that is no URL.
pub(crate) fn failure(url: &str, fault: &FaultRecord, attempts: u32, fate: Fate) -> String {
    let mut line = match fate {
        Fate::GivenUp => "failed: ".to_owned(),
        Fate::Again(_) => "retry: ".to_owned(),
        Fate::Parked => "parked: ".to_owned(),
    };
    let _ = write!(line, "{}: {}", escaped(url), escaped(&fault.message));
    let mut details = Vec::new();
    // The message of a broken exchange names the endpoint, the phase and the time itself; that of an answer does not.
    if !fault.endpoint.is_empty() && !fault.message.contains(&fault.endpoint) {
        details.push(format!("{} at {}", escaped(&fault.phase), escaped(&fault.endpoint)));
        details.push(format!("after {}", time(Duration::from_millis(fault.elapsed_ms))));
    }
    if attempts > 0 {
        details.push(format!("attempt {attempts}"));
    }
    match fate {
        Fate::Again(wait) => details.push(format!("again in {}", time(wait))),
        Fate::Parked => details.push("left for a later run".to_owned()),
        Fate::GivenUp if attempts > 0 => details.push("given up".to_owned()),
        Fate::GivenUp => {}
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
    fn an_answer_is_told_with_its_endpoint() {
        let fault = fault("tcp://192.0.2.1:80", "the server answered 404 Not Found");
        assert_eq!(
            failure("http://h/a", &fault, 1, Fate::GivenUp),
            "failed: http://h/a: the server answered 404 Not Found \
             (head at tcp://192.0.2.1:80, after 1.5 s, attempt 1, given up)"
        );
    }

    #[test]
    fn nothing_is_said_twice() {
        let fault = fault("tcp://192.0.2.1:80", "connect to tcp://192.0.2.1:80: refused after 12 ms");
        assert_eq!(
            failure("http://h/a", &fault, 3, Fate::Again(Duration::from_millis(750))),
            "retry: http://h/a: connect to tcp://192.0.2.1:80: refused after 12 ms (attempt 3, again in 750 ms)"
        );
    }

    #[test]
    fn what_a_list_or_a_server_wrote_moves_no_cursor() {
        let line = failure("\x1b[2Jx", &fault("", "\u{9b}2J\r\n"), 0, Fate::GivenUp);
        assert_eq!(line, "failed: \\u{1b}[2Jx: \\u{9b}2J\\u{d}\\u{a}");
    }
}
