//! Sends a text to an echo server and prints the response: `echo_client_async tcp://127.0.0.1:7007 hello`.

use std::error::Error;

use longhaul_socket::{Endpoint, Stream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let endpoint: Endpoint = arguments.next().ok_or("which endpoint?")?.parse()?;
    let text = arguments.next().unwrap_or_else(|| "hello".into());

    let mut stream = Stream::connect(endpoint).await?;
    stream.send(text.as_bytes()).await?;
    let mut answer = vec![0; text.len()];
    stream.receive_exact(&mut answer).await?;
    stream.close().await?;
    println!("{}", String::from_utf8_lossy(&answer));
    Ok(())
}
