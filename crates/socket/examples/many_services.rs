//! Four services in one process, each on a port of its own: `many_services [127.0.0.1]`.

use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use longhaul_socket::clock::WallClock;
use longhaul_socket::{Endpoint, Fault, FaultKind, Protocol, Stream, TcpListener, UdpSocket};

/// The pause after a connection could not be accepted: the usual cause, too many open files, does not pass at once.
const ACCEPT_REST: Duration = Duration::from_millis(50);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let ip: IpAddr = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1".into()).parse()?;
    let listen = || TcpListener::bind(Endpoint::new(ip, Protocol::Tcp, 0));
    let (echoes, discards, times) = (listen()?, listen()?, listen()?);
    let datagrams = UdpSocket::bind(Endpoint::new(ip, Protocol::Udp, 0))?;
    println!(
        "echo={} discard={} daytime={} echo={}",
        echoes.local(),
        discards.local(),
        times.local(),
        datagrams.local()
    );
    let clock = WallClock::system();
    tokio::join!(
        serve(&echoes, echo),
        serve(&discards, discard),
        serve(&times, move |stream| daytime(stream, clock)),
        echo_datagrams(&datagrams),
    );
    Ok(())
}

/// Accepts connections for ever, each in a task of its own.
async fn serve<F>(listener: &TcpListener, service: impl Fn(Stream) -> F)
where
    F: Future<Output = Result<(), Fault>> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok(stream) => {
                let exchange = service(stream);
                tokio::spawn(async move {
                    if let Err(fault) = exchange.await {
                        eprintln!("{fault}");
                    }
                });
            }
            Err(fault) if fault.kind() == FaultKind::TimedOut => {}
            Err(fault) => {
                eprintln!("{fault}");
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
}

async fn echo(mut stream: Stream) -> Result<(), Fault> {
    let mut buffer = [0; 4096];
    loop {
        match stream.receive(&mut buffer).await? {
            0 => return stream.close().await,
            received => stream.send(&buffer[..received]).await?,
        }
    }
}

async fn discard(mut stream: Stream) -> Result<(), Fault> {
    while stream.receive(&mut [0; 4096]).await? > 0 {}
    stream.close().await
}

/// RFC 867 leaves the format open. The client's data do not matter, but have to be received: a socket that is closed
/// with unread bytes sends RST, which can overtake the response.
async fn daytime(mut stream: Stream, clock: WallClock) -> Result<(), Fault> {
    stream.send(format!("{} s since 1970\r\n", clock.unix_ms() / 1000).as_bytes()).await?;
    stream.shutdown_write().await?;
    while stream.receive(&mut [0; 4096]).await? > 0 {}
    Ok(())
}

async fn echo_datagrams(socket: &UdpSocket) {
    let mut buffer = vec![0; 65_535];
    loop {
        let Ok((length, from)) = socket.receive_from(&mut buffer).await else { continue };
        if let Err(fault) = socket.send_to(&buffer[..length], from).await {
            eprintln!("{fault}");
        }
    }
}
