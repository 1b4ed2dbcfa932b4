//! The one table from the errors of the systems to [`FaultKind`].

use std::error::Error;
use std::io;

use crate::FaultKind;

/// The families of systems that number their socket errors alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// Linux and Android.
    Linux,
    /// macOS and its relatives.
    Apple,
    /// FreeBSD, OpenBSD, NetBSD, DragonFly.
    Bsd,
    /// Windows, with the numbers of Winsock.
    Windows,
}

/// The kind behind the number `raw` on `platform`, if the table knows it.
pub fn kind_of_number(platform: Platform, raw: i32) -> Option<FaultKind> { todo!() }
/// The kind of an I/O error.
pub fn kind_of(error: &io::Error) -> FaultKind { todo!() }
