//! The exchange over a stream: TCP, TLS or a Unix-domain socket.

use std::time::Duration;

use longhaul_socket::{Address, Deadline, Fault, FaultKind, Phase, Stream, clock};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};
use tokio::time::Instant;

use super::{Ended, Input, Output, STREAM_PIECE_BYTES, Shared, Waits, settled};
use crate::error::CommandError;

/// After the peer's end, standard input that is silent for so long is not waited for: nobody may ever end it.
const INPUT_GRACE: Duration = Duration::from_secs(1);
/// The one version in which ending our direction ends the other too (RFC 5246 section 7.2.1).
const TLS_WITHOUT_HALF_CLOSE: &str = "TLSv1_2";

/// Sends the input and puts out what comes, both at once, until the peer has ended its direction and the input has ended.
/// At the end of the input our direction is ended, and the other stays open; only under TLS 1.2, which has no half-open
/// connections, ours stays open too.
///
/// # Errors
/// The first fault of either direction. Over TLS an end without a farewell is one.
pub(crate) async fn exchange(
    stream: Stream,
    input: &mut Input,
    output: Output,
    hex: bool,
    waits: Waits,
) -> Result<(), CommandError> {
    let remote = stream.remote();
    let may_half_close = stream.tls().is_none_or(|tls| tls.version != TLS_WITHOUT_HALF_CLOSE);
    let shared = Shared::new(waits, hex, output);
    let (reader, writer) = tokio::io::split(stream);
    let is_terminal = input.is_terminal();
    let outcome = both(
        upload(writer, input, &shared, &remote, may_half_close),
        download(reader, &shared, &remote),
        &shared,
        if is_terminal { Duration::ZERO } else { INPUT_GRACE },
    );
    settled(outcome.await)
}

/// Runs both directions. The end of the exchange is the peer's, once the input has ended too or has nothing to say.
async fn both(
    upload: impl Future<Output = Result<(), Ended>>,
    download: impl Future<Output = Result<(), Ended>>,
    shared: &Shared,
    grace: Duration,
) -> Result<(), Ended> {
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
        let moved = shared.moved.get();
        match Deadline::at(moved + grace).bound(&mut upload).await {
            Ok(sent) => return sent,
            Err(_) if shared.moved.get() == moved => return Ok(()),
            Err(_) => {}
        }
    }
}

async fn upload(
    mut writer: WriteHalf<Stream>,
    input: &mut Input,
    shared: &Shared,
    remote: &Address,
    may_half_close: bool,
) -> Result<(), Ended> {
    while let Some(piece) = input.next().await.map_err(CommandError::Input)? {
        let write = async {
            writer.write_all(&piece).await?;
            writer.flush().await
        };
        step(Phase::Send, remote, shared, write).await?;
        shared.sent(&piece).await?;
    }
    if may_half_close {
        step(Phase::Shutdown, remote, shared, writer.shutdown()).await?;
        shared.moved();
    }
    Ok(())
}

async fn download(mut reader: ReadHalf<Stream>, shared: &Shared, remote: &Address) -> Result<(), Ended> {
    let mut buffer = vec![0; STREAM_PIECE_BYTES];
    loop {
        let start = clock::now();
        let deadline = shared.silence_ends();
        match deadline.bound(reader.read(&mut buffer)).await {
            Ok(Ok(0)) => return Ok(()),
            Ok(Ok(length)) => shared.received(&buffer[..length]).await?,
            Ok(Err(error)) => {
                return Err(Fault::from_io(Phase::Receive, error, since(start))
                    .at_address(remote.clone())
                    .into());
            }
            // The other direction has moved meanwhile.
            Err(_) if shared.silence_ends() > deadline => {}
            Err(_) => {
                let fault = Fault::new(Phase::Receive, FaultKind::TimedOut, since(shared.moved.get()));
                return Err(fault.at_address(remote.clone()).into());
            }
        }
    }
}

async fn step(
    phase: Phase,
    remote: &Address,
    shared: &Shared,
    operation: impl Future<Output = std::io::Result<()>>,
) -> Result<(), Fault> {
    let start = clock::now();
    match Deadline::after(shared.waits.step).bound(operation).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(Fault::from_io(phase, error, since(start)).at_address(remote.clone())),
        Err(_) => Err(Fault::new(phase, FaultKind::TimedOut, since(start)).at_address(remote.clone())),
    }
}

fn since(start: Instant) -> Duration {
    clock::now().saturating_duration_since(start)
}
