//! The head of a request (RFC 9112 sections 2.1 and 3). No request here has a body.

use http::Method;

use super::field::FieldList;

/// Whom the request line names (RFC 9112 section 3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target<'a> {
    /// `origin-form`: path and query, to the origin itself or through a tunnel.
    Origin(&'a str),
    /// `absolute-form`: the whole URI, to a forward proxy.
    Absolute(&'a str),
    /// `authority-form`: host and port, for CONNECT alone.
    Authority(&'a str),
}

/// Why a request cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unsendable {
    /// The target is empty, has bytes that end or split the request line, or is not of its form.
    #[error("the request target is invalid")]
    Target,
    /// The form of the target does not belong to the method (RFC 9112 section 3.2.3).
    #[error("the form of the request target does not belong to the method")]
    TargetForm,
    /// The host is empty or no `uri-host [ ":" port ]`.
    #[error("the host is invalid")]
    Host,
    /// A field that this module writes itself, or one that would announce a body.
    #[error("the field is reserved")]
    ReservedField,
}

/// `Host` is written here, and the others would announce a body that no request has.
const RESERVED: [&str; 3] = ["Host", "Content-Length", "Transfer-Encoding"];

/// Appends a request head. `host` comes first, as RFC 9110 section 7.2 recommends; `fields` follow in their own case and
/// order. After an error `into` is as it was.
pub fn write(
    into: &mut Vec<u8>,
    method: &Method,
    target: Target<'_>,
    host: &str,
    fields: &FieldList,
) -> Result<(), Unsendable> {
    check_target(method, target)?;
    check_host(host)?;
    let mut bytes = 64 + host.len();
    for (name, value) in fields.iter() {
        if RESERVED.iter().any(|reserved| name.is(reserved)) {
            return Err(Unsendable::ReservedField);
        }
        bytes += name.as_bytes().len() + value.len() + 4;
    }
    let target = target.as_str();
    into.reserve(bytes + target.len());
    for part in [method.as_str(), " ", target, " HTTP/1.1\r\nHost: ", host, "\r\n"] {
        into.extend_from_slice(part.as_bytes());
    }
    for (name, value) in fields.iter() {
        for part in [name.as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            into.extend_from_slice(part);
        }
    }
    into.extend_from_slice(b"\r\n");
    Ok(())
}

impl<'a> Target<'a> {
    const fn as_str(self) -> &'a str {
        match self {
            Self::Origin(text) | Self::Absolute(text) | Self::Authority(text) => text,
        }
    }
}

fn check_target(method: &Method, target: Target<'_>) -> Result<(), Unsendable> {
    let is_connect = *method == Method::CONNECT;
    if is_connect != matches!(target, Target::Authority(_)) {
        return Err(Unsendable::TargetForm);
    }
    let text = target.as_str();
    let is_of_its_form = match target {
        Target::Origin(path) => path.starts_with('/'),
        Target::Absolute(uri) => uri.contains("://"),
        Target::Authority(authority) => {
            let port = authority.rsplit_once(':').map_or("", |(_, port)| port);
            is_host(authority) && !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
        }
    };
    // A fragment is never sent (RFC 9110 section 7.1); everything else beyond visible ASCII has to be percent-encoded.
    let is_visible = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if is_of_its_form && is_visible { Ok(()) } else { Err(Unsendable::Target) }
}

fn check_host(host: &str) -> Result<(), Unsendable> {
    if is_host(host) { Ok(()) } else { Err(Unsendable::Host) }
}

fn is_host(host: &str) -> bool {
    let may_stand = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'/' | b'?' | b'#' | b'@' | b'\\');
    !host.is_empty() && host.bytes().all(may_stand)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::h1::FieldName;

    fn written(method: &Method, target: Target<'_>, host: &str, name: &str) -> Result<String, Unsendable> {
        let mut fields = FieldList::new();
        fields.push(FieldName::from_static("User-Agent"), HeaderValue::from_static("a/1"));
        if !name.is_empty() {
            fields.push(FieldName::new(name.as_bytes()).unwrap(), HeaderValue::from_static("1"));
        }
        let mut bytes = Vec::new();
        write(&mut bytes, method, target, host, &fields).map(|()| String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn host_is_first_and_names_keep_their_case() {
        assert_eq!(
            written(&Method::GET, Target::Origin("/a?b"), "h.test:81", "x-TOKEN").unwrap(),
            "GET /a?b HTTP/1.1\r\nHost: h.test:81\r\nUser-Agent: a/1\r\nx-TOKEN: 1\r\n\r\n"
        );
        let absolute = Target::Absolute("http://h.test/a");
        assert!(
            written(&Method::HEAD, absolute, "h.test", "")
                .unwrap()
                .starts_with("HEAD http://h.test/a HTTP/1.1\r\n")
        );
        let authority = Target::Authority("[::1]:443");
        let connect = written(&Method::CONNECT, authority, "[::1]:443", "").unwrap();
        assert!(connect.starts_with("CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n"));
    }

    #[test]
    fn nothing_can_be_smuggled_into_a_request() {
        let origin = Target::Origin("/");
        for target in ["", "a", "/a b", "/a\r\nX: y", "/a#b", "/\u{e9}"] {
            assert_eq!(
                written(&Method::GET, Target::Origin(target), "h", ""),
                Err(Unsendable::Target),
                "{target:?}"
            );
        }
        for host in ["", "h t", "h\r\nX: y", "u@h", "h/a", "h\0"] {
            assert_eq!(written(&Method::GET, origin, host, ""), Err(Unsendable::Host), "{host:?}");
        }
        for name in ["host", "CONTENT-LENGTH", "transfer-encoding"] {
            assert_eq!(written(&Method::GET, origin, "h", name), Err(Unsendable::ReservedField));
        }
        assert_eq!(written(&Method::CONNECT, origin, "h", ""), Err(Unsendable::TargetForm));
        assert_eq!(written(&Method::GET, Target::Authority("h:1"), "h", ""), Err(Unsendable::TargetForm));
        for authority in ["h", "h:", "h:x", "h/a:1"] {
            let target = Target::Authority(authority);
            assert_eq!(written(&Method::CONNECT, target, "h:1", ""), Err(Unsendable::Target), "{authority}");
        }
    }
}
