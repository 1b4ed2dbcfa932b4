//! The sockets of this machine, and the processes that hold them.
//!
//! On Linux the sources are proc(5) and `sock_diag(7)`; on other systems all calls fail as
//! [`SocketTableError::Unsupported`]. Names of processes and paths are foreign text and not escaped here: escape them before
//! printing to a terminal. Reading takes a few milliseconds, and blocks; it never waits for a peer.

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
#[cfg(target_os = "linux")]
pub use sock_diag::unix_diag_rows;
pub use state::SocketState;
