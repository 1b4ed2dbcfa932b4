//! The table and the program of docs/sockets.md match the code, word for word.

use std::fmt::Write as _;

use longhaul_socket::{Advice, CertificateFault, Fault, FaultKind, Stream, SystemError, TcpListener};

const PAGE: &str = include_str!("../../../docs/sockets.md");
const HEADING: &str = "| error | says | what it means | what to do |\n|---|---|---|---|\n";

/// The most common errors by their names, and the most common kinds of failure without an error number.
const SYSTEM_ERRORS: [&str; 14] = [
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ECONNRESET",
    "EPIPE",
    "ECONNABORTED",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "EADDRINUSE",
    "EADDRNOTAVAIL",
    "EACCES",
    "EMFILE",
    "ENOENT",
    "EMSGSIZE",
    "EAGAIN",
];
const KINDS: [FaultKind; 14] = [
    FaultKind::NameNotFound,
    FaultKind::NameServerFailed,
    FaultKind::ClosedEarly,
    FaultKind::TooSlow,
    FaultKind::Certificate(CertificateFault::Expired),
    FaultKind::Certificate(CertificateFault::WrongHost),
    FaultKind::Certificate(CertificateFault::UnknownIssuer),
    FaultKind::NotTls,
    FaultKind::TlsVersion,
    FaultKind::TlsParameters,
    FaultKind::ClientCertificate,
    FaultKind::CertificateRefused,
    FaultKind::TlsPeerError,
    FaultKind::TlsAlert,
];

fn table() -> String {
    let mut text = HEADING.to_owned();
    let mut push = |name: &str, kind: FaultKind, Advice { meaning, action }: Advice| {
        writeln!(text, "| {name} | {kind} | {meaning} | {action} |").expect("writing to a string succeeds");
    };
    for name in SYSTEM_ERRORS {
        let error = SystemError::ALL.iter().find(|error| error.name == name).expect("it is in the table");
        push(&format!("`{name}`"), error.kind, error.advice());
    }
    for kind in KINDS {
        push("", kind, kind.advice());
    }
    text
}

#[test]
fn the_table_of_the_page_matches_the_code() {
    let table = table();
    assert!(SYSTEM_ERRORS.len() + KINDS.len() >= 20);
    assert!(PAGE.contains(&table), "the table of docs/sockets.md should be:\n\n{table}");
}

#[rustfmt::skip]
async fn exchange() -> Result<(), Fault> {
    let endpoint = "tcp://127.0.0.1:0".parse().expect("an endpoint"); // port 0: a free one
    let listener = TcpListener::bind(endpoint)?; // bind and listen
    let mut client = Stream::connect(listener.local()).await?;
    let mut server = listener.accept().await?;

    client.send(b"how are you?").await?;
    client.shutdown_write().await?; // nothing more to ask
    let mut buffer = [0; 64];
    let length = server.receive(&mut buffer).await?;
    server.send(&buffer[..length]).await?; // an echo
    server.close().await?;
    client.receive(&mut buffer).await?;
    client.close().await
}

#[tokio::test]
async fn the_program_of_the_page_runs() {
    exchange().await.expect("an exchange");
    let source = include_str!("documented.rs");
    let begin = source.find("async fn exchange()").expect("it is above");
    let end = begin + source[begin..].find("\n}\n").expect("it ends") + 3;
    assert!(PAGE.contains(&source[begin..end]), "docs/sockets.md should have\n{}", &source[begin..end]);
}
