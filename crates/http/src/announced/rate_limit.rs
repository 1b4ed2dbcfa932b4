//! How many more requests a host says it will serve: `RateLimit` (draft-ietf-httpapi-ratelimit-headers), its earlier forms,
//! and the `X-RateLimit-*` fields that preceded it.
//!
//! ```text
//! RateLimit: "burst";r=5;t=1, "daily";r=900;t=3600
//! RateLimit: limit=100, remaining=50, reset=5
//! RateLimit-Limit: 100            and -Remaining, -Reset; the same with X-RateLimit- and X-Rate-Limit-
//! ```
//!
//! Hosts send constants, counts of something else, and nonsense in these fields. This module only reads them; the caller
//! decides what to believe. A field that cannot be read is treated as absent.

use std::time::Duration;

use http::HeaderMap;
use http::header::DATE;

use super::date::http_date_unix_ms;
use super::retry_after::RETRY_AFTER_MAX;

/// The field of the current draft and of an earlier one.
const RATE_LIMIT: &str = "ratelimit";
/// Prefixes of the names of separate fields: of the first drafts, and of the practice before them.
const FAMILIES: [&str; 3] = ["ratelimit-", "x-ratelimit-", "x-rate-limit-"];
/// From here on, a reset is a Unix time in seconds: as a number of seconds to wait it would be 31 years ...
const UNIX_SECONDS_MIN: f64 = 1e9;
/// ... and from here on, a Unix time in milliseconds.
const UNIX_MILLIS_MIN: f64 = 1e11;
/// Policies of one response that are read.
const POLICIES_MAX: usize = 16;

/// How many more requests a host says it will serve, and until when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests until the reset.
    pub remaining: u64,
    /// From the response to the reset of the host's count; zero if the reset has passed, and at most [`RETRY_AFTER_MAX`].
    pub reset_after: Duration,
}

impl RateLimit {
    /// The tighter of two: the one with less remaining, and of equal ones the one that holds for longer.
    fn tighter(self, other: Self) -> Self {
        let longer = self.reset_after.max(other.reset_after);
        match self.remaining.cmp(&other.remaining) {
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal => Self { reset_after: longer, ..self },
        }
    }
}

/// What these fields announce: the tightest of several policies. A reset at a point in time is counted from the `Date` of the
/// response, which is the clock that it was written by, and without one from `now_unix_ms`.
///
/// ```
/// # use longhaul_http::{HeaderMap, rate_limit};
/// # use std::time::Duration;
/// let mut fields = HeaderMap::new();
/// fields.insert("ratelimit", "\"default\";r=50;t=30".parse()?);
/// let announced = rate_limit::parse(&fields, 0).ok_or("nothing")?;
/// assert_eq!((announced.remaining, announced.reset_after), (50, Duration::from_secs(30)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn parse(fields: &HeaderMap, now_unix_ms: u64) -> Option<RateLimit> {
    let date = fields.get(DATE).and_then(|date| http_date_unix_ms(date.as_bytes()));
    let now_unix_ms = date.unwrap_or(now_unix_ms);
    let of_families = || FAMILIES.iter().find_map(|family| of_family(fields, family, now_unix_ms));
    of_one_field(fields, now_unix_ms).or_else(of_families)
}

/// The field `RateLimit`, in either of its forms.
fn of_one_field(fields: &HeaderMap, now_unix_ms: u64) -> Option<RateLimit> {
    let mut found: Option<RateLimit> = None;
    let (mut remaining, mut reset_after) = (None, None);
    let values = fields.get_all(RATE_LIMIT).iter().filter_map(|value| value.to_str().ok());
    for member in values.flat_map(|value| pieces(value, ',')).take(POLICIES_MAX) {
        let parameter = |name| pieces(member, ';').skip(1).find_map(|parameter| value_of(parameter, name));
        if let Some((remaining, time)) = parameter("r").and_then(count).zip(parameter("t")) {
            let stated = reset(time, now_unix_ms).map(|reset_after| RateLimit { remaining, reset_after });
            found = stated.map(|stated| found.map_or(stated, |found| found.tighter(stated))).or(found);
        }
        let item = pieces(member, ';').next().unwrap_or_default();
        remaining = remaining.or(value_of(item, "remaining").and_then(count));
        reset_after = reset_after.or(value_of(item, "reset").and_then(|time| reset(time, now_unix_ms)));
    }
    found.or_else(|| Some(RateLimit { remaining: remaining?, reset_after: reset_after? }))
}

/// One field for each figure. Where they tell of several policies, the figures stand in the same order.
fn of_family(fields: &HeaderMap, family: &str, now_unix_ms: u64) -> Option<RateLimit> {
    let of = |figure: &str| figures(fields, &format!("{family}{figure}"));
    let remaining = of("remaining")?;
    let resets = of("reset-after").or_else(|| of("reset"))?;
    if remaining.len() != resets.len() {
        return None;
    }
    let pairs = remaining.iter().zip(&resets).filter_map(|(remaining, time)| {
        Some(RateLimit {
            remaining: count(first_item(remaining))?,
            reset_after: reset(first_item(time), now_unix_ms)?,
        })
    });
    pairs.reduce(RateLimit::tighter)
}

/// The figures in the fields of this name; `None` without such a field.
fn figures<'a>(fields: &'a HeaderMap, name: &str) -> Option<Vec<&'a str>> {
    let mut figures = Vec::new();
    for value in fields.get_all(name).iter().filter_map(|value| value.to_str().ok()) {
        // A date contains a comma.
        match http_date_unix_ms(value.as_bytes()) {
            Some(_) => figures.push(value),
            None => figures.extend(pieces(value, ',').take(POLICIES_MAX)),
        }
    }
    (!figures.is_empty()).then_some(figures)
}

/// Splits at separators outside of quotes, and trims each piece.
fn pieces(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let split = text.split(move |c: char| {
        let was_escaped = std::mem::take(&mut is_escaped);
        match c {
            '\\' if is_quoted && !was_escaped => is_escaped = true,
            '"' if !was_escaped => is_quoted = !is_quoted,
            _ => return c == separator && !is_quoted,
        }
        false
    });
    split.map(str::trim)
}

/// A figure without its parameters: `50` of `50;w=60`.
fn first_item(text: &str) -> &str {
    pieces(text, ';').next().unwrap_or_default()
}

/// The value of `name=value`.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = text.split_once('=')?;
    key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
}

/// A number of at least zero. `f64` is exact far beyond any count of requests.
fn number(text: &str) -> Option<f64> {
    let is_decimal = text.starts_with(|c: char| c.is_ascii_digit())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_decimal { text.parse().ok() } else { None }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "not negative, and `as` saturates"
)]
fn count(text: &str) -> Option<u64> {
    number(text).map(|number| number as u64)
}

/// Seconds, a Unix time in seconds or milliseconds, or a date.
fn reset(text: &str, now_unix_ms: u64) -> Option<Duration> {
    let at = |unix_ms: u64| Duration::from_millis(unix_ms.saturating_sub(now_unix_ms));
    let after = match number(text) {
        Some(millis) if millis >= UNIX_MILLIS_MIN => at(count(text)?),
        Some(seconds) if seconds >= UNIX_SECONDS_MIN => at(count(text)?.saturating_mul(1_000)),
        Some(seconds) => Duration::try_from_secs_f64(seconds).ok()?,
        None => at(http_date_unix_ms(text.as_bytes())?),
    };
    Some(after.min(RETRY_AFTER_MAX))
}
