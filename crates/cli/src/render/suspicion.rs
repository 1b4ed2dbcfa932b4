//! A pattern of rows that look like one error page, on one line.

use data_encoding::HEXLOWER;
use longhaul::{SuspectPattern, Suspicion};

use super::{bytes, count, escaped};

/// Digits of a digest that are shown: enough to tell bodies apart, and to find them in an export.
const DIGEST_DIGITS: usize = 16;

/// The line, safe for a terminal.
#[expect(clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn suspicion(suspicion: &Suspicion) -> String {
    let Suspicion { host, pattern, rows, example } = suspicion;
    let (rows, host, example) = (count(*rows), escaped(host), escaped(example));
    let what = match pattern {
        SuspectPattern::SameBody { size, blake3 } => format!(
            "have the same body ({}, blake3 {}...)",
            bytes(*size as f64),
            &HEXLOWER.encode(blake3)[..DIGEST_DIGITS]
        ),
        SuspectPattern::MediaType { extension, media_type } if extension.is_empty() => {
            format!("are {}, unlike others of the host", escaped(media_type))
        }
        SuspectPattern::MediaType { extension, media_type } => {
            format!("that end in .{} are {}", escaped(extension), escaped(media_type))
        }
        _ => "look like one error".to_owned(),
    };
    format!(
        "suspect: {rows} different URLs of {host} {what}, such as {example}: is that a login or an error page?"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_rows_have_in_common_is_named() {
        let of = |pattern| Suspicion {
            host: "http://h.test".to_owned(),
            pattern,
            rows: 1_234,
            example: "http://h.test/\u{1b}".to_owned(),
        };
        assert_eq!(
            suspicion(&of(SuspectPattern::SameBody { size: 2048, blake3: [0xab; 32] })),
            "suspect: 1,234 different URLs of http://h.test have the same body (2.0 KiB, blake3 abababababababab...), \
             such as http://h.test/\\u{1b}: is that a login or an error page?"
        );
        let pattern =
            SuspectPattern::MediaType { extension: "nc4".to_owned(), media_type: "text/html".to_owned() };
        assert_eq!(
            suspicion(&of(pattern)),
            "suspect: 1,234 different URLs of http://h.test that end in .nc4 are text/html, such as \
             http://h.test/\\u{1b}: is that a login or an error page?"
        );
    }
}
