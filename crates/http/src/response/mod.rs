//! A response: its head, and its body chunk by chunk.

mod body;
mod decode;
mod head;
mod record;
mod success;

pub use body::{Body, Completion};
pub use head::{Framing, Head};
pub use record::ExchangeRecord;
pub use success::Success;
