//! An echo server (RFC 862), async: `echo_server_async [tcp://127.0.0.1:7007]`.

use std::error::Error;
use std::time::Duration;

use longhaul_socket::{Fault, FaultKind, Stream, TcpListener};

/// The pause after a connection could not be accepted: the usual cause, too many open files, does not pass at once.
const ACCEPT_REST: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "tcp://127.0.0.1:7007".into());
    let listener = TcpListener::bind(endpoint.parse()?)?;
    println!("listening on {}", listener.local());
    loop {
        match listener.accept().await {
            Ok(stream) => drop(tokio::spawn(serve(stream))),
            // No client connected within the default timeout.
            Err(fault) if fault.kind() == FaultKind::TimedOut => {}
            Err(fault) => {
                eprintln!("{fault}");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

async fn serve(stream: Stream) {
    let remote = stream.remote();
    match echo(stream).await {
        Ok(bytes) => println!("{remote}: {bytes} bytes"),
        Err(fault) => eprintln!("{fault}"),
    }
}

/// Every wait ends after 20 s, so an idle client cannot hold the connection longer.
async fn echo(mut stream: Stream) -> Result<usize, Fault> {
    let mut buffer = [0; 4096];
    let mut bytes = 0;
    loop {
        let received = stream.receive(&mut buffer).await?;
        if received == 0 {
            break;
        }
        stream.send(&buffer[..received]).await?;
        bytes += received;
    }
    stream.close().await?;
    Ok(bytes)
}
