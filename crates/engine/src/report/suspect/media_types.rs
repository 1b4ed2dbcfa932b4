//! Media types that contradict the names of a host's files, or those of the host's other files.

use super::frequent_items::FrequentItems;
use super::pattern::hash;

/// Extensions of a host that are counted at a time.
const EXTENSIONS: usize = 8;
/// So many rows of one extension with a web page in place of the file make a pattern. Some sites show a page about a file under the
/// file's name; a list of these costs one line.
const MISTYPED_ROWS_MIN: u32 = 20;
/// The pages are at least one in so many rows of the extension since the first of them.
const SHARE_MIN: u32 = 2;
/// After so many rows of one extension with one media type, another type is noticed: it takes more than a host's first few files to
/// say what is usual.
const USUAL_ROWS_MIN: u32 = 20;
/// The longest extension: a longer one is part of a name with a dot in it.
const EXTENSION_BYTES_MAX: usize = 8;
/// The media types of web pages.
const PAGE_TYPES: [&str; 2] = ["text/html", "application/xhtml+xml"];
/// The media types of error messages, which are noticed only where others are usual.
const MESSAGE_TYPES: [&str; 6] = [
    "application/json",
    "application/problem+json",
    "text/plain",
    "text/xml",
    "application/xml",
    "application/soap+xml",
];
/// Extensions under which web pages are served: of pages, of programs that make them, and of domains that end a path.
const PAGE_EXTENSIONS: [&str; 28] = [
    "html", "htm", "xhtml", "xht", "shtml", "mhtml", "php", "php3", "php4", "php5", "phtml", "asp", "aspx",
    "ashx", "jsp", "jspx", "do", "action", "cgi", "fcgi", "pl", "cfm", "md", "rst", "com", "org", "net",
    "edu",
];

/// The extension of a path in lower case; empty if it has none.
pub(super) fn extension(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or_default();
    let extension =
        file.rsplit_once('.').filter(|(stem, _)| !stem.is_empty()).map_or("", |(_, extension)| extension);
    let is_extension = extension.len() <= EXTENSION_BYTES_MAX
        && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
        && extension.bytes().any(|byte| byte.is_ascii_alphabetic());
    if is_extension { extension.to_ascii_lowercase() } else { String::new() }
}

/// A `Content-Type` (RFC 9110 section 8.3) in lower case without its parameters.
pub(super) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

/// Whether a web page is not what a file of this extension is.
pub(super) fn contradicts(extension: &str, media_type: &str) -> bool {
    PAGE_TYPES.contains(&media_type) && !extension.is_empty() && !PAGE_EXTENSIONS.contains(&extension)
}

/// The media types of one host's files, by extension.
#[derive(Debug, Default)]
pub(super) struct UsualTypes(FrequentItems<u64, OfExtension, EXTENSIONS>);

#[derive(Debug, Default)]
struct OfExtension {
    rows: u32,
    /// The hash of the media type of the first rows, and how many had it before another came.
    usual: u64,
    usual_rows: u32,
    is_usual_over: bool,
    /// The hash of the media type that contradicts, the row that had it first, and how many had it.
    mistyped: u64,
    first_mistyped: u32,
    mistyped_rows: u32,
}

impl UsualTypes {
    pub(super) const BYTES_MAX: usize = FrequentItems::<u64, OfExtension, EXTENSIONS>::BYTES_MAX;

    /// Counts a row. If that makes the rows with this extension and media type suspect, returns their number.
    pub(super) fn count(&mut self, extension: &str, media_type: &str) -> Option<u32> {
        let known = self.0.count(hash(extension), OfExtension::default)?;
        let media_type_hash = hash(media_type);
        known.rows += 1;
        if known.rows == 1 {
            known.usual = media_type_hash;
        }
        if known.usual == media_type_hash {
            known.usual_rows += u32::from(!known.is_usual_over);
            // A type that contradicts the name is unusual, also where the host has never sent another.
            if !contradicts(extension, media_type) {
                return None;
            }
        } else {
            known.is_usual_over = true;
        }
        let is_unusual = known.usual != media_type_hash && known.usual_rows >= USUAL_ROWS_MIN;
        let may_be_error = PAGE_TYPES.contains(&media_type) || MESSAGE_TYPES.contains(&media_type);
        let is_wrong = contradicts(extension, media_type) || is_unusual && may_be_error;
        if !is_wrong {
            return None;
        }
        if known.mistyped_rows == 0 {
            (known.mistyped, known.first_mistyped) = (media_type_hash, known.rows);
        }
        if known.mistyped != media_type_hash {
            return None;
        }
        known.mistyped_rows += 1;
        let rows = known.rows - known.first_mistyped + 1;
        let is_common = u64::from(known.mistyped_rows) * u64::from(SHARE_MIN) >= u64::from(rows);
        (known.mistyped_rows >= MISTYPED_ROWS_MIN && is_common).then_some(known.mistyped_rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_are_short_and_end_a_name() {
        for (path, expected) in [
            ("/a/b.NC4", "nc4"),
            ("/a.b/c", ""),
            ("/a/v1.23", ""),
            ("/a/.hidden", ""),
            ("/a/x.tar.gz", "gz"),
            ("/", ""),
            ("/a.verylongword", ""),
            ("/a.b-c", ""),
        ] {
            assert_eq!(extension(path), expected, "{path}");
        }
        assert!(contradicts("nc4", "text/html"));
        assert!(!contradicts("php", "text/html") && !contradicts("", "text/html"));
        assert_eq!(essence("Text/HTML; charset=utf-8"), "text/html");
    }
}
