//! JSON lines with fields in a fixed order and without characters that a terminal would obey.

use std::fmt::Write as _;

use longhaul::Fields;
use serde_json::Value;

use super::is_hostile;

/// An object of these fields, in this order, without a line end.
pub(crate) fn object(fields: &[(&str, Value)]) -> String {
    let mut text = String::with_capacity(64 * fields.len());
    for (name, value) in fields {
        text.push(if text.is_empty() { '{' } else { ',' });
        // Names are constants of this crate and need no escaping.
        let _ = write!(text, "\"{name}\":");
        push(&mut text, &value.to_string());
    }
    text.push('}');
    text
}

/// The columns of a list that are not interpreted, as one object. Of columns of the same name the last one stays.
pub(crate) fn columns(columns: &Fields) -> Value {
    Value::Object(columns.iter().map(|(name, value)| (name.to_owned(), value.into())).collect())
}

/// Escapes hostile characters. In JSON they occur in strings only, where an escape has the same meaning (RFC 8259
/// section 7).
fn push(text: &mut String, json: &str) {
    for character in json.chars() {
        if is_hostile(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(text, "\\u{unit:04x}");
            }
        } else {
            text.push(character);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_keeps_its_values_and_has_no_hostile_character() {
        let hostile = "a\"\\\x1b[2J\r\n\u{9b}\u{202e}\u{2028}\u{e0041}ü";
        let line = object(&[("text", hostile.into()), ("number", 7.into()), ("none", Value::Null)]);
        assert!(!line.contains(is_hostile), "{line}");
        let read: Value = serde_json::from_str(&line).expect("valid JSON");
        assert_eq!(read["text"], hostile);
        assert!(line.ends_with(r#","number":7,"none":null}"#), "{line}");
    }
}
