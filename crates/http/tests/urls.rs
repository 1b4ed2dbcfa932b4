//! URLs: what is accepted, what is refused and why, and what is never shown.

use longhaul_http::{HttpUrl, URL_BYTES_MAX, UrlError};
use proptest::prelude::*;

fn parse(text: &str) -> Result<HttpUrl, UrlError> {
    text.parse()
}

#[test]
fn an_invalid_url_says_what_is_wrong() {
    let unsupported = |scheme: &str| UrlError::UnsupportedScheme(scheme.to_owned());
    for (text, expected) in [
        ("ftp://example.org/", unsupported("ftp")),
        ("file:///etc/passwd", unsupported("file")),
        ("data:,hello", unsupported("data")),
        ("example.org/a", UrlError::NoScheme),
        ("/a", UrlError::NoScheme),
        ("example.org:8080/a", UrlError::NoScheme),
        ("localhost:8080", UrlError::NoScheme),
        ("server:80/a?b", UrlError::NoScheme),
        ("tel:123", unsupported("tel")),
        ("svn+ssh://example.org:80/", unsupported("svn+ssh")),
        ("http://", UrlError::NoHost),
        ("http://example.org:0/", UrlError::InvalidPort),
        ("http://example.org:65536/", UrlError::InvalidPort),
    ] {
        assert_eq!(parse(text).expect_err(text), expected, "{text}");
    }
    let long = format!("http://example.org/{}", "a".repeat(URL_BYTES_MAX));
    assert_eq!(parse(&long).expect_err("too long"), UrlError::TooLong);
    // Short as given, too long with its escapes written out.
    let escaped = format!("http://example.org/{}", " ".repeat(URL_BYTES_MAX / 2) + "a");
    assert_eq!(parse(&escaped).expect_err("too long"), UrlError::TooLong);
}

#[test]
fn notations_of_one_address_give_one_origin() {
    let plain = parse("http://127.0.0.1/").expect("an address");
    for text in ["http://0x7f.1/", "http://2130706433/", "http://0177.0.0.1/", "http://127.1:80/"] {
        assert_eq!(parse(text).expect(text).origin(), plain.origin(), "{text}");
    }
}

#[test]
fn credentials_are_kept_apart_and_never_shown() {
    let url = parse("https://us%65r:hunter%32@example.org/").expect("a URL");
    let credentials = url.credentials().expect("credentials");
    assert_eq!((&credentials.user[..], &credentials.password[..]), (&b"user"[..], &b"hunter2"[..]));
    for shown in [url.to_string(), format!("{url:?}"), format!("{credentials:?}"), url.as_str().to_owned()] {
        assert!(!shown.contains("hunter") && !shown.contains("user"), "{shown}");
    }
    assert_eq!(url.join("/b").expect("a URL").credentials(), None);
}

#[test]
fn origins_print_as_they_are_written() {
    for (text, origin) in [
        ("HTTPS://Example.ORG:443/a", "https://example.org"),
        ("http://example.org:8080", "http://example.org:8080"),
        ("http://[::1]:81/", "http://[::1]:81"),
        ("https://b\u{fc}cher.example/", "https://xn--bcher-kva.example"),
    ] {
        assert_eq!(parse(text).expect(text).origin().to_string(), origin);
    }
}

proptest! {
    #[test]
    fn anything_at_all_is_parsed_or_refused(text in ".*") {
        let _ = parse(&text);
    }

    #[test]
    fn what_was_parsed_parses_to_itself(path in "[ -~]{0,40}", port in 1u16..) {
        if let Ok(url) = parse(&format!("http://user:pass@example.org:{port}/{path}")) {
            prop_assert!(url.path_and_query().starts_with('/'));
            // The request target that would be sent.
            prop_assert!(url.path_and_query().parse::<http::Uri>().is_ok());
            let again = parse(url.as_str()).expect("a URL of our own");
            prop_assert_eq!(again.as_str(), url.as_str());
            prop_assert_eq!(again.credentials(), None);
        }
    }
}
