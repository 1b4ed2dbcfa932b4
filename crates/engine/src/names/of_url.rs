//! The name under which a URL's file is kept: `{host}/{path}`, deterministic, safe on every system.
//!
//! A name is made of the URL alone. Every component is decoded once and then made safe on its own, so nothing that a
//! URL contains can lead out of the haul's directory, hide a file, or mean a device. What is no safe character is
//! written as `%XX`. Names that are taken already are made distinct by [`distinct`], by a mark that is a function of
//! the URL: the same URL gets the same mark every time.

use std::fmt::Write as _;
use std::net::IpAddr;

use icu_normalizer::ComposingNormalizerBorrowed;
use longhaul_http::HttpUrl;
use longhaul_socket::Host;

/// Bytes of one component. File systems allow 255; the rest is room for the mark.
const COMPONENT_BYTES_MAX: usize = 200;
/// Bytes of a component that most file systems accept.
const FILE_NAME_BYTES_MAX: usize = 255;
/// Bytes of a whole name. Linux allows paths of 4,096, Windows 260 by default; beyond this depth nobody browses.
const NAME_BYTES_MAX: usize = 1000;
/// The file of a URL whose path ends in a slash.
const INDEX: &str = "index.html";
/// Hexadecimal digits of the mark that makes a name distinct: 64 bits.
const MARK_DIGITS: usize = 16;

/// The default name of a URL's file.
#[must_use]
pub fn default_name(url: &HttpUrl) -> String {
    let path = url.path();
    let query = url.query().filter(|query| !query.is_empty());
    let mut name = String::with_capacity(path.len() + 32);
    push_host(&mut name, url);
    let mut segments = path.split('/').filter(|segment| !segment.is_empty()).peekable();
    let ends_in_slash = path.ends_with('/');
    while let Some(segment) = segments.next() {
        name.push('/');
        let last = segments.peek().is_none() && !ends_in_slash;
        push_component(&mut name, segment, query.filter(|_| last));
    }
    if ends_in_slash || path.is_empty() {
        name.push('/');
        push_component(&mut name, INDEX, query);
    }
    if name.len() <= NAME_BYTES_MAX {
        return name;
    }
    let mut short = String::new();
    push_host(&mut short, url);
    short.push_str("/~");
    short.push_str(&mark(url.as_str()));
    short
}

/// The name made distinct: a mark made from the URL stands before the extension. `attempt` is 0 unless that name is
/// taken as well.
#[must_use]
pub fn distinct(name: &str, url: &HttpUrl, attempt: u32) -> String {
    let mark = if attempt == 0 { mark(url.as_str()) } else { mark(&format!("{attempt} {url}")) };
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    // An extension is short and follows something; anything else stays part of the stem.
    let dot = name[file..].rfind('.').filter(|&dot| dot > 0 && name.len() - file - dot <= 12);
    let at = dot.map_or(name.len(), |dot| file + dot);
    format!("{}~{mark}{}", &name[..at], &name[at..])
}

/// The name with its directory, which ends at the byte `end`, made distinct from a file of that name.
#[must_use]
pub fn distinct_directory(name: &str, end: usize) -> String {
    format!("{}~d{}", &name[..end], &name[end..])
}

/// The name with a suffix; the end of the name gives way to it where both are too long for a file.
#[must_use]
pub fn with_suffix(name: &str, suffix: &str) -> String {
    let file = name.rfind('/').map_or(0, |slash| slash + 1);
    let room = FILE_NAME_BYTES_MAX.saturating_sub(suffix.len());
    let stem = &name[file..];
    format!("{}{}{suffix}", &name[..file], &stem[..stem.floor_char_boundary(room)])
}

/// Two names with the same key are one name to some file system: they differ at most in case and in Unicode form (an
/// accent of its own or within its letter, RFC 5198 section 3).
///
/// Character by character, as file systems do it, and there and back, so that all the forms of a letter meet (the two
/// small sigmas, the two sharp s). Folding more than a system does costs a mark in a name and nothing else.
#[must_use]
pub fn folded(name: &str) -> String {
    if name.is_ascii() {
        return name.to_ascii_lowercase();
    }
    let name = ComposingNormalizerBorrowed::new_nfc().normalize(name);
    let letters = name.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
    let folded: String = letters.flat_map(char::to_lowercase).collect();
    // The case of a letter may take its accents apart again.
    ComposingNormalizerBorrowed::new_nfc().normalize(&folded).into_owned()
}

/// Whether a name that does not come from a URL is as safe as one that does: it stays within the haul's directory, hides nothing, means
/// no device, and has no character that some system refuses or that deceives the eye.
#[must_use]
pub fn is_safe(name: &str) -> bool {
    let is_component_safe = |component: &str| {
        let is_guarded =
            component.starts_with(['.', '-']) || component.ends_with(['.', ' ']) || is_device(component);
        let are_characters_safe =
            component.chars().all(|character| is_safe_character(character) || character == '%');
        !component.is_empty() && component.len() <= FILE_NAME_BYTES_MAX && !is_guarded && are_characters_safe
    };
    name.len() <= NAME_BYTES_MAX && name.split('/').all(is_component_safe)
}

fn mark(text: &str) -> String {
    let mut hex = blake3::hash(text.as_bytes()).to_hex().to_string();
    hex.truncate(MARK_DIGITS);
    hex
}

/// The host, and the port where it is not the scheme's own, as `host+port`: a colon is not safe everywhere.
fn push_host(name: &mut String, url: &HttpUrl) {
    let origin = url.origin();
    let start = name.len();
    let _ = match origin.host() {
        Host::Name(host) => write!(name, "{host}"),
        Host::Ip(IpAddr::V4(ip)) => write!(name, "{ip}"),
        Host::Ip(IpAddr::V6(ip)) => write!(name, "{}", ip.to_string().replace(':', "-")),
    };
    if origin.port() != origin.scheme().default_port() {
        let _ = write!(name, "+{}", origin.port());
    }
    if name.len() - start > COMPONENT_BYTES_MAX {
        shorten(name, start, &origin.to_string());
    }
    guard(name, start);
}

fn push_component(name: &mut String, segment: &str, query: Option<&str>) {
    let start = name.len();
    if query.is_none() && is_plain(segment) {
        name.push_str(segment);
    } else {
        push_safe(name, &percent_decoded(segment));
        if let Some(query) = query {
            name.push('@');
            push_safe(name, &percent_decoded(query));
        }
    }
    if name.len() - start > COMPONENT_BYTES_MAX {
        shorten(name, start, &format!("{segment}?{}", query.unwrap_or_default()));
    }
    guard(name, start);
}

/// Nothing to decode, to encode, to shorten or to guard against: most segments.
fn is_plain(segment: &str) -> bool {
    segment.len() <= COMPONENT_BYTES_MAX
        && segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~'))
}

/// The bytes of a percent-encoded text (RFC 3986 section 2.1). What is no encoded byte stays.
pub(crate) fn percent_decoded(segment: &str) -> Vec<u8> {
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let value = (bytes[at] == b'%').then(|| bytes.get(at + 1..at + 3)).flatten().and_then(hex_pair);
        if let Some(value) = value {
            decoded.push(value);
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    decoded
}

fn hex_pair(pair: &[u8]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()
}

fn push_safe(name: &mut String, bytes: &[u8]) {
    for chunk in bytes.utf8_chunks() {
        for character in chunk.valid().chars() {
            if is_safe_character(character) {
                name.push(character);
            } else {
                let mut buffer = [0; 4];
                push_encoded(name, character.encode_utf8(&mut buffer).as_bytes());
            }
        }
        push_encoded(name, chunk.invalid());
    }
}

/// Refused on some system, or able to deceive the eye on a terminal: separators, wildcards, controls, marks that turn
/// the direction of writing (Unicode's `Bidi_Control`), invisible ones.
fn is_safe_character(character: char) -> bool {
    let is_special = matches!(character, '/' | '\\' | '<' | '>' | ':' | '"' | '|' | '?' | '*' | '%');
    let is_invisible = matches!(
        character,
        '\u{AD}'
            | '\u{61C}'
            | '\u{180E}'
            | '\u{200B}'..='\u{200F}'
            | '\u{2028}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{FEFF}'
            | '\u{FFF9}'..='\u{FFFF}'
            | '\u{E0000}'..='\u{E007F}'
    );
    !is_special && !is_invisible && !character.is_control()
}

fn push_encoded(name: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    for byte in bytes {
        name.push('%');
        name.push(char::from(DIGITS[usize::from(byte >> 4)]));
        name.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
}

/// Cuts the component that begins at `start` and puts a mark of the whole in the place of what is lost.
fn shorten(name: &mut String, start: usize, whole: &str) {
    let mut end = start + COMPONENT_BYTES_MAX - MARK_DIGITS - 1;
    while !name.is_char_boundary(end) {
        end -= 1;
    }
    name.truncate(end);
    name.push('~');
    name.push_str(&mark(whole));
}

/// Names that mean something to a system: hidden files, `.` and `..`, devices, trailing dots and spaces.
fn guard(name: &mut String, start: usize) {
    let component = &name[start..];
    if component.starts_with('.') || component.starts_with('-') || is_device(component) {
        name.insert(start, '_');
    }
    if let Some(last @ ('.' | ' ')) = name[start..].chars().next_back() {
        name.pop();
        push_encoded(name, &[if last == '.' { b'.' } else { b' ' }]);
    }
}

/// The reserved device names of Windows, with or without an extension.
fn is_device(component: &str) -> bool {
    let stem = component.split('.').next().unwrap_or_default().trim_end();
    let is = |device: &str| stem.eq_ignore_ascii_case(device);
    match stem.len() {
        3 => is("con") || is("prn") || is("aux") || is("nul"),
        // The digits of these may be superscripts: Windows folds those of Latin-1.
        4 | 5 => stem.split_at_checked(3).is_some_and(|(head, number)| {
            let mut digits = number.chars();
            (head.eq_ignore_ascii_case("com") || head.eq_ignore_ascii_case("lpt"))
                && matches!(
                    (digits.next(), digits.next()),
                    (Some('1'..='9' | '\u{B9}' | '\u{B2}' | '\u{B3}'), None)
                )
        }),
        6 => is("conin$"),
        7 => is("conout$"),
        _ => false,
    }
}
