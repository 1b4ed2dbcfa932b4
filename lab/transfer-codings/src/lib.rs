//! Undoes the transfer codings of an HTTP/1.1 body (gzip, deflate), within limits. RFC 9112 section 7.2.
//!
//! Written for `longhaul-http`, which refuses to undo codings today: it moves there once the cases of
//! `crates/origin/cases` say what a coded body becomes.

pub mod decode;
pub mod transfer;

pub use transfer::TransferCoding;
