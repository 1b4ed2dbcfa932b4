//! Many concurrent clients of an echo service, for `bench/serve.sh`: `crowd tcp://127.0.0.1:7007 10000 1024 [PID]`.
//!
//! All of them connect before the first one sends. Two further clients misbehave: one never reads, and one sends a byte per
//! second. Each of the others sends this many bytes and expects them back. Prints the total time, the time of the slowest echo
//! and, if the process ID of the server is given, its memory per connection.
#![expect(clippy::disallowed_methods, reason = "proc(5) is asked for the memory of the server")]

use std::error::Error;
use std::time::Duration;

use longhaul_socket::{Deadline, Endpoint, Fault, Stream, clock};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

/// Concurrent attempts to connect, fewer than the backlog of a listener.
const CONNECTING_MAX: usize = 512;
const TIME_MAX: Duration = Duration::from_mins(2);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().ok_or("expected ENDPOINT CLIENTS BYTES [PID]");
    let (endpoint, clients, bytes): (Endpoint, usize, usize) =
        (next()?.parse()?, next()?.parse()?, next()?.parse()?);
    let server: Option<u32> = next().ok().map(|pid| pid.parse()).transpose()?;
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    let before = server.map(memory_kib).transpose()?;

    let start = clock::now();
    let deaf = tokio::spawn(never_reads(Stream::connect(endpoint).await?));
    let slow = tokio::spawn(a_byte_a_second(Stream::connect(endpoint).await?));
    let mut streams = Vec::with_capacity(clients);
    let mut connecting = JoinSet::new();
    let mut begun = 0;
    while streams.len() < clients {
        while begun < clients && connecting.len() < CONNECTING_MAX {
            connecting.spawn(Stream::connect_within(endpoint, Deadline::after(TIME_MAX)));
            begun += 1;
        }
        if let Some(connected) = connecting.join_next().await {
            streams.push(connected??);
        }
    }
    println!("{clients} connections open after {:.2} s", start.elapsed().as_secs_f64());
    let idle = server.map(memory_kib).transpose()?;

    let start = clock::now();
    let all_have_sent = std::sync::Arc::new(Barrier::new(clients));
    let mut echoes = JoinSet::new();
    for (number, stream) in streams.into_iter().enumerate() {
        echoes.spawn(echo(stream, number, bytes, std::sync::Arc::clone(&all_have_sent)));
    }
    let mut right = 0;
    let mut slowest = Duration::ZERO;
    let mut kept = Vec::with_capacity(clients);
    while let Some(echoed) = echoes.join_next().await {
        let (stream, is_right, elapsed) = echoed??;
        kept.push(stream);
        right += usize::from(is_right);
        slowest = slowest.max(elapsed);
    }
    println!(
        "{right} of {clients} echoes of {bytes} bytes right after {:.2} s, the slowest took {} ms",
        start.elapsed().as_secs_f64(),
        slowest.as_millis()
    );
    if let (Some(pid), Some(before), Some(idle)) = (server, before, idle) {
        let after = memory_kib(pid)?;
        let each = |now: u64| now.saturating_sub(before) as f64 / clients as f64;
        println!(
            "server: {before} KiB before; a connection {:.2} KiB idle, {:.2} KiB after its echo",
            each(idle),
            each(after)
        );
    }
    drop(kept);
    println!("never reads: dropped after {:.1} s", deaf.await?.as_secs_f64());
    println!("a byte a second: dropped after {:.1} s", slow.await?.as_secs_f64());
    if right == clients { Ok(()) } else { Err("not every echo was right".into()) }
}

/// Sends what no other sends, waits until all have sent, and expects it back.
async fn echo(
    mut stream: Stream,
    number: usize,
    bytes: usize,
    all_have_sent: std::sync::Arc<Barrier>,
) -> Result<(Stream, bool, Duration), Fault> {
    let start = clock::now();
    let sent: Vec<u8> = number.to_le_bytes().into_iter().cycle().take(bytes).collect();
    stream.send_within(&sent, Deadline::after(TIME_MAX)).await?;
    all_have_sent.wait().await;
    let mut received = vec![0; bytes];
    stream.receive_exact_within(&mut received, Deadline::after(TIME_MAX)).await?;
    Ok((stream, sent == received, start.elapsed()))
}

async fn never_reads(mut stream: Stream) -> Duration {
    let start = clock::now();
    while stream.send_within(&[0; 4096], Deadline::after(TIME_MAX)).await.is_ok() {}
    start.elapsed()
}

async fn a_byte_a_second(mut stream: Stream) -> Duration {
    let start = clock::now();
    while start.elapsed() < TIME_MAX && stream.send(b"x").await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    start.elapsed()
}

/// The resident memory of a process, proc(5).
fn memory_kib(pid: u32) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
