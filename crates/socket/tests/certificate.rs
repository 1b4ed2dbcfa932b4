//! Reading certificates.

use std::time::Duration;

use longhaul_socket::Certificate;
use proptest::prelude::*;
use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

fn made(names: Vec<String>) -> Vec<u8> {
    let mut params = CertificateParams::new(names).unwrap();
    params.distinguished_name.push(DnType::CommonName, "a.test");
    params.distinguished_name.push(DnType::OrganizationName, "Example \u{1b}[2J");
    params.not_before = date_time_ymd(2024, 1, 2);
    params.not_after = date_time_ymd(2051, 3, 4);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().der().to_vec()
}

#[test]
fn subject_issuer_validity_and_names_are_read() {
    let names = ["a.test", "*.b.test", "127.0.0.1", "2001:db8::1"].map(str::to_owned).to_vec();
    let certificate = Certificate::from_der(&made(names.clone())).unwrap();
    assert!(certificate.subject.contains("CN=a.test"), "{}", certificate.subject);
    assert!(certificate.subject.contains("Example"), "{}", certificate.subject);
    assert!(certificate.issuer.contains("CN="), "{}", certificate.issuer);
    assert_eq!(certificate.not_before, Duration::from_hours(473_376));
    assert_eq!(certificate.not_after, Duration::from_hours(711_528));
    assert_eq!((certificate.names, certificate.names_left_out), (names, 0));
}

#[test]
fn names_beyond_the_limit_are_counted() {
    let names = (0..150).map(|number| format!("host-{number}.test")).collect();
    let certificate = Certificate::from_der(&made(names)).unwrap();
    assert_eq!((certificate.names.len(), certificate.names_left_out), (100, 50));
}

#[test]
fn bytes_that_are_not_a_certificate_are_refused() {
    let good = made(vec!["a.test".to_owned()]);
    for length in 0..good.len() {
        assert!(Certificate::from_der(&good[..length]).is_err(), "cut at {length}");
    }
}

proptest! {
    #[test]
    fn a_damaged_certificate_is_read_or_refused(at in 0_usize..500, byte in any::<u8>()) {
        use std::sync::LazyLock;
        static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| made(vec!["a.test".to_owned()]));
        let mut bytes = GOOD.clone();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = Certificate::from_der(&bytes);
    }
}
