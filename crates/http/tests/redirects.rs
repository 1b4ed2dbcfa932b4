//! Which redirects are followed, and where they lead.

use std::net::{IpAddr, Ipv4Addr};

use longhaul_http::redirect::{Hop, RedirectFault, RedirectPolicy, Redirection, next};
use longhaul_http::{HttpUrl, LOCATION_BYTES_MAX, REDIRECTS_MAX, UrlError};
use proptest::prelude::*;

const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9));
const PRIVATE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 168, 1, 1));

fn url(text: &str) -> HttpUrl {
    text.parse().expect("the test's own URL")
}

fn hop(from: &str, status: u16, location: &str) -> Result<Option<Hop>, RedirectFault> {
    let redirection =
        Redirection { status, location: Some(location.as_bytes()), host_ip: Some(PUBLIC), changed_at: 0 };
    next(&RedirectPolicy::default(), &url(from), &[], redirection)
}

fn target(from: &str, location: &str) -> Hop {
    hop(from, 302, location).expect("allowed").expect("a redirect")
}

#[test]
fn references_are_resolved() {
    for (location, expected) in [
        ("/b", "https://example.org/b"),
        ("b?q", "https://example.org/x/b?q"),
        ("//other.test/c", "https://other.test/c"),
        ("https://other.test:444/#part", "https://other.test:444/"),
        ("  /trimmed ", "https://example.org/trimmed"),
        ("/caf\u{e9}", "https://example.org/caf%C3%A9"),
    ] {
        assert_eq!(target("https://example.org/x/a", location).url.as_str(), expected);
    }
    let latin =
        Redirection { status: 301, location: Some(b"/caf\xe9"), host_ip: Some(PUBLIC), changed_at: 0 };
    let hop = next(&RedirectPolicy::default(), &url("http://example.org/"), &[], latin)
        .expect("allowed")
        .expect("a redirect");
    assert_eq!(hop.url.as_str(), "http://example.org/caf%E9");
}

#[test]
fn credentials_stay_with_their_origin() {
    let same = target("https://u:p@example.org/a", "/b");
    assert!(same.url.credentials().is_some() && !same.other_origin);
    for elsewhere in ["https://other.test/", "https://example.org:444/", "https://x:y@other.test/"] {
        let hop = target("https://u:p@example.org/a", elsewhere);
        assert!(hop.url.credentials().is_none() && hop.other_origin, "{elsewhere}");
    }
    // Even to the same origin, what a server writes into a URL is not what the user gave.
    assert_eq!(target("https://example.org/a", "https://x:y@example.org/b").url.credentials(), None);
}

#[test]
fn other_schemes_are_refused() {
    for location in ["file:///etc/passwd", "ftp://example.org/", "data:,x", "javascript:alert(1)"] {
        let fault = hop("https://example.org/", 302, location).expect_err(location);
        assert!(matches!(fault, RedirectFault::Location(UrlError::UnsupportedScheme(_))), "{location}");
    }
}

#[test]
fn a_downgrade_is_followed_only_if_allowed() {
    assert_eq!(hop("https://example.org/", 302, "http://example.org/b"), Err(RedirectFault::Downgrade));
    assert!(hop("http://example.org/", 302, "https://example.org/b").is_ok());
    let policy = RedirectPolicy { allow_downgrade: true, ..RedirectPolicy::default() };
    let redirection = Redirection {
        status: 302,
        location: Some(b"http://example.org/b"),
        host_ip: Some(PUBLIC),
        changed_at: 0,
    };
    assert!(next(&policy, &url("https://example.org/"), &[], redirection).is_ok());
}

#[test]
fn a_public_host_does_not_redirect_into_a_private_network() {
    let inner =
        ["127.0.0.1", "2130706433", "10.1.2.3", "169.254.169.254", "[::1]", "[fe80::1]", "[::ffff:10.0.0.1]"];
    for host in inner {
        let location = format!("http://{host}/");
        assert_eq!(hop("http://example.org/", 302, &location), Err(RedirectFault::Private), "{host}");
        let redirection = Redirection {
            status: 302,
            location: Some(location.as_bytes()),
            host_ip: Some(PRIVATE),
            changed_at: 0,
        };
        let hop = next(&RedirectPolicy::default(), &url("http://files.corp/"), &[], redirection)
            .expect("from inside");
        assert!(!hop.expect("a redirect").forbid_private, "{host}");
    }
    assert!(target("http://example.org/", "http://rebinding.test/").forbid_private);
}

/// Behind a proxy the address of the host is unknown, and that of the proxy says nothing about it.
#[test]
fn a_host_of_unknown_address_counts_as_public() {
    let from_unknown = |from: &str, location: &'static str| {
        let redirection =
            Redirection { status: 302, location: Some(location.as_bytes()), host_ip: None, changed_at: 0 };
        next(&RedirectPolicy::default(), &url(from), &[], redirection)
    };
    assert_eq!(from_unknown("http://example.org/", "http://10.1.2.3/"), Err(RedirectFault::Private));
    let hop = from_unknown("http://example.org/", "/b").expect("allowed").expect("a redirect");
    assert!(hop.forbid_private);
    // An address in the URL is the host's own.
    let hop =
        from_unknown("http://192.168.1.1/", "http://10.1.2.3/").expect("from inside").expect("a redirect");
    assert!(!hop.forbid_private);
}

#[test]
fn redirect_chains_are_bounded() {
    let redirection =
        Redirection { status: 302, location: Some(b"/next"), host_ip: Some(PUBLIC), changed_at: 0 };
    let earlier: Vec<_> = (0..REDIRECTS_MAX).map(|n| url(&format!("http://example.org/{n}"))).collect();
    let from = url("http://example.org/now");
    let policy = RedirectPolicy::default();
    assert!(next(&policy, &from, &earlier[1..], redirection).is_ok());
    assert_eq!(next(&policy, &from, &earlier, redirection), Err(RedirectFault::TooMany(REDIRECTS_MAX)));
    let back = Redirection { location: Some(b"/3"), ..redirection };
    assert_eq!(next(&policy, &from, &earlier[..5], back), Err(RedirectFault::Loop));
    let after_cookie = |changed_at| next(&policy, &from, &earlier[..5], Redirection { changed_at, ..back });
    assert_eq!(after_cookie(3), Err(RedirectFault::Loop), "it was requested since");
    assert!(after_cookie(4).is_ok() && after_cookie(99).is_ok(), "the host may answer otherwise now");
    assert!(hop("http://example.org/a", 302, "/a#again").is_ok(), "a host may do so until it is ready");
}

#[test]
fn statuses_and_locations_that_are_not_followed() {
    let nowhere = |status| {
        next(
            &RedirectPolicy::default(),
            &url("http://example.org/"),
            &[],
            Redirection { status, location: None, host_ip: Some(PUBLIC), changed_at: 0 },
        )
    };
    assert_eq!(nowhere(200), Ok(None));
    assert_eq!(nowhere(404), Ok(None));
    assert_eq!(nowhere(301), Err(RedirectFault::NoLocation(301)));
    assert_eq!(nowhere(300), Err(RedirectFault::NotFollowed(300)));
    assert_eq!(nowhere(304), Err(RedirectFault::UnaskedNotModified));
    assert_eq!(nowhere(305), Err(RedirectFault::NotFollowed(305)));
    let long = format!("/{}", "a".repeat(LOCATION_BYTES_MAX));
    assert_eq!(hop("http://example.org/", 302, &long), Err(RedirectFault::LocationTooLong));
    assert_eq!(hop("http://example.org/", 302, "/a\r\nSet-Cookie: b"), Err(RedirectFault::LocationControls));
    assert_eq!(hop("http://example.org/", 302, ""), Err(RedirectFault::Location(UrlError::Empty)));
}

proptest! {
    #[test]
    fn no_location_gets_past_the_rules(
        status in 100u16..1000,
        location in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..200)),
    ) {
        let from = url("https://u:p@example.org/a");
        let redirection = Redirection { status, location: location.as_deref(), host_ip: Some(PUBLIC), changed_at: 0 };
        if let Ok(Some(hop)) = next(&RedirectPolicy::default(), &from, &[], redirection) {
            prop_assert!(hop.url.as_str().starts_with("https://"));
            prop_assert!(hop.forbid_private);
            prop_assert_eq!(hop.url.credentials().is_some(), !hop.other_origin);
            prop_assert!((300..400).contains(&status));
        }
    }
}
