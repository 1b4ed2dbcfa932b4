//! The files of a folder over HTTP/1.1: whole, in part, on condition; and listings of directories.
//!
//! Everything outside of the folder is refused by the kernel's own rule (`beneath`), and so are files that are neither
//! regular files nor directories, methods that change anything, and several ranges at once, which are answered with the
//! whole file (RFC 9110 section 14.2 lets a server ignore them).

mod beneath;
mod body;
mod conditions;
mod entity_tags;
mod file;
mod folder;
mod host_field;
mod listing;
mod media_type;
mod request_path;
mod respond;

pub use folder::Folder;
