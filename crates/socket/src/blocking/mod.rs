//! The blocking flavour: the same names and methods, without a runtime.
//!
//! Underneath, no socket ever blocks: each call tries, and where it has to wait it does so in poll(2) for as long as its
//! deadline leaves. So connecting, accepting, sending, receiving and handshakes all end on time, and none of them needs
//! a thread of its own. What returns at once is called `try_...`, and gives `WouldBlock` where it would have to wait;
//! [`wait_ready`] waits for several sockets.
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
