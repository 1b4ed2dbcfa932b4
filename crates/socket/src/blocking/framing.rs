//! Messages over blocking streams: the same framing and the same limits as in [`crate::framing`].
//!
//! ```
//! use longhaul_socket::blocking::framing::{Framing, Messages};
//! use longhaul_socket::blocking::{Stream, TcpListener};
//!
//! let listener = TcpListener::bind("tcp://127.0.0.1:0".parse()?)?;
//! let mut client = Messages::new(Stream::connect(listener.local())?, Framing::lines(1024));
//! let mut server = Messages::new(listener.accept()?, Framing::lines(1024));
//!
//! client.send(b"one line")?;
//! assert_eq!(server.receive()?.as_deref(), Some(b"one line".as_slice()));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub use crate::framing::blocking::Messages;
pub use crate::framing::{Framing, FramingError, MessageDecoder};
