//! The character generator: lines of 72 printable characters, each shifted by one against the line before (RFC 864).

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use longhaul_socket::Stream;
use tokio::io::AsyncWrite;

use crate::service_host::poll_discard;

/// The printable characters of ASCII, including the space.
const CHARACTERS: usize = 95;
const LINE_CHARACTERS: usize = 72;
const LINE_BYTES: usize = LINE_CHARACTERS + 2;
/// The pattern repeats after as many lines as there are characters.
const PATTERN_BYTES: usize = CHARACTERS * LINE_BYTES;

/// The most characters in a datagram (RFC 864).
const DATAGRAM_BYTES_MAX: usize = 512;

static PATTERN: [u8; PATTERN_BYTES] = pattern();

const fn pattern() -> [u8; PATTERN_BYTES] {
    let mut pattern = [0; PATTERN_BYTES];
    let mut at = 0;
    while at < PATTERN_BYTES {
        let (line, column) = (at / LINE_BYTES, at % LINE_BYTES);
        pattern[at] = match column {
            LINE_CHARACTERS => b'\r',
            column if column > LINE_CHARACTERS => b'\n',
            #[expect(clippy::cast_possible_truncation, reason = "there are 95 characters")]
            column => b' ' + ((line + column) % CHARACTERS) as u8,
        };
        at += 1;
    }
    pattern
}

/// Sends for as long as the client takes it, even after the client has ended its own direction: the RFC sends until the
/// connection is closed. What the client sends is discarded.
pub(super) async fn serve(stream: &mut Stream) -> io::Result<()> {
    let mut at = 0;
    let mut may_receive = true;
    loop {
        let sent = poll_fn(|cx| {
            if may_receive && let Poll::Ready(discarded) = poll_discard(stream, cx) {
                // More may have come; the next iteration reads it.
                match discarded {
                    Ok(count) => may_receive = count > 0,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            Pin::new(&mut *stream).poll_write(cx, &PATTERN[at..])
        });
        at = (at + sent.await?) % PATTERN_BYTES;
    }
}

/// A random number of characters; RFC 864 does not require whole lines.
pub(super) fn datagram() -> Vec<u8> {
    PATTERN[..fastrand::usize(..=DATAGRAM_BYTES_MAX)].to_vec()
}
