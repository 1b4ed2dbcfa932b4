//! The handles of an attempt.

use std::sync::Arc;
use std::time::Duration;

use longhaul_http::Client;
use longhaul_http::redirect::RedirectPolicy;
use longhaul_socket::clock::WallClock;

use crate::exchange::byte_rate::ByteRateLimit;
use crate::exchange::range_refusals::RangeRefusals;
use crate::exchange::size_limit::SizeLimit;
use crate::list::MediaRange;
use crate::report::observer::Observer;
use crate::sink::SinkHandle;

/// Handles that all attempts of one shard use.
pub(crate) struct ExchangeContext {
    pub(crate) client: Client,
    pub(crate) redirects: RedirectPolicy,
    /// The deadline of the first response head of a URL, and how far it may grow.
    pub(crate) head_timeouts: (Duration, Duration),
    pub(crate) range_refusals: RangeRefusals,
    pub(crate) sink: SinkHandle,
    pub(crate) observer: Arc<Observer>,
    pub(crate) clock: WallClock,
    pub(crate) rate: Option<Arc<ByteRateLimit>>,
    pub(crate) size_limit: SizeLimit,
    /// The media types that the user expects of rows without a type of their own.
    pub(crate) expected_types: Vec<MediaRange>,
    /// Whether the store wants a record of each response.
    pub(crate) records_responses: bool,
}
