//! The client's side of HTTP/1.1 (RFC 9112) without I/O, clock or tasks: bytes in, events or a typed fault out.
//!
//! - [`request`] writes the head of a request.
//! - [`ResponseReader`] reads one response from slices and names the parts of the body by range.
//! - [`Session`] puts a buffer around the reader and hands out the body as shared [`Bytes`](bytes::Bytes).
//!
//! # Invariants
//!
//! - The events depend on the bytes alone, never on how the transport cut them into reads.
//! - `httparse` reads a head that follows the grammar. `lenient.rs` reads the others, and gives the same result for every
//!   head that `httparse` accepts.
//! - What the reader skips cannot move the end of the body: a line that resembles `Content-Length` or
//!   `Transfer-Encoding` and is not one is a fault, and so is text in a head whose body nothing measures.
//! - Everything that a peer can make grow has a limit in [`Limits`].

mod chunked;
mod fault;
mod field;
mod framing;
mod head;
mod lenient;
pub mod limits;
mod reader;
pub mod request;
mod scan;
mod section;
mod session;
mod transfer;

pub use fault::Fault;
pub use field::{FieldList, FieldName, InvalidFieldName};
pub use framing::{BodyLength, Framing};
pub use head::{Head, Version};
pub use limits::{FIELDS_MAX, HEAD_BYTES_MAX, INTERIM_RESPONSES_MAX, Limits};
pub use reader::{End, EndedBy, Event, Progress, ResponseReader};
pub use session::{Message, Session, UnaskedBytes};
pub use transfer::TransferCoding;
