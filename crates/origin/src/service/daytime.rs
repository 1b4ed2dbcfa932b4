//! Daytime: a line with the day and the time of day (RFC 867).

use std::io;

use longhaul_socket::Stream;
use longhaul_socket::clock::WallClock;

use super::reply::send_and_close;
use crate::http1::http_date;

pub(super) async fn serve(stream: &mut Stream, clock: WallClock) -> io::Result<()> {
    send_and_close(stream, &line(clock)).await
}

/// The RFC leaves the format open; this is the date of HTTP (RFC 9110 section 5.6.7), which every library reads.
pub(super) fn line(clock: WallClock) -> Vec<u8> {
    format!("{}\r\n", httpdate::fmt_http_date(http_date(clock))).into_bytes()
}
