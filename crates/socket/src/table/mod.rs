//! The sockets of this machine, and the processes that hold them.
//!
//! Linux tells it in proc(5) and by `sock_diag(7)`, which are asked here; elsewhere the answer is
//! [`SocketTableError::Unsupported`]. Everything in it that a stranger can choose (names of processes, paths) is kept as
//! it is: escape it before a terminal sees it. Reading takes a few milliseconds and blocks; nothing waits for a peer.

mod open_socket;
mod owner;
mod proc_net;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod sock_diag;
mod state;

pub use open_socket::{OpenSocket, Process, SocketName};
pub use owner::{SocketTableError, open_sockets, owner};
pub use proc_net::{inet_rows, unix_rows};
pub use state::SocketState;
