//! A text that is shown although it is no URL that could be parsed, without the password that it may hold.

use std::borrow::Cow;

/// Stands in place of what is left out.
const LEFT_OUT: &str = "***";

/// The text without what may be the user information of a URL, as typing errors leave it, too: without a scheme, with an invalid port,
/// with a slash in the password. Everything up to the last `@` of the text goes then. A text that ends within a password, because it has
/// been cut, goes from there on.
///
/// Leaves out too much rather than too little: use [`HttpUrl`](super::HttpUrl) for what can be parsed.
///
/// ```
/// # use longhaul_http::redacted;
/// assert_eq!(redacted("ftp://user:secret@example.org/a"), "ftp://***@example.org/a");
/// assert_eq!(redacted("user:sec/ret@example.org"), "***@example.org");
/// assert_eq!(redacted("ftp://example.org/@a"), "ftp://example.org/@a");
/// ```
pub fn redacted(text: &str) -> Cow<'_, str> {
    let start = authority_start(text);
    let line = text[start..].split('\t').next().unwrap_or_default();
    let authority = line.split(['/', '\\', '?', '#']).next().unwrap_or_default();
    let has_colon = authority.contains(':') && !authority.starts_with('[');
    let end = match line.rfind('@') {
        Some(at) if has_colon || authority.contains('@') => start + at,
        // Without slashes before it, any word may have a colon.
        None if has_colon && start > 0 && !has_port(authority) => text.len(),
        _ => return Cow::Borrowed(text),
    };
    Cow::Owned(format!("{}{LEFT_OUT}{}", &text[..start], &text[end..]))
}

/// Where the authority of a URL would begin: behind a scheme and slashes, or at the beginning.
fn authority_start(text: &str) -> usize {
    let is_scheme = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    let scheme = text.bytes().take_while(is_scheme).count();
    let (before, slashes_min) = if text[scheme..].starts_with(':') { (scheme + 1, 1) } else { (scheme, 2) };
    let slashes = text[before..].bytes().take_while(|byte| b"/\\".contains(byte)).count();
    if slashes >= slashes_min { before + slashes } else { 0 }
}

fn has_port(authority: &str) -> bool {
    authority.rsplit(':').next().is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_form_of_a_mistyped_url_shows_its_password() {
        for before in
            ["http://", "https://", "ftp://", "http:/", "http:\\\\", "//", "", "http:", "htp//", "://"]
        {
            for user in [
                "me:secret",
                "me:sec/secret",
                "me:sec secret",
                ":secret",
                "me:sec?secret",
                "me:1#secret",
                "secret",
            ] {
                for after in ["host/a", "host:99999/", "host:x/", "[::1/", "", "a@b/", "host/\tsize=1"] {
                    let text = format!("{before}{user}@{after}");
                    let shown = redacted(&text);
                    assert!(!shown.contains("secret"), "{text}: {shown}");
                }
            }
        }
        assert_eq!(redacted("http://me:secr"), "http://***", "cut within the password");
    }

    #[test]
    fn what_holds_none_is_shown_as_it_is() {
        for text in [
            "",
            "no url",
            "example.org/a@b",
            "http://example.org:99999/a",
            "http://example.org/@me:x",
            "ftp://example.org/",
            "http://[::1/",
            "http://[::1]:x/",
            "mailto",
            "error: not found",
        ] {
            assert_eq!(redacted(text), text);
        }
    }
}
