//! The files of a folder over HTTP/1.1: whole, in part, on condition; and what lies in a directory.
//!
//! The protocol is hyper's; what a request means and what it is answered with is here. Refused: everything outside of the
//! folder (`folder`, by the kernel's own rule), whatever is neither a file nor a directory, methods that change anything,
//! and several ranges at once, which are answered with the whole (RFC 9110 section 14.2 lets a server ignore them).

mod answer;
mod beneath;
mod body;
mod conditions;
mod connection;
mod entity_tags;
mod file;
mod folder;
mod host_field;
mod listing;
mod media_type;
mod request_path;

pub(crate) use connection::serve;
pub use folder::Folder;
