//! What must hold for any foreign input of the HTTP crate. The fuzz targets and `crates/http/tests/foreign.rs` call the
//! same functions; each panics if its property does not hold.

use std::net::{IpAddr, Ipv4Addr};

use http::Method;
use longhaul_http::h1::{End, Event, Fault, Limits, ResponseReader};
use longhaul_http::redirect::{RedirectPolicy, Redirection, next};
use longhaul_http::{
    ContentRange, HeaderMap, HeaderValue, HttpUrl, RETRY_AFTER_MAX, URL_BYTES_MAX, rate_limit as limits,
    retry_after as waits,
};

/// Small limits, so that a fuzzer reaches them.
const LIMITS: Limits = Limits {
    head_bytes_max: 1024,
    fields_max: 20,
    interim_responses_max: 3,
    chunk_line_bytes_max: 64,
    chunk_overhead_bytes_free: 256,
    trailer_bytes_max: 256,
    trailer_fields_max: 5,
};

/// However the bytes of a response are cut into reads, the same events come out, and the limits hold. The first byte
/// chooses the method and the size of the reads.
pub(crate) fn response(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let method = match choice & 3 {
        0 | 1 => Method::GET,
        2 => Method::HEAD,
        _ => Method::CONNECT,
    };
    let whole = Transcript::of(&method, bytes, bytes.len());
    for size in [1, usize::from(choice >> 2) + 1] {
        assert_eq!(Transcript::of(&method, bytes, size), whole, "cut into reads of {size}");
    }
}

/// The chunked coding: as [`response`], behind a head that announces it.
pub(crate) fn chunked(data: &[u8]) {
    const HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let Some((choice, body)) = data.split_first() else { return };
    // The method is GET: a response to HEAD has no body.
    response(&[&[choice & !3], HEAD, body].concat());
}

/// `Content-Range`: what is accepted lies within its total, and is written so that it is read as the same again.
pub(crate) fn content_range(value: &[u8]) {
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
pub(crate) fn retry_after(value: &[u8]) {
    let Some(wait) = waits::parse(value, 0) else { return };
    assert!(wait <= RETRY_AFTER_MAX);
    let later = waits::parse(value, 1_000).expect("the same value at another time");
    assert!(later <= wait);
}

/// `RateLimit` and its kin: a reset is bounded, and what is announced does not depend on unrelated fields. The first
/// byte chooses the names of the fields; the lines that follow are their values in turn.
pub(crate) fn rate_limit(data: &[u8]) {
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
    let announced = limits::parse(&fields, 1_000);
    assert!(announced.is_none_or(|limit| limit.reset_after <= RETRY_AFTER_MAX));
    fields.insert("server", HeaderValue::from_static("ratelimit=1"));
    assert_eq!(limits::parse(&fields, 1_000), announced);
}

/// `Location`: no redirect leads to another scheme, from `https` to `http`, into a private network, or takes
/// credentials to another origin.
pub(crate) fn location(value: &[u8]) {
    const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(9, 9, 9, 9));
    let from: HttpUrl = "https://user:word@example.org/a/b?c".parse().expect("a URL");
    let redirection =
        Redirection { status: 302, location: Some(value), host_ip: Some(PUBLIC), changed_at: 0 };
    let Ok(hop) = next(&RedirectPolicy::default(), &from, &[], redirection) else { return };
    let hop = hop.expect("302 redirects");
    let text = hop.url.as_str();
    let authority = text.strip_prefix("https://").expect("no downgrade").split('/').next();
    assert!(text.len() <= URL_BYTES_MAX && authority.is_some_and(|authority| !authority.contains('@')));
    assert!(hop.forbid_private);
    assert_eq!(hop.url.credentials().is_some(), !hop.other_origin);
    assert_eq!(text.parse::<HttpUrl>().expect("a URL is read again").as_str(), text);
}

/// Everything that a response brought, with the body joined.
#[derive(Debug, Default, PartialEq, Eq)]
struct Transcript {
    events: Vec<Event>,
    body: Vec<u8>,
    consumed: usize,
    end: Option<Result<End, Fault>>,
}

impl Transcript {
    fn of(method: &Method, bytes: &[u8], read_size: usize) -> Self {
        let mut reader = ResponseReader::new(method.clone(), LIMITS);
        let mut transcript = Self::default();
        let mut available = 0;
        while transcript.end.is_none() {
            let input = &bytes[transcript.consumed..available];
            match reader.read(input) {
                Err(fault) => transcript.end = Some(Err(fault)),
                Ok(progress) => {
                    assert!(progress.consumed <= input.len());
                    transcript.consumed += progress.consumed;
                    match progress.event {
                        Some(Event::Body(range)) => {
                            assert!(!range.is_empty() && range.end <= progress.consumed);
                            transcript.body.extend_from_slice(&input[range]);
                        }
                        Some(Event::End(end)) => transcript.end = Some(Ok(end)),
                        Some(event) => transcript.event(event),
                        None if available == bytes.len() => transcript.end = Some(reader.close()),
                        None => {
                            assert!(input.len() - progress.consumed <= LIMITS.head_bytes_max);
                            available = bytes.len().min(available + read_size.max(1));
                        }
                    }
                }
            }
        }
        // What a fault left unconsumed depends on the reads.
        if matches!(transcript.end, Some(Err(_))) {
            transcript.consumed = 0;
        }
        transcript
    }

    fn event(&mut self, event: Event) {
        match &event {
            Event::Interim(head) | Event::Head(head, _) => {
                assert!(head.raw.len() <= LIMITS.head_bytes_max);
                assert!(head.fields.len() + head.ignored_lines <= LIMITS.fields_max);
                assert!((100..1000).contains(&head.status) && head.status != 101);
            }
            Event::Trailers { fields, raw } => {
                assert!(raw.len() <= LIMITS.trailer_bytes_max && fields.len() <= LIMITS.trailer_fields_max);
            }
            _ => {}
        }
        self.events.push(event);
        assert!(self.events.len() <= LIMITS.interim_responses_max + 2);
    }
}
