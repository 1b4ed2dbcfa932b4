//! Lists of entity tags, as in `If-Match` and `If-None-Match` (RFC 9110 section 8.8.3).

/// How two tags are compared (RFC 9110 section 8.8.3.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// A weak tag equals no other tag.
    Strong,
    /// Weakness is ignored.
    Weak,
}

/// Whether `list` contains `tag`, which is ours and may be weak, or is `*`. The part after a syntax error matches nothing.
pub(super) fn contains(list: &str, tag: &str, comparison: Comparison) -> bool {
    let mut rest = list.trim();
    if rest == "*" {
        return true;
    }
    let own = tag.strip_prefix("W/");
    let (tag, is_own_weak) = (own.unwrap_or(tag), own.is_some());
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let strong = rest.strip_prefix("W/");
        let is_weak = strong.is_some();
        let opaque = strong.unwrap_or(rest);
        // A tag may contain commas, but no quotes.
        let Some(end) = opaque.strip_prefix('"').and_then(|inner| inner.find('"')) else { return false };
        let (found, after) = opaque.split_at(end + 2);
        if found == tag && (comparison == Comparison::Weak || !is_weak && !is_own_weak) {
            return true;
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::Comparison::{Strong, Weak};
    use super::*;

    #[test]
    fn a_weak_tag_of_ours_strongly_equals_no_tag() {
        for list in ["\"a\"", "W/\"a\""] {
            assert!(contains(list, "W/\"a\"", Weak), "{list}");
            assert!(!contains(list, "W/\"a\"", Strong), "{list}");
        }
        assert!(contains("*", "W/\"a\"", Strong));
    }

    #[test]
    fn lists() {
        for (list, comparison, expected) in [
            ("*", Strong, true),
            ("\"a\"", Strong, true),
            ("\"b\", \"a\"", Strong, true),
            ("\"b,\",\"a\"", Strong, true),
            (" , \"a\" ,", Strong, true),
            ("W/\"a\"", Strong, false),
            ("W/\"a\"", Weak, true),
            ("W/\"b\", W/\"a\"", Weak, true),
            ("\"b\"", Weak, false),
            ("a", Weak, false),
            ("\"a", Weak, false),
            ("", Weak, false),
            ("\"b\" nonsense, \"a\"", Weak, false),
        ] {
            assert_eq!(contains(list, "\"a\"", comparison), expected, "{list}");
        }
    }
}
