//! The blocking flavour: the same names and methods as the async one, without a runtime.
//!
//! Its sockets are non-blocking: each call makes an attempt, and if it has to wait it waits in poll(2) until its
//! deadline. So connecting, accepting, sending, receiving and handshakes all end on time, and none needs a thread of
//! its own. Calls named `try_...` never wait, and fail as `WouldBlock` where they would have to; [`wait_ready`] waits
//! for several sockets.
//!
//! ```
//! use longhaul_socket::blocking::{Stream, TcpListener};
//!
//! let listener = TcpListener::bind("tcp://127.0.0.1:0".parse()?)?;
//! let mut client = Stream::connect(listener.local())?;
//! let mut server = listener.accept()?;
//! client.send(b"hello")?;
//! client.close()?;
//! let mut buffer = [0; 16];
//! assert_eq!(server.receive(&mut buffer)?, 5);
//! assert_eq!(server.receive(&mut buffer)?, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod ready;

#[cfg(feature = "codec")]
pub mod framing;

pub use crate::connect::blocking::Connector;
pub use crate::datagram::blocking::UdpSocket;
pub use crate::listener::blocking::{TcpListener, UnixListener};
pub use crate::listener::blocking_tls::TlsAcceptor;
pub use crate::speed::blocking::{MonitoredStream, ReceiveWithin};
pub use crate::stream::blocking::Stream;
pub use ready::{Interest, Pollable, Ready, wait_ready};
