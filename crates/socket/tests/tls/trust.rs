//! Which certificates are trusted, and the faults of the others.

use std::error::Error;

use longhaul_socket::{CertificateFault, FaultKind, Phase, TlsOptions};
use rcgen::{CertificateParams, IsCa};

use crate::handshake;
use crate::identity::{Identity, expired, not_yet_valid};

async fn refused_as(identity: Identity, host: &str) -> FaultKind {
    let options = identity.trusted();
    let fault = handshake(&identity, options, host).await.unwrap_err();
    assert_eq!(fault.phase(), Phase::Tls);
    assert_eq!(fault.endpoint(), Some("tcp://10.0.0.1:443".parse().unwrap()));
    assert_eq!(fault.host(), Some(&host.parse().unwrap()));
    fault.kind()
}

#[tokio::test(start_paused = true)]
async fn a_self_signed_certificate_can_be_its_own_root() {
    let authority = Identity::self_signed(|_| {});
    assert!(handshake(&authority, authority.trusted(), "a.test").await.is_ok());
    let end_entity = Identity::self_signed(|params| params.is_ca = IsCa::ExplicitNoCa);
    assert!(handshake(&end_entity, end_entity.trusted(), "a.test").await.is_ok());
    let unmarked = Identity::self_signed(|params| params.is_ca = IsCa::NoCa);
    assert!(handshake(&unmarked, unmarked.trusted(), "a.test").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn dates_and_name_of_its_own_root_still_count() {
    let cases = [
        (Identity::self_signed(expired), "a.test", CertificateFault::Expired),
        (Identity::self_signed(not_yet_valid), "a.test", CertificateFault::NotYetValid),
        (Identity::self_signed(|_| {}), "b.test", CertificateFault::WrongHost),
    ];
    for (identity, host, fault) in cases {
        assert_eq!(refused_as(identity, host).await, FaultKind::Certificate(fault));
    }
}

#[tokio::test(start_paused = true)]
async fn each_certificate_fault_has_its_kind() {
    let cases = [
        (Identity::issued(expired), "a.test", CertificateFault::Expired),
        (Identity::issued(not_yet_valid), "a.test", CertificateFault::NotYetValid),
        (Identity::issued(|_| {}), "b.test", CertificateFault::WrongHost),
    ];
    for (identity, host, fault) in cases {
        assert_eq!(refused_as(identity, host).await, FaultKind::Certificate(fault));
    }
}

#[tokio::test(start_paused = true)]
async fn unknown_issuers_are_not_trusted() {
    let strangers = [
        // Another authority, of the same name as the one that is trusted.
        Identity::issued(|_| {}),
        // Self-signed, as an authority and as a server.
        Identity::self_signed(|_| {}),
        Identity::self_signed(|params| params.is_ca = IsCa::NoCa),
    ];
    for trusted in [Identity::issued(|_| {}), Identity::self_signed(|_| {})] {
        for stranger in &strangers {
            let fault = handshake(stranger, trusted.trusted(), "a.test").await.unwrap_err();
            let unknown = FaultKind::Certificate(CertificateFault::UnknownIssuer);
            assert_eq!(fault.kind(), unknown, "{fault:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_check_is_skipped_for_the_named_host_only() {
    let identity = Identity::self_signed(expired);
    let options = || Identity::issued(|_| {}).trusted().insecure_for("a.test".parse().unwrap());
    assert!(handshake(&identity, options(), "a.test").await.is_ok());
    assert!(handshake(&identity, options(), "b.test").await.is_err());
    assert!(handshake(&identity, TlsOptions::empty().insecure_everywhere(), "b.test").await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_certificate_for_an_ip_address_is_accepted_for_it() {
    let with_address = |params: &mut CertificateParams| {
        params.subject_alt_names = vec![rcgen::SanType::IpAddress("10.0.0.1".parse().unwrap())];
    };
    let identity = Identity::issued(with_address);
    assert!(handshake(&identity, identity.trusted(), "10.0.0.1").await.is_ok());
    let named = Identity::issued(|_| {});
    assert_eq!(refused_as(named, "10.0.0.1").await, FaultKind::Certificate(CertificateFault::WrongHost));
}

#[tokio::test(start_paused = true)]
async fn a_handshake_without_trusted_roots_says_so() {
    let identity = Identity::issued(|_| {});
    let fault = handshake(&identity, TlsOptions::empty(), "a.test").await.unwrap_err();
    assert_eq!((fault.phase(), fault.kind()), (Phase::Tls, FaultKind::Other));
    assert!(fault.source().unwrap().to_string().contains("no trusted certificates"));
}
