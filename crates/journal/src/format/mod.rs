//! The bytes on disk: encoding and decoding, nothing else. `docs/journal-format.md` is the description of what stands here.
//!
//! Everything is read from untrusted bytes: a decoder answers `None` for what it does not know, and never panics.

mod frame;
mod header;
mod host_record;
mod log_parts;
mod log_record;
mod salvage;
mod spool_record;
mod suspicion_record;
mod wire;

pub(crate) use frame::{FRAME_PREFIX_BYTES, Frames, Item, append_frame, read_frame};
pub(crate) use header::{HEADER_BYTES, Header, HeaderRead, SaltSeed, VERSION, VERSION_FAILURE_ENDS_PART};
pub(crate) use host_record::{decode_host, encode_host};
pub(crate) use log_record::{LogRecord, Marker, encode_record, row_of};
pub(crate) use salvage::find_salt;
pub(crate) use spool_record::{RowKind, SpoolRecord, encode_row, has_fields, peek_row};
pub(crate) use suspicion_record::{decode_suspicion, encode_suspicion};
