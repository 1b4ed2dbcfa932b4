//! Quotes paths in the commands that messages suggest.

use std::path::Path;

use super::escaped;

/// The path as a POSIX shell reads it: in single quotes, unless all of its characters are plain.
pub(crate) fn quoted(path: &Path) -> String {
    let text = escaped(&path.to_string_lossy()).to_string();
    let is_bare =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'.' | b'_' | b'-' | b'+' | b'=');
    if !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_bare) {
        return text;
    }
    // A path that begins with a dash would be read as a flag.
    let prefix = if text.starts_with('-') { "./" } else { "" };
    format!("'{prefix}{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_the_same_path() {
        let table = [("files/a-1", "files/a-1"), ("a b", "'a b'"), ("it's", "'it'\\''s'"), ("-d", "'./-d'")];
        for (path, text) in table {
            assert_eq!(quoted(Path::new(path)), text);
        }
    }
}
