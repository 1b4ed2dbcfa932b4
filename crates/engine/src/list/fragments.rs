//! Notices URLs that a `#` cuts short: HTTP never sends what follows it (RFC 9110 section 7.1).

/// So many URLs of one list with a fragment are worth a word, whatever the fragments look like: lists are seldom copied from pages with
/// anchors.
const FRAGMENTS_MIN: u64 = 10;
/// The longest extension by which a fragment looks like the end of a file's name.
const EXTENSION_BYTES_MAX: usize = 5;

/// The fragments of one list.
#[derive(Debug, Default)]
pub(super) struct Fragments {
    lines: u64,
    /// The first line with one; the first whose fragment looks like a part of the path, if there is any.
    example: Option<Example>,
}

/// A line with a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Example {
    pub(super) line: u64,
    pub(super) url: String,
    is_like_path: bool,
}

impl Fragments {
    /// Counts a URL with this fragment. `url` is what is requested.
    pub(super) fn note(&mut self, line: u64, url: &str, fragment: &str) {
        self.lines += 1;
        let is_like_path = is_like_path(fragment);
        if self.example.as_ref().is_none_or(|example| is_like_path && !example.is_like_path) {
            self.example = Some(Example { line, url: url.to_owned(), is_like_path });
        }
    }

    /// The number of lines with a fragment, and one of them, if the user should know.
    pub(super) fn found(&self) -> Option<(u64, &Example)> {
        let example = self.example.as_ref()?;
        (example.is_like_path || self.lines >= FRAGMENTS_MIN).then_some((self.lines, example))
    }
}

/// Whether a fragment looks like what belongs to a path: it has a slash or the like, or ends as a file's name does.
fn is_like_path(fragment: &str) -> bool {
    let is_extension = |extension: &str| {
        (1..=EXTENSION_BYTES_MAX).contains(&extension.len())
            && extension.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && extension.bytes().any(|byte| byte.is_ascii_alphabetic())
    };
    fragment.contains(['/', '?', '&', '='])
        || fragment.rsplit_once('.').is_some_and(|(_, end)| is_extension(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_path_is_noticed_at_once_and_anchors_when_they_are_many() {
        let mut anchors = Fragments::default();
        for line in 1..10 {
            anchors.note(line, "http://h.test/page", "section-2.1");
        }
        assert_eq!(anchors.found(), None);
        anchors.note(11, "http://h.test/page", "top");
        assert_eq!(anchors.found().map(|(lines, example)| (lines, example.line)), Some((10, 1)));
        for fragment in ["1.pdf", "/route", "a?b", "x=1", "2 final.tar.gz"] {
            let mut paths = Fragments::default();
            paths.note(1, "http://h.test/a", "top");
            assert_eq!(paths.found(), None);
            paths.note(7, "http://h.test/Report%20", fragment);
            let (lines, example) = paths.found().expect(fragment);
            assert_eq!((lines, example.line, example.url.as_str()), (2, 7, "http://h.test/Report%20"));
        }
    }
}
