//! The certificates of the servers in the cases, and the one authority that the program trusts. Created once per run.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use longhaul_origin::script::Identity;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, date_time_ymd};

/// The identities by name, and the certificate of the authority.
pub(crate) struct Identities {
    pub(crate) by_name: BTreeMap<String, Identity>,
    pub(crate) roots: String,
}

pub(crate) fn identities() -> &'static Identities {
    static MADE: OnceLock<Identities> = OnceLock::new();
    MADE.get_or_init(make)
}

fn make() -> Identities {
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::new(Vec::new()).expect("no names");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let roots = authority.self_signed(&authority_key).expect("a certificate").pem();
    let issuer = Issuer::new(authority, authority_key);
    let named = |names: &[&str]| {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        CertificateParams::new(names).expect("names")
    };
    let usual = || named(&["a.test", "b.test", "localhost", "127.0.0.1"]);
    let signed = |params: CertificateParams| {
        let key = KeyPair::generate().expect("a key");
        let chain = params.signed_by(&key, &issuer).expect("a certificate").pem();
        Identity { chain, key: key.serialize_pem() }
    };
    let mut expired = usual();
    (expired.not_before, expired.not_after) = (date_time_ymd(2000, 1, 1), date_time_ymd(2001, 1, 1));
    let mut early = usual();
    early.not_before = date_time_ymd(4000, 1, 1);
    let key = KeyPair::generate().expect("a key");
    let chain = usual().self_signed(&key).expect("a certificate").pem();
    let self_signed = Identity { chain, key: key.serialize_pem() };
    let by_name = [
        ("valid", signed(usual())),
        ("expired", signed(expired)),
        ("not-yet-valid", signed(early)),
        ("another-host", signed(named(&["elsewhere.test"]))),
        ("self-signed", self_signed),
    ];
    Identities { by_name: by_name.map(|(name, identity)| (name.to_owned(), identity)).into(), roots }
}
