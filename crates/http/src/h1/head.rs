//! One head: status line, fields and the bytes they came as.

use std::ops::Range;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::fault::Fault;
use super::field::trim;
use super::lenient;
use super::scan::{line_feed, without_line_end};
use super::section::Section;

/// Fields of a head that `httparse` is tried on. Real heads have 10 to 30; longer ones take the other path.
const STRICT_FIELDS_MAX: usize = 64;

/// The version of a response (RFC 9112 section 2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.0.
    Http10,
    /// HTTP/1.1, or a later minor version, which has to be read like it (RFC 9110 section 2.5).
    Http11,
}

/// A head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Head {
    /// The version the peer speaks.
    pub version: Version,
    /// 100 to 999.
    pub status: u16,
    /// The reason phrase without surrounding whitespace, as sent; often empty.
    pub reason: Bytes,
    /// The fields, with folded lines joined and control characters in values replaced by SP.
    pub fields: HeaderMap,
    /// The head verbatim, from `HTTP/` to the end of the empty line.
    pub raw: Bytes,
    /// Lines that were skipped because they are no fields.
    pub ignored_lines: usize,
    /// One of them has no colon. It may be the first of the body, after an empty line that was never sent.
    pub(super) has_line_without_colon: bool,
}

impl Head {
    /// Reads a complete head, which ends with its empty line.
    pub(super) fn parse(raw: Bytes, fields_max: usize) -> Result<Self, Fault> {
        let line_end = line_feed(&raw).map_or(raw.len(), |at| at + 1);
        let line = without_line_end(&raw[..line_end]);
        if line.iter().any(|byte| matches!(byte, b'\0' | b'\r')) {
            return Err(Fault::ControlInHead);
        }
        let (version, status, reason) = status_line(line)?;
        // An interim response has no body (RFC 9110 section 15.2), so none of its lines can frame one.
        let frames_body = status >= 200;
        let reason = raw.slice(reason);
        let section = Section::parse(&raw.slice(line_end..), fields_max, Fault::TooManyFields, frames_body)?;
        let Section { fields, ignored_lines, has_line_without_colon } = section;
        Ok(Self { version, status, reason, fields, raw, ignored_lines, has_line_without_colon })
    }
}

impl Section {
    /// `too_many` is the fault for more than `lines_max` lines.
    pub(super) fn parse(
        raw: &Bytes,
        lines_max: usize,
        too_many: Fault,
        frames_body: bool,
    ) -> Result<Self, Fault> {
        if let Some(fields) = strict(raw) {
            if fields.len() > lines_max {
                return Err(too_many);
            }
            return Ok(Self { fields, ..Self::default() });
        }
        lenient::section(raw, lines_max, too_many, frames_body)
    }
}

/// A section that follows the grammar of RFC 9112 section 5, and is not too long.
pub(super) fn strict(raw: &Bytes) -> Option<HeaderMap> {
    let mut lines = [httparse::EMPTY_HEADER; STRICT_FIELDS_MAX];
    let Ok(httparse::Status::Complete((length, lines))) = httparse::parse_headers(raw, &mut lines) else {
        return None;
    };
    if length != raw.len() {
        return None;
    }
    let mut fields = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let name = HeaderName::from_bytes(line.name.as_bytes()).ok()?;
        let value = HeaderValue::from_maybe_shared(raw.slice_ref(line.value)).ok()?;
        fields.append(name, value);
    }
    Some(fields)
}

/// `HTTP-version SP status-code SP [ reason-phrase ]` (RFC 9112 section 4), with any whitespace between them, `http` in any
/// case, and no need for the second SP.
fn status_line(line: &[u8]) -> Result<(Version, u16, Range<usize>), Fault> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let version_end = line.iter().position(blank).unwrap_or(line.len());
    let version = match line[..version_end].get(NAME.len()..) {
        Some(b"1.0") => Version::Http10,
        Some([b'1', b'.', b'1'..=b'9']) => Version::Http11,
        _ => return Err(Fault::UnsupportedVersion),
    };
    let after_version = &line[version_end..];
    let code_start =
        version_end + after_version.iter().position(|byte| !blank(byte)).ok_or(Fault::BadStatus)?;
    let code_end = code_start + line[code_start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let [hundreds @ b'1'..=b'9', tens, ones] = line[code_start..code_end] else {
        return Err(Fault::BadStatus);
    };
    let digit = |byte: u8| u16::from(byte - b'0');
    let status = 100 * digit(hundreds) + 10 * digit(tens) + digit(ones);
    let rest = &line[code_end..];
    let reason = trim(rest);
    let reason_start = code_end + rest.iter().take_while(|byte| blank(byte)).count();
    Ok((version, status, reason_start..reason_start + reason.len()))
}

/// What every response begins with (RFC 9112 section 2.3).
pub(super) const NAME: &[u8] = b"HTTP/";

/// Whether the bytes are the beginning of a status line, as far as they go. Servers that spell `http/1.1` exist.
pub(super) fn begins_like_http(bytes: &[u8]) -> bool {
    let length = bytes.len().min(NAME.len());
    bytes[..length].eq_ignore_ascii_case(&NAME[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(line: &str) -> Result<(Version, u16, &str), Fault> {
        status_line(line.as_bytes()).map(|(version, status, reason)| (version, status, &line[reason]))
    }

    #[test]
    fn status_lines_are_read_leniently() {
        assert_eq!(status("HTTP/1.1 200 OK"), Ok((Version::Http11, 200, "OK")));
        assert_eq!(status("HTTP/1.0  404 \t Not  Found "), Ok((Version::Http10, 404, "Not  Found")));
        assert_eq!(status("http/1.1 200"), Ok((Version::Http11, 200, "")));
        assert_eq!(status("HTTP/1.2\t999 "), Ok((Version::Http11, 999, "")));
        assert_eq!(status("HTTP/1.1 200OK"), Ok((Version::Http11, 200, "OK")));
    }

    #[test]
    fn what_is_no_status_line_is_refused() {
        for line in
            ["HTTP/2 200 OK", "HTTP/2.0 200 OK", "HTTP/1 200 OK", "HTTP/0.9 200", "HTTP/1.10 200", "HTTP/"]
        {
            assert_eq!(status(line), Err(Fault::UnsupportedVersion), "{line}");
        }
        for line in
            ["HTTP/1.1", "HTTP/1.1 ", "HTTP/1.1 two", "HTTP/1.1 20", "HTTP/1.1 2000", "HTTP/1.1 099 x"]
        {
            assert_eq!(status(line), Err(Fault::BadStatus), "{line}");
        }
    }

    use proptest::prelude::*;

    fn line() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            "[A-Za-z-]{1,8}".prop_map(String::into_bytes),
            prop::sample::select(vec![
                &b": "[..],
                b":",
                b"\t",
                b" ",
                b"\r",
                b"\n",
                b"\r\n",
                b"\x01",
                b"\x7f",
                b"\xe9",
                b"\0",
                b"(",
                b"\"",
                b"Content-Length",
            ])
            .prop_map(<[u8]>::to_vec),
            any::<u8>().prop_map(|byte| vec![byte]),
        ];
        prop_oneof![
            3 => ("[!-~]{1,6}", "[ -~\t]{0,9}", prop::bool::ANY).prop_map(|(name, value, cr)| {
                format!("{name}:{value}{}", if cr { "\r\n" } else { "\n" }).into_bytes()
            }),
            1 => prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat()),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4096, ..ProptestConfig::default() })]

        /// The two parsers agree on everything that the strict one accepts.
        #[test]
        fn lenient_agrees_with_httparse(lines in prop::collection::vec(line(), 0..6)) {
            let mut bytes = lines.concat();
            bytes.extend_from_slice(b"\r\n");
            let end = crate::h1::scan::SectionEnd::default().find(&bytes).unwrap_or(bytes.len());
            let raw = Bytes::from(bytes).slice(..end);
            if let Some(fields) = strict(&raw) {
                let lenient = lenient::section(&raw, 500, Fault::TooManyFields, true);
                prop_assert_eq!(lenient, Ok(Section { fields, ..Section::default() }));
            }
        }
    }
}
