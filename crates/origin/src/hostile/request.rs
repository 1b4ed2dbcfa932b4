//! The head of a request, read strictly: who tests a client wants to hear of its mistakes.

use super::status::Status;
use crate::Target;

/// The longest request line, in bytes; RFC 9112 section 3 recommends to support at least 8,000.
pub(crate) const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;

/// Fields in a head. Clients send about ten.
const FIELDS_MAX: usize = 100;

/// What this host looks at in a request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    /// HTTP/1.1 and not 1.0: chunked coding is understood and connections persist.
    pub(crate) is_http_1_1: bool,
    /// No further request can follow on this connection.
    pub(crate) is_last: bool,
    /// The name that is asked for, in lower case and without a port (RFC 9110 section 7.2), if there is one.
    pub(crate) host: Option<String>,
    pub(crate) range: Option<String>,
    pub(crate) if_range: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_modified_since: Option<String>,
}

/// The methods that are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Other,
}

impl Request {
    /// Parses a head, up to but without the empty line that ends it. The error is the status that refuses it.
    pub(crate) fn parse(head: &[u8]) -> Result<Self, Status> {
        let head = std::str::from_utf8(head).map_err(|_| Status::BadRequest)?;
        let mut lines = head.split("\r\n");
        let mut request = Self::parse_request_line(lines.next().unwrap_or_default())?;

        let (mut hosts, mut fields) = (0, 0);
        for line in lines {
            fields += 1;
            if fields > FIELDS_MAX {
                return Err(Status::RequestHeaderFieldsTooLarge);
            }
            let (name, value) = line.split_once(':').ok_or(Status::BadRequest)?;
            // Also refuses folded lines, and space before the colon (RFC 9112 section 5).
            let is_token = !name.is_empty() && name.bytes().all(is_token_byte);
            if !is_token || value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
                return Err(Status::BadRequest);
            }
            let value = value.trim_matches([' ', '\t']);
            match name.to_ascii_lowercase().as_str() {
                "host" => {
                    hosts += 1;
                    // The authority of an absolute target comes first.
                    request.host.get_or_insert_with(|| name_of(value));
                }
                "connection" => request.apply_connection(value),
                // A body is not read, so nothing that follows it could be understood.
                "transfer-encoding" => request.is_last = true,
                "content-length" if value != "0" => request.is_last = true,
                "range" => request.range = Some(value.to_owned()),
                "if-range" => request.if_range = Some(value.to_owned()),
                "if-none-match" => request.if_none_match = Some(value.to_owned()),
                "if-modified-since" => request.if_modified_since = Some(value.to_owned()),
                _ => {}
            }
        }
        // RFC 9112 section 3.2.
        if hosts > 1 || (hosts == 0 && request.is_http_1_1) {
            return Err(Status::BadRequest);
        }
        Ok(request)
    }

    fn parse_request_line(line: &str) -> Result<Self, Status> {
        if line.len() > REQUEST_LINE_BYTES_MAX {
            return Err(Status::UriTooLong);
        }
        let mut words = line.split(' ');
        let (Some(method), Some(target), Some(version), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(Status::BadRequest);
        };
        if method.is_empty()
            || !method.bytes().all(is_token_byte)
            || !target.bytes().all(|byte| byte.is_ascii_graphic())
        {
            return Err(Status::BadRequest);
        }
        let is_http_1_1 = match version {
            "HTTP/1.1" => true,
            "HTTP/1.0" => false,
            _ if version.starts_with("HTTP/") => return Err(Status::HttpVersionNotSupported),
            _ => return Err(Status::BadRequest),
        };
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            _ => Method::Other,
        };
        let (authority, path) = split_target(target).ok_or(Status::BadRequest)?;
        Ok(Self {
            method,
            target: Target::parse(path),
            is_http_1_1,
            is_last: !is_http_1_1,
            host: authority.map(name_of),
            range: None,
            if_range: None,
            if_none_match: None,
            if_modified_since: None,
        })
    }

    fn apply_connection(&mut self, value: &str) {
        if value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close")) {
            self.is_last = true;
        }
    }
}

/// The authority and the path of a target: of the absolute form, too, which must be accepted (RFC 9112 section 3.2.2).
fn split_target(target: &str) -> Option<(Option<&str>, &str)> {
    if target.starts_with('/') {
        return Some((None, target));
    }
    let (_, rest) = target.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    Some((Some(authority), if path.is_empty() { "/" } else { path }))
}

/// The name in an authority, without its port.
fn name_of(authority: &str) -> String {
    let is_port = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    let name =
        authority.rsplit_once(':').filter(|(_, port)| is_port(port)).map_or(authority, |(name, _)| name);
    name.to_ascii_lowercase()
}

/// RFC 9110 section 5.6.2.
fn is_token_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
