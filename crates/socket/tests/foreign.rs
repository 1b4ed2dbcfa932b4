//! The properties that the fuzz targets check, on the stable toolchain: each seed of `fuzz/seeds`, mutations of the
//! seeds, and arbitrary input.
#![expect(clippy::disallowed_methods, reason = "seeds are files of the repository")]

#[path = "../../../fuzz/properties/inputs.rs"]
mod inputs;
#[path = "../../../fuzz/properties/socket.rs"]
mod properties;

use std::fs;
use std::path::Path;

use inputs::{input, seeds};
use proptest::prelude::*;

fn text(target: &str) -> impl Strategy<Value = String> {
    input(target).prop_map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

#[test]
fn every_seed_has_the_properties() {
    for seed in seeds("addresses") {
        properties::addresses(&String::from_utf8_lossy(&seed));
    }
    for seed in seeds("framing") {
        for bytes_max in [0, 1, 10, 80] {
            properties::framing(bytes_max, 3, &seed);
        }
    }
    for seed in seeds("socket_tables") {
        properties::socket_tables(&String::from_utf8_lossy(&seed));
    }
    #[cfg(target_os = "linux")]
    for seed in seeds("sock_diag") {
        properties::sock_diag(&seed);
    }
    for seed in seeds("certificates") {
        properties::certificates(&seed);
    }
}

proptest! {
    #[test]
    fn addresses(text in text("addresses")) {
        properties::addresses(&text);
    }

    #[test]
    fn framing(bytes in input("framing"), bytes_max in 0..80_usize, piece_bytes in 1..50_usize) {
        properties::framing(bytes_max, piece_bytes, &bytes);
    }

    #[test]
    fn socket_tables(text in text("socket_tables")) {
        properties::socket_tables(&text);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn sock_diag(response in input("sock_diag")) {
        properties::sock_diag(&response);
    }

    #[test]
    fn certificates(bytes in input("certificates")) {
        properties::certificates(&bytes);
    }
}

/// The seeds are read as what they are: otherwise mutations of them would test nothing but refusals.
#[test]
fn the_seeds_are_valid_where_they_should_be() {
    let seed = |target: &str, name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target).join(name);
        fs::read(path).expect("a seed is readable")
    };
    let table = String::from_utf8(seed("socket_tables", "tcp")).expect("text");
    assert_eq!(longhaul_socket::table::inet_rows(&table, longhaul_socket::Protocol::Tcp).len(), 1);
    let table = String::from_utf8(seed("socket_tables", "line_end")).expect("text");
    assert_eq!(longhaul_socket::table::unix_rows(&table).len(), 1);
    let certificate =
        longhaul_socket::Certificate::from_der(&seed("certificates", "server")).expect("a certificate");
    assert_eq!(certificate.names, ["server.test", "127.0.0.1"]);
    #[cfg(all(target_os = "linux", target_endian = "little"))]
    {
        let rows = longhaul_socket::table::unix_diag_rows(&seed("sock_diag", "unix"));
        let names: Vec<String> = rows.iter().map(|row| row.local.to_string()).collect();
        assert_eq!(names, ["unix:///run/a b\n.sock", "unix://@name@"]);
    }
}
