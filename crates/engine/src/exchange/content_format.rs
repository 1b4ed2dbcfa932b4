//! What the bytes of a body are, as its server says: recorded, and never acted upon.

use longhaul_http::Head;
use longhaul_journal::ContentFormat;

/// Bytes of a media type or a list of content codings in the journal. Longer ones are left out: real ones have fewer than a
/// hundred.
const FORMAT_BYTES_MAX: usize = 256;

/// The format of the body that follows this head.
pub(crate) fn of_head(head: &Head) -> ContentFormat {
    ContentFormat {
        content_type: head.content_type().filter(|value| value.len() <= FORMAT_BYTES_MAX).map(str::to_owned),
        content_encoding: head.content_encoding().filter(|value| value.len() <= FORMAT_BYTES_MAX),
    }
}

/// The format of a body of which this head begins a part: a 206 may leave out what an earlier response said (RFC 9110 section
/// 15.3.7).
pub(crate) fn of_part(head: &Head, earlier: ContentFormat) -> ContentFormat {
    let ContentFormat { content_type, content_encoding } = of_head(head);
    ContentFormat {
        content_type: content_type.or(earlier.content_type),
        content_encoding: content_encoding.or(earlier.content_encoding),
    }
}
