//! The value of the `Host` field.

use crate::http1::RequestHead;

/// Whether the `Host` field, if there is one, has a valid form (RFC 9112 section 3.2). Which host it names does not matter
/// here: there is one folder.
pub(super) fn is_valid(request: &RequestHead) -> bool {
    match request.field("host") {
        Some(value) => is_host(value),
        // HTTP/1.0 needs none. In HTTP/1.1 there is one, so it is not UTF-8.
        None => !request.is_http_1_1(),
    }
}

/// `uri-host [ ":" port ]`, or nothing, where the target has no authority (RFC 9110 section 7.2).
fn is_host(value: &str) -> bool {
    let (host, port) = match value.strip_prefix('[') {
        Some(rest) => {
            let Some((literal, port)) = rest.split_once(']') else { return false };
            if literal.parse::<std::net::Ipv6Addr>().is_err() {
                return false;
            }
            ("", port)
        }
        None => value.split_at(value.find(':').unwrap_or(value.len())),
    };
    let is_port = port.is_empty()
        || port.strip_prefix(':').is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    // The characters of a registered name (RFC 3986 section 3.2.2).
    is_port && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+;=%".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts() {
        for host in
            ["", "o.test", "o.test:", "o.test:80", "127.0.0.1:8080", "[::1]", "[::1]:80", "a_b-c.test"]
        {
            assert!(is_host(host), "{host}");
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
            assert!(!is_host(host), "{host}");
        }
    }
}
