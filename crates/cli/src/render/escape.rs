//! Escapes text from servers and lists: control characters that a terminal would obey, and characters that deceive a
//! reader.

use std::fmt;

/// Displays a text with every hostile character as `\u{..}`.
pub(crate) fn escaped(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// The result of [`escaped`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(is_hostile) {
            f.write_str(&rest[..at])?;
            let mut characters = rest[at..].chars();
            if let Some(hostile) = characters.next() {
                write!(f, "{}", hostile.escape_unicode())?;
            }
            rest = characters.as_str();
        }
        f.write_str(rest)
    }
}

/// True for control characters (ESC, line ends, DEL and C1 among them), marks that change the direction of writing,
/// separators that some programs read as line ends, and invisible characters.
pub(crate) const fn is_hostile(character: char) -> bool {
    matches!(
        character,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_characters_are_escaped() {
        let table = [
            ("plain text, ümlaut, 漢字, \\", "plain text, ümlaut, 漢字, \\"),
            ("\x1b[2J\x1b]0;title\x07", "\\u{1b}[2J\\u{1b}]0;title\\u{7}"),
            ("a\r\nb\tc", "a\\u{d}\\u{a}b\\u{9}c"),
            ("\u{9b}31m\u{9d}", "\\u{9b}31m\\u{9d}"),
            ("gpj.\u{202e}exe", "gpj.\\u{202e}exe"),
            ("\u{2066}x\u{2069}\u{200b}\u{2028}", "\\u{2066}x\\u{2069}\\u{200b}\\u{2028}"),
            ("\u{e0041}\u{7f}", "\\u{e0041}\\u{7f}"),
        ];
        for (text, expected) in table {
            assert_eq!(escaped(text).to_string(), expected);
            assert!(!escaped(text).to_string().contains(is_hostile));
        }
    }
}
