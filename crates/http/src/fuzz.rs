//! Entry points for fuzzing: one function over bytes for each parser of what a peer sends, and what has to hold for any bytes.
//!
//! The targets of `fuzz/` call them without end, and `tests/fuzz.rs` a bounded number of times.
//!
//! # Panics
//! Each of them panics if something does not hold.

use std::net::{IpAddr, Ipv4Addr};

use http::{HeaderMap, HeaderValue};

use crate::announced::{rate_limit, retry_after};
use crate::h1;
use crate::limits::URL_BYTES_MAX;
use crate::redirect::{RedirectPolicy, Redirection, next};
use crate::resume::ContentRange;
use crate::{HttpUrl, RETRY_AFTER_MAX};

/// Status line, fields and body of a response: however the bytes are cut into reads, the same comes of them, and the limits
/// hold. The first byte chooses the method and the size of the reads.
pub fn response(data: &[u8]) {
    h1::fuzz(data);
}

/// The chunked coding: as [`response`], behind a head that announces it.
pub fn chunked(data: &[u8]) {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let Some((choice, body)) = data.split_first() else { return };
    // The method is GET, which has a body.
    h1::fuzz(&[&[choice & !3], HEAD, body].concat());
}

/// `Content-Range`: what is accepted lies within its total, and is written so that it is read as the same again.
pub fn content_range(value: &[u8]) {
    let Some(range) = ContentRange::parse(value) else { return };
    let text = match range {
        ContentRange::Unsatisfied { total } => format!("bytes */{total}"),
        ContentRange::Part { first, last, total } => {
            assert!(first <= last && last < u64::MAX && total.is_none_or(|total| last < total));
            let total = total.map_or_else(|| "*".to_owned(), |total| total.to_string());
            format!("bytes {first}-{last}/{total}")
        }
    };
    assert_eq!(ContentRange::parse(text.as_bytes()), Some(range));
}

/// `Retry-After`: a wait is bounded, and does not grow as time passes.
pub fn retry_after(value: &[u8]) {
    let Some(wait) = retry_after::parse(value, 0) else { return };
    assert!(wait <= RETRY_AFTER_MAX);
    let later = retry_after::parse(value, 1_000).expect("the same value at another time");
    assert!(later <= wait);
}

/// `RateLimit` and its kin: a reset is bounded, and what is announced does not depend on unrelated fields. The first byte
/// chooses the names of the fields; the lines that follow are their values in turn.
pub fn rate_limit(data: &[u8]) {
    const NAMES: [&[&str]; 4] = [
        &["ratelimit"],
        &["ratelimit-remaining", "ratelimit-reset"],
        &["x-ratelimit-remaining", "x-ratelimit-reset-after", "date"],
        &["x-rate-limit-remaining", "x-rate-limit-reset", "ratelimit"],
    ];
    let Some((&choice, lines)) = data.split_first() else { return };
    let names = NAMES[usize::from(choice) % NAMES.len()];
    let mut fields = HeaderMap::new();
    for (line, name) in lines.split(|&byte| byte == b'\n').zip(names.iter().cycle()) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            fields.append(*name, value);
        }
    }
    let announced = rate_limit::parse(&fields, 1_000);
    assert!(announced.is_none_or(|limit| limit.reset_after <= RETRY_AFTER_MAX));
    fields.insert("server", HeaderValue::from_static("ratelimit=1"));
    assert_eq!(rate_limit::parse(&fields, 1_000), announced);
}

/// `Location`: no redirect leads to another scheme, from `https` to `http`, into a private network, or takes credentials to
/// another origin.
pub fn location(value: &[u8]) {
    const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9));
    let from: HttpUrl = "https://user:word@example.org/a/b?c".parse().expect("a URL");
    let redirection = Redirection { status: 302, location: Some(value), host_ip: Some(PUBLIC) };
    let Ok(hop) = next(&RedirectPolicy::default(), &from, &[], redirection) else { return };
    let hop = hop.expect("302 redirects");
    let text = hop.url.as_str();
    let authority = text.strip_prefix("https://").expect("no downgrade").split('/').next();
    assert!(text.len() <= URL_BYTES_MAX && authority.is_some_and(|authority| !authority.contains('@')));
    assert!(hop.forbid_private);
    assert_eq!(hop.url.credentials().is_some(), !hop.other_origin);
    assert_eq!(text.parse::<HttpUrl>().expect("a URL is read again").as_str(), text);
}
