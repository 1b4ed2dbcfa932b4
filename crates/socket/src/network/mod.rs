//! The seam to the network: the traits that the system's network and the one in memory implement.

mod seam;

pub use seam::{BoxFuture, Listener, LocalRoute, LookupError, Network, Transport};
