//! The fields behind the URL of a line: what is expected of the content, the name of its file, and what a lock file adds.

use longhaul_journal::{Expectation, Fields};

use super::expectation;
use crate::names;

/// Fields of lock files that are not interpreted. They travel with their row to the export.
const UNINTERPRETED: [&str; 4] = ["etag", "last-modified", "final-url", "time"];

/// What stands behind the URL of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LineFields {
    pub(super) expected: Expectation,
    /// The name of the file below the haul's directory.
    pub(super) name: Option<String>,
    pub(super) fields: Fields,
}

/// Where the URL of a line ends and its fields begin: at the first tab, or at a space before the name of an expectation, or
/// what resembles one. Other spaces belong to the URL.
pub(super) fn split(line: &str) -> (&str, &str) {
    let is_end = |(at, byte): (usize, &u8)| match byte {
        b'\t' => true,
        b' ' => expectation::begins_with_field(&line[at + 1..]),
        _ => false,
    };
    match line.as_bytes().iter().enumerate().position(is_end) {
        Some(at) => (&line[..at], &line[at + 1..]),
        None => (line, ""),
    }
}

/// Parses fields that are separated by tabs or spaces. An error names the field and the reason.
pub(super) fn parse(text: &str) -> Result<LineFields, String> {
    let mut line = LineFields::default();
    let mut columns: Vec<(String, String)> = Vec::new();
    for field in text.split(['\t', ' ']).filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        let is_new = match name {
            "name" => {
                let name = decoded(value).filter(|name| names::is_safe(name));
                let name = name.ok_or_else(|| format!("`{field}` is no safe name of a file"))?;
                line.name.replace(name).is_none()
            }
            _ if UNINTERPRETED.contains(&name) => {
                let value = decoded(value).ok_or_else(|| format!("`{field}` is not UTF-8"))?;
                let is_new = columns.iter().all(|(other, _)| other != name);
                columns.push((name.to_owned(), value));
                is_new
            }
            _ => expectation::add_field(&mut line.expected, field, name, value)?,
        };
        if !is_new {
            return Err(format!("`{field}` is said twice"));
        }
    }
    line.expected.digests.sort();
    line.fields = columns.into_iter().collect();
    Ok(line)
}

/// A percent-encoded value; `None` if it is not UTF-8.
fn decoded(value: &str) -> Option<String> {
    String::from_utf8(names::percent_decoded(value)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_follow_tabs_or_spaces() {
        assert_eq!(split("http://a/b"), ("http://a/b", ""));
        assert_eq!(split("http://a/b\tsize=1 sha256=ab"), ("http://a/b", "size=1 sha256=ab"));
        assert_eq!(split("http://a/b  size=1"), ("http://a/b ", "size=1"));
        assert_eq!(split("http://a/b type=a/b"), ("http://a/b", "type=a/b"));
        assert_eq!(split("http://a/b md5=ab"), ("http://a/b", "md5=ab"));
        assert_eq!(split("http://a/b c?size=1 é md5"), ("http://a/b c?size=1 é md5", ""));
        for misspelt in ["SHA256=ab", "sha-256=ab", "sha384=ab", "Size=1", "blake2b=ab", "crc32=ab", "MD5="] {
            assert_eq!(split(&format!("http://a/b {misspelt}")), ("http://a/b", misspelt));
            assert!(parse(misspelt).is_err(), "{misspelt}");
        }
        let no_field = "http://a/b c?size=1 d=1 resize=2 sha=3 md=4 a sha256:b=1 shasha256=5";
        assert_eq!(split(no_field), (no_field, ""));
        assert_eq!(parse("size=1  size=1").expect_err("twice"), "`size=1` is said twice");
    }

    #[test]
    fn a_name_is_decoded_and_must_be_safe() {
        let name = |field: &str| parse(field).map(|line| line.name.expect("a name"));
        assert_eq!(name("name=host/a%20b%25c.txt").as_deref(), Ok("host/a b%c.txt"));
        assert_eq!(name("name=host/é").as_deref(), Ok("host/é"));
        for wrong in [
            "name=",
            "name=/a",
            "name=a/",
            "name=a//b",
            "name=../a",
            "name=a/../b",
            "name=.longhaul/lock",
            "name=host/.hidden",
            "name=host/-rf",
            "name=host/nul",
            "name=host/a%00",
            "name=host/a%0Ab",
            "name=host/a:b",
            "name=host/a%FF",
            "name=a name=b",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
        assert!(name(&format!("name=host/{}", "a".repeat(256))).is_err());
    }

    #[test]
    fn other_fields_of_lock_files_are_columns() {
        let line = parse("etag=W/%22a%20b%22\ttime=1\tsize=2").expect("fields");
        let columns: Vec<_> = line.fields.iter().collect();
        assert_eq!(columns, [("etag", "W/\"a b\""), ("time", "1")]);
        assert_eq!(line.expected.size, Some(2));
        assert!(parse("time=1 time=2").is_err());
        assert!(parse("title=a").is_err());
    }
}
