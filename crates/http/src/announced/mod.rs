//! What a host says about when it takes requests: `Retry-After` and `RateLimit`, as pure functions over fields.

mod date;
pub mod rate_limit;
pub mod retry_after;

pub(crate) use date::http_date_unix_ms;
