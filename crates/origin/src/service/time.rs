//! Time: the seconds since 1900-01-01T00:00:00Z as four bytes, most significant first (RFC 868).

use std::io;

use longhaul_socket::Stream;
use longhaul_socket::clock::WallClock;

use super::reply::send_and_close;

/// From 1900 to 1970, as the RFC gives it.
const EPOCH_UNIX_SECONDS: u64 = 2_208_988_800;

pub(super) async fn serve(stream: &mut Stream, clock: WallClock) -> io::Result<()> {
    send_and_close(stream, &seconds(clock)).await
}

/// The number has 32 bits, and wraps in 2036.
pub(super) fn seconds(clock: WallClock) -> Vec<u8> {
    let seconds = (clock.unix_ms() / 1_000).wrapping_add(EPOCH_UNIX_SECONDS);
    seconds.to_be_bytes()[4..].to_vec()
}
