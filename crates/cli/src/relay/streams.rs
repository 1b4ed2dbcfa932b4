//! The relay over a stream: TCP, TLS or a Unix-domain socket.

use std::time::Duration;

use longhaul_socket::{Address, Deadline, Fault, FaultKind, Phase, Stream, clock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::state::{RelayEnd, RelayState, RelayTimeouts};
use super::stdio::{Input, Output, PIECE_BYTES_MAX};
use crate::error::CommandError;

/// Once the peer has ended its direction, this much silence of standard input ends the relay: the input may never end by
/// itself.
const INPUT_GRACE: Duration = Duration::from_secs(1);
/// The version of TLS in which ending one direction ends the other too (RFC 5246 section 7.2.1).
const TLS_WITHOUT_HALF_CLOSE: &str = "TLSv1_2";

/// Sends the input and writes what arrives to the output, at the same time, until the peer has ended its direction and
/// the input has ended. The end of the input ends our direction only. TLS 1.2 has no half-open connections; there our
/// direction stays open.
///
/// # Errors
/// The first fault of either direction. Over TLS, an end without `close_notify` is a fault.
pub(crate) async fn relay(
    stream: Stream,
    input: &mut Input,
    output: Output,
    hex: bool,
    timeouts: RelayTimeouts,
) -> Result<(), CommandError> {
    let remote = stream.remote();
    let may_half_close = stream.tls().is_none_or(|tls| tls.version != TLS_WITHOUT_HALF_CLOSE);
    let state = RelayState::new(timeouts, hex, output);
    let (reader, writer) = tokio::io::split(stream);
    let is_terminal = input.is_terminal();
    let outcome = both(
        upload(writer, input, &state, &remote, may_half_close),
        download(reader, &state, &remote),
        &state,
        if is_terminal { Duration::ZERO } else { INPUT_GRACE },
    );
    RelayEnd::into_result(outcome.await)
}

/// Runs both directions until the download has ended, and the upload has ended too or has been idle for `grace`.
async fn both(
    upload: impl Future<Output = Result<(), RelayEnd>>,
    download: impl Future<Output = Result<(), RelayEnd>>,
    state: &RelayState,
    grace: Duration,
) -> Result<(), RelayEnd> {
    let mut upload = std::pin::pin!(upload);
    let mut download = std::pin::pin!(download);
    let mut has_sent_all = false;
    loop {
        tokio::select! {
            biased;
            sent = &mut upload, if !has_sent_all => {
                sent?;
                has_sent_all = true;
            }
            received = &mut download => {
                received?;
                break;
            }
        }
    }
    if has_sent_all {
        return Ok(());
    }
    loop {
        let last_activity = state.last_activity();
        match Deadline::at(last_activity + grace).bound(&mut upload).await {
            Ok(sent) => return sent,
            Err(_) if state.last_activity() == last_activity => return Ok(()),
            Err(_) => {}
        }
    }
}

async fn upload(
    mut writer: WriteHalf<Stream>,
    input: &mut Input,
    state: &RelayState,
    remote: &Address,
    may_half_close: bool,
) -> Result<(), RelayEnd> {
    while let Some(piece) = input.next().await.map_err(CommandError::Input)? {
        let write = async {
            writer.write_all(&piece).await?;
            writer.flush().await
        };
        within_timeout(Phase::Send, remote, state, write).await?;
        state.record_sent(&piece).await?;
    }
    if may_half_close {
        within_timeout(Phase::Shutdown, remote, state, writer.shutdown()).await?;
        state.record_activity();
    }
    Ok(())
}

async fn download(
    mut reader: ReadHalf<Stream>,
    state: &RelayState,
    remote: &Address,
) -> Result<(), RelayEnd> {
    let mut buffer = vec![0; PIECE_BYTES_MAX];
    loop {
        let start = clock::now();
        let deadline = state.silence_deadline();
        match deadline.bound(reader.read(&mut buffer)).await {
            Ok(Ok(0)) => return Ok(()),
            Ok(Ok(length)) => state.write_received(&buffer[..length]).await?,
            Ok(Err(error)) => {
                return Err(Fault::from_io(Phase::Receive, error, since(start))
                    .at_address(remote.clone())
                    .into());
            }
            // Bytes moved in the other direction meanwhile.
            Err(_) if state.silence_deadline() > deadline => {}
            Err(_) => {
                let fault = Fault::new(Phase::Receive, FaultKind::TimedOut, since(state.last_activity()));
                return Err(fault.at_address(remote.clone()).into());
            }
        }
    }
}

async fn within_timeout(
    phase: Phase,
    remote: &Address,
    state: &RelayState,
    operation: impl Future<Output = std::io::Result<()>>,
) -> Result<(), Fault> {
    let start = clock::now();
    match Deadline::after(state.timeouts().operation).bound(operation).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Fault::from_io(phase, error, since(start)).at_address(remote.clone())),
        Err(_) => Err(Fault::new(phase, FaultKind::TimedOut, since(start)).at_address(remote.clone())),
    }
}

fn since(start: Instant) -> Duration {
    clock::now().saturating_duration_since(start)
}
