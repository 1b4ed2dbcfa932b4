//! Gives every new row a name of its own, and finds rows that ask for a URL which an earlier row fetches.
//!
//! The journal's claims index the owners, in memory that does not grow with the list. Names that differ only in case are one
//! name; a name that another row needs for a directory has an owner, too.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::ops::Range;
use std::sync::Arc;

use longhaul_http::HttpUrl;
use longhaul_journal::storage::Storage;
use longhaul_journal::{BLOCK_ROWS, BlockId, Claims, Entry, Expectation, Row, RowId, RowSet, SpoolReader};

use super::of_url as names;

/// The owner of names that are directories.
const DIRECTORY: u64 = u64::MAX;
/// Directories remembered as claimed, so that a list with many files in one asks once.
const DIRECTORIES_MAX: usize = 4096;
/// Distinct names are 64 bits of a digest: a second attempt is chance, a third one malice.
const ATTEMPTS_MAX: u32 = 8;

/// Knows the owner of every name of the haul.
pub(crate) struct NameOwner {
    claims: Claims,
    rows: SpoolReader,
    /// Blocks of rows of earlier runs whose names are to be claimed again, and have not been yet.
    earlier_blocks: Range<u64>,
    directories: BTreeSet<String>,
    /// Rows that are not part of the haul any more: their names are free.
    forgotten: RowSet,
    /// Owners that gave way, and the last row that has their name since: as many as lines were corrected.
    successors: BTreeMap<u64, u64>,
}

/// The decision about a new row.
#[derive(Debug)]
pub(crate) enum NamedRow {
    /// The row owns its name, which is given unless it is the default one.
    New { name: Option<String> },
    /// An earlier row asks for the same URL.
    Duplicate { of: RowId },
}

impl NameOwner {
    /// The names of earlier runs are claimed again when the first new row asks for one.
    pub(crate) fn new(storage: Arc<dyn Storage>, rows: SpoolReader, forgotten: RowSet) -> Self {
        let earlier_blocks = 0..rows.published().div_ceil(BLOCK_ROWS);
        Self {
            claims: Claims::new(storage),
            rows,
            earlier_blocks,
            directories: BTreeSet::new(),
            forgotten,
            successors: BTreeMap::new(),
        }
    }

    /// Decides about the row that will get the number `row`, and wants the name `wanted` or that of its URL. `read` reads an earlier row; `gives_way` says whether one leaves its name to
    /// another that wants it. May be called again for the same row
    /// after an error.
    pub(crate) fn assign(
        &mut self,
        (url, wanted): (&HttpUrl, Option<&str>),
        expected: &Expectation,
        row: RowId,
        mut read: impl FnMut(RowId) -> io::Result<Row>,
        gives_way: impl Fn(RowId, &Row) -> bool,
    ) -> io::Result<NamedRow> {
        self.claim_earlier_rows()?;
        let default = names::default_name(url);
        let first = wanted.map_or_else(|| default.clone(), str::to_owned);
        let mut name = first.clone();
        for attempt in 0..ATTEMPTS_MAX {
            self.claim_directories(&mut name)?;
            let first_owner = self.claims.claim(names::folded(&name).as_bytes(), row.0)?;
            match first_owner.map(|owner| self.successors.get(&owner).copied().unwrap_or(owner)) {
                Some(owner) if owner == DIRECTORY => {}
                Some(owner) if owner != row.0 => {
                    let owner = RowId(owner);
                    let owner_row = read(owner)?;
                    if asks_for(&owner_row, url, expected) {
                        return Ok(NamedRow::Duplicate { of: owner });
                    }
                    if gives_way(owner, &owner_row) {
                        self.successors.extend(first_owner.map(|owner| (owner, row.0)));
                        return Ok(NamedRow::New { name: (name != default).then_some(name) });
                    }
                }
                _ => return Ok(NamedRow::New { name: (name != default).then_some(name) }),
            }
            name = names::distinct(&first, url, attempt);
        }
        Err(io::Error::other(format!("no free name was found for {url}")))
    }

    fn claim_earlier_rows(&mut self) -> io::Result<()> {
        let mut rows = Vec::new();
        while !self.earlier_blocks.is_empty() {
            self.rows.read_block(BlockId(self.earlier_blocks.start), &mut rows)?;
            for (id, row) in rows.drain(..) {
                let Entry::Fetch { url, name, .. } = row.entry else { continue };
                if !self.forgotten.contains(id) {
                    self.claim_again(id, url.parse().ok().as_ref(), name)?;
                }
            }
            // Not before: a block that met an error is claimed once more, which claims nothing twice.
            self.earlier_blocks.start += 1;
        }
        Ok(())
    }

    /// Claims the name that an earlier run gave to a row.
    fn claim_again(&mut self, row: RowId, url: Option<&HttpUrl>, recorded: Option<String>) -> io::Result<()> {
        let usual = url.map(names::default_name);
        let Some(mut name) = recorded.clone().or_else(|| usual.clone()) else { return Ok(()) };
        self.claim_directories(&mut name)?;
        let owner = self.claims.claim(names::folded(&name).as_bytes(), row.0)?;
        // Two rows have one name only if the first gave way to the second, in a run that ended before the first was forgotten.
        let predecessor = owner.filter(|&owner| owner != DIRECTORY && owner != row.0);
        self.successors.extend(predecessor.map(|owner| (owner, row.0)));
        // A line that repeats a row with a distinct name looks for the usual one first, whose owner may have been forgotten.
        if let (Some(usual), Some(recorded), Some(url)) = (usual, recorded, url)
            && recorded == names::distinct(&usual, url, 0)
        {
            self.claims.claim(names::folded(&usual).as_bytes(), row.0)?;
        }
        Ok(())
    }

    /// Claims every directory of the name; where a file has the name of one, the directory gets another.
    fn claim_directories(&mut self, name: &mut String) -> io::Result<()> {
        let mut from = 0;
        while let Some(slash) = name[from..].find('/') {
            let end = from + slash;
            let key = names::folded(&name[..end]);
            if !self.directories.contains(&key) {
                match self.claims.claim(key.as_bytes(), DIRECTORY)? {
                    None | Some(DIRECTORY) => self.remember(key),
                    Some(_) => {
                        *name = names::distinct_directory(name, end);
                        // The distinct directory is looked at in its turn.
                        continue;
                    }
                }
            }
            from = end + 1;
        }
        Ok(())
    }

    fn remember(&mut self, directory: String) {
        if self.directories.len() >= DIRECTORIES_MAX {
            self.directories.clear();
        }
        self.directories.insert(directory);
    }
}

/// Whether the row fetches this URL and checks everything that is expected of it. Other expectations need a download of their own.
fn asks_for(row: &Row, url: &HttpUrl, expected: &Expectation) -> bool {
    match &row.entry {
        Entry::Fetch { url: text, expected: of_row, .. } => {
            let is_same = || text.parse::<HttpUrl>().is_ok_and(|other| other.as_str() == url.as_str());
            (text == url.as_str() || is_same()) && (of_row == expected || *expected == Expectation::default())
        }
        _ => false,
    }
}
