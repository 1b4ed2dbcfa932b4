//! The one door to the disk: a small set of operations beneath one directory, and two implementations of them.
//!
//! [`DiskStorage`] is the real file system; nothing it does can leave its root, whatever symbolic links stand in the way.
//! [`MemoryStorage`] is a simulated one that forgets what was not synced, so that every promise about crashes can be tested.
//!
//! What the seam refuses: absolute paths, following symbolic links, replacing what is not known to be ours.

mod disk;
mod memory;
mod operations;
mod path;

pub use disk::DiskStorage;
pub use memory::{Failure, MemoryStorage};
pub use operations::{File, FileIdentity, FileKind, Lock, LockError, Metadata, Storage};
pub use path::{RelativePath, RelativePathError};
