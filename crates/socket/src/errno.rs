//! The one table from the errors of the systems to [`FaultKind`].
//!
//! Numbers come first, because `io::ErrorKind` folds together what must be told apart (no ports left, no descriptors
//! left) and names some of them only on some systems. What libraries wrap is looked for inside.

use std::error::Error;
use std::io;

use crate::{DeadlinePassed, Fault, FaultKind, tls};

/// Errors are nested a few levels deep; the limit is for cycles and jokes.
const NESTING_MAX: usize = 16;

/// The families of systems that number their socket errors alike.
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
    /// The one that this program was built for; an unknown Unix counts as a BSD.
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

/// One row of the table: a kind and all the numbers that mean it.
struct Row {
    kind: FaultKind,
    /// asm-generic/errno.h and errno-base.h.
    linux: &'static [i32],
    /// sys/errno.h of 4.2BSD, which macOS and the BSDs have kept for everything below.
    bsd: &'static [i32],
    /// winerror.h: `WSAE*` and `ERROR_*`.
    windows: &'static [i32],
}

#[rustfmt::skip]
const TABLE: &[Row] = &[
    // ECONNREFUSED
    Row { kind: FaultKind::Refused, linux: &[111], bsd: &[61], windows: &[10061, 1225] },
    // ECONNRESET, ECONNABORTED, ENETRESET, EPIPE; on Windows also ERROR_NETNAME_DELETED, ERROR_BROKEN_PIPE
    Row { kind: FaultKind::Reset, linux: &[104, 103, 102, 32], bsd: &[54, 53, 52, 32],
          windows: &[10054, 10053, 10052, 10058, 64, 109, 232, 1236] },
    // ETIMEDOUT; on Windows also ERROR_SEM_TIMEOUT
    Row { kind: FaultKind::TimedOut, linux: &[110], bsd: &[60], windows: &[10060, 121] },
    // EAGAIN, which is EWOULDBLOCK on all of them
    Row { kind: FaultKind::WouldBlock, linux: &[11], bsd: &[35], windows: &[10035] },
    // ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, EAFNOSUPPORT (no IPv6 here)
    Row { kind: FaultKind::Unreachable, linux: &[101, 113, 112, 97], bsd: &[51, 65, 64, 47],
          windows: &[10051, 10065, 10064, 10047, 1231, 1232] },
    // ENETDOWN; on Linux also ENONET
    Row { kind: FaultKind::LocalNetworkDown, linux: &[100, 64], bsd: &[50], windows: &[10050] },
    // EADDRNOTAVAIL (no port left), EADDRINUSE, EMFILE, ENFILE, ENOBUFS, ENOMEM
    Row { kind: FaultKind::LocalExhausted, linux: &[99, 98, 24, 23, 105, 12], bsd: &[49, 48, 24, 23, 55, 12],
          windows: &[10049, 10048, 10024, 10055, 4, 8, 14] },
    // EACCES, EPERM: a packet filter of this machine
    Row { kind: FaultKind::Denied, linux: &[13, 1], bsd: &[13, 1], windows: &[10013, 5] },
    // WSAHOST_NOT_FOUND, WSANO_DATA
    Row { kind: FaultKind::NameNotFound, linux: &[], bsd: &[], windows: &[11001, 11004] },
    // WSATRY_AGAIN, WSANO_RECOVERY
    Row { kind: FaultKind::NameServerFailed, linux: &[], bsd: &[], windows: &[11002, 11003] },
];

/// The kind behind the error number `raw` of `platform`, if the table knows it.
///
/// ```
/// use longhaul_socket::{FaultKind, Platform, kind_of_number};
///
/// assert_eq!(kind_of_number(Platform::Linux, 104), Some(FaultKind::Reset));
/// assert_eq!(kind_of_number(Platform::Windows, 10054), Some(FaultKind::Reset));
/// assert_eq!(kind_of_number(Platform::Apple, 104), None);
/// ```
pub fn kind_of_number(platform: Platform, raw: i32) -> Option<FaultKind> {
    let row = TABLE.iter().find(|row| {
        let numbers = match platform {
            Platform::Linux => row.linux,
            Platform::Apple | Platform::Bsd => row.bsd,
            Platform::Windows => row.windows,
        };
        numbers.contains(&raw)
    });
    row.map(|row| row.kind)
}

/// The kind of an I/O error, by what it wraps, else by its number, else by its `io::ErrorKind`.
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

/// The first error in the chain of sources whose kind is known.
fn kind_inside(error: &(dyn Error + 'static), levels: usize) -> Option<FaultKind> {
    let levels = levels.checked_sub(1)?;
    if let Some(fault) = error.downcast_ref::<Fault>() {
        return Some(fault.kind());
    }
    if let Some(error) = error.downcast_ref::<rustls::Error>() {
        return Some(tls::kind_of_tls(error));
    }
    if error.is::<DeadlinePassed>() {
        return Some(FaultKind::TimedOut);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        let kind = kind_of_io(error, levels);
        return (kind != FaultKind::Other).then_some(kind);
    }
    kind_inside(error.source()?, levels)
}

/// What the standard library says, where there is no number: errors made by libraries and by simulations.
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
        ErrorKind::AddrInUse
        | ErrorKind::AddrNotAvailable
        | ErrorKind::OutOfMemory
        | ErrorKind::QuotaExceeded => FaultKind::LocalExhausted,
        ErrorKind::PermissionDenied => FaultKind::Denied,
        _ => FaultKind::Other,
    }
}
