//! From I/O errors to [`FaultKind`].
//!
//! Error numbers take precedence over `io::ErrorKind`, which does not distinguish some of them (no ports left, no
//! descriptors left) and knows others on some systems only. An error that a library has wrapped is unwrapped.

use std::error::Error;
use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::tls::{RefusedWithoutCertificate, kind_of_tls};
use super::{Fault, FaultKind, Phase, SystemError};
use crate::addressing::Address;
use crate::time::{DeadlinePassed, clock};

/// Real errors nest a few levels deep; the limit ends a chain of sources that is a cycle.
const NESTING_MAX: usize = 16;

/// The families of operating systems that share their error numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Platform {
    /// Linux and Android.
    Linux,
    /// macOS and its relatives.
    Apple,
    /// FreeBSD, OpenBSD, NetBSD, `DragonFly`.
    Bsd,
    /// Windows: Winsock from 10000 on, and the system's own numbers below.
    Windows,
}

impl Platform {
    /// The platform that this program was built for; an unknown Unix counts as a BSD.
    pub const fn current() -> Self {
        if cfg!(any(target_os = "linux", target_os = "android")) {
            Self::Linux
        } else if cfg!(target_vendor = "apple") {
            Self::Apple
        } else if cfg!(windows) {
            Self::Windows
        } else {
            Self::Bsd
        }
    }
}

/// The kind of the error number `raw` on `platform`, if the table has it.
///
/// ```
/// use longhaul_socket::{FaultKind, Platform, kind_of_number};
///
/// assert_eq!(kind_of_number(Platform::Linux, 104), Some(FaultKind::Reset));
/// assert_eq!(kind_of_number(Platform::Windows, 10054), Some(FaultKind::Reset));
/// assert_eq!(kind_of_number(Platform::Apple, 104), None);
/// ```
pub fn kind_of_number(platform: Platform, raw: i32) -> Option<FaultKind> {
    SystemError::of_number(platform, raw).map(|error| error.kind)
}

/// The kind of an I/O error: by the error that it wraps, else by its number, else by its `io::ErrorKind`.
pub fn kind_of(error: &io::Error) -> FaultKind {
    kind_of_io(error, NESTING_MAX)
}

fn kind_of_io(error: &io::Error, levels: usize) -> FaultKind {
    error
        .get_ref()
        .and_then(|inner| kind_inside(inner, levels))
        .or_else(|| error.raw_os_error().and_then(|raw| kind_of_number(Platform::current(), raw)))
        .unwrap_or_else(|| kind_by_name(error.kind()))
}

/// The kind of the first error in the chain of sources that has a known one.
fn kind_inside(error: &(dyn Error + 'static), levels: usize) -> Option<FaultKind> {
    let levels = levels.checked_sub(1)?;
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return Some(fault.kind());
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(kind_of_tls(error));
    }
    if error.is::<RefusedWithoutCertificate>() {
        return Some(FaultKind::ClientCertificate);
    }
    if error.is::<DeadlinePassed>() {
        return Some(FaultKind::TimedOut);
    }
    if error.is::<DatagramTooLong>() {
        return Some(FaultKind::TooLong);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        let kind = kind_of_io(error, levels);
        return (kind != FaultKind::Other).then_some(kind);
    }
    kind_inside(error.source()?, levels)
}

/// By the kind of the standard library, for errors without a number: libraries and simulations make them.
fn kind_by_name(kind: io::ErrorKind) -> FaultKind {
    use io::ErrorKind;
    match kind {
        ErrorKind::ConnectionRefused => FaultKind::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => FaultKind::Reset,
        ErrorKind::TimedOut => FaultKind::TimedOut,
        ErrorKind::WouldBlock => FaultKind::WouldBlock,
        ErrorKind::UnexpectedEof => FaultKind::ClosedEarly,
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => FaultKind::Unreachable,
        ErrorKind::NetworkDown => FaultKind::LocalNetworkDown,
        ErrorKind::AddrInUse | ErrorKind::AlreadyExists => FaultKind::AddressInUse,
        ErrorKind::AddrNotAvailable
        | ErrorKind::OutOfMemory
        | ErrorKind::QuotaExceeded
        | ErrorKind::StorageFull => FaultKind::LocalExhausted,
        ErrorKind::PermissionDenied => FaultKind::Denied,
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::InvalidFilename
        | ErrorKind::ReadOnlyFilesystem => FaultKind::BadPath,
        ErrorKind::Unsupported => FaultKind::Unsupported,
        ErrorKind::InvalidInput | ErrorKind::NotConnected => FaultKind::Misuse,
        _ => FaultKind::Other,
    }
}

/// A datagram was longer than the buffer, and its end is lost. Not every system reports this.
#[cfg_attr(not(unix), allow(dead_code, reason = "only Unix systems report it"))]
#[derive(Debug, thiserror::Error)]
#[error("a datagram of {length} bytes arrived, and there was room for {room}")]
pub(crate) struct DatagramTooLong {
    pub(crate) length: usize,
    pub(crate) room: usize,
}

/// The fault of a call that began at `start` and failed with `error`. [`DeadlinePassed`] is not kept as a source: it
/// says no more than the kind `TimedOut`.
pub(crate) fn fault(phase: Phase, error: io::Error, start: Instant, address: Address) -> Fault {
    let is_deadline = error.get_ref().and_then(|inner| inner.downcast_ref::<DeadlinePassed>()).is_some();
    let elapsed = clock::now().saturating_duration_since(start);
    let fault = if is_deadline {
        Fault::new(phase, FaultKind::TimedOut, elapsed)
    } else {
        Fault::from_io(phase, error, elapsed)
    };
    fault.at_address(address)
}

impl Fault {
    /// A fault with `error` as its source, of the kind that [`kind_of`] finds.
    pub fn from_io(phase: Phase, error: io::Error, elapsed: Duration) -> Self {
        Self::new(phase, kind_of(&error), elapsed).because(error)
    }
}
