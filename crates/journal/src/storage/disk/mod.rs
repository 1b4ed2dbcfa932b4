//! The real file system, beneath one directory.
//!
//! Every operation goes through a handle of the directory that holds the name, and every such handle was opened beneath the
//! root without following a symbolic link ([`directories`]). What happens to paths above the root, or to links within it,
//! moves nothing out.

mod directories;
mod file;
mod lock;
#[cfg(any(target_os = "linux", target_os = "android"))]
mod platform_linux;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
mod platform_portable;
mod rename;
mod root;

#[cfg(any(target_os = "linux", target_os = "android"))]
use platform_linux as platform;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
use platform_portable as platform;

pub use root::DiskStorage;
