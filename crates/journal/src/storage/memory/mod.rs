//! A simulated file system, for tests of everything that stands on the seam.
//!
//! It keeps two states apart: what a running process sees, and what is on stable storage. A crash yields a new file system
//! with the second state and, chosen by a seed, any part of what had not been synced: writes kept, dropped or torn, names
//! old or new, in any order. That is more hostile than any real file system; whatever survives here survives there.

mod contents;
mod faults;
mod file;
mod names;
mod storage;

pub use faults::Failure;
pub use storage::MemoryStorage;
