//! From a list to rows of the spool: the readers of lists, what an item says, and the actor that reads.

mod checksum_line;
pub(crate) mod content_digest;
mod earlier_reading;
pub(crate) mod expectation;
mod fragments;
mod identity;
pub(crate) mod intake;
mod line_fields;
mod lines;
pub(crate) mod listed_digests;
pub(crate) mod listed_rows;
mod media_range;
mod read_lists;
mod reader;
mod replaced;
mod source;
pub(crate) mod superseded;
pub(crate) mod text;
mod utf16;

pub use checksum_line::{BaseUrl, InvalidBaseUrl};
pub use expectation::digest_fields;
pub use identity::ListIdentity;
pub use lines::LINE_BYTES_MAX;
pub use media_range::{InvalidMediaRange, MediaRange};
pub use reader::{Item, ListFormat, ListReader};
pub use source::{Source, list_label};
pub use text::TextList;
