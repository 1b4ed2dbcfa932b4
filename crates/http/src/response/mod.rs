//! A response: its head, and its body chunk by chunk.

mod body;
mod head;

pub use body::{Body, Completion};
pub use head::{Framing, Head};
