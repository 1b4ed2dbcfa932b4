//! Placeholders in the texts of a case, such as `{host}`.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The values of the placeholders by name. Clones are cheap.
pub(super) type Placeholders = Arc<BTreeMap<String, String>>;

/// Replaces the placeholders in `text`. Other braces stay as they are.
pub(super) fn fill(text: &str, placeholders: &BTreeMap<String, String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        filled.push_str(&rest[..at]);
        rest = &rest[at..];
        let name = rest.find('}').map(|end| &rest[1..end]);
        let value = name.and_then(|name| placeholders.get(name).map(|value| (name, value)));
        if let Some((name, value)) = value {
            filled.push_str(value);
            rest = &rest[name.len() + 2..];
        } else {
            filled.push('{');
            rest = &rest[1..];
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_are_replaced_and_other_braces_stay() {
        let placeholders = BTreeMap::from([("host".to_owned(), "127.0.0.1:80".to_owned())]);
        assert_eq!(fill("http://{host}/{x}{", &placeholders), "http://127.0.0.1:80/{x}{");
    }
}
