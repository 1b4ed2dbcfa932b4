//! The listing of a directory, as a page.

use std::fmt::Write as _;
use std::os::fd::OwnedFd;

use rustix::fs::Dir;
use rustix::io::Errno;

use super::file::FileVersion;
use super::folder::Folder;
use super::request_path::RequestPath;

/// The most entries of a page. A page that leaves some out says so.
const ENTRIES_MAX: usize = 10_000;

struct Entry {
    name: Vec<u8>,
    is_directory: bool,
    version: FileVersion,
}

/// The page of a directory: directories first, then files, both in byte order of their names. Entries that would not be
/// served are left out. May wait for the disk.
pub(super) fn page(folder: &Folder, path: &RequestPath, directory: OwnedFd) -> Result<String, Errno> {
    let mut entries = Vec::new();
    let mut is_complete = true;
    for entry in Dir::new(directory)? {
        let name = entry?.file_name().to_bytes().to_vec();
        if matches!(name.as_slice(), b"." | b"..") {
            continue;
        }
        let Some((version, is_directory)) = folder.look(&path.join(&name)) else { continue };
        if entries.len() == ENTRIES_MAX {
            is_complete = false;
            break;
        }
        entries.push(Entry { name, is_directory, version });
    }
    entries.sort_unstable_by(|a, b| (!a.is_directory, &a.name).cmp(&(!b.is_directory, &b.name)));
    let is_root = path.name() == b".";
    let title = if is_root { "/".to_owned() } else { format!("/{}/", escaped(path.name())) };
    Ok(render(&title, is_root, &entries, is_complete))
}

fn render(title: &str, is_root: bool, entries: &[Entry], is_complete: bool) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<title>{title}</title>\n<style>td \
         {{ padding-right: 2em; font-family: monospace }}\ntd:nth-child(2) {{ text-align: right }}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n<table>\n"
    );
    if !is_root {
        page.push_str("<tr><td><a href=\"../\">../</a></td><td></td><td></td></tr>\n");
    }
    for Entry { name, is_directory, version } in entries {
        let slash = if *is_directory { "/" } else { "" };
        let size = if *is_directory { String::new() } else { version.len().to_string() };
        let date = version.modified().map(httpdate::fmt_http_date).unwrap_or_default();
        // Without the dot, the part of a name before a colon would be a scheme (RFC 3986 section 4.2).
        let _ = writeln!(
            page,
            "<tr><td><a href=\"./{}{slash}\">{}{slash}</a></td><td>{size}</td><td>{date}</td></tr>",
            encoded(name),
            escaped(name)
        );
    }
    page.push_str("</table>\n");
    if !is_complete {
        let _ = writeln!(page, "<p>There are more than {ENTRIES_MAX} entries; the others are not shown.</p>");
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// A name as text in a page. Bytes that are not UTF-8 become replacement characters; the link is still correct.
fn escaped(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for character in String::from_utf8_lossy(name).chars() {
        match character {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            '"' => text.push_str("&quot;"),
            '\'' => text.push_str("&#39;"),
            character if character.is_control() => text.push('\u{fffd}'),
            character => text.push(character),
        }
    }
    text
}

/// A name as a part of a path: everything but unreserved characters is percent-encoded (RFC 3986 section 2.3).
fn encoded(name: &[u8]) -> String {
    let mut text = String::with_capacity(name.len());
    for byte in name {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            text.push(char::from(*byte));
        } else {
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_names_are_escaped_and_their_links_work() {
        let name = b"<script>\"'&\n\xff javascript:x";
        assert_eq!(escaped(name), "&lt;script&gt;&quot;&#39;&amp;\u{fffd}\u{fffd} javascript:x");
        assert_eq!(encoded(name), "%3Cscript%3E%22%27%26%0A%FF%20javascript%3Ax");
        let path = RequestPath::parse(&format!("/{}", encoded(name))).expect("a name");
        assert_eq!(path.name(), name);
    }
}
