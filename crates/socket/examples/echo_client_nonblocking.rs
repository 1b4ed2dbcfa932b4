//! Sends a text to an echo server and prints the response; it sends and receives at the same time, and blocks in
//! neither: `echo_client_nonblocking tcp://127.0.0.1:7007 hello`.

use std::error::Error;
use std::time::Duration;

use longhaul_socket::blocking::{Interest, Stream, wait_ready};
use longhaul_socket::{Deadline, Endpoint, FaultKind};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let endpoint: Endpoint = arguments.next().ok_or("which endpoint?")?.parse()?;
    let text = arguments.next().unwrap_or_else(|| "hello".into());

    let deadline = Deadline::after(Duration::from_secs(20));
    let mut stream = Stream::connect_within(endpoint, deadline)?;
    let mut rest = text.as_bytes();
    let mut answer = Vec::new();
    while answer.len() < text.len() {
        let interest = if rest.is_empty() { Interest::Readable } else { Interest::Both };
        for ready in wait_ready(&[(&stream, interest)], deadline)? {
            if ready.writable {
                match stream.try_send(rest) {
                    Ok(sent) => rest = &rest[sent..],
                    Err(fault) if fault.kind() == FaultKind::WouldBlock => {}
                    Err(fault) => return Err(fault.into()),
                }
            }
            if ready.readable {
                let mut buffer = [0; 4096];
                match stream.try_receive(&mut buffer) {
                    Ok(0) => return Err("the server closed early".into()),
                    Ok(received) => answer.extend_from_slice(&buffer[..received]),
                    Err(fault) if fault.kind() == FaultKind::WouldBlock => {}
                    Err(fault) => return Err(fault.into()),
                }
            }
        }
    }
    stream.close()?;
    println!("{}", String::from_utf8_lossy(&answer));
    Ok(())
}
