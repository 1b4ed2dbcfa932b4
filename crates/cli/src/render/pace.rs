//! The pace of a host, and what limits it, in a few words.

use std::fmt::Write as _;
use std::time::Duration;

use super::time;

/// Such as `9.8/s, refuses more than 10/s, next request in 12.0 s`. `limiter` is the engine's word for what limits the
/// host.
pub(crate) fn pace(
    limiter: &str,
    window: u32,
    rate: Option<(f64, f64)>,
    connections_max: Option<u32>,
    blocked_for: Option<Duration>,
) -> String {
    let mut text = match rate {
        Some((now, limit)) => format!("{}/s, refuses more than {}/s", per_second(now), per_second(limit)),
        None => format!("{window} at a time, {limiter}"),
    };
    if let Some(most) = connections_max {
        let _ = write!(text, ", breaks connections beyond {most}");
    }
    if let Some(left) = blocked_for {
        let why = if rate.is_some() { format!(", {limiter}") } else { String::new() };
        let _ = write!(text, "{why}, next request in {}", time(left));
    }
    text
}

/// A rate with two significant digits below 100: `9.8`, `300`, `0.25`.
fn per_second(rate: f64) -> String {
    let decimals = if rate >= 99.5 {
        0
    } else if rate >= 0.995 {
        1
    } else {
        2
    };
    format!("{rate:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paces() {
        let soon = Some(Duration::from_secs(12));
        assert_eq!(pace("throttles", 8, Some((9.81, 10.02)), None, None), "9.8/s, refuses more than 10.0/s");
        assert_eq!(
            pace("asked to wait", 8, Some((0.25, 300.4)), None, soon),
            "0.25/s, refuses more than 300/s, asked to wait, next request in 12.0 s"
        );
        assert_eq!(pace("failing", 1, None, None, soon), "1 at a time, failing, next request in 12.0 s");
        assert_eq!(
            pace("at its cap", 8, None, Some(8), None),
            "8 at a time, at its cap, breaks connections beyond 8"
        );
    }
}
