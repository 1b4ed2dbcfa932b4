//! The table of error numbers, the kinds of wrapped errors, and the text of faults.

use std::error::Error;
use std::io;
use std::time::Duration;

use longhaul_socket::{
    Address, CertificateFault, DeadlinePassed, Endpoint, Fault, FaultKind, Phase, Platform, kind_of,
    kind_of_number,
};

/// Linux, macOS, the BSDs, Windows.
const PLATFORMS: [Platform; 4] = [Platform::Linux, Platform::Apple, Platform::Bsd, Platform::Windows];

#[test]
fn each_platform_has_its_own_error_numbers() {
    let cases = [
        (FaultKind::Refused, [111, 61, 61, 10061]),
        (FaultKind::Reset, [104, 54, 54, 10054]),
        (FaultKind::Reset, [103, 53, 53, 10053]),
        (FaultKind::Reset, [32, 32, 32, 10058]),
        (FaultKind::TimedOut, [110, 60, 60, 10060]),
        (FaultKind::Unreachable, [101, 51, 51, 10051]),
        (FaultKind::Unreachable, [113, 65, 65, 10065]),
        (FaultKind::Unreachable, [97, 47, 47, 10047]),
        (FaultKind::LocalNetworkDown, [100, 50, 50, 10050]),
        (FaultKind::LocalExhausted, [99, 49, 49, 10049]),
        (FaultKind::LocalExhausted, [24, 24, 24, 10024]),
        (FaultKind::LocalExhausted, [105, 55, 55, 10055]),
        (FaultKind::Denied, [13, 13, 13, 10013]),
        (FaultKind::WouldBlock, [11, 35, 35, 10035]),
    ];
    for (kind, numbers) in cases {
        for (platform, number) in PLATFORMS.into_iter().zip(numbers) {
            assert_eq!(kind_of_number(platform, number), Some(kind), "{number} on {platform:?}");
        }
    }
}

#[test]
fn a_number_means_nothing_on_another_platform() {
    assert_eq!(kind_of_number(Platform::Apple, 104), None);
    assert_eq!(kind_of_number(Platform::Linux, 10054), None);
    assert_eq!(kind_of_number(Platform::Windows, 111), None);
    assert_eq!(kind_of_number(Platform::Linux, 64), Some(FaultKind::LocalNetworkDown));
    assert_eq!(kind_of_number(Platform::Bsd, 64), Some(FaultKind::Unreachable));
    for platform in PLATFORMS {
        for number in [0, -1, i32::MAX, i32::MIN] {
            assert_eq!(kind_of_number(platform, number), None);
        }
    }
}

#[test]
fn errors_without_a_number_are_classified_by_their_kind() {
    use io::ErrorKind;
    let cases = [
        (ErrorKind::ConnectionRefused, FaultKind::Refused),
        (ErrorKind::ConnectionReset, FaultKind::Reset),
        (ErrorKind::BrokenPipe, FaultKind::Reset),
        (ErrorKind::UnexpectedEof, FaultKind::ClosedEarly),
        (ErrorKind::NetworkUnreachable, FaultKind::Unreachable),
        (ErrorKind::NetworkDown, FaultKind::LocalNetworkDown),
        (ErrorKind::AddrNotAvailable, FaultKind::LocalExhausted),
        (ErrorKind::WouldBlock, FaultKind::WouldBlock),
        (ErrorKind::Unsupported, FaultKind::Unsupported),
        (ErrorKind::InvalidInput, FaultKind::Misuse),
        (ErrorKind::NotConnected, FaultKind::Misuse),
        (ErrorKind::AlreadyExists, FaultKind::AddressInUse),
        (ErrorKind::NotFound, FaultKind::BadPath),
        (ErrorKind::InvalidData, FaultKind::Other),
    ];
    for (from, kind) in cases {
        assert_eq!(kind_of(&from.into()), kind, "{from:?}");
        assert_eq!(kind_of(&io::Error::new(from, "an error of a library")), kind, "{from:?}");
    }
}

/// The error of a library that wraps another one, some levels deep.
#[derive(Debug)]
struct Wrapped(Box<dyn Error + Send + Sync>);

impl std::fmt::Display for Wrapped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("wrapped")
    }
}

impl Error for Wrapped {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

fn wrapped(error: impl Into<Box<dyn Error + Send + Sync>>, levels: usize) -> io::Error {
    let mut error = error.into();
    for _ in 0..levels {
        error = Box::new(Wrapped(error));
    }
    io::Error::other(error)
}

#[test]
fn a_wrapped_error_is_classified_by_the_inner_one() {
    let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
    let expired = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
    let fault = Fault::new(Phase::Body, FaultKind::TooSlow, Duration::ZERO);
    assert_eq!(kind_of(&wrapped(reset(), 0)), FaultKind::Reset);
    assert_eq!(kind_of(&wrapped(reset(), 5)), FaultKind::Reset);
    assert_eq!(kind_of(&wrapped(io::Error::other(reset()), 2)), FaultKind::Reset);
    assert_eq!(kind_of(&wrapped(expired, 3)), FaultKind::Certificate(CertificateFault::Expired));
    assert_eq!(kind_of(&wrapped(fault, 1)), FaultKind::TooSlow);
    assert_eq!(kind_of(&wrapped(DeadlinePassed, 1)), FaultKind::TimedOut);
    assert_eq!(kind_of(&DeadlinePassed.into()), FaultKind::TimedOut);
}

#[test]
fn unwrapping_stops_at_a_limit() {
    assert_eq!(kind_of(&wrapped(io::Error::from(io::ErrorKind::ConnectionReset), 10_000)), FaultKind::Other);
}

#[test]
fn only_failures_of_this_machine_are_local() {
    assert!(FaultKind::LocalExhausted.is_local());
    assert!(FaultKind::LocalNetworkDown.is_local());
    assert!(!FaultKind::Unreachable.is_local());
    assert!(!FaultKind::TimedOut.is_local());
}

#[test]
fn display_shows_one_level_and_source_has_the_rest() {
    let endpoint: Endpoint = "tcp://[2001:db8::1]:443".parse().unwrap();
    let after = Duration::from_millis(1_200);
    let expired = FaultKind::Certificate(CertificateFault::Expired);
    let cases = [
        (Fault::new(Phase::Body, FaultKind::TooSlow, after), "body: too slow after 1200 ms"),
        (
            Fault::new(Phase::Resolve, FaultKind::NameNotFound, after).of("a.test".parse().unwrap()),
            "resolve a.test: name not found after 1200 ms",
        ),
        (
            Fault::new(Phase::Tls, expired, after).at(endpoint).of("a.test".parse().unwrap()),
            "tls with tcp://[2001:db8::1]:443 (a.test): expired certificate after 1200 ms",
        ),
        (
            Fault::new(Phase::Head, FaultKind::TimedOut, after).at(endpoint),
            "head from tcp://[2001:db8::1]:443: timed out after 1200 ms",
        ),
    ];
    for (fault, text) in cases {
        assert_eq!(fault.to_string(), text);
        assert!(fault.source().is_none());
    }
    let fault = Fault::from_io(Phase::Send, io::ErrorKind::BrokenPipe.into(), after).at(endpoint);
    assert_eq!(fault.kind(), FaultKind::Reset);
    assert!(fault.source().unwrap().is::<io::Error>());
}

#[test]
fn a_result_with_a_fault_is_small() {
    assert!(size_of::<Result<(), Fault>>() <= size_of::<usize>());
}

/// Journals and logs use these words as keys.
#[test]
fn the_words_of_phases_are_stable() {
    let phases = [
        (Phase::Resolve, "resolve with"),
        (Phase::Bind, "bind to"),
        (Phase::Listen, "listen on"),
        (Phase::Accept, "accept on"),
        (Phase::Connect, "connect to"),
        (Phase::Tls, "tls with"),
        (Phase::Tunnel, "tunnel with"),
        (Phase::Wait, "wait on"),
        (Phase::Send, "send to"),
        (Phase::Receive, "receive from"),
        (Phase::Head, "head from"),
        (Phase::Body, "body from"),
        (Phase::Shutdown, "shutdown of"),
    ];
    let address: Address = "unix:///run/x".parse().unwrap();
    for (phase, words) in phases {
        let fault =
            Fault::new(phase, FaultKind::TimedOut, Duration::from_millis(7)).at_address(address.clone());
        assert_eq!(fault.to_string(), format!("{words} unix:///run/x: timed out after 7 ms"));
        assert_eq!((fault.endpoint(), fault.address()), (None, Some(&address)));
    }
}
