//! A network in memory, for simulations: no system calls, no threads, and virtual time in a paused runtime.
//!
//! A test sets the names, listeners, latency and failures of a [`MemoryNetwork`]. Its connections are bounded pipes
//! that end as TCP connections do: with FIN (`shutdown`), with RST ([`Transport::reset`]), or never.
//!
//! In a paused current-thread runtime the same test gives the same run. Absent on purpose: loss and reordering, which
//! TCP hides, and bandwidth, which a server can simulate by writing slowly.
//!
//! [`Transport::reset`]: crate::Transport::reset

mod condition;
mod listener;
mod network;
mod pipe;
mod state;
mod transport;

pub use network::MemoryNetwork;
