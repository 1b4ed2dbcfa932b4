//! What holds for any list and any URL. The fuzz targets and the property tests share these entry points.

use std::io::{self, Read};

use longhaul::{HttpUrl, Item, ListReader as _, TextList, names};
use longhaul_journal::storage::RelativePath;

/// Reads the bytes as a text list: the items do not depend on how a reader divides the bytes, their positions rise, and every
/// position is an item or ignored.
pub(crate) fn list_lines(bytes: &[u8]) {
    let whole = items(bytes);
    let divided =
        items(Divided { bytes, piece_bytes: bytes.first().map_or(1, |byte| usize::from(*byte) + 1) });
    assert_eq!(whole, divided);
}

fn items(reader: impl Read + Send) -> Vec<(u64, Item)> {
    let mut list = TextList::new(reader);
    let mut items = Vec::new();
    while let Some(item) = list.next().expect("memory can be read") {
        assert!(items.last().is_none_or(|(last, _)| *last < list.position()));
        items.push((list.position(), item));
    }
    assert_eq!(list.position(), items.len() as u64 + list.ignored());
    items
}

/// Hands out a few bytes with each read.
struct Divided<'a> {
    bytes: &'a [u8],
    piece_bytes: usize,
}

impl Read for Divided<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let len = buffer.len().min(self.piece_bytes);
        self.bytes.read(&mut buffer[..len])
    }
}

/// Reads the bytes as the part of a URL behind its scheme: the name of its file stays beneath the haul's directory, is visible, and can
/// be made distinct.
pub(crate) fn name(bytes: &[u8]) {
    let Ok(url) = format!("http://{}", String::from_utf8_lossy(bytes)).parse::<HttpUrl>() else { return };
    let name = names::default_name(&url);
    assert_safe(&name);
    for attempt in 0..2 {
        let distinct = names::distinct(&name, &url, attempt);
        assert_safe(&distinct);
        assert_ne!(names::folded(&distinct), names::folded(&name));
    }
    for (end, _) in name.match_indices('/') {
        assert_safe(&names::distinct_directory(&name, end));
    }
}

fn assert_safe(name: &str) {
    let path: RelativePath = name.parse().unwrap_or_else(|error| panic!("{name:?}: {error}"));
    assert_eq!(path.as_str(), name);
    for component in name.split('/') {
        assert!(component.len() <= 255 && !component.is_empty(), "{name:?}");
        assert!(!component.starts_with(['.', '-']) && !component.ends_with(['.', ' ']), "{name:?}");
        assert!(!component.contains(|character: char| character.is_control()), "{name:?}");
    }
}
