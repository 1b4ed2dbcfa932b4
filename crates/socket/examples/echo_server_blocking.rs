//! An echo server (RFC 862), blocking, with a thread for each client: `echo_server_blocking [tcp://127.0.0.1:7007]`.

use std::error::Error;
use std::thread;
use std::time::Duration;

use longhaul_socket::blocking::{Stream, TcpListener};
use longhaul_socket::{Fault, FaultKind};

/// The pause after a connection could not be accepted: the usual cause, too many open files, does not pass at once.
const ACCEPT_REST: Duration = Duration::from_millis(50);

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "tcp://127.0.0.1:7007".into());
    let listener = TcpListener::bind(endpoint.parse()?)?;
    println!("listening on {}", listener.local());
    loop {
        match listener.accept() {
            Ok(stream) => drop(thread::spawn(|| serve(stream))),
            // No client connected within the default timeout.
            Err(fault) if fault.kind() == FaultKind::TimedOut => {}
            Err(fault) => {
                eprintln!("{fault}");
                thread::sleep(ACCEPT_REST);
            }
        }
    }
}

fn serve(stream: Stream) {
    let remote = stream.remote();
    match echo(stream) {
        Ok(bytes) => println!("{remote}: {bytes} bytes"),
        Err(fault) => eprintln!("{fault}"),
    }
}

/// Every wait ends after 20 s, so an idle client cannot hold the connection longer.
fn echo(mut stream: Stream) -> Result<usize, Fault> {
    let mut buffer = [0; 4096];
    let mut bytes = 0;
    loop {
        let received = stream.receive(&mut buffer)?;
        if received == 0 {
            break;
        }
        stream.send(&buffer[..received])?;
        bytes += received;
    }
    stream.close()?;
    Ok(bytes)
}
