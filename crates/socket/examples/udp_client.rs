//! Sends a datagram, up to five times because datagrams get lost, and prints the response:
//! `udp_client udp://127.0.0.1:7007 hello`.

use std::error::Error;
use std::time::Duration;

use longhaul_socket::blocking::UdpSocket;
use longhaul_socket::{Deadline, Endpoint, FaultKind, Protocol};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let server: Endpoint = arguments.next().ok_or("which endpoint?")?.parse()?;
    let text = arguments.next().unwrap_or_else(|| "hello".into());

    let any = if server.ip().is_ipv4() { "0.0.0.0" } else { "::" };
    let mut socket = UdpSocket::bind(Endpoint::new(any.parse()?, Protocol::Udp, 0))?;
    socket.connect(server)?;
    let mut buffer = vec![0; 65_535];
    for attempt in 1..=5 {
        socket.send(text.as_bytes())?;
        match socket.receive_within(&mut buffer, Deadline::after(Duration::from_millis(500))) {
            Ok(length) => {
                println!("{}", String::from_utf8_lossy(&buffer[..length]));
                return Ok(());
            }
            Err(fault) if fault.kind() == FaultKind::TimedOut => eprintln!("attempt {attempt}: {fault}"),
            Err(fault) => return Err(fault.into()),
        }
    }
    Err("no answer".into())
}
