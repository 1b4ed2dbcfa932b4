//! Field sections that break the grammar, as servers send them: PHP warnings, a DOCTYPE, folded lines, names with spaces.
//!
//! Every line is read in one of these ways.
//!
//! | line | reading |
//! |---|---|
//! | `name: value` | a field; control characters other than HTAB in the value become SP (RFC 9110 section 5.5) |
//! | whitespace before the colon | the same field without it, as RFC 9112 section 5.1 asks of proxies |
//! | begins with whitespace, after a field | continues its value after one SP (RFC 9112 section 5.2) |
//! | begins with whitespace, otherwise | ignored (RFC 9112 section 2.2) |
//! | no colon, an empty name, a name that is no token | ignored |
//! | an ignored or folded line that resembles a framing field | [`Fault::AmbiguousFraming`] |
//! | a framing field with a control character | the fault of that field |
//! | NUL, or a CR that does not end the line | [`Fault::ControlInHead`]: some recipients end the line or the text there |
//!
//! A line resembles a framing field if its letters begin with those of the field's name, whatever stands between them:
//! recipients that trim, skip or fold differently would take it for one.
//!
//! A server that forgets the empty line puts its body here. A body with a length or chunks then turns out too short or
//! malformed. One that only the close ends would lose its beginning unnoticed, so the reader refuses such a response if
//! a line without a colon was ignored.

use std::ops::Range;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderName, HeaderValue};

use super::fault::Fault;
use super::field::trim;
use super::scan::{line_feed, without_line_end};
use super::section::Section;

/// Reads a section that ends with its empty line. See [`Section::parse`] for the parameters.
pub(super) fn section(
    raw: &Bytes,
    lines_max: usize,
    too_many: Fault,
    frames_body: bool,
) -> Result<Section, Fault> {
    let mut parser =
        Parser { raw, lines_max, too_many, frames_body, current: None, section: Section::default() };
    let mut rest = 0..raw.len();
    while !rest.is_empty() {
        let line_end = line_feed(&raw[rest.clone()]).map_or(rest.end, |at| rest.start + at + 1);
        let length = without_line_end(&raw[rest.start..line_end]).len();
        if length == 0 {
            break;
        }
        parser.line(rest.start..rest.start + length)?;
        rest.start = line_end;
    }
    parser.finish()
}

struct Parser<'a> {
    raw: &'a Bytes,
    lines_max: usize,
    too_many: Fault,
    frames_body: bool,
    /// The field whose value the next line may continue.
    current: Option<(HeaderName, Value)>,
    section: Section,
}

enum Value {
    /// Where it is in the section.
    AsSent(Range<usize>),
    Joined(Vec<u8>),
}

impl Parser<'_> {
    fn line(&mut self, at: Range<usize>) -> Result<(), Fault> {
        let line = &self.raw[at.clone()];
        if line.iter().any(|byte| matches!(byte, b'\0' | b'\r')) {
            return Err(Fault::ControlInHead);
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return self.folded(line);
        }
        self.end_field()?;
        let Some((name, value)) = field_line(line) else {
            return self.ignored(line);
        };
        self.count_line()?;
        self.current = Some((name, Value::AsSent(at.start + value.start..at.start + value.end)));
        Ok(())
    }

    fn folded(&mut self, line: &[u8]) -> Result<(), Fault> {
        if self.current.is_none() {
            return self.ignored(line);
        }
        if self.frames_body && resembles_framing(line) {
            return Err(Fault::AmbiguousFraming);
        }
        let Some((_, value)) = &mut self.current else { return Ok(()) };
        let more = trim(line);
        if more.is_empty() {
            return Ok(());
        }
        let mut joined = match std::mem::replace(value, Value::Joined(Vec::new())) {
            Value::AsSent(at) => self.raw[at].to_vec(),
            Value::Joined(bytes) => bytes,
        };
        if !joined.is_empty() {
            joined.push(b' ');
        }
        joined.extend_from_slice(more);
        *value = Value::Joined(joined);
        Ok(())
    }

    fn ignored(&mut self, line: &[u8]) -> Result<(), Fault> {
        if self.frames_body && resembles_framing(line) {
            return Err(Fault::AmbiguousFraming);
        }
        self.count_line()?;
        self.section.ignored_lines += 1;
        self.section.has_line_without_colon |= !line.contains(&b':');
        Ok(())
    }

    fn count_line(&self) -> Result<(), Fault> {
        let lines = self.section.fields.len() + self.section.ignored_lines;
        if lines < self.lines_max { Ok(()) } else { Err(self.too_many) }
    }

    fn end_field(&mut self) -> Result<(), Fault> {
        let Some((name, value)) = self.current.take() else { return Ok(()) };
        let bytes = match value {
            Value::AsSent(at) => self.raw.slice(at),
            Value::Joined(bytes) => bytes.into(),
        };
        let bytes = if bytes.iter().copied().any(is_control) {
            if self.frames_body && name == CONTENT_LENGTH {
                return Err(Fault::BadContentLength);
            }
            if self.frames_body && name == TRANSFER_ENCODING {
                return Err(Fault::BadTransferEncoding);
            }
            let blanked: Vec<u8> =
                bytes.iter().map(|&byte| if is_control(byte) { b' ' } else { byte }).collect();
            Bytes::copy_from_slice(trim(&blanked))
        } else {
            bytes
        };
        // Neither can fail: no control is left, and the map holds more than any limit on lines. A line that could not be
        // kept would still be counted.
        let kept = HeaderValue::from_maybe_shared(bytes)
            .is_ok_and(|value| self.section.fields.try_append(name, value).is_ok());
        self.section.ignored_lines += usize::from(!kept);
        Ok(())
    }

    fn finish(mut self) -> Result<Section, Fault> {
        self.end_field()?;
        Ok(self.section)
    }
}

/// The name and the place of the value, if the line is a field.
fn field_line(line: &[u8]) -> Option<(HeaderName, Range<usize>)> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    // A name of more than 64 KiB is none either; it is no framing field.
    let name = HeaderName::from_bytes(trim(&line[..colon])).ok()?;
    let value = trim(&line[colon + 1..]);
    let blanks = line[colon + 1..].iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
    let start = colon + 1 + blanks;
    Some((name, start..start + value.len()))
}

fn is_control(byte: u8) -> bool {
    byte.is_ascii_control() && byte != b'\t'
}

/// See the module.
fn resembles_framing(line: &[u8]) -> bool {
    ["contentlength", "transferencoding"].iter().any(|name| {
        let mut letters = line.iter().filter(|byte| byte.is_ascii_alphabetic()).map(u8::to_ascii_lowercase);
        name.bytes().all(|expected| letters.next() == Some(expected))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (Vec<(String, String)>, usize);

    fn read(text: &str) -> Result<Read, Fault> {
        let section = section(&Bytes::copy_from_slice(text.as_bytes()), 10, Fault::TooManyFields, true)?;
        let lines = section
            .fields
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()));
        Ok((lines.collect(), section.ignored_lines))
    }

    #[expect(clippy::unnecessary_wraps, reason = "compared with what was read")]
    fn one(name: &str, value: &str, ignored: usize) -> Result<Read, Fault> {
        Ok((vec![(name.to_owned(), value.to_owned())], ignored))
    }

    #[test]
    fn lines_that_are_no_fields_are_ignored() {
        for line in [
            "PHP Warning:  Unable to load dynamic library 'x.so' in Unknown on line 0",
            "<!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0\">",
            "nonsense",
            ": nothing",
            ":",
            "X-Time(ms): 3",
            "X-N\u{e4}me: 1",
            " folded from the status line",
            "HTTP/1.1 200 OK",
        ] {
            assert_eq!(
                read(&format!("{line}\r\nContent-Length: 5\r\n\r\n")),
                one("content-length", "5", 1),
                "{line}"
            );
        }
    }

    #[test]
    fn lines_that_resemble_framing_fields_are_refused() {
        for line in [
            "Content-Length 5",
            "Content Length: 5",
            "Content-Length\u{b}: 5",
            ": Content-Length: 5",
            "\u{feff}Content-Length: 5",
            " Transfer-Encoding: chunked",
            "(transfer-encoding): chunked",
            "Transfer-Encoding = chunked",
        ] {
            assert_eq!(read(&format!("{line}\r\n\r\n")), Err(Fault::AmbiguousFraming), "{line}");
            let folded = format!("X: a\r\n {line}\r\n\r\n");
            assert_eq!(read(&folded), Err(Fault::AmbiguousFraming), "{line}");
        }
    }

    #[test]
    fn folded_lines_are_joined() {
        assert_eq!(read("X: one\r\n  two \r\n\tthree\r\n\r\n"), one("x", "one two three", 0));
        assert_eq!(read("X:\r\n one\r\n \r\n\r\n"), one("x", "one", 0));
        assert_eq!(
            read("Transfer-Encoding: gzip,\r\n chunked\r\n\r\n"),
            one("transfer-encoding", "gzip, chunked", 0)
        );
        assert_eq!(read("Content-Length: 5\r\n 6\r\n\r\n"), one("content-length", "5 6", 0));
        assert_eq!(read("nonsense\r\n more\r\nX: y\r\n\r\n"), one("x", "y", 2));
    }

    #[test]
    fn controls_in_values_become_spaces_except_where_they_frame() {
        assert_eq!(read("X \t: a\u{1}b\u{7f}\r\n\r\n"), one("x", "a b", 0));
        assert_eq!(read("Content-Length: 5\u{1}\r\n\r\n"), Err(Fault::BadContentLength));
        assert_eq!(read("Transfer-Encoding: \u{b}chunked\r\n\r\n"), Err(Fault::BadTransferEncoding));
        assert_eq!(read("X: a\0b\r\n\r\n"), Err(Fault::ControlInHead));
        assert_eq!(read("X: a\rb\r\n\r\n"), Err(Fault::ControlInHead));
        assert_eq!(read("X: a\r\r\n\r\n"), Err(Fault::ControlInHead));
    }

    #[test]
    fn every_line_counts() {
        assert!(read(&format!("{}\r\n", "A: b\n".repeat(10))).is_ok());
        assert!(read(&format!("{}\r\n", "a\n".repeat(10))).is_ok());
        assert_eq!(read(&format!("{}\r\n", "A: b\n".repeat(11))), Err(Fault::TooManyFields));
        assert_eq!(read(&format!("{}\r\n", "a\nA: b\n".repeat(6))), Err(Fault::TooManyFields));
    }
}
