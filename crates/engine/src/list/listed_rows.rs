//! Which rows the lists of a haul say, as they were read last.
//!
//! A list that has changed is read again, and its lines are new rows from the first difference on. So the rows of a list are those of its
//! last reading, and those of each earlier reading as far as no later one has replaced them. A list that was copied has the rows of the
//! list that it is a copy of.

use std::collections::BTreeMap;
use std::io;

use longhaul_journal::{Entry, Row, RowId, Source, SourceId, SpoolReader};

/// Rows by their places in the lists: of each source, those before a line.
#[derive(Clone, Debug, Default)]
pub(crate) struct ListedRows(BTreeMap<SourceId, u64>);

impl ListedRows {
    /// Whether the row of this line is one of them.
    pub(crate) fn contains(&self, source: SourceId, line: u64) -> bool {
        self.0.get(&source).is_some_and(|&end| line < end)
    }

    /// Of these rows, the ones before `line` of the list.
    pub(super) fn before(&self, line: u64) -> Self {
        Self(self.0.iter().map(|(&source, &end)| (source, end.min(line))).collect())
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (&source, &end) in &other.0 {
            let known = self.0.entry(source).or_insert(end);
            *known = end.max(*known);
        }
    }

    fn with_source(mut self, source: SourceId) -> Self {
        self.0.insert(source, u64::MAX);
        self
    }
}

/// The lists of a haul and their rows.
#[derive(Debug)]
pub(crate) struct HaulLists {
    sources: Vec<Source>,
    /// For each source, what its list said when it was read last, and beyond: a source that ends early may go on later.
    rows: Vec<ListedRows>,
}

impl HaulLists {
    /// Of the sources that the spool has now. Reads the spool if a list has been read more than once.
    pub(crate) fn of(spool: &SpoolReader) -> io::Result<Self> {
        let sources = spool.sources();
        let is_read_again = |(at, source): (usize, &Source)| {
            sources[..at].iter().any(|earlier| earlier.label == source.label)
        };
        let first_lines =
            if sources.iter().enumerate().any(is_read_again) { first_lines(spool)? } else { BTreeMap::new() };
        let mut rows: Vec<ListedRows> = Vec::with_capacity(sources.len());
        let mut latest: BTreeMap<&str, usize> = BTreeMap::new();
        for (at, source) in sources.iter().enumerate() {
            let end = source.end.as_ref();
            let copied =
                end.and_then(|end| Some((rows.get(place(end.copy_of?))?, end.lines.saturating_add(1))));
            let said = if let Some((original, end)) = copied {
                original.before(end)
            } else {
                let first_line = first_lines.get(&source.id).copied().unwrap_or(u64::MAX);
                let first_line = first_line.min(end_of(source));
                let earlier = latest.get(source.label.as_str());
                earlier.map_or_else(ListedRows::default, |&earlier| rows[earlier].before(first_line))
            };
            rows.push(said.with_source(source.id));
            latest.insert(&source.label, at);
        }
        Ok(Self { sources, rows })
    }

    /// The last reading of a list.
    pub(super) fn latest(&self, label: &str) -> Option<&Source> {
        self.sources.iter().rev().find(|source| source.label == label)
    }

    /// What the list said up to its last reading, also behind the line at which that ended.
    pub(super) fn read_before(&self, latest: SourceId) -> ListedRows {
        self.rows.get(place(latest)).cloned().unwrap_or_default()
    }

    /// The rows of one list.
    pub(crate) fn of_list(&self, label: &str) -> ListedRows {
        let Some(latest) = self.latest(label) else { return ListedRows::default() };
        if latest.identity().is_some() {
            return self.rows[place(latest.id)].before(end_of(latest));
        }
        // What is typed or piped takes nothing back, nor does a list that has not been read to its end.
        let readings = self.sources.iter().filter(|source| source.label == label);
        readings.fold(ListedRows::default(), |rows, source| rows.with_source(source.id))
    }

    /// The rows of all lists; `except` names one that is left out.
    pub(crate) fn all(&self, except: Option<&str>) -> ListedRows {
        let mut all = ListedRows::default();
        for (at, source) in self.sources.iter().enumerate() {
            let is_last = self.sources[at + 1..].iter().all(|later| later.label != source.label);
            if is_last && except != Some(&source.label) {
                all.add(&self.of_list(&source.label));
            }
        }
        all
    }

    /// Whether any list is a file that has been read to its end: only such a list takes rows back.
    pub(super) fn has_files(&self) -> bool {
        self.sources.iter().any(|source| source.identity().is_some())
    }
}

fn place(source: SourceId) -> usize {
    usize::try_from(source.0).unwrap_or(usize::MAX)
}

/// The first line behind the end of a source.
fn end_of(source: &Source) -> u64 {
    source.end.as_ref().map_or(u64::MAX, |end| end.lines.saturating_add(1))
}

/// The line of each source's first row.
fn first_lines(spool: &SpoolReader) -> io::Result<BTreeMap<SourceId, u64>> {
    let mut first_lines = BTreeMap::new();
    spool.for_each_row(|_, row| {
        if row.entry != Entry::Lost {
            first_lines.entry(row.source).or_insert(row.line);
        }
    })?;
    Ok(first_lines)
}

/// The rows that another line asks for, too: of the lines for which `counts` says so. Reads the spool once.
pub(crate) fn repeated_rows(
    spool: &SpoolReader,
    counts: impl Fn(RowId, &Row) -> bool,
) -> io::Result<RowBits> {
    let mut repeated = RowBits::new(spool.published());
    spool.for_each_row(|id, row| {
        if let Entry::Duplicate { of, .. } = row.entry
            && counts(id, &row)
        {
            repeated.insert(of);
        }
    })?;
    Ok(repeated)
}

/// A set of rows that takes a bit for each row of the haul.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowBits(Vec<u8>);

impl RowBits {
    /// An empty set of rows below this number; others are not in it, whatever is inserted.
    pub(crate) fn new(rows: u64) -> Self {
        Self(vec![0; usize::try_from(rows.div_ceil(8)).unwrap_or(usize::MAX)])
    }

    pub(crate) fn insert(&mut self, row: RowId) {
        if let Some(byte) = usize::try_from(row.0 / 8).ok().and_then(|index| self.0.get_mut(index)) {
            *byte |= 1 << (row.0 % 8);
        }
    }

    pub(crate) fn contains(&self, row: RowId) -> bool {
        let byte = usize::try_from(row.0 / 8).ok().and_then(|index| self.0.get(index));
        byte.is_some_and(|byte| byte & 1 << (row.0 % 8) != 0)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = RowId> {
        (0..self.0.len() as u64 * 8).map(RowId).filter(|row| self.contains(*row))
    }
}
