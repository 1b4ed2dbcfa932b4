//! Compares the files on disk and the records of the haul with what the server has.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read as _};
use std::path::Path;

use longhaul::{Class, RowOutcome, Status};
use longhaul_origin::Content;

use super::server::RehearsalServer;
use crate::error::CommandError;
use crate::files;

/// Bytes compared at once.
const PIECE_BYTES: usize = 64 * 1024;

/// Files and reports by how they compare.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Number of files that equal those of the server, byte for byte.
    pub(super) right: u64,
    /// Files that the server has and that are missing on disk or in the records.
    pub(super) lost: Vec<String>,
    /// Files whose bytes differ from the server's.
    pub(super) wrong: Vec<String>,
    /// Number of URLs that the server does not have and that were reported once, as not found.
    pub(super) absent: u64,
    /// Reports that do not agree with the server.
    pub(super) misreported: Vec<String>,
    /// Files that belong to no row.
    pub(super) strange: Vec<String>,
}

/// The part of a row's record that is checked.
struct Recorded {
    rows: u64,
    name: Option<String>,
    is_done: bool,
    is_not_found: bool,
}

/// Compares every file below `directory` and every record.
pub(super) fn inspect(server: &RehearsalServer, directory: &Path) -> Result<Findings, CommandError> {
    let broken = |source| CommandError::Rehearsal { what: "the files cannot be inspected", source };
    let recorded = records(directory)?;
    let mut findings = Findings::default();
    let mut expected = BTreeSet::new();
    for (url, path) in server.urls().zip(server.paths()) {
        let Some(record) = recorded.get(&url) else {
            findings.lost.push(url);
            continue;
        };
        if record.rows != 1 {
            findings.misreported.push(format!("{url}: recorded {} times", record.rows));
        }
        if !server.site().exists(&path) {
            if record.is_not_found {
                findings.absent += 1;
            } else {
                findings
                    .misreported
                    .push(format!("{url}: does not exist, but was not reported as not found"));
            }
            continue;
        }
        if !record.is_done {
            findings.misreported.push(format!("{url}: exists, but was not reported as done"));
        }
        let Some(name) = &record.name else {
            findings.lost.push(url);
            continue;
        };
        match holds(&directory.join(name), server.site().content(&path)) {
            Ok(true) => findings.right += 1,
            Ok(false) => findings.wrong.push(url),
            Err(error) if error.kind() == io::ErrorKind::NotFound => findings.lost.push(url),
            Err(error) => return Err(broken(error)),
        }
        expected.insert(name.clone());
    }
    let found = files::all_files(directory).map_err(broken)?;
    findings.strange = found.into_iter().filter(|name| !expected.contains(name)).collect();
    Ok(findings)
}

fn records(directory: &Path) -> Result<BTreeMap<String, Recorded>, CommandError> {
    let mut records: BTreeMap<String, Recorded> = BTreeMap::new();
    Status::read(directory)?.for_each_row(|row| {
        let failed = match row.outcome {
            RowOutcome::Failed(failed) => failed.status,
            _ => None,
        };
        let record = Recorded {
            rows: 1,
            name: row.name.clone(),
            is_done: matches!(row.outcome, RowOutcome::Done(_)),
            is_not_found: failed == Some(404) && row.outcome.class() == Some(Class::ClientError),
        };
        records.entry(row.url.clone()).and_modify(|earlier| earlier.rows += 1).or_insert(record);
    })?;
    Ok(records)
}

/// True if the file holds exactly this content.
pub(super) fn holds(path: &Path, content: Content) -> io::Result<bool> {
    let mut file = files::open(path)?;
    if file.metadata()?.len() != content.len() {
        return Ok(false);
    }
    let (mut read, mut served) = (vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]);
    let mut offset = 0;
    loop {
        let expected = content.fill(offset, &mut served);
        if expected == 0 {
            return Ok(true);
        }
        match file.read_exact(&mut read[..expected]) {
            Ok(()) if read[..expected] == served[..expected] => offset += expected as u64,
            Ok(()) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::Duration;

    use longhaul::Haul;

    use super::*;
    use crate::files::ScratchDirectory;

    /// The inspection has to notice each kind of finding: one that notices nothing proves nothing.
    #[test]
    fn every_kind_of_damage_is_found() {
        let server = RehearsalServer::start(12, 3).expect("a server on loopback");
        for path in server.paths() {
            server.site().set_exists(&path, path != "/files/000005.bin");
        }
        let scratch = ScratchDirectory::new("inspection-test").expect("a directory");
        let builder = Haul::builder(scratch.path()).timeout(Duration::from_secs(1));
        let haul = server.urls().fold(builder, longhaul::Builder::url).build().expect("a haul");
        haul.run().expect("a run");
        let findings = inspect(&server, scratch.path()).expect("an inspection");
        assert_eq!((findings.right, findings.absent), (11, 1));
        assert!(findings.lost.is_empty() && findings.wrong.is_empty());
        assert!(findings.misreported.is_empty() && findings.strange.is_empty());

        // One file gets an extra byte, the server changes another one and creates a third, and a stray file appears.
        let names = files::all_files(scratch.path()).expect("names");
        let longer = scratch.path().join(&names[1]);
        files::append(&longer).and_then(|mut file| file.write_all(b"!")).expect("appended");
        files::create(&scratch.path().join("stray")).expect("created");
        server.site().set_exists("/files/000005.bin", true);
        let changed = server.paths().find(|path| !names[1].ends_with(path.as_str()) && !path.contains('?'));
        server.site().next_generation_of(&changed.expect("another one"));
        let findings = inspect(&server, scratch.path()).expect("an inspection");
        assert_eq!((findings.right, findings.absent), (9, 0));
        assert_eq!((findings.wrong.len(), findings.lost.len()), (2, 1));
        assert_eq!((findings.misreported.len(), findings.strange), (1, vec!["stray".to_owned()]));
    }
}
