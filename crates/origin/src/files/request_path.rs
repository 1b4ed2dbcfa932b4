//! From the path of a request to a relative path beneath the folder.

/// A relative path beneath a folder, without empty parts, `.`, `..` and zero bytes. Empty for the folder itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RequestPath {
    name: Vec<u8>,
    is_directory: bool,
}

impl RequestPath {
    /// Parses the path of a request target, which begins with a slash, and decodes it once (RFC 3986 section 2.1).
    ///
    /// `None` where it cannot name anything beneath a folder. Clients remove `.` and `..` before they send a request
    /// (section 5.2.4), so a path that has them is an attempt to escape. An encoded slash is no part of a file name.
    pub(super) fn parse(path: &str) -> Option<Self> {
        let mut name = Vec::with_capacity(path.len());
        let mut parts = path.strip_prefix('/')?.split('/').peekable();
        let mut is_directory = true;
        while let Some(part) = parts.next() {
            let is_last = parts.peek().is_none();
            if part.is_empty() && is_last {
                break;
            }
            is_directory = !is_last;
            let begin = if name.is_empty() { 0 } else { name.len() + 1 };
            if begin > 0 {
                name.push(b'/');
            }
            decode(part, &mut name)?;
            let decoded = &name[begin..];
            if matches!(decoded, b"" | b"." | b"..") || decoded.iter().any(|byte| matches!(byte, 0 | b'/')) {
                return None;
            }
        }
        Some(Self { name, is_directory })
    }

    /// The path beneath the folder; `.` for the folder itself.
    pub(super) fn name(&self) -> &[u8] {
        if self.name.is_empty() { b"." } else { &self.name }
    }

    /// Whether it ends with a slash, so that it can denote only a directory.
    pub(super) fn is_directory(&self) -> bool {
        self.is_directory
    }

    /// The path of an entry of this directory.
    pub(super) fn join(&self, name: &[u8]) -> Vec<u8> {
        if self.name.is_empty() { name.to_vec() } else { [&self.name, b"/".as_slice(), name].concat() }
    }
}

/// Appends the decoded part. `None` where a percent sign is not followed by two hexadecimal digits.
fn decode(part: &str, into: &mut Vec<u8>) -> Option<()> {
    let mut bytes = part.bytes();
    while let Some(byte) = bytes.next() {
        let decoded = match byte {
            b'%' => hexadecimal(bytes.next()?)? << 4 | hexadecimal(bytes.next()?)?,
            plain => plain,
        };
        into.push(decoded);
    }
    Some(())
}

fn hexadecimal(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for (path, name, is_directory) in [
            ("/", ".", true),
            ("/a", "a", false),
            ("/a/", "a", true),
            ("/a/b.txt", "a/b.txt", false),
            ("/%61%2e%62", "a.b", false),
            ("/a%20b/%25", "a b/%", false),
            ("/...", "...", false),
            ("/a\\..\\b", "a\\..\\b", false),
        ] {
            let parsed = RequestPath::parse(path).expect(path);
            assert_eq!((parsed.name(), parsed.is_directory()), (name.as_bytes(), is_directory), "{path}");
        }
    }

    #[test]
    fn paths_that_name_nothing() {
        for path in [
            "",
            "*",
            "a",
            "//",
            "//a",
            "/a//b",
            "/.",
            "/..",
            "/a/..",
            "/a/../b",
            "/%2e%2e/a",
            "/.%2E",
            "/a%2fb",
            "/%2F",
            "/%00",
            "/a%00.txt",
            "/%",
            "/%2",
            "/%zz",
            "/%+1",
        ] {
            assert_eq!(RequestPath::parse(path), None, "{path}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_request_path_leads_upwards(path in "/?([./%2eEfF\\\\0a]|%2e|%2f|%00|\\PC){0,40}") {
            if let Some(path) = RequestPath::parse(&path) {
                let name = path.name();
                proptest::prop_assert!(!name.starts_with(b"/") && !name.contains(&0));
                for part in name.split(|byte| *byte == b'/') {
                    proptest::prop_assert!(!matches!(part, b"" | b".."), "{name:?}");
                }
            }
        }
    }
}
