//! The relay over UDP. UDP has no connection and no end, so silence stands for both.

use std::time::Duration;

use longhaul_socket::{Deadline, Fault, FaultKind, Phase, UdpSocket};

use super::state::{RelayEnd, RelayState, RelayTimeouts};
use super::stdio::{Input, Output};
use crate::error::CommandError;

/// Maximum payload of a datagram that is sent. It passes almost every path in one piece: IPv6 guarantees 1,280 bytes
/// with headers (RFC 9000 section 14 chooses the same size).
pub(super) const PIECE_BYTES_MAX: usize = 1_200;
/// No UDP datagram is longer (RFC 768).
pub(crate) const DATAGRAM_BYTES_MAX: usize = 65_535;
/// The input has ended and the peer has answered: this much silence ends the relay.
const FINAL_SILENCE: Duration = Duration::from_secs(1);

/// Sends each piece of the input as a datagram to the peer that `socket` is connected to, and writes the datagrams of the
/// peer to the output, until the input has ended and the peer falls silent. `first` is a datagram that the peer has sent
/// already.
///
/// # Errors
/// `TimedOut` if the peer never sends anything. An absent peer can show as `Refused`.
pub(crate) async fn relay(
    socket: &UdpSocket,
    input: &mut Input,
    output: Output,
    hex: bool,
    timeouts: RelayTimeouts,
    first: Option<&[u8]>,
) -> Result<(), CommandError> {
    let state = RelayState::new(timeouts, hex, output);
    RelayEnd::into_result(run(socket, input, &state, first).await)
}

async fn run(
    socket: &UdpSocket,
    input: &mut Input,
    state: &RelayState,
    first: Option<&[u8]>,
) -> Result<(), RelayEnd> {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    let mut has_received = false;
    if let Some(datagram) = first {
        state.write_received(datagram).await?;
        has_received = true;
    }
    let mut input_has_ended = false;
    loop {
        let deadline = if input_has_ended && has_received {
            Deadline::at(state.last_activity() + FINAL_SILENCE.min(state.timeouts().silence))
        } else {
            state.silence_deadline()
        };
        tokio::select! {
            biased;
            received = socket.receive_within(&mut buffer, deadline) => match received {
                Ok(length) => {
                    has_received = true;
                    state.write_received(&buffer[..length]).await?;
                }
                Err(fault) if fault.kind() == FaultKind::TimedOut && has_received => return Ok(()),
                Err(fault) if fault.kind() == FaultKind::TimedOut => return Err(timed_out(socket, state).into()),
                Err(fault) => return Err(fault.into()),
            },
            piece = input.next(), if !input_has_ended => {
                if let Some(piece) = piece.map_err(CommandError::Input)? {
                    socket.send_within(&piece, Deadline::after(state.timeouts().operation)).await?;
                    state.record_sent(&piece).await?;
                } else {
                    input_has_ended = true;
                    state.record_activity();
                }
            }
        }
    }
}

/// The fault of a peer that never sent anything. Its time counts from the last datagram sent.
fn timed_out(socket: &UdpSocket, state: &RelayState) -> Fault {
    let fault = Fault::new(Phase::Receive, FaultKind::TimedOut, state.last_activity().elapsed());
    fault.at(socket.remote().unwrap_or_else(|| socket.local()))
}
