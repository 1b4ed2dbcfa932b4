//! What a host says that it will still serve: `RateLimit` (draft-ietf-httpapi-ratelimit-headers), its earlier forms, and the
//! `X-RateLimit-*` fields that came before it.
//!
//! ```text
//! RateLimit: "burst";r=5;t=1, "daily";r=900;t=3600
//! RateLimit: limit=100, remaining=50, reset=5
//! RateLimit-Limit: 100            and -Remaining, -Reset; the same with X-RateLimit- and X-Rate-Limit-
//! ```
//!
//! No promise: hosts send constants, counts of something else, and nonsense. What of it is believed is for the caller to
//! decide; here is only read what it says. What cannot be read is as good as not sent.

use std::time::Duration;

use http::HeaderMap;
use http::header::DATE;

use crate::retry_after::{RETRY_AFTER_MAX, http_date_unix_ms};

/// The field of the current form, and of one before it.
const RATE_LIMIT: &str = "ratelimit";
/// How the names of the separate fields begin: those of the older drafts, and of what there was before any draft.
const FAMILIES: [&str; 3] = ["ratelimit-", "x-ratelimit-", "x-rate-limit-"];
/// A reset from here on is no number of seconds to wait, which would be 31 years, but a Unix time in seconds ...
const UNIX_SECONDS_MIN: f64 = 1e9;
/// ... and from here on, in milliseconds.
const UNIX_MILLIS_MIN: f64 = 1e11;
/// Policies of one answer that are looked at.
const POLICIES_MAX: usize = 16;

/// How many requests more a host says it will serve, and for how long that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// Requests until the reset.
    pub remaining: u64,
    /// From the answer until the host counts anew; zero where that time has passed, and at most [`RETRY_AFTER_MAX`].
    pub reset_after: Duration,
}

impl RateLimit {
    /// The tighter of two: of which less remains, and where that is alike for longer.
    fn tighter(self, other: Self) -> Self {
        let longer = self.reset_after.max(other.reset_after);
        match self.remaining.cmp(&other.remaining) {
            std::cmp::Ordering::Less => self,
            std::cmp::Ordering::Greater => other,
            std::cmp::Ordering::Equal => Self { reset_after: longer, ..self },
        }
    }
}

/// What these fields announce, the tightest of several policies. A reset at a time of day is counted from the answer's
/// `Date`, where it has one, for that is the clock by which it was written, and from `now_unix_ms` otherwise.
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

/// `RateLimit`, in either of its forms.
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

/// A field for each figure. Where they speak of several policies, the figures stand in the same order.
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

/// What stands in the field of this name, in one line or several; `None` without such a field.
fn figures<'a>(fields: &'a HeaderMap, name: &str) -> Option<Vec<&'a str>> {
    let mut figures = Vec::new();
    for value in fields.get_all(name).iter().filter_map(|value| value.to_str().ok()) {
        // A date has a comma of its own.
        match http_date_unix_ms(value.as_bytes()) {
            Some(_) => figures.push(value),
            None => figures.extend(pieces(value, ',').take(POLICIES_MAX)),
        }
    }
    (!figures.is_empty()).then_some(figures)
}

/// What stands between separators that are not within quotes, without the blanks around it.
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

/// A figure without what is said about it: `50;w=60`.
fn first_item(text: &str) -> &str {
    pieces(text, ';').next().unwrap_or_default()
}

/// The value of `name=value`.
fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let (key, value) = text.split_once('=')?;
    key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
}

/// A number that is not negative. `f64` is exact far beyond any count of requests.
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
