//! An index of keys and the values that claimed them first, in memory that does not grow with their number. The engine looks up the
//! owners of names in it; the index itself decides nothing.
//!
//! It stores a 128-bit BLAKE3 fingerprint of each key instead of the key. Among ten billion keys the chance that any two share a
//! fingerprint is about one in seven quintillion, far less than that of a memory error. To find such a pair on purpose takes 2^64
//! hashes.
//!
//! It is temporary: every run makes it anew from the spool.

mod fingerprint;
mod registry;
mod table;

pub use registry::Claims;
