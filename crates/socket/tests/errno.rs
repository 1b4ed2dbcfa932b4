//! The table of error numbers, compared with the headers of the systems: for Linux by the `libc` crate, for the others
//! by their documentation.

use std::collections::BTreeSet;
use std::io;
use std::time::Duration;

use longhaul_socket::{
    CertificateFault, Endpoint, Fault, FaultKind, Phase, Platform, SystemError, kind_of_number,
};

/// Linux, macOS, the BSDs, Windows.
const PLATFORMS: [Platform; 4] = [Platform::Linux, Platform::Apple, Platform::Bsd, Platform::Windows];
/// The last number of asm-generic/errno.h.
#[cfg(target_os = "linux")]
const LINUX_MAX: i32 = libc::EHWPOISON;
/// The system has no such error.
const NONE: i32 = 0;

#[cfg(target_os = "linux")]
macro_rules! numbered {
    ($($name:ident),* $(,)?) => { &[$((stringify!($name), libc::$name)),*] };
}

/// The errors of sockets on Linux: socket(2), bind(2), listen(2), accept(2), connect(2), send(2), recv(2), shutdown(2),
/// setsockopt(2), socket(7), ip(7), tcp(7), udp(7), unix(7) and the sources of the kernel.
#[cfg(target_os = "linux")]
#[rustfmt::skip]
const OF_SOCKETS: &[(&str, i32)] = numbered![
    ECONNREFUSED, ECONNRESET, ECONNABORTED, ENETRESET, EPIPE, ESHUTDOWN, ETIMEDOUT, EAGAIN, EINPROGRESS,
    EALREADY, ENETUNREACH, EHOSTUNREACH, EHOSTDOWN, EAFNOSUPPORT, EPROTO, ECOMM, EREMOTEIO, ENETDOWN,
    ENONET, EADDRINUSE, EADDRNOTAVAIL, EMFILE, ENFILE, ENOBUFS, ENOMEM, ENOSR, ENOSPC, EDQUOT,
    ETOOMANYREFS, EUSERS, EACCES, EPERM, EMSGSIZE, ENOENT, ENOTDIR, EISDIR, ELOOP, ENAMETOOLONG, EROFS,
    EEXIST, EIO, ENODEV, ENXIO, EPROTOTYPE, ENOPROTOOPT, EPROTONOSUPPORT, ESOCKTNOSUPPORT, EOPNOTSUPP,
    EPFNOSUPPORT, ENOSYS, ENOPKG, EINVAL, EBADF, EFAULT, ENOTSOCK, EDESTADDRREQ, EISCONN, ENOTCONN, ERANGE,
    EDOM, EOVERFLOW, EINTR, ERESTART, ECANCELED,
];

/// The other errors: of processes, terminals, disks, STREAMS, libraries, keys and cards.
#[cfg(target_os = "linux")]
#[rustfmt::skip]
const NOT_OF_SOCKETS: &[(&str, i32)] = numbered![
    E2BIG, EADV, EBADE, EBADFD, EBADMSG, EBADR, EBADRQC, EBADSLT, EBFONT, EBUSY, ECHILD, ECHRNG, EDEADLK,
    EDOTDOT, EFBIG, EHWPOISON, EIDRM, EILSEQ, EISNAM, EKEYEXPIRED, EKEYREJECTED, EKEYREVOKED, EL2HLT,
    EL2NSYNC, EL3HLT, EL3RST, ELIBACC, ELIBBAD, ELIBEXEC, ELIBMAX, ELIBSCN, ELNRNG, EMEDIUMTYPE, EMLINK,
    EMULTIHOP, ENAVAIL, ENOANO, ENOCSI, ENODATA, ENOEXEC, ENOKEY, ENOLCK, ENOLINK, ENOMEDIUM, ENOMSG,
    ENOSTR, ENOTBLK, ENOTEMPTY, ENOTNAM, ENOTRECOVERABLE, ENOTTY, ENOTUNIQ, EOWNERDEAD, EREMCHG, EREMOTE,
    ERFKILL, ESPIPE, ESRCH, ESRMNT, ESTALE, ESTRPIPE, ETIME, ETXTBSY, EUCLEAN, EUNATCH, EXDEV, EXFULL,
];

/// sys/errno.h of macOS and of FreeBSD.
#[rustfmt::skip]
const APPLE_AND_BSD: &[(&str, i32, i32)] = &[
    ("ECONNREFUSED", 61, 61), ("ECONNRESET", 54, 54), ("ECONNABORTED", 53, 53), ("ENETRESET", 52, 52),
    ("EPIPE", 32, 32), ("ESHUTDOWN", 58, 58), ("ETIMEDOUT", 60, 60), ("EAGAIN", 35, 35),
    ("EINPROGRESS", 36, 36), ("EALREADY", 37, 37), ("ENETUNREACH", 51, 51), ("EHOSTUNREACH", 65, 65),
    ("EHOSTDOWN", 64, 64), ("EAFNOSUPPORT", 47, 47), ("EPROTO", 100, 92), ("ENETDOWN", 50, 50),
    ("EADDRINUSE", 48, 48), ("EADDRNOTAVAIL", 49, 49), ("EMFILE", 24, 24), ("ENFILE", 23, 23),
    ("ENOBUFS", 55, 55), ("ENOMEM", 12, 12), ("ENOSR", 98, NONE), ("ENOSPC", 28, 28), ("EDQUOT", 69, 69),
    ("ETOOMANYREFS", 59, 59), ("EUSERS", 68, 68), ("EPROCLIM", 67, 67), ("EACCES", 13, 13),
    ("EPERM", 1, 1), ("EMSGSIZE", 40, 40), ("ENOENT", 2, 2), ("ENOTDIR", 20, 20), ("EISDIR", 21, 21),
    ("ELOOP", 62, 62), ("ENAMETOOLONG", 63, 63), ("EROFS", 30, 30), ("EEXIST", 17, 17), ("EIO", 5, 5),
    ("ENODEV", 19, 19), ("ENXIO", 6, 6), ("EPROTOTYPE", 41, 41), ("ENOPROTOOPT", 42, 42),
    ("EPROTONOSUPPORT", 43, 43), ("ESOCKTNOSUPPORT", 44, 44), ("EOPNOTSUPP", 102, 45),
    ("EPFNOSUPPORT", 46, 46), ("ENOSYS", 78, 78), ("EINVAL", 22, 22), ("EBADF", 9, 9), ("EFAULT", 14, 14),
    ("ENOTSOCK", 38, 38), ("EDESTADDRREQ", 39, 39), ("EISCONN", 56, 56), ("ENOTCONN", 57, 57),
    ("ERANGE", 34, 34), ("EDOM", 33, 33), ("EOVERFLOW", 84, 84), ("EINTR", 4, 4), ("ECANCELED", 89, 85),
];

/// "Windows Sockets Error Codes" of Microsoft.
#[rustfmt::skip]
const WINDOWS: &[(&str, i32)] = &[
    ("WSAEINTR", 10004), ("WSAEBADF", 10009), ("WSAEACCES", 10013), ("WSAEFAULT", 10014),
    ("WSAEINVAL", 10022), ("WSAEMFILE", 10024), ("WSAEWOULDBLOCK", 10035), ("WSAEINPROGRESS", 10036),
    ("WSAEALREADY", 10037), ("WSAENOTSOCK", 10038), ("WSAEDESTADDRREQ", 10039), ("WSAEMSGSIZE", 10040),
    ("WSAEPROTOTYPE", 10041), ("WSAENOPROTOOPT", 10042), ("WSAEPROTONOSUPPORT", 10043),
    ("WSAESOCKTNOSUPPORT", 10044), ("WSAEOPNOTSUPP", 10045), ("WSAEPFNOSUPPORT", 10046),
    ("WSAEAFNOSUPPORT", 10047), ("WSAEADDRINUSE", 10048), ("WSAEADDRNOTAVAIL", 10049),
    ("WSAENETDOWN", 10050), ("WSAENETUNREACH", 10051), ("WSAENETRESET", 10052), ("WSAECONNABORTED", 10053),
    ("WSAECONNRESET", 10054), ("WSAENOBUFS", 10055), ("WSAEISCONN", 10056), ("WSAENOTCONN", 10057),
    ("WSAESHUTDOWN", 10058), ("WSAETOOMANYREFS", 10059), ("WSAETIMEDOUT", 10060),
    ("WSAECONNREFUSED", 10061), ("WSAELOOP", 10062), ("WSAENAMETOOLONG", 10063), ("WSAEHOSTDOWN", 10064),
    ("WSAEHOSTUNREACH", 10065), ("WSAEPROCLIM", 10067), ("WSAEUSERS", 10068), ("WSAEDQUOT", 10069),
    ("WSAVERNOTSUPPORTED", 10092), ("WSANOTINITIALISED", 10093), ("WSAEPROVIDERFAILEDINIT", 10106),
    ("WSAHOST_NOT_FOUND", 11001), ("WSATRY_AGAIN", 11002), ("WSANO_RECOVERY", 11003),
    ("WSANO_DATA", 11004),
];

fn named(name: &str) -> &'static SystemError {
    let found = SystemError::ALL.iter().find(|error| error.name == name);
    found.unwrap_or_else(|| panic!("{name} is not in the table"))
}

/// POSIX and Windows Sockets spell one name differently.
fn posix_name(windows: &str) -> &str {
    match windows {
        "WSAEWOULDBLOCK" => "EAGAIN",
        _ => match windows.strip_prefix("WSA") {
            Some(name) if name.starts_with('E') && name != "EPROVIDERFAILEDINIT" => name,
            _ => windows,
        },
    }
}

#[cfg(target_os = "linux")]
#[test]
fn the_table_has_every_socket_error_of_linux() {
    for (name, number) in OF_SOCKETS {
        let known = SystemError::of_number(Platform::Linux, *number);
        assert_eq!(known.map(|error| error.name), Some(*name), "{number}");
        assert!(named(name).numbers(Platform::Linux).contains(number), "{name} is not {number}");
    }
    let apart: BTreeSet<i32> = NOT_OF_SOCKETS.iter().map(|(_, number)| *number).collect();
    for (name, number) in NOT_OF_SOCKETS {
        assert_eq!(SystemError::of_number(Platform::Linux, *number), None, "{name}");
    }
    // 41 and 58 are unused.
    for number in (1..=LINUX_MAX).filter(|number| ![41, 58].contains(number)) {
        let known = SystemError::of_number(Platform::Linux, number).is_some();
        assert!(
            known != apart.contains(&number),
            "{number} is missing: {}",
            io::Error::from_raw_os_error(number)
        );
    }
}

#[test]
fn the_numbers_of_macos_and_bsd_match_their_headers() {
    for (name, apple, bsd) in APPLE_AND_BSD {
        for (platform, number) in [(Platform::Apple, *apple), (Platform::Bsd, *bsd)] {
            let numbers = named(name).numbers(platform);
            assert_eq!(
                numbers.contains(&number),
                number != NONE,
                "{name} is {number} on {platform:?}, not {numbers:?}"
            );
        }
    }
    // All socket errors of 4.2BSD: ENOTSOCK to EHOSTUNREACH, and EWOULDBLOCK to EALREADY.
    for number in 35..=65 {
        for platform in [Platform::Apple, Platform::Bsd] {
            assert!(kind_of_number(platform, number).is_some(), "{number} is missing on {platform:?}");
        }
    }
}

#[test]
fn the_numbers_of_windows_match_the_documentation() {
    for (name, number) in WINDOWS {
        let known = SystemError::of_number(Platform::Windows, *number);
        assert_eq!(known.map(|error| error.name), Some(posix_name(name)), "{name}");
    }
    for number in (10_035..=10_065).chain(10_091..=10_093).chain(11_001..=11_004) {
        assert!(kind_of_number(Platform::Windows, number).is_some(), "{number} is missing");
    }
    assert_eq!(kind_of_number(Platform::Windows, 10_054), Some(FaultKind::Reset));
}

#[test]
fn names_and_numbers_are_unique() {
    let names: BTreeSet<&str> = SystemError::ALL.iter().map(|error| error.name).collect();
    assert_eq!(names.len(), SystemError::ALL.len());
    for platform in PLATFORMS {
        let numbers: Vec<i32> =
            SystemError::ALL.iter().flat_map(|error| error.numbers(platform)).copied().collect();
        let distinct: BTreeSet<i32> = numbers.iter().copied().collect();
        assert_eq!(distinct.len(), numbers.len(), "{platform:?}");
        assert!(numbers.iter().all(|number| *number > 0));
    }
}

/// Every kind, each certificate fault among them.
fn kinds() -> Vec<FaultKind> {
    use CertificateFault::{Expired, NotYetValid, Other, Revoked, UnknownIssuer, WrongHost};
    let certificates =
        [Expired, NotYetValid, WrongHost, UnknownIssuer, Revoked, Other].map(FaultKind::Certificate);
    let mut kinds = vec![
        FaultKind::NameNotFound,
        FaultKind::NameServerFailed,
        FaultKind::ClosedEarly,
        FaultKind::TooSlow,
        FaultKind::NotTls,
        FaultKind::TlsVersion,
        FaultKind::TlsParameters,
        FaultKind::ClientCertificate,
        FaultKind::CertificateRefused,
        FaultKind::TlsPeerError,
        FaultKind::TlsAlert,
        FaultKind::TlsOther,
    ];
    kinds.extend(certificates);
    kinds.extend(SystemError::ALL.iter().map(|error| error.kind));
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

#[test]
fn each_error_and_each_kind_has_advice_of_its_own() {
    let of_errors = SystemError::ALL.iter().map(|error| (error.name, error.advice()));
    let of_kinds = kinds().into_iter().map(|kind| (kind.as_str(), kind.advice()));
    for (name, advice) in of_errors.chain(of_kinds) {
        for sentence in [advice.meaning, advice.action] {
            assert!(sentence.len() > 8, "{name}");
            assert!(
                sentence.starts_with(|first: char| first.is_ascii_lowercase())
                    || sentence.starts_with("Windows"),
                "{name}: {sentence}"
            );
            assert!(!sentence.ends_with('.') && !sentence.contains(['\n', '|']), "{name}: {sentence}");
        }
    }
    let meanings: BTreeSet<&str> = kinds().iter().map(|kind| kind.advice().meaning).collect();
    assert_eq!(meanings.len(), kinds().len(), "each kind has advice of its own");
}

#[test]
fn every_fault_prints_phase_endpoint_and_elapsed_and_has_advice() {
    let endpoint: Endpoint = "tcp://192.0.2.1:443".parse().unwrap();
    let phases = [
        Phase::Resolve,
        Phase::Bind,
        Phase::Listen,
        Phase::Accept,
        Phase::Connect,
        Phase::Tls,
        Phase::Tunnel,
        Phase::Wait,
        Phase::Send,
        Phase::Receive,
        Phase::Head,
        Phase::Body,
        Phase::Shutdown,
    ];
    for phase in phases {
        for kind in kinds() {
            let fault = Fault::new(phase, kind, Duration::from_millis(1_234)).at(endpoint);
            let text = fault.to_string();
            assert!(text.starts_with(phase.as_str()), "{text}");
            assert!(text.contains(&endpoint.to_string()), "{text}");
            assert!(text.contains(kind.as_str()) && text.ends_with("after 1234 ms"), "{text}");
            assert_eq!(fault.advice(), kind.advice());
        }
    }
    // By the error numbers of the system, too: the more specific advice of the source takes precedence.
    for error in SystemError::ALL {
        let Some(number) = error.numbers(Platform::current()).first() else { continue };
        let fault = Fault::from_io(Phase::Connect, io::Error::from_raw_os_error(*number), Duration::ZERO)
            .at(endpoint);
        assert_eq!((fault.kind(), fault.advice()), (error.kind, error.advice()), "{}", error.name);
        assert_eq!(fault.to_string(), format!("connect to {endpoint}: {} after 0 ms", error.kind));
    }
}
