//! An echo server for datagrams: `udp_server [udp://127.0.0.1:7007]`.

use std::error::Error;

use longhaul_socket::{FaultKind, UdpSocket};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).unwrap_or_else(|| "udp://127.0.0.1:7007".into());
    let socket = UdpSocket::bind(endpoint.parse()?)?;
    println!("listening on {}", socket.local());
    let mut buffer = vec![0; 65_535];
    loop {
        match socket.receive_from(&mut buffer).await {
            Ok((length, from)) => {
                if let Err(fault) = socket.send_to(&buffer[..length], from).await {
                    eprintln!("{fault}");
                }
            }
            Err(fault) if fault.kind() == FaultKind::TimedOut => {}
            Err(fault) => eprintln!("{fault}"),
        }
    }
}
