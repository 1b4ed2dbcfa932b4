//! The character generator: lines of 72 printable characters, each line shifted by one against the last (RFC 864).

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use longhaul_socket::Stream;
use tokio::io::AsyncWrite;

use super::stream::poll_discard;

/// The printable characters of ASCII, the space among them.
const CHARACTERS: usize = 95;
const LINE_CHARACTERS: usize = 72;
const LINE_BYTES: usize = LINE_CHARACTERS + 2;
/// After as many lines as there are characters the pattern begins anew.
const PATTERN_BYTES: usize = CHARACTERS * LINE_BYTES;

/// The most characters in a datagram, by the RFC.
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

/// Sends for as long as the peer takes it, also after it has ended its own direction: the RFC sends until the connection
/// is closed. What the peer says is thrown away.
pub(super) async fn serve(stream: &mut Stream) -> io::Result<()> {
    let mut at = 0;
    let mut may_speak = true;
    loop {
        let sent = poll_fn(|cx| {
            if may_speak && let Poll::Ready(discarded) = poll_discard(stream, cx) {
                // More may be there; the next step sees to it.
                match discarded {
                    Ok(count) => may_speak = count > 0,
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
            Pin::new(&mut *stream).poll_write(cx, &PATTERN[at..])
        });
        at = (at + sent.await?) % PATTERN_BYTES;
    }
}

/// A random number of characters, by the RFC; whole lines are not asked for.
pub(super) fn answer() -> Vec<u8> {
    PATTERN[..fastrand::usize(..=DATAGRAM_BYTES_MAX)].to_vec()
}
