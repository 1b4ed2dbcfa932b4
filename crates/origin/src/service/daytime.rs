//! Daytime: a line that says what day and time it is (RFC 867).

use std::io;
use std::time::{Duration, SystemTime};

use longhaul_socket::Stream;
use longhaul_socket::clock::WallClock;

use super::stream;

/// The last millisecond that the format can name: the end of the year 9999.
const UNIX_MS_MAX: u64 = 253_402_300_799_999;

pub(super) async fn serve(stream: &mut Stream, clock: WallClock) -> io::Result<()> {
    stream::answer(stream, &answer(clock)).await
}

/// The RFC leaves the format open; this is the date of HTTP (RFC 9110 section 5.6.7), which everything reads.
pub(super) fn answer(clock: WallClock) -> Vec<u8> {
    let since_epoch = Duration::from_millis(clock.unix_ms().min(UNIX_MS_MAX));
    let date = httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + since_epoch);
    format!("{date}\r\n").into_bytes()
}
