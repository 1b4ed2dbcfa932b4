//! What must hold for any foreign input of the socket crate. The fuzz targets and `crates/socket/tests/foreign.rs` call
//! the same functions; each panics if its property does not hold.

use std::fmt::Display;
use std::str::FromStr;

use longhaul_socket::framing::{Framing, FramingError, MessageDecoder};
use longhaul_socket::{Address, Certificate, Endpoint, Host, Protocol, table};

/// A text that parses as an endpoint, a host or an address is written so that it parses as the same again, and an
/// address is written without control characters.
pub(crate) fn addresses(text: &str) {
    round_trip::<Endpoint>(text);
    round_trip::<Host>(text);
    // A path may contain control characters, which are escaped when it is written.
    if !text.chars().any(char::is_control) {
        round_trip::<Address>(text);
    }
    if let Ok(address) = text.parse::<Address>() {
        assert!(!address.to_string().chars().any(char::is_control), "{text:?}");
    }
}

fn round_trip<T: FromStr + Display + PartialEq>(text: &str) {
    if let Ok(value) = text.parse::<T>() {
        assert!(value.to_string().parse::<T>().is_ok_and(|again| again == value), "{text:?}");
    }
}

/// However bytes are cut into pieces, the same messages come out, none longer than the limit; and each message can be
/// encoded and decoded again.
pub(crate) fn framing(bytes_max: usize, piece_bytes: usize, bytes: &[u8]) {
    for framing in [Framing::lengths(bytes_max), Framing::lines(bytes_max)] {
        let whole = decoded(framing, bytes, bytes.len().max(1)).ok();
        assert_eq!(decoded(framing, bytes, piece_bytes.max(1)).ok(), whole);
        let messages = whole.unwrap_or_default();
        assert!(messages.iter().all(|message| message.len() <= bytes_max));
        for message in messages {
            // A line that ends in CR cannot be sent: the CR would be taken for a part of the line end.
            if let Ok(encoded) = framing.encode(&message) {
                let again = decoded(framing, &encoded, 1).expect("an encoded message can be decoded");
                assert_eq!(again, [message]);
            }
        }
    }
}

fn decoded(framing: Framing, bytes: &[u8], piece_bytes: usize) -> Result<Vec<Vec<u8>>, FramingError> {
    let mut decoder = MessageDecoder::new(framing);
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        decoder.push(piece);
        while let Some(message) = decoder.next()? {
            messages.push(message.to_vec());
        }
    }
    while let Some(message) = decoder.finish()? {
        messages.push(message.to_vec());
    }
    Ok(messages)
}

/// A table of `/proc/net` has at most one socket a line, all of the table's protocol.
pub(crate) fn socket_tables(text: &str) {
    let lines = text.lines().count();
    for protocol in [Protocol::Tcp, Protocol::Udp] {
        let rows = table::inet_rows(text, protocol);
        assert!(rows.len() <= lines);
        let is_of_protocol = |row: &table::OpenSocket| {
            row.local.endpoint().is_some_and(|endpoint| endpoint.protocol() == protocol)
        };
        assert!(rows.iter().all(is_of_protocol));
    }
    let rows = table::unix_rows(text);
    assert!(rows.len() <= lines && rows.iter().all(|row| row.local.endpoint().is_none()));
}

/// A response of `sock_diag(7)` has at most one socket for each header that fits into it.
#[cfg(target_os = "linux")]
pub(crate) fn sock_diag(response: &[u8]) {
    /// linux/netlink.h, and `unix_diag_msg` of `linux/unix_diag.h`.
    const ROW_BYTES_MIN: usize = 16 + 16;
    assert!(table::unix_diag_rows(response).len() * ROW_BYTES_MIN <= response.len());
}

/// Any bytes are a certificate, or are refused; a certificate lists at most a hundred names.
pub(crate) fn certificates(bytes: &[u8]) {
    if let Ok(certificate) = Certificate::from_der(bytes) {
        assert!(certificate.names.len() <= 100);
    }
}
