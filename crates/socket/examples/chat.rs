//! A chat room: each line of a client goes to all the others. `chat [tcp://127.0.0.1:7007]`; join with any client that
//! sends lines, such as `ncat 127.0.0.1 7007`.

use std::error::Error;
use std::time::Duration;

use longhaul_socket::framing::{Framing, Messages};
use longhaul_socket::{Deadline, Fault, FaultKind, Stream, TcpListener, Timeouts};
use tokio::sync::broadcast::{self, Sender, error::RecvError};

/// Idle time after which a client is taken to have left.
const QUIET_MAX: Duration = Duration::from_mins(10);
/// The pause after a connection could not be accepted: the usual cause, too many open files, does not pass at once.
const ACCEPT_REST: Duration = Duration::from_millis(50);
const LINE_BYTES_MAX: usize = 1024;
/// Lines kept for slow clients; they miss older ones.
const LINES_KEPT: usize = 64;

#[derive(Clone)]
struct Line {
    author: usize,
    text: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "tcp://127.0.0.1:7007".into());
    let mut listener = TcpListener::bind(endpoint.parse()?)?;
    listener.set_timeouts(Timeouts { accept: QUIET_MAX, ..Timeouts::default() });
    println!("listening on {}", listener.local());
    let room = Sender::new(LINES_KEPT);
    for number in 1.. {
        match listener.accept().await {
            Ok(stream) => drop(tokio::spawn(take_part(number, stream, room.clone()))),
            Err(fault) if fault.kind() == FaultKind::TimedOut => {}
            Err(fault) => {
                eprintln!("{fault}");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
    Ok(())
}

async fn take_part(number: usize, stream: Stream, room: Sender<Line>) {
    let say = |text: String| drop(room.send(Line { author: number, text }));
    let mut lines = room.subscribe();
    say(format!("{number} has come"));
    match talk(number, Messages::new(stream, Framing::lines(LINE_BYTES_MAX)), &mut lines, &say).await {
        Ok(()) => say(format!("{number} has left")),
        Err(fault) => say(format!("{number} is gone: {fault}")),
    }
}

async fn talk(
    number: usize,
    mut client: Messages,
    lines: &mut broadcast::Receiver<Line>,
    say: &impl Fn(String),
) -> Result<(), Fault> {
    client.send(format!("you are {number}").as_bytes()).await?;
    // Only its own lines reset the deadline: the lines of others do not keep a client in the room.
    let mut quiet = Deadline::after(QUIET_MAX);
    loop {
        // Both waits are cancel safe: the one that is not ready loses nothing.
        tokio::select! {
            received = client.receive_within(quiet) => match received? {
                Some(text) => {
                    quiet = Deadline::after(QUIET_MAX);
                    say(format!("{number}: {}", String::from_utf8_lossy(&text)));
                }
                None => return Ok(()),
            },
            line = lines.recv() => match line {
                Ok(line) if line.author != number => client.send(line.text.as_bytes()).await?,
                Ok(_) | Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Ok(()),
            },
        }
    }
}
