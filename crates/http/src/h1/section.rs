//! What a header or trailer section holds.

use http::HeaderMap;

/// Field lines up to the empty line: a header or a trailer section.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) fields: HeaderMap,
    pub(super) ignored_lines: usize,
    pub(super) has_line_without_colon: bool,
}
