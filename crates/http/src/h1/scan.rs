//! Finding the ends of lines and sections.

/// The position of the first LF, eight bytes at a time.
pub(super) fn line_feed(bytes: &[u8]) -> Option<usize> {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LINE_FEEDS: u64 = ONES * b'\n' as u64;
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        // The usual test for a zero byte, after LF has been turned into zero. The lowest mark is always right.
        let word = u64::from_le_bytes(*word) ^ LINE_FEEDS;
        let marks = word.wrapping_sub(ONES) & !word & (ONES << 7);
        if marks != 0 {
            return Some(index * 8 + (marks.trailing_zeros() / 8) as usize);
        }
    }
    let at = rest.iter().position(|&byte| byte == b'\n')?;
    Some(words.len() * 8 + at)
}

/// A line without its LF, or CR and LF. One CR belongs to the line end (RFC 9112 section 2.2 allows a bare LF).
pub(super) fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Finds the empty line that ends a section of lines, and looks at every byte once however the section arrives.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SectionEnd {
    /// Bytes without a line end since `line_start`, seen before.
    scanned: usize,
    line_start: usize,
}

impl SectionEnd {
    /// The length of the section with its empty line. `section` has to be the same one as last time, or longer.
    pub(super) fn find(&mut self, section: &[u8]) -> Option<usize> {
        while let Some(at) = line_feed(section.get(self.scanned..)?) {
            let line_end = self.scanned + at + 1;
            let line = &section[self.line_start..line_end];
            self.scanned = line_end;
            self.line_start = line_end;
            if without_line_end(line).is_empty() {
                return Some(line_end);
            }
        }
        self.scanned = section.len();
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn line_feed_is_the_first(bytes in prop::collection::vec(prop_oneof![8..14_u8, any::<u8>()], 0..40)) {
            prop_assert_eq!(line_feed(&bytes), bytes.iter().position(|&byte| byte == b'\n'));
        }
    }

    #[test]
    fn a_section_ends_with_an_empty_line() {
        for (text, length) in [
            ("a\r\n\r\nb", Some(5)),
            ("a\n\nb", Some(3)),
            ("a\n\r\nb", Some(4)),
            ("\nb", Some(1)),
            ("\r\nb", Some(2)),
            ("a\r\n\r", None),
            ("a\n\r\r\n", None),
            ("", None),
        ] {
            let text = text.as_bytes();
            assert_eq!(SectionEnd::default().find(text), length);
            let mut end = SectionEnd::default();
            let found = (0..=text.len()).find_map(|there| end.find(&text[..there]));
            assert_eq!(found, length, "byte by byte");
        }
    }
}
