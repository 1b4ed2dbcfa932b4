//! The `Host` field of a request.

use hyper::header::HOST;
use hyper::http::uri::Authority;
use hyper::{Request, Version};

/// Whether the request names its host as RFC 9112 section 3.2 asks: once and in valid form, and from HTTP/1.1 on at all.
/// Which host it names does not matter here: there is one folder.
pub(super) fn is_valid<B>(request: &Request<B>) -> bool {
    let mut fields = request.headers().get_all(HOST).iter();
    match (fields.next(), fields.next()) {
        (None, _) => request.version() < Version::HTTP_11,
        (Some(value), None) => is_host(value.as_bytes()),
        (Some(_), Some(_)) => false,
    }
}

/// `uri-host [ ":" port ]`, or nothing, where the target has no authority (RFC 9110 section 7.2).
fn is_host(value: &[u8]) -> bool {
    if value.is_empty() {
        return true;
    }
    let Ok(authority) = Authority::try_from(value) else { return false };
    // What stands before the host is of a user, and has no place here.
    let Some(port) = authority.as_str().strip_prefix(authority.host()) else { return false };
    port.strip_prefix(':').unwrap_or(port).bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for host in
            ["", "o.test", "o.test:", "o.test:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a_b-c.test"]
        {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in [
            "a b",
            "a b@@/",
            "user@o.test",
            "o.test/",
            "o.test:x",
            "o.test:80:80",
            "[::1",
            "o.test, p.test",
            "\u{fc}.test",
        ] {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
    }
}
