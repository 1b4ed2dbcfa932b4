//! The exchange over UDP, which has no connections and no end: both are made out of silence.

use std::time::Duration;

use longhaul_socket::{Deadline, Fault, FaultKind, UdpSocket};

use super::{Ended, Input, Output, Shared, Waits, settled};
use crate::error::CommandError;

/// What passes almost everywhere in one piece: the least that IPv6 demands of every link, less headers (RFC 9000
/// section 14 takes the same).
pub(crate) const PIECE_BYTES: usize = 1_200;
/// No datagram is longer (RFC 768).
pub(crate) const DATAGRAM_BYTES_MAX: usize = 65_535;
/// After an answer, a silence of this length counts as its end.
const END_OF_ANSWER: Duration = Duration::from_secs(1);

/// Sends each piece of the input as a datagram to the peer that `socket` is connected to, and puts out what it answers,
/// until the input has ended and the answers have, too. `first` is what the peer has said already, if anything.
///
/// # Errors
/// `TimedOut` when the peer has never said anything; that nobody is there may show as `Refused`.
pub(crate) async fn exchange(
    socket: &UdpSocket,
    input: &mut Input,
    output: Output,
    hex: bool,
    waits: Waits,
    first: Option<&[u8]>,
) -> Result<(), CommandError> {
    let shared = Shared::new(waits, hex, output);
    settled(run(socket, input, &shared, first).await)
}

async fn run(
    socket: &UdpSocket,
    input: &mut Input,
    shared: &Shared,
    first: Option<&[u8]>,
) -> Result<(), Ended> {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut has_heard = false;
    if let Some(datagram) = first {
        shared.received(datagram).await?;
        has_heard = true;
    }
    let mut input_has_ended = false;
    loop {
        let silence_ends = if input_has_ended && has_heard {
            Deadline::at(shared.moved.get() + END_OF_ANSWER.min(shared.waits.silence))
        } else {
            shared.silence_ends()
        };
        tokio::select! {
            biased;
            received = socket.receive_within(&mut buffer, silence_ends) => match received {
                Ok(length) => {
                    has_heard = true;
                    shared.received(&buffer[..length]).await?;
                }
                Err(fault) if fault.kind() == FaultKind::TimedOut && has_heard => return Ok(()),
                Err(fault) if fault.kind() == FaultKind::TimedOut => return Err(silent(socket, shared).into()),
                Err(fault) => return Err(fault.into()),
            },
            piece = input.next(), if !input_has_ended => {
                if let Some(piece) = piece.map_err(CommandError::Input)? {
                    socket.send_within(&piece, Deadline::after(shared.waits.step)).await?;
                    shared.sent(&piece).await?;
                } else {
                    input_has_ended = true;
                    shared.moved();
                }
            }
        }
    }
}

/// The fault of a peer that never said anything: the time is that since we spoke last.
fn silent(socket: &UdpSocket, shared: &Shared) -> Fault {
    let fault =
        Fault::new(longhaul_socket::Phase::Receive, FaultKind::TimedOut, shared.moved.get().elapsed());
    fault.at(socket.remote().unwrap_or_else(|| socket.local()))
}
