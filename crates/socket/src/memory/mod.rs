//! A network in memory, for simulations: no system call, no thread, and time as virtual as the runtime's.
//!
//! [`MemoryNetwork`] has names, listeners, latency and trouble, all set by the test. Its connections are bounded pipes
//! that can end as TCP connections end: with FIN (`shutdown`), with RST ([`Transport::reset`]), or never.
//!
//! In a paused current-thread runtime the same script gives the same run. Absent on purpose: loss and reordering, which
//! TCP hides, and bandwidth, which a server can simulate by writing slowly.
//!
//! [`Transport::reset`]: crate::Transport::reset

mod listener;
mod network;
mod pipe;
mod script;
mod transport;

pub use network::MemoryNetwork;
