//! A summary of a TLS session for people: protocol, cipher and the certificate of the peer.

use std::fmt::Write as _;

use longhaul_socket::{Certificate, Stream};

use crate::render::{escaped, rfc3339};

/// Names shown; the others are counted. Some certificates have hundreds.
const NAMES_SHOWN_MAX: usize = 8;

/// A few lines about the session of `stream`, or an empty text without TLS. Text of the peer is escaped.
pub(crate) fn tls_summary(stream: &Stream, is_verified: bool) -> String {
    let Some(tls) = stream.tls() else { return String::new() };
    let mut text =
        format!("  protocol  {}\n  cipher    {}\n", tls.version.replace('_', "."), tls.cipher_suite);
    match stream.peer_certificates().first().map(|bytes| Certificate::from_der(bytes)) {
        Some(Ok(certificate)) => push_certificate(&mut text, &certificate),
        Some(Err(error)) => {
            let _ = writeln!(text, "  subject   {}", escaped(&error.to_string()));
        }
        None => text.push_str("  subject   none: the peer sent no certificate\n"),
    }
    text.push_str(if is_verified { "  checked   yes\n" } else { "  checked   no, as asked for with -k\n" });
    text
}

fn push_certificate(text: &mut String, certificate: &Certificate) {
    let time = |since_epoch: std::time::Duration| {
        rfc3339(u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)).replace(".000Z", "Z")
    };
    let shown = certificate.names.iter().take(NAMES_SHOWN_MAX).map(String::as_str);
    let mut names = shown.collect::<Vec<_>>().join(", ");
    let left_out = certificate.names.len().saturating_sub(NAMES_SHOWN_MAX) + certificate.names_left_out;
    if left_out > 0 {
        let _ = write!(names, " and {left_out} more");
    }
    let or_none = |text: &str| if text.is_empty() { "none".to_owned() } else { escaped(text).to_string() };
    let _ = writeln!(text, "  subject   {}", or_none(&certificate.subject));
    let _ = writeln!(text, "  issuer    {}", or_none(&certificate.issuer));
    let _ = writeln!(text, "  valid     {} to {}", time(certificate.not_before), time(certificate.not_after));
    let _ = writeln!(text, "  names     {}", or_none(&names));
}
