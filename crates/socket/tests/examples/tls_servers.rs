//! TLS servers of another library (OpenSSL, through Python's ssl module): old, demanding or oddly certified ones.

use std::path::Path;
use std::sync::Arc;

use longhaul_socket::{
    ConnectTimeouts, Connector, Fault, FaultKind, Phase, SystemNetwork, Target, TlsOptions, blocking,
};

use crate::processes::{Process, installed};

/// Serves TLS as its arguments say, and sends `hello` after each handshake.
const SERVER: &str = "
import socket, ssl, sys
certificate, versions, ciphers, curve, verify = sys.argv[1:6]
c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
c.set_ciphers(ciphers + ':@SECLEVEL=0')
c.load_cert_chain(certificate)
low, high = versions.split('-')
c.minimum_version, c.maximum_version = ssl.TLSVersion[low], ssl.TLSVersion[high]
if curve: c.set_ecdh_curve(curve)
if verify: c.verify_mode = ssl.CERT_REQUIRED; c.load_verify_locations(certificate)
l = socket.create_server(('127.0.0.1', 0))
print(l.getsockname()[1], flush=True)
while True:
    s, _ = l.accept()
    s.settimeout(20)
    try:
        t = c.wrap_socket(s, server_side=True)
        t.sendall(b'hello')
        t.recv(1)
        t.close()
    except OSError: s.close()
";

struct Server {
    certificate: &'static str,
    versions: &'static str,
    ciphers: &'static str,
    curve: &'static str,
    wants_certificate: bool,
}

const MODERN: Server = Server {
    certificate: "p256",
    versions: "TLSv1_2-TLSv1_3",
    ciphers: "DEFAULT",
    curve: "",
    wants_certificate: false,
};

impl Server {
    fn start(&self) -> (Process, Target) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/examples/certificates");
        let certificate = folder.join(format!("{}.pem", self.certificate));
        let arguments = [
            "-c",
            SERVER,
            certificate.to_str().expect("the path is UTF-8"),
            self.versions,
            self.ciphers,
            self.curve,
            if self.wants_certificate { "yes" } else { "" },
        ];
        let mut process = Process::start("python3", &arguments.map(str::to_owned));
        let port = process.line().parse().expect("a port");
        (process, Target::new("127.0.0.1".parse().expect("an address"), port).with_tls())
    }

    /// What a client in each flavour reads, or its fault.
    fn meet(&self, options: &TlsOptions) -> [Result<String, Fault>; 2] {
        let (_process, target) = self.start();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let asynchronous = runtime.block_on(async {
            let connector = Connector::new(Arc::new(SystemNetwork::new()), options.clone());
            let mut stream = connector.connect(&target, &ConnectTimeouts::default()).await?;
            let mut bytes = [0; 5];
            let read = stream.receive(&mut bytes).await?;
            Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
        });
        let blocking = || {
            let connector = blocking::Connector::new(Arc::new(SystemNetwork::new()), options.clone());
            let mut stream = connector.connect(&target, &ConnectTimeouts::default())?;
            let mut bytes = [0; 5];
            let read = stream.receive(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes[..read]).into_owned())
        };
        [asynchronous, blocking()]
    }

    fn fails_as(&self, kind: FaultKind, phase: Phase) {
        for result in self.meet(&TlsOptions::empty().insecure_everywhere()) {
            let fault = result.expect_err("a fault");
            assert_eq!((fault.kind(), fault.phase()), (kind, phase), "{fault:?}");
        }
    }
}

#[test]
fn a_client_that_skips_the_check_accepts_any_certificate() {
    if !installed("python3") {
        return;
    }
    for certificate in ["p256", "p521", "rsa1024", "rsa2048", "v1"] {
        for versions in ["TLSv1_2-TLSv1_2", "TLSv1_3-TLSv1_3"] {
            let server = Server { certificate, versions, ..MODERN };
            // In TLS 1.2 the client's list of curves for key exchanges also limits those of certificates (RFC 8422
            // section 5.1), and ring has no P-521.
            if (certificate, versions) == ("p521", "TLSv1_2-TLSv1_2") {
                server.fails_as(FaultKind::TlsParameters, Phase::Tls);
                continue;
            }
            for result in server.meet(&TlsOptions::empty().insecure_everywhere()) {
                assert_eq!(result.expect(certificate), "hello", "{certificate}, {versions}");
            }
            for result in server.meet(&TlsOptions::empty()) {
                result.expect_err("nobody vouches for it");
            }
        }
    }
}

#[test]
fn the_fault_names_what_the_server_speaks_or_requires() {
    if !installed("python3") {
        return;
    }
    let old = Server { versions: "TLSv1-TLSv1_1", ..MODERN };
    old.fails_as(FaultKind::TlsVersion, Phase::Tls);
    for (ciphers, curve) in [("AES128-SHA", ""), ("ECDHE-RSA-AES128-SHA", ""), ("DEFAULT", "secp521r1")] {
        let server = Server { certificate: "rsa2048", versions: "TLSv1_2-TLSv1_2", ciphers, curve, ..MODERN };
        server.fails_as(FaultKind::TlsParameters, Phase::Tls);
    }
    let demanding = Server { versions: "TLSv1_2-TLSv1_2", wants_certificate: true, ..MODERN };
    demanding.fails_as(FaultKind::ClientCertificate, Phase::Tls);
    // In TLS 1.3 the client is done before the server has looked at its certificate.
    let later = Server { versions: "TLSv1_3-TLSv1_3", wants_certificate: true, ..MODERN };
    later.fails_as(FaultKind::ClientCertificate, Phase::Receive);
}
