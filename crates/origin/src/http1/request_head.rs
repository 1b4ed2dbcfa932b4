//! The head of a request: its request line and its fields.

use std::ops::Range;

use super::malformed_request::MalformedRequest;

/// Fields in a head. Clients send about ten.
const FIELDS_MAX: usize = 100;

/// How strictly a head is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Syntax {
    /// Only what RFC 9112 lets a client send: a server that tests clients must not hide their mistakes.
    Strict,
    /// Also what RFC 9112 lets a server accept: lines that end with LF alone (section 2.2), and UTF-8 in targets, which
    /// many clients send.
    Tolerant,
}

/// The methods that a server of this crate tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    Patch,
    Delete,
    Other,
}

/// How long the body of a request is (RFC 9112 section 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BodyFraming {
    /// So many bytes; none if there is no field about it.
    Length(u64),
    Chunked,
}

/// A head that keeps the syntax of RFC 9112.
#[derive(Debug)]
pub(crate) struct RequestHead {
    /// The head as it was received, without its last empty line.
    text: Vec<u8>,
    method: Method,
    /// Where the authority of an absolute target lies in `text`.
    authority: Option<Range<usize>>,
    /// Path and query of the target. Empty means `/`, which an absolute target may leave out.
    path_and_query: Range<usize>,
    is_http_1_1: bool,
    fields: Vec<Field>,
    body: BodyFraming,
}

/// Where a field lies in the text of the head.
#[derive(Debug)]
struct Field {
    name: Range<usize>,
    value: Range<usize>,
}

impl RequestHead {
    /// Parses a head, with or without the empty line that ends it.
    ///
    /// # Errors
    /// When it breaks the syntax, has more than 100 fields, or lacks its one `Host` (RFC 9112 section 3.2).
    pub(crate) fn parse(text: Vec<u8>, syntax: Syntax) -> Result<Self, MalformedRequest> {
        let mut lines = lines(&text, syntax);
        let line = lines.next().unwrap_or(Ok(0..0))?;
        let (method, target, is_http_1_1) = request_line(&text, line, syntax)?;
        let (authority, path_and_query) = split_target(&text, method, target)?;
        let mut fields = Vec::new();
        for line in lines {
            let line = line?;
            if line.is_empty() {
                continue;
            }
            if fields.len() == FIELDS_MAX {
                return Err(MalformedRequest::TooManyFields);
            }
            fields.push(field(&text, line)?);
        }
        let mut head = Self {
            text,
            method,
            authority,
            path_and_query,
            is_http_1_1,
            fields,
            body: BodyFraming::Length(0),
        };
        let hosts = head.values(b"host").count();
        if hosts > 1 || (hosts == 0 && is_http_1_1) {
            return Err(MalformedRequest::Host);
        }
        head.body = head.body_framing()?;
        Ok(head)
    }

    pub(crate) fn method(&self) -> Method {
        self.method
    }

    /// Whether the version is HTTP/1.1 and not 1.0: only then chunked coding is understood.
    pub(crate) fn is_http_1_1(&self) -> bool {
        self.is_http_1_1
    }

    pub(crate) fn body(&self) -> BodyFraming {
        self.body
    }

    pub(crate) fn has_body(&self) -> bool {
        self.body != BodyFraming::Length(0)
    }

    /// The path and the query of the target, as they were sent. `*` and the targets of `CONNECT` are given as they are.
    pub(crate) fn path_and_query(&self) -> &str {
        match self.str(&self.path_and_query) {
            "" => "/",
            text => text,
        }
    }

    /// The path of the target, without the query.
    pub(crate) fn path(&self) -> &str {
        self.path_and_query().split('?').next().unwrap_or_default()
    }

    /// The query of the target, without its question mark.
    pub(crate) fn query(&self) -> Option<&str> {
        self.path_and_query().split_once('?').map(|(_, query)| query)
    }

    /// The host name that is asked for, in lower case and without a port (RFC 9110 section 7.2): from an absolute target,
    /// otherwise from `Host`.
    pub(crate) fn host(&self) -> Option<String> {
        let field = || self.field("host");
        let authority = self.authority.as_ref().map(|range| self.str(range)).or_else(field)?;
        let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
        let port = authority.rsplit_once(':').filter(|(_, port)| is_port(port));
        Some(port.map_or(authority, |(name, _)| name).to_ascii_lowercase())
    }

    /// The value of a field: the first of that name, `None` where it is not UTF-8.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.values(name.as_bytes()).next().and_then(|value| std::str::from_utf8(value).ok())
    }

    /// The values of all fields of that name as one list (RFC 9110 section 5.3); `None` where one is not UTF-8.
    pub(crate) fn list(&self, name: &str) -> Option<String> {
        let mut list: Option<String> = None;
        for value in self.values(name.as_bytes()) {
            let value = std::str::from_utf8(value).ok()?;
            match &mut list {
                None => list = Some(value.to_owned()),
                Some(list) => {
                    list.push(',');
                    list.push_str(value);
                }
            }
        }
        list
    }

    /// Whether the client wants the connection to end with this exchange (RFC 9112 section 9.3).
    pub(crate) fn closes(&self) -> bool {
        self.has_connection_option("close") || !(self.is_http_1_1 || self.has_connection_option("keep-alive"))
    }

    fn has_connection_option(&self, option: &str) -> bool {
        self.list("connection")
            .is_some_and(|list| list.split(',').any(|known| known.trim().eq_ignore_ascii_case(option)))
    }

    /// Refuses what could be read in two ways (RFC 9112 section 6.3): an attacker could hide a request in a body.
    fn body_framing(&self) -> Result<BodyFraming, MalformedRequest> {
        let mut lengths = self.values(b"content-length");
        let coding = self.list("transfer-encoding");
        match (lengths.next(), lengths.next(), coding) {
            (None, _, None) => Ok(BodyFraming::Length(0)),
            (None, _, Some(coding)) if coding.trim().eq_ignore_ascii_case("chunked") => {
                Ok(BodyFraming::Chunked)
            }
            (Some(length), None, None) => {
                decimal(length).map(BodyFraming::Length).ok_or(MalformedRequest::BodyFraming)
            }
            _ => Err(MalformedRequest::BodyFraming),
        }
    }

    fn values(&self, name: &[u8]) -> impl Iterator<Item = &[u8]> {
        self.fields
            .iter()
            .filter(move |field| self.text[field.name.clone()].eq_ignore_ascii_case(name))
            .map(|field| &self.text[field.value.clone()])
    }

    /// A part of the request line, which was checked to be UTF-8.
    fn str(&self, range: &Range<usize>) -> &str {
        std::str::from_utf8(&self.text[range.clone()]).unwrap_or_default()
    }
}

/// The lines of a head, without their ends.
fn lines(text: &[u8], syntax: Syntax) -> impl Iterator<Item = Result<Range<usize>, MalformedRequest>> {
    let mut begin = 0;
    std::iter::from_fn(move || {
        if begin >= text.len() {
            return None;
        }
        let line = &text[begin..];
        let (line, next) = match line.iter().position(|byte| *byte == b'\n') {
            Some(at) => (&line[..at], at + 1),
            None => (line, line.len()),
        };
        let is_last = begin + next == text.len();
        let trimmed = line.strip_suffix(b"\r");
        if trimmed.is_none() && syntax == Syntax::Strict && !(is_last && next == line.len()) {
            return Some(Err(MalformedRequest::BareLineFeed));
        }
        let range = begin..begin + trimmed.unwrap_or(line).len();
        begin += next;
        Some(Ok(range))
    })
}

fn request_line(
    text: &[u8],
    line: Range<usize>,
    syntax: Syntax,
) -> Result<(Method, Range<usize>, bool), MalformedRequest> {
    let begin = line.start;
    let line = std::str::from_utf8(&text[line]).map_err(|_| MalformedRequest::RequestLine)?;
    let mut words = line.split(' ');
    let (Some(method), Some(target), Some(version), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(MalformedRequest::RequestLine);
    };
    let is_target_byte =
        |byte: u8| byte.is_ascii_graphic() || (syntax == Syntax::Tolerant && !byte.is_ascii());
    if method.is_empty()
        || !method.bytes().all(is_token_byte)
        || target.is_empty()
        || !target.bytes().all(is_target_byte)
    {
        return Err(MalformedRequest::RequestLine);
    }
    let is_http_1_1 = match version {
        "HTTP/1.1" => true,
        "HTTP/1.0" => false,
        _ if version.starts_with("HTTP/") => return Err(MalformedRequest::Version),
        _ => return Err(MalformedRequest::RequestLine),
    };
    let target = begin + method.len() + 1..begin + method.len() + 1 + target.len();
    let method = match method {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        "PATCH" => Method::Patch,
        "DELETE" => Method::Delete,
        _ => Method::Other,
    };
    Ok((method, target, is_http_1_1))
}

/// The authority, and path and query, of a target in any of its four forms (RFC 9112 section 3.2).
fn split_target(
    text: &[u8],
    method: Method,
    target: Range<usize>,
) -> Result<(Option<Range<usize>>, Range<usize>), MalformedRequest> {
    let word = &text[target.clone()];
    if word.starts_with(b"/") {
        return Ok((None, target));
    }
    if let Some(at) = word.windows(3).position(|window| window == b"://") {
        let authority = target.start + at + 3;
        let path = text[authority..target.end].iter().position(|byte| matches!(byte, b'/' | b'?'));
        let path = path.map_or(target.end, |at| authority + at);
        // An absolute target with a query and no path has the path `/`, which cannot be pointed to.
        if text.get(path) == Some(&b'?') && path < target.end {
            return Err(MalformedRequest::RequestLine);
        }
        return Ok((Some(authority..path), path..target.end));
    }
    // `*` belongs to OPTIONS and `HOST:PORT` to CONNECT, neither of which any server here answers with content.
    if method == Method::Other { Ok((None, target)) } else { Err(MalformedRequest::RequestLine) }
}

fn field(text: &[u8], line: Range<usize>) -> Result<Field, MalformedRequest> {
    let bytes = &text[line.clone()];
    let colon = bytes.iter().position(|byte| *byte == b':').ok_or(MalformedRequest::Field)?;
    let (name, value) = (&bytes[..colon], &bytes[colon + 1..]);
    // Also refuses folded lines, and space before the colon (RFC 9112 section 5).
    if name.is_empty() || !name.iter().copied().all(is_token_byte) {
        return Err(MalformedRequest::Field);
    }
    if value.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(MalformedRequest::Field);
    }
    let is_space = |byte: &&u8| matches!(**byte, b' ' | b'\t');
    let leading = value.iter().take_while(is_space).count();
    let trailing = value[leading..].iter().rev().take_while(is_space).count();
    let begin = line.start + colon + 1 + leading;
    Ok(Field { name: line.start..line.start + colon, value: begin..line.end - trailing })
}

/// A number of digits only: `str::parse` would accept a sign.
fn decimal(digits: &[u8]) -> Option<u64> {
    let is_plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| is_plain)?.parse().ok()
}

/// A byte of a token (RFC 9110 section 5.6.2).
pub(super) fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, syntax: Syntax) -> Result<RequestHead, MalformedRequest> {
        RequestHead::parse(text.as_bytes().to_vec(), syntax)
    }

    #[test]
    fn targets_in_every_form() {
        for (line, host, path, query) in [
            ("GET /a?b HTTP/1.1", Some("o.test"), "/a", Some("b")),
            ("GET http://P.test:80/a/b HTTP/1.1", Some("p.test"), "/a/b", None),
            ("GET http://p.test HTTP/1.1", Some("p.test"), "/", None),
            ("OPTIONS * HTTP/1.1", Some("o.test"), "*", None),
            ("CONNECT q.test:443 HTTP/1.1", Some("o.test"), "q.test:443", None),
        ] {
            let head = parse(&format!("{line}\r\nHost: O.test:8080\r\n\r\n"), Syntax::Strict).expect(line);
            assert_eq!((head.host().as_deref(), head.path(), head.query()), (host, path, query), "{line}");
        }
        for line in ["GET a HTTP/1.1", "GET * HTTP/1.1", "GET http://h?q HTTP/1.1", "GET  / HTTP/1.1"] {
            assert_eq!(
                parse(&format!("{line}\r\n\r\n"), Syntax::Strict).err(),
                Some(MalformedRequest::RequestLine)
            );
        }
    }

    #[test]
    fn bodies_are_framed_in_one_way_only() {
        for (fields, expected) in [
            ("", Ok(BodyFraming::Length(0))),
            ("Content-Length: 12\r\n", Ok(BodyFraming::Length(12))),
            ("transfer-encoding: Chunked\r\n", Ok(BodyFraming::Chunked)),
            ("Content-Length: +1\r\n", Err(MalformedRequest::BodyFraming)),
            ("Content-Length: 1\r\nContent-Length: 1\r\n", Err(MalformedRequest::BodyFraming)),
            ("Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", Err(MalformedRequest::BodyFraming)),
            ("Transfer-Encoding: gzip\r\n", Err(MalformedRequest::BodyFraming)),
        ] {
            let head = parse(&format!("POST / HTTP/1.1\r\nHost: o\r\n{fields}\r\n"), Syntax::Strict);
            assert_eq!(head.map(|head| head.body()), expected, "{fields}");
        }
    }

    #[test]
    fn the_version_and_the_connection_field_say_whether_it_closes() {
        for (version, field, closes) in [
            ("1.1", "", false),
            ("1.1", "Connection: x, CLOSE\r\n", true),
            ("1.0", "", true),
            ("1.0", "Connection: Keep-Alive\r\n", false),
        ] {
            let head = parse(&format!("GET / HTTP/{version}\r\nHost: o\r\n{field}\r\n"), Syntax::Strict);
            assert_eq!(head.expect("a head").closes(), closes, "{version} {field}");
        }
    }

    #[test]
    fn a_tolerant_reader_takes_what_a_strict_one_refuses() {
        for (text, error) in [
            ("GET / HTTP/1.1\nHost: o\n\n", MalformedRequest::BareLineFeed),
            ("GET /\u{fc} HTTP/1.1\r\nHost: o\r\n\r\n", MalformedRequest::RequestLine),
        ] {
            assert_eq!(parse(text, Syntax::Strict).err(), Some(error), "{text}");
            assert!(parse(text, Syntax::Tolerant).is_ok(), "{text}");
        }
        let head =
            parse("GET / HTTP/1.1\r\nHost: o\r\nX: a\r\nx:  b\t\r\n\r\n", Syntax::Strict).expect("a head");
        assert_eq!((head.field("X"), head.list("x").as_deref()), (Some("a"), Some("a,b")));
    }
}
