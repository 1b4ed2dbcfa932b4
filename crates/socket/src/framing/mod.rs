//! Messages over streams: a stream has no message boundaries, so each message follows its length, or is a line.
//!
//! The codecs are tokio-util's; this module adds limits, deadlines, and a fault for a message that is cut short.
//! [`Messages`] combines them with a [`Stream`](crate::Stream); [`Framing::encode`] and [`MessageDecoder`] are for programs
//! that move the bytes themselves.
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use longhaul_socket::framing::{Framing, Messages};
//! use longhaul_socket::{Stream, TcpListener};
//!
//! let listener = TcpListener::bind("tcp://127.0.0.1:0".parse()?)?;
//! let mut client = Messages::new(Stream::connect(listener.local()).await?, Framing::lengths(65_536));
//! let mut server = Messages::new(listener.accept().await?, Framing::lengths(65_536));
//!
//! client.send(b"one packet").await?;
//! assert_eq!(server.receive().await?.as_deref(), Some(b"one packet".as_slice()));
//! # Ok(())
//! # }
//! ```

mod asynchronous;
#[cfg(unix)]
pub(crate) mod blocking;
mod calls;
mod codec;

pub use asynchronous::Messages;
pub(crate) use codec::CHUNK_BYTES;
pub use codec::{Framing, FramingError, MessageDecoder};
