//! The files that are served: which paths exist, and their contents.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::{PoisonError, RwLock};

use super::content::Content;
use super::target::{SIZE_BYTES_MAX, Target};
use crate::random::Share;
use crate::random::{DrawPurpose, draw, scale};

/// How the length of a path is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes(RangeInclusive<u64>);

impl Sizes {
    /// Every path has `bytes` bytes; at most [`SIZE_BYTES_MAX`].
    pub fn fixed(bytes: u64) -> Self {
        Self::between(bytes, bytes)
    }

    /// Every path has between `bytes_min` and `bytes_max` bytes, both included, evenly distributed; at most
    /// [`SIZE_BYTES_MAX`]. Bounds in the wrong order are swapped.
    pub fn between(bytes_min: u64, bytes_max: u64) -> Self {
        let (low, high) = (bytes_min.min(bytes_max), bytes_min.max(bytes_max));
        Self(low.min(SIZE_BYTES_MAX)..=high.min(SIZE_BYTES_MAX))
    }

    fn size_of(&self, drawn: u64) -> u64 {
        self.0.start() + scale(drawn, self.0.end() - self.0.start() + 1)
    }
}

impl Default for Sizes {
    /// 1 KiB to 64 KiB, as most files of a long list.
    fn default() -> Self {
        Self::between(1024, 64 * 1024)
    }
}

/// An unlimited tree of files: every path has content, unless it was made absent.
///
/// Content, length and existence are pure functions of the seed and the path. A site can change while it is served: a path
/// can disappear, come back, or get other content of the same length.
#[derive(Debug)]
pub struct Site {
    seed: u64,
    sizes: Sizes,
    absent_share: Share,
    changes: RwLock<Changes>,
}

/// Changes since the start. Only calls of the site's owner add to them, never requests.
#[derive(Debug, Default)]
struct Changes {
    generation: u16,
    paths: BTreeMap<String, PathChange>,
}

#[derive(Debug, Default, Clone, Copy)]
struct PathChange {
    generation: u16,
    exists: Option<bool>,
}

impl Site {
    /// A site on which every path exists, with the [default sizes](Sizes::default).
    pub fn new(seed: u64) -> Self {
        Self { seed, sizes: Sizes::default(), absent_share: Share::NONE, changes: RwLock::default() }
    }

    /// Chooses lengths in another way.
    #[must_use]
    pub fn with_sizes(mut self, sizes: Sizes) -> Self {
        self.sizes = sizes;
        self
    }

    /// Makes this share of the paths absent: they are always `404`.
    #[must_use]
    pub fn with_absent_share(mut self, share: Share) -> Self {
        self.absent_share = share;
        self
    }

    /// The seed that everything is drawn from.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether the path exists; its query is ignored.
    pub fn exists(&self, path: &str) -> bool {
        let target = Target::parse(path);
        let change = self.read(|changes| changes.paths.get(target.path()).copied()).unwrap_or_default();
        let drawn = || !self.absent_share.covers(draw(self.seed, DrawPurpose::Absence, target.path(), 0));
        change.exists.unwrap_or_else(drawn)
    }

    /// The present content of a path, whether it exists or not. A `?size=N` in the path sets the length.
    pub fn content(&self, path: &str) -> Content {
        self.content_of(&Target::parse(path))
    }

    pub(crate) fn content_of(&self, target: &Target) -> Content {
        let resource = target.resource();
        let generation = self.read(|changes| {
            let own = changes.paths.get(target.path()).map_or(0, |change| change.generation);
            changes.generation.wrapping_add(own)
        });
        let key = draw(self.seed, DrawPurpose::Content, &resource, generation.into());
        let len = target
            .size_bytes()
            .unwrap_or_else(|| self.sizes.size_of(draw(self.seed, DrawPurpose::Size, target.path(), 0)));
        Content::new(key, len, generation)
    }

    /// Makes one path exist or not, whatever was drawn for it.
    pub fn set_exists(&self, path: &str, exists: bool) {
        self.change(path, |change| change.exists = Some(exists));
    }

    /// Gives every path other content of the same length, with other validators, from the next request on. Bodies in
    /// progress are completed with the old content.
    pub fn next_generation(&self) {
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        changes.generation = changes.generation.wrapping_add(1);
    }

    /// Like [`next_generation`](Self::next_generation), for one path.
    pub fn next_generation_of(&self, path: &str) {
        self.change(path, |change| change.generation = change.generation.wrapping_add(1));
    }

    fn change(&self, path: &str, edit: impl FnOnce(&mut PathChange)) {
        let mut changes = self.changes.write().unwrap_or_else(PoisonError::into_inner);
        edit(changes.paths.entry(Target::parse(path).path().to_owned()).or_default());
    }

    fn read<T>(&self, look: impl FnOnce(&Changes) -> T) -> T {
        look(&self.changes.read().unwrap_or_else(PoisonError::into_inner))
    }
}
