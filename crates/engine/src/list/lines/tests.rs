//! Whatever a list is made of and however it is read, its lines are the same.

use super::*;
use proptest::prelude::*;

/// A line's number, and its text or how it begins and why it was refused.
type SeenLine = (u64, Result<String, (String, &'static str)>);
/// A list, and the numbers and texts of its lines.
type Case<'a> = (&'a [u8], &'a [(u64, &'a str)]);

/// Everything that a reader's lines are, as the caller sees them.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    lines: Vec<SeenLine>,
    number: u64,
    ignored: u64,
}

fn see(reader: impl Read) -> Seen {
    let mut lines = Lines::new(reader);
    let mut seen = Vec::new();
    loop {
        let line = match lines.next_line().expect("these readers do not fail") {
            Some(Line::Text(text)) => Ok(text.to_owned()),
            Some(Line::Refused { excerpt, reason }) => Err((excerpt, reason)),
            None => break,
        };
        seen.push((lines.number(), line));
    }
    assert!(!lines.would_read(), "the end is known once it has been met");
    Seen { lines: seen, number: lines.number(), ignored: lines.ignored() }
}

fn texts(input: &[u8]) -> Vec<(u64, String)> {
    let text = |(number, line): (u64, Result<String, _>)| (number, line.expect("a good line"));
    see(input).lines.into_iter().map(text).collect()
}

/// Gives so many bytes a read, in turn, and is interrupted before each one.
struct Dribble<'a> {
    bytes: &'a [u8],
    sizes: std::iter::Cycle<std::vec::IntoIter<usize>>,
    interrupted: bool,
}

impl<'a> Dribble<'a> {
    fn new(bytes: &'a [u8], sizes: Vec<usize>) -> Self {
        Self { bytes, sizes: sizes.into_iter().cycle(), interrupted: false }
    }
}

impl Read for Dribble<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = self.sizes.next().unwrap_or(1).min(buffer.len());
        self.bytes.read(&mut buffer[..count])
    }
}

#[test]
fn text_comes_without_what_surrounds_it() {
    let cases: [Case<'_>; 10] = [
        (b"", &[]),
        (b"\n\n \t\n", &[]),
        (b"http://a/", &[(1, "http://a/")]),
        (b"http://a/\n", &[(1, "http://a/")]),
        (b"http://a/\r\nhttp://b/\r\n", &[(1, "http://a/"), (2, "http://b/")]),
        (b"\xEF\xBB\xBFhttp://a/\n", &[(1, "http://a/")]),
        (b"\xEF\xBB\xBF# a comment\r\n\r\n  http://a/ \t\n", &[(3, "http://a/")]),
        (b"  # indented\nhttp://a/#fragment\n", &[(2, "http://a/#fragment")]),
        (b"\xEF\xBB\xBF", &[]),
        // A mark anywhere else is text: only editors put it, and only at the beginning.
        (b"x\n\xEF\xBB\xBFy", &[(1, "x"), (2, "\u{FEFF}y")]),
    ];
    for (input, expected) in cases {
        let expected: Vec<(u64, String)> =
            expected.iter().map(|&(number, text)| (number, text.to_owned())).collect();
        assert_eq!(texts(input), expected, "{:?}", String::from_utf8_lossy(input));
    }
}

#[test]
fn what_is_not_utf_8_is_refused_alone() {
    let seen = see(&b"http://a/\nhttp://\xFF\xFE/\nhttp://b/\n"[..]);
    assert_eq!(seen.lines[0], (1, Ok("http://a/".to_owned())));
    let refused = ("http://\u{FFFD}\u{FFFD}/".to_owned(), "the line is not valid UTF-8");
    assert_eq!(seen.lines[1], (2, Err(refused)));
    assert_eq!(seen.lines[2], (3, Ok("http://b/".to_owned())));
}

#[test]
fn a_return_or_a_nul_within_a_line_is_refused_by_number() {
    for (line, reason) in [
        ("a b\rc", RETURN_WITHIN),
        ("# a comment\rhttp://b/", RETURN_WITHIN),
        ("http://b/\r\r\rc\r", RETURN_WITHIN),
        ("http://a/\0b", NUL_WITHIN),
        ("http://b/\0", NUL_WITHIN),
    ] {
        let seen = see(format!("http://a/\n{line}\nhttp://c/\r\n# \0\n\r\r\n").as_bytes());
        let text = |text: &str| Ok(text.to_owned());
        let refused = Err((line.trim_end_matches('\r').to_owned(), reason));
        assert_eq!(seen.lines, [(1, text("http://a/")), (2, refused), (3, text("http://c/"))], "{line:?}");
        assert_eq!((seen.number, seen.ignored), (5, 2), "{line:?}");
    }
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(bytes).collect()
}

#[test]
fn what_is_not_utf_16_is_refused_alone() {
    for (bytes, last) in [(u16::to_le_bytes as fn(u16) -> [u8; 2], 0x61), (u16::to_be_bytes, 0)] {
        let mut input = utf16("http://a/\n", bytes);
        for unit in [0xD800, 0x61, 0x0A, 0xDC00, 0x0A, 0x62, 0x0A, 0xD83D] {
            input.extend(bytes(unit));
        }
        input.push(last);
        let seen = see(Dribble::new(&input, vec![1]));
        assert_eq!(seen, see(&input[..]));
        let good: Vec<_> = seen.lines.iter().filter(|(_, line)| line.is_ok()).map(|(at, _)| *at).collect();
        assert_eq!((good, seen.lines.len()), (vec![1, 4], 5), "{seen:?}");
        let (_, reason) = seen.lines[1].1.clone().expect_err("half a character");
        assert_eq!(reason, "the line is not valid UTF-16");
    }
    // Without a mark nothing says what it is.
    let seen = see(&utf16("http://a/\n", u16::to_le_bytes)[2..]);
    assert!(seen.lines.iter().all(|(_, line)| line.as_ref().is_err_and(|(_, reason)| *reason == NUL_WITHIN)));
}

#[test]
fn every_kind_of_line_is_counted() {
    let seen = see(&b"# one\n\nhttp://a/\n\xFF\n# five"[..]);
    assert_eq!((seen.number, seen.ignored, seen.lines.len()), (5, 3, 2));
}

#[test]
fn the_cap_holds_to_the_byte_however_the_reader_brings_it() {
    for (length, is_text) in [(LINE_BYTES_MAX, true), (LINE_BYTES_MAX + 1, false), (100_000, false)] {
        for end in ["\n", ""] {
            let mut input = b"first\n".to_vec();
            input.extend(std::iter::repeat_n(b'x', length));
            input.extend(end.as_bytes());
            for sizes in [vec![usize::MAX], vec![4096], vec![LINE_BYTES_MAX + 7, 1]] {
                let seen = see(Dribble::new(&input, sizes.clone()));
                assert_eq!(seen.lines.len(), 2, "{length} {end:?} {sizes:?}");
                assert_eq!(seen.lines[1].1.is_ok(), is_text, "{length} {end:?} {sizes:?}");
            }
        }
    }
}

#[test]
fn after_a_line_without_measure_comes_the_next_one() {
    let mut input = vec![b'x'; 1_000_000];
    input.extend(b"\nhttp://good/\n");
    let seen = see(&input[..]);
    let (excerpt, reason) = seen.lines[0].1.clone().expect_err("it is refused");
    assert_eq!((excerpt.len(), reason), (EXCERPT_BYTES_MAX, "the line is longer than 64 KiB"));
    assert_eq!(seen.lines[1..], [(2, Ok("http://good/".to_owned()))]);
}

#[test]
fn a_comment_may_be_as_long_as_it_likes() {
    let mut input = b"\xEF\xBB\xBF  #".to_vec();
    input.extend(std::iter::repeat_n(b'x', 1_000_000));
    input.extend(b"\nhttp://good/");
    let seen = see(&input[..]);
    assert_eq!(seen.lines, [(2, Ok("http://good/".to_owned()))]);
    assert_eq!(seen.ignored, 1);
}

#[test]
fn an_error_of_the_reader_is_told_and_what_came_before_it_is_kept() {
    struct Failing(&'static [u8]);
    impl Read for Failing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.0.is_empty() { Err(io::ErrorKind::ConnectionReset.into()) } else { self.0.read(buffer) }
        }
    }
    let mut lines = Lines::new(Failing(b"http://a/\nhttp://b"));
    assert_eq!(lines.next_line().expect("a line"), Some(Line::Text("http://a/")));
    let error = lines.next_line().expect_err("half a line is no line");
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

/// Pieces that lists and accidents are made of; the long ones make lines around the cap.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(b"\n".to_vec()),
        2 => Just(b"\r\n".to_vec()),
        2 => Just(b"http://a/".to_vec()),
        1 => Just(b"#".to_vec()),
        1 => Just(BYTE_ORDER_MARK.to_vec()),
        1 => Just("\u{1F600}".as_bytes().to_vec()),
        2 => prop::collection::vec(any::<u8>(), 0..20),
        1 => (LINE_BYTES_MAX - 12..LINE_BYTES_MAX + 12).prop_map(|length| vec![b'y'; length]),
        1 => (1_usize..4).prop_map(|times| vec![b' '; times * 40_000]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_list_in_utf_16_has_the_lines_of_the_same_in_utf_8(
        text in "(http://\\PC{0,6}|[\\n\r# \t]|\u{1F600}|\\PC){0,40}",
        sizes in prop::collection::vec(1..9_usize, 1..6),
    ) {
        let mut seen = see(text.as_bytes());
        // The mark is not part of the text.
        if text.starts_with('\u{FEFF}') { seen = see(format!("\u{FEFF}{text}").as_bytes()); }
        for bytes in [u16::to_le_bytes as fn(u16) -> [u8; 2], u16::to_be_bytes] {
            let coded = utf16(&text, bytes);
            prop_assert_eq!(&see(&coded[..]), &seen);
            prop_assert_eq!(&see(Dribble::new(&coded, sizes.clone())), &seen);
        }
    }

    #[test]
    fn any_split_of_the_bytes_into_reads_gives_the_same_lines(
        pieces in prop::collection::vec(piece(), 0..12),
        sizes in prop::collection::vec(prop_oneof![1..9_usize, 1000..140_000_usize], 1..6),
    ) {
        let input = pieces.concat();
        prop_assume!(!input.starts_with(b"\xFE\xFF") && !input.starts_with(b"\xFF\xFE"));
        // Single bytes would take long on long inputs; mixed with large reads they do not.
        let sizes = if input.len() > 10_000 { [sizes, vec![50_000]].concat() } else { sizes };
        let whole = see(&input[..]);
        prop_assert_eq!(&whole, &see(Dribble::new(&input, sizes)));
        if input.len() <= 10_000 {
            prop_assert_eq!(&whole, &see(Dribble::new(&input, vec![1])));
        }
        prop_assert_eq!(whole.number, whole.ignored + whole.lines.len() as u64);
        let ends = input.split(|&byte| byte == b'\n').count() as u64 - 1;
        let has_unended = input.last().is_some_and(|&byte| byte != b'\n');
        prop_assert_eq!(whole.number, ends + u64::from(has_unended));
    }
}
