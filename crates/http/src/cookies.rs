//! Cookies for the length of one redirect chain (RFC 6265): some hosts set one, redirect, and want it back.
//!
//! It is no browser's jar. A cookie goes back to the host that set it and to no other, whatever its `Domain` says, nor to another
//! port of it; it lives in memory; and it is the caller's job to drop the jar when the chain ends. Pure: `now` is an argument.

use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use longhaul_socket::Host;

use crate::announced::http_date_unix_ms;
use crate::url::HttpUrl;

/// Cookies of one chain. Gates set one or two; browsers keep at least 50 a domain (RFC 6265 section 6.1).
pub const COOKIES_MAX: usize = 16;
/// Bytes of the names, values and paths of all of them. Usual servers accept so many bytes of cookies in one request head.
pub const COOKIE_BYTES_MAX: usize = 4 * 1024;

/// The cookies that the hosts of one redirect chain have set.
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    cookies: Vec<Cookie>,
}

#[derive(Clone, PartialEq, Eq)]
struct Cookie {
    /// The host that set it.
    host: Host,
    /// Its port, unless that is the default one: the step from `http` to `https` is usual. Browsers do not look at ports at all (RFC
    /// 6265 section 8.5), but the programs at two ports of a host may be those of two people.
    port: Option<u16>,
    path: String,
    /// It is sent over TLS only.
    is_secure: bool,
    name: String,
    value: String,
}

/// A value may be a secret, so it is not shown.
impl std::fmt::Debug for Cookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cookie").field("host", &self.host).field("name", &self.name).finish_non_exhaustive()
    }
}

impl CookieJar {
    /// Takes what a response to a request for `url` sets; returns whether that changes what later requests send. What does not fit
    /// into [`COOKIES_MAX`] and [`COOKIE_BYTES_MAX`] is ignored.
    pub fn take(&mut self, url: &HttpUrl, fields: &HeaderMap, now_unix_ms: u64) -> bool {
        let mut is_changed = false;
        for value in fields.get_all(SET_COOKIE) {
            let Some(set) = value.to_str().ok().and_then(|text| SetCookie::parse(text, url, now_unix_ms))
            else {
                continue;
            };
            let SetCookie { cookie, is_expired } = set;
            let is_plain = !url.origin().scheme().is_secure();
            if is_plain && self.cookies.iter().any(|known| known.is_secured_against(&cookie)) {
                continue;
            }
            let known = self.cookies.iter().position(|known| known.is_replaced_by(&cookie));
            if is_expired {
                is_changed |= known.is_some();
                if let Some(place) = known {
                    self.cookies.remove(place);
                }
            } else if self.has_room_for(&cookie, known) {
                let before = known.map(|place| self.cookies.remove(place));
                is_changed |= before.as_ref() != Some(&cookie);
                self.cookies.push(cookie);
            }
        }
        is_changed
    }

    /// The value of `Cookie` in a request for `url`; `None` if the jar has nothing for it.
    pub fn field_for(&self, url: &HttpUrl) -> Option<HeaderValue> {
        let pairs = self.cookies.iter().filter(|cookie| cookie.belongs_to(url));
        let pairs: Vec<String> = pairs.map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        let mut field = HeaderValue::try_from(pairs.join("; ")).ok().filter(|_| !pairs.is_empty())?;
        field.set_sensitive(true);
        Some(field)
    }

    /// Whether `cookie` fits in, once the one at `replaced` is gone.
    fn has_room_for(&self, cookie: &Cookie, replaced: Option<usize>) -> bool {
        let cookies = self.cookies.len() - usize::from(replaced.is_some());
        let replaced_bytes = replaced.map_or(0, |place| self.cookies[place].bytes());
        let bytes = self.cookies.iter().map(Cookie::bytes).sum::<usize>() - replaced_bytes;
        cookies < COOKIES_MAX && bytes + cookie.bytes() <= COOKIE_BYTES_MAX
    }
}

impl Cookie {
    fn bytes(&self) -> usize {
        // A path may be nearly as long as a response head.
        self.name.len() + self.value.len() + self.path.len()
    }

    /// Whether `other` has its identity (RFC 6265 section 5.3).
    fn is_replaced_by(&self, other: &Self) -> bool {
        self.host == other.host
            && self.port == other.port
            && self.path == other.path
            && self.name == other.name
    }

    /// Whether it was set over TLS and a response without TLS that sets `other` must leave it alone
    /// (draft-ietf-httpbis-rfc6265bis section 5.7).
    fn is_secured_against(&self, other: &Self) -> bool {
        self.is_secure
            && self.host == other.host
            && self.port == other.port
            && self.name == other.name
            && is_path_below(&self.path, &other.path)
    }

    fn belongs_to(&self, url: &HttpUrl) -> bool {
        *url.origin().host() == self.host
            && port_of(url) == self.port
            && (!self.is_secure || url.origin().scheme().is_secure())
            && is_path_below(&self.path, url.path())
    }
}

struct SetCookie {
    cookie: Cookie,
    is_expired: bool,
}

impl SetCookie {
    /// Parses a `Set-Cookie` as RFC 6265 section 5.2 says. `None` for one that this host may not set, or not over this connection.
    fn parse(text: &str, url: &HttpUrl, now_unix_ms: u64) -> Option<Self> {
        let mut parts = text.split(';');
        let (name, value) = parts.next()?.split_once('=')?;
        let (name, value) = (name.trim(), value.trim());
        let host = url.origin().host().clone();
        let mut cookie = Cookie {
            host,
            port: port_of(url),
            path: default_path(url.path()),
            is_secure: false,
            name: name.to_owned(),
            value: value.to_owned(),
        };
        let (mut expires_unix_ms, mut lasts_seconds) = (None, None);
        for attribute in parts {
            let (name, value) = attribute.split_once('=').unwrap_or((attribute, ""));
            let value = value.trim();
            match name.trim().to_ascii_lowercase().as_str() {
                "path" if value.starts_with('/') => value.clone_into(&mut cookie.path),
                "secure" => cookie.is_secure = true,
                "domain" if !is_domain_of(value, &cookie.host) => return None,
                // The form with hyphens is older than RFC 6265, and usual.
                "expires" => expires_unix_ms = http_date_unix_ms(value.replace('-', " ").as_bytes()),
                "max-age" => lasts_seconds = value.parse::<i64>().ok(),
                _ => {}
            }
        }
        let may_set = !cookie.is_secure || url.origin().scheme().is_secure();
        let is_past = expires_unix_ms.is_some_and(|until| until <= now_unix_ms);
        // `Max-Age` overrides `Expires`.
        let is_expired = lasts_seconds.map_or(is_past, |seconds| seconds <= 0);
        (!name.is_empty() && may_set).then_some(Self { cookie, is_expired })
    }
}

fn port_of(url: &HttpUrl) -> Option<u16> {
    let (origin, default) = (url.origin(), url.origin().scheme().default_port());
    Some(origin.port()).filter(|port| *port != default)
}

/// Whether a cookie for `domain` may be set by `host` (RFC 6265 section 5.1.3).
fn is_domain_of(domain: &str, host: &Host) -> bool {
    let domain = domain.trim_start_matches('.').to_ascii_lowercase();
    match host {
        Host::Ip(ip) => domain.is_empty() || domain == ip.to_string(),
        Host::Name(name) => {
            let name = name.as_str();
            domain.is_empty()
                || name == domain
                || name.strip_suffix(&domain).is_some_and(|labels| labels.ends_with('.'))
        }
    }
}

/// The folder of the requested path (RFC 6265 section 5.1.4).
fn default_path(path: &str) -> String {
    match path.rsplit_once('/') {
        Some((folder, _)) if !folder.is_empty() => folder.to_owned(),
        _ => "/".to_owned(),
    }
}

/// Path-match of RFC 6265 section 5.1.4.
fn is_path_below(folder: &str, path: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || folder.ends_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> HttpUrl {
        text.parse().expect("a URL")
    }

    fn jar(from: &str, set: &[&str]) -> CookieJar {
        let mut jar = CookieJar::default();
        take(&mut jar, from, set);
        jar
    }

    fn take(jar: &mut CookieJar, from: &str, set: &[&str]) -> bool {
        let mut fields = HeaderMap::new();
        for value in set {
            fields.append(SET_COOKIE, HeaderValue::from_str(value).expect("a value"));
        }
        jar.take(&url(from), &fields, 1_000_000)
    }

    fn sent(jar: &CookieJar, to: &str) -> Option<String> {
        jar.field_for(&url(to)).map(|field| field.to_str().expect("text").to_owned())
    }

    #[test]
    fn a_cookie_goes_back_to_its_host_alone() {
        let jar = jar(
            "http://a.test/x/y",
            &["k=v; Domain=a.test; Path=/", "l=w; Domain=.test; Path=/", "m=1; Domain=b.test"],
        );
        assert_eq!(sent(&jar, "http://a.test/z").as_deref(), Some("k=v; l=w"));
        assert_eq!(sent(&jar, "https://a.test/").as_deref(), Some("k=v; l=w"));
        for other in [
            "http://b.test/",
            "http://sub.a.test/",
            "http://test/",
            "http://a.test:8080/",
            "https://a.test:80/",
        ] {
            assert_eq!(sent(&jar, other), None, "{other}");
        }
    }

    #[test]
    fn a_secure_cookie_is_set_and_sent_over_tls_alone() {
        assert_eq!(sent(&jar("http://a.test/", &["k=v; Secure"]), "https://a.test/"), None);
        let jar = jar("https://a.test/", &["k=v; secure"]);
        assert_eq!(sent(&jar, "https://a.test/").as_deref(), Some("k=v"));
        assert_eq!(sent(&jar, "http://a.test/"), None);
    }

    #[test]
    fn a_response_without_tls_leaves_secure_cookies_alone() {
        let mut mine = jar("https://a.test/", &["k=v; Secure; Path=/x"]);
        for set in ["k=w; Path=/x", "k=w; Path=/x/y", "k=; Path=/x; Max-Age=0"] {
            assert!(!take(&mut mine, "http://a.test/x", &[set]), "{set}");
            assert_eq!(sent(&mine, "https://a.test/x/y").as_deref(), Some("k=v"), "{set}");
        }
        assert!(take(&mut mine, "http://a.test/x", &["l=w; Path=/x"]), "another name");
        assert!(take(&mut mine, "https://a.test/x", &["k=w; Path=/x"]), "over TLS");
        assert_eq!(sent(&mine, "https://a.test/x").as_deref(), Some("l=w; k=w"));
    }

    #[test]
    fn paths_limit_it() {
        let mine = jar("http://a.test/x/y", &["k=v"]);
        for (to, is_sent) in [("/x", true), ("/x/", true), ("/x/y?q", true), ("/xy", false), ("/", false)] {
            assert_eq!(sent(&mine, &format!("http://a.test{to}")).is_some(), is_sent, "{to}");
        }
        assert!(sent(&jar("http://a.test/x/y", &["k=v; Path=/"]), "http://a.test/").is_some());
    }

    #[test]
    fn it_is_replaced_and_removed() {
        let mut mine = jar("http://a.test/", &["k=v"]);
        assert!(!take(&mut mine, "http://a.test/", &["k=v"]), "nothing new");
        assert!(take(
            &mut mine,
            "http://a.test/",
            &["k=w; Max-Age=5; Expires=Thu, 01 Jan 1970 00:00:00 GMT"]
        ));
        assert_eq!(sent(&mine, "http://a.test/").as_deref(), Some("k=w"));
        assert!(take(&mut mine, "http://a.test/", &["k=; Expires=Thu, 01-Jan-1970 00:00:00 GMT"]));
        assert_eq!(sent(&mine, "http://a.test/"), None);
        assert!(!take(&mut mine, "http://a.test/", &["k=; Max-Age=0", "novalue", "=x", ""]));
    }

    #[test]
    fn a_replacement_that_does_not_fit_is_ignored() {
        let large = "x".repeat(COOKIE_BYTES_MAX - 100);
        let mut mine = jar("http://a.test/", &["k=v", &format!("l={large}")]);
        assert!(!take(&mut mine, "http://a.test/", &[&format!("k={large}")]));
        assert_eq!(sent(&mine, "http://a.test/"), Some(format!("k=v; l={large}")));
        assert!(
            take(&mut mine, "http://a.test/", &[&format!("l={}", large.to_uppercase())]),
            "it fits in place of the other"
        );
    }

    #[test]
    fn a_path_counts() {
        let path = "x".repeat(COOKIE_BYTES_MAX);
        let to = format!("http://a.test/{path}");
        assert_eq!(sent(&jar(&to, &[&format!("k=v; Path=/{path}")]), &to), None);
        assert_eq!(sent(&jar(&to, &["k=v; Path=/"]), &to).as_deref(), Some("k=v"));
    }

    #[test]
    fn it_is_bounded() {
        let many: Vec<String> = (0..1000).map(|number| format!("k{number}={}", "x".repeat(number))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let field = sent(&jar("http://a.test/", &many), "http://a.test/").expect("some fit");
        assert!(field.split("; ").count() <= COOKIES_MAX && field.len() < COOKIE_BYTES_MAX + 100);
        assert_eq!(
            sent(&jar("http://a.test/", &[&format!("k={}", "x".repeat(COOKIE_BYTES_MAX))]), "http://a.test/"),
            None
        );
    }
}
