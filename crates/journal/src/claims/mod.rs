//! Which name belongs to which row: finds duplicates and collisions while a list is read.
//!
//! What is kept of a key is a 128-bit BLAKE3 fingerprint. The key itself is not compared: among ten billion keys the chance
//! that any two share a fingerprint is about one in seven quintillion, far below that of a memory error which would spoil a
//! comparison too. Nobody can search for a pair either: that takes 2^64 hashes.
//!
//! It is scaffolding: never trusted across a restart, but made again from the spool.

mod registry;
mod table;

pub use registry::Claims;
