//! Lines of a lock file: a list that says of each file what it was, so that another haul can tell whether it still is.

use std::fmt::Write as _;

use super::status::{Row, RowOutcome};
use crate::list::{MediaRange, digest_fields};

/// The line of a row that is done, without a line end; `None` for any other row. It is a line of a list: the URL, the size, the
/// digests, the media type and the name, which a haul checks and uses; and the validators, the time and the place where redirects
/// led, which tell people more. Values are percent-encoded where a list would read them otherwise.
#[must_use]
pub fn lock_line(row: &Row<'_>) -> Option<String> {
    let (RowOutcome::Done(done), Some(name)) = (row.outcome, &row.name) else { return None };
    let mut line = format!("{}\tsize={}", row.url, done.size);
    // The recorded digest is the one of the file, whatever the list had.
    let _ = write!(line, "\tblake3={}", blake3::Hash::from_bytes(done.blake3));
    for digest in digest_fields(row.expected)
        .split(' ')
        .filter(|field| !field.is_empty() && !field.starts_with("blake3="))
    {
        let _ = write!(line, "\t{digest}");
    }
    let content_type = done.format.content_type.as_deref().unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if let Ok(media_type) = essence.parse::<MediaRange>() {
        let _ = write!(line, "\ttype={media_type}");
    }
    let mut put = |field: &str, value: Option<&str>| {
        if let Some(value) = value {
            let _ = write!(line, "\t{field}={}", encoded(value));
        }
    };
    put("name", Some(name));
    let validator = done.validator.as_ref();
    put("etag", validator.and_then(|validator| validator.etag.as_deref()));
    put("last-modified", validator.and_then(|validator| validator.last_modified.as_deref()));
    put("final-url", done.final_url.as_deref().map(without_query));
    let _ = write!(line, "\ttime={}", done.finished_unix_ms / 1000);
    Some(line)
}

/// The place where a redirect led, without its query: that is often a signature or a token, and lock files are made to be shared.
fn without_query(url: &str) -> &str {
    url.split(['?', '#']).next().unwrap_or_default()
}

/// The text without what separates the fields of a line, and without what ends a line.
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for character in text.chars() {
        if matches!(character, '%' | ' ') || character.is_control() {
            let mut buffer = [0; 4];
            for byte in character.encode_utf8(&mut buffer).bytes() {
                let _ = write!(encoded, "%{byte:02X}");
            }
        } else {
            encoded.push(character);
        }
    }
    encoded
}
