//! Names are safe whatever a URL is made of, and the same every time.

use longhaul::HttpUrl;
use longhaul::names::{default_name, distinct, distinct_directory, folded, with_suffix};
use longhaul_journal::storage::RelativePath;
use proptest::prelude::*;

/// What file systems allow for one component.
const COMPONENT_BYTES_MAX: usize = 255;
/// Bytes that a mark adds.
const MARK_BYTES: usize = 17;

fn url(text: &str) -> HttpUrl {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// Writes out `{a*N}`.
fn expanded(text: &str) -> String {
    let mut parts = text.split("{a*");
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (count, rest) = part.split_once('}').expect("a closing brace");
        expanded.push_str(&"a".repeat(count.parse().expect("a number")));
        expanded.push_str(rest);
    }
    expanded
}

/// Replaces every mark by a question mark, which no name contains.
fn without_marks(name: &str) -> String {
    let mut parts = name.split('~');
    let mut without = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        without.push('~');
        match part.split_at_checked(MARK_BYTES - 1) {
            Some((mark, rest)) if mark.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
                without.push('?');
                without.push_str(rest);
            }
            _ => without.push_str(part),
        }
    }
    without
}

/// No system refuses the name, and none reads more into it than a file below a directory.
fn assert_safe(name: &str) {
    let path: RelativePath = name.parse().unwrap_or_else(|error| panic!("{name:?}: {error}"));
    assert!(path.components().count() >= 2, "{name:?} stands beside the hosts");
    for component in path.components() {
        assert!(component.len() <= COMPONENT_BYTES_MAX, "{component:?} has {} bytes", component.len());
        assert!(!component.starts_with(['.', '-']), "{component:?}");
        assert!(!component.ends_with(['.', ' ']), "{component:?}");
        assert!(!component.contains(['\\', ':', '*', '?', '"', '<', '>', '|']), "{component:?}");
        assert!(!component.chars().any(char::is_control), "{component:?}");
        let stem = component.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
        let devices =
            ["con", "prn", "aux", "nul", "com1", "com9", "com¹", "lpt1", "lpt9", "conin$", "conout$"];
        assert!(!devices.contains(&stem.as_str()), "{component:?} is a device");
    }
}

#[test]
fn names_are_as_the_table_says() {
    let mut wrong = Vec::new();
    for line in include_str!("names.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (text, expected) = line.split_once('\t').unwrap_or_else(|| panic!("no tab: {line}"));
        let name = default_name(&url(&expanded(text)));
        assert_safe(&name);
        if without_marks(&name) != expanded(expected) {
            wrong.push(format!("{text}: {name} instead of {expected}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_shortened_stays_distinct() {
    let long = "a".repeat(300);
    let names = [
        default_name(&url(&format!("http://example.org/{long}b"))),
        default_name(&url(&format!("http://example.org/{long}c"))),
        default_name(&url(&format!("http://example.org/{long}?b"))),
        default_name(&url(&format!("http://example.org/{long}?c"))),
    ];
    for (index, name) in names.iter().enumerate() {
        assert!(!names[..index].contains(name), "{name}");
    }
}

#[test]
fn a_character_is_never_cut_in_two() {
    for ahead in 0..8 {
        let name = default_name(&url(&format!(
            "http://example.org/{}{}",
            "a".repeat(ahead),
            "\u{1F600}".repeat(80)
        )));
        assert_safe(&name);
        assert!(!name.contains('%'), "{name}");
    }
}

#[test]
fn the_mark_stands_before_the_extension() {
    let cases = [
        ("example.org/a/b.html", "example.org/a/b~?.html"),
        ("example.org/archive.tar.gz", "example.org/archive.tar~?.gz"),
        ("example.org/name", "example.org/name~?"),
        ("example.org/a.b/c", "example.org/a.b/c~?"),
        ("example.org/version 1.much later than that", "example.org/version 1.much later than that~?"),
        ("example.org/_.bashrc", "example.org/_~?.bashrc"),
    ];
    for (name, expected) in cases {
        assert_eq!(without_marks(&distinct(name, &url("http://example.org/"), 0)), expected);
    }
}

#[test]
fn a_mark_is_of_the_url_and_the_attempt() {
    let mark = |text: &str, attempt| distinct("example.org/a", &url(text), attempt);
    assert_eq!(mark("http://example.org/a", 0), mark("http://EXAMPLE.org:80/a#b", 0), "one URL, one mark");
    assert_ne!(mark("http://example.org/a", 0), mark("http://example.org/A", 0));
    assert_ne!(mark("http://example.org/a", 0), mark("http://example.org/a", 1));
}

#[test]
fn a_suffix_takes_the_place_of_what_is_too_long() {
    assert_eq!(with_suffix("x/name", "~changed"), "x/name~changed");
    for ahead in 0..4 {
        let name = format!("x/{}{}", "a".repeat(ahead), "\u{1F600}".repeat(62));
        let name = with_suffix(&name, "~changed-1000");
        assert!(name.ends_with("~changed-1000"), "{name}");
        assert_safe(&name);
    }
}

#[test]
fn names_that_differ_in_case_fold_to_one() {
    for (one, other) in [
        ("x/README", "x/Readme"),
        ("x/ÉTÉ", "x/été"),
        ("x/ΩΣ", "x/ωσ"),
        ("x/ΟΔΟΣ", "x/οδος"),
        ("x/STRAẞE", "x/straße"),
    ] {
        assert_eq!(folded(one), folded(other), "{one}");
    }
    assert_ne!(folded("x/a"), folded("x/b"));
}

/// Pieces that paths and queries are made of, more of them hostile than not.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zA-Z0-9_~-]{0,12}",
        "%[0-9a-fA-F]{2}",
        prop::sample::select(vec![
            "/",
            "//",
            ".",
            "..",
            "%2e",
            "%2E%2e",
            "%2f",
            "%5c",
            "\\",
            "%00",
            "%25",
            "%252e",
            ":",
            "CON",
            "aux.txt",
            "nul",
            "com1",
            "-",
            "~",
            "@",
            "?",
            "&",
            "%20",
            " ",
            "%0a",
            "%7f",
            "%e2%80%ae",
            "%ff",
            "\u{202E}",
            "é",
            "\u{1F600}",
            "*",
            "|",
            "..%2f",
        ])
        .prop_map(str::to_owned),
        (180_usize..260).prop_map(|count| "a".repeat(count)),
        (40_usize..90).prop_map(|count| "%C3%A9".repeat(count)),
        (60_usize..90).prop_map(|count| "%00".repeat(count)),
    ]
}

fn hosts() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("example.org".to_owned()),
        1 => Just("[2001:db8::1]".to_owned()),
        1 => Just("nul".to_owned()),
        1 => Just("bücher.example".to_owned()),
        1 => (1_usize..63, 1_usize..63)
            .prop_map(|(one, other)| format!("{0}.{0}.{1}.{1}", "h".repeat(one), "k".repeat(other))),
    ]
}

fn urls() -> impl Strategy<Value = HttpUrl> {
    (hosts(), prop::option::of(1_u16..), prop::collection::vec(piece(), 0..24)).prop_filter_map(
        "not every text is a URL",
        |(host, port, pieces)| {
            let port = port.map_or(String::new(), |port| format!(":{port}"));
            format!("http://{host}{port}/{}", pieces.concat()).parse().ok()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_url_has_a_safe_name(url in urls()) {
        let name = default_name(&url);
        assert_safe(&name);
        prop_assert_eq!(&name, &default_name(&url.as_str().parse().expect("a URL again")));
    }

    #[test]
    fn a_distinct_name_is_another_safe_one(url in urls(), attempt in 0_u32..8) {
        let name = default_name(&url);
        let other = distinct(&name, &url, attempt);
        assert_safe(&other);
        prop_assert_ne!(folded(&name), folded(&other));
        prop_assert_eq!(&other, &distinct(&name, &url, attempt));
    }

    #[test]
    fn distinct_directories_are_safe_at_every_level(url in urls(), times in 1_usize..4) {
        let name = distinct(&default_name(&url), &url, 0);
        for (slash, _) in name.match_indices('/') {
            let mut other = name.clone();
            let mut end = slash;
            for _ in 0..times {
                let directory = other[..end].to_owned();
                other = distinct_directory(&other, end);
                end += other[end..].find('/').expect("the directory ends further on");
                prop_assert_ne!(&other[..end], &directory[..]);
            }
            assert_safe(&other);
        }
    }
}
