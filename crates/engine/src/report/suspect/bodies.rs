//! One body for many URLs of a host.

use super::frequent_items::FrequentItems;

/// Bodies of a host that are counted at a time: one that comes with more than a ninth of the rows is among them.
const BODIES: usize = 8;
/// So many URLs with the same body are no accident. Honest duplicates (a licence, an empty tile of a map) reach that, too, and cost
/// one line.
const COPIES_MIN: u32 = 20;
/// The same if all of these URLs were redirected to one and the same URL, as to a login page. Short links to one file are seldom more.
const REDIRECTED_COPIES_MIN: u32 = 10;
/// The same if the media type contradicts the names, which a single copy hardly does by mistake.
const MISTYPED_COPIES_MIN: u32 = 5;
/// Files up to this size are often alike for good reasons: empty ones, `{}`, a header without rows.
const TINY_BYTES_MAX: u64 = 512;
/// As many times the copies are needed of such a file.
const TINY_FACTOR: u32 = 5;
/// Copies are at least one in so many rows since the first of them: an expired session answers every request alike, while honest
/// duplicates are spread over a list.
const SHARE_MIN: u32 = 4;

/// What is known of one row's body.
#[derive(Debug, Clone, Copy)]
pub(super) struct Body {
    pub(super) size: u64,
    /// The first half of its BLAKE3 digest: two bodies of one host do not share it by chance.
    pub(super) digest: [u8; 16],
    /// A hash of the last segment of the URL's path and of its query.
    pub(super) name: u64,
    /// A hash of the URL where redirects ended, if there were any.
    pub(super) final_url: Option<u64>,
    /// The media type contradicts the name.
    pub(super) is_mistyped: bool,
}

/// The bodies of one host.
#[derive(Debug, Default)]
pub(super) struct FrequentBodies(FrequentItems<(u64, [u8; 16]), Copies, BODIES>);

#[derive(Debug)]
struct Copies {
    /// The row of the host that had the first one.
    first_row: u32,
    first: Body,
    /// Those under other names than the first, and the first. The same name in many directories is no wonder: `LICENSE`, `index.html`.
    count: u32,
    is_redirect_common: bool,
    are_mistyped: bool,
}

impl FrequentBodies {
    pub(super) const BYTES_MAX: usize = FrequentItems::<(u64, [u8; 16]), Copies, BODIES>::BYTES_MAX;

    /// Counts a body. If that makes it suspect, returns the number of its copies.
    pub(super) fn count(&mut self, body: Body, row: u32) -> Option<u32> {
        let new = || Copies {
            first_row: row,
            first: body,
            count: 0,
            is_redirect_common: body.final_url.is_some(),
            are_mistyped: body.is_mistyped,
        };
        let copies = self.0.count((body.size, body.digest), new)?;
        if copies.count == 0 || copies.first.name != body.name {
            copies.count += 1;
            copies.is_redirect_common &= copies.first.final_url == body.final_url;
            copies.are_mistyped &= body.is_mistyped;
        }
        let rows = row - copies.first_row + 1;
        let is_common = u64::from(copies.count) * u64::from(SHARE_MIN) >= u64::from(rows);
        (copies.count >= copies.needed() && is_common).then_some(copies.count)
    }
}

impl Copies {
    fn needed(&self) -> u32 {
        let needed = match (self.are_mistyped, self.is_redirect_common) {
            (true, _) => MISTYPED_COPIES_MIN,
            (false, true) => REDIRECTED_COPIES_MIN,
            (false, false) => COPIES_MIN,
        };
        if self.first.size <= TINY_BYTES_MAX { needed * TINY_FACTOR } else { needed }
    }
}
