//! The engine over another store than one file for each body: every complete body is a record of one archive file, and
//! unfinished bodies are held in memory. A whole haul goes through crashes over it.

mod world;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use longhaul::store::{BodyWriter, Content, ResponseMeta, Staged, StagedBody, Store};
use longhaul::{Location, RowId};
use longhaul_journal::storage::{File, FileKind, Metadata, RelativePath, Storage};
use longhaul_journal::{Entry, Journal, RecordedOutcome};
use longhaul_origin::{FaultMix, Site, Sizes};
use world::{Crash, ORIGIN, Plan, What, World, list, path, simulate};

const ARCHIVE: &str = "bodies.archive";
/// Row (8 bytes), length (8), BLAKE3 digest (32); the body follows.
const RECORD_HEADER_BYTES: u64 = 48;
const HEADER_LEN: usize = 48;
const FILES: usize = 60;

/// Appends complete bodies to one file.
struct RecordStore {
    storage: Arc<dyn Storage>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    unfinished: BTreeMap<RowId, Body>,
    /// The records in the archive, by row.
    records: BTreeMap<RowId, (Content, Location)>,
    /// Where the next record begins.
    end: u64,
}

#[derive(Clone, Default)]
struct Body {
    bytes: Vec<u8>,
    changes: u64,
}

impl RecordStore {
    /// Finds the records of earlier runs. What follows the last complete one is overwritten.
    fn open(storage: Arc<dyn Storage>) -> Self {
        let mut shared = Shared::default();
        if let Ok(file) = storage.open_read(&archive()) {
            while let Some((row, content)) = read_header(&*file, shared.end) {
                let Some(body) = read_body(&*file, shared.end, content.size) else { break };
                if *blake3::hash(&body).as_bytes() != content.blake3 {
                    break;
                }
                let location = shared.location(content.size);
                shared.end += RECORD_HEADER_BYTES + content.size;
                shared.records.insert(row, (content, location));
            }
        }
        Self { storage, shared: Arc::new(Mutex::new(shared)) }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no test panics within")
    }

    fn writer(&self, row: RowId) -> Box<dyn BodyWriter> {
        Box::new(RecordBody { row, storage: Arc::clone(&self.storage), shared: Arc::clone(&self.shared) })
    }
}

impl Shared {
    fn location(&self, size: u64) -> Location {
        let length = RECORD_HEADER_BYTES + size;
        Location::Record { file: ARCHIVE.into(), offset: self.end, length }
    }
}

impl Store for RecordStore {
    fn begin(&self, row: RowId, _meta: &ResponseMeta) -> io::Result<Box<dyn BodyWriter>> {
        self.shared().unfinished.insert(row, Body::default());
        Ok(self.writer(row))
    }

    fn reopen(&self, row: RowId, len: u64, state: &Metadata) -> io::Result<Option<Box<dyn BodyWriter>>> {
        if self.unfinished(row)?.as_ref() != Some(state) {
            return Ok(None);
        }
        if let Some(body) = self.shared().unfinished.get_mut(&row) {
            body.bytes.truncate(usize::try_from(len).expect("a body in memory"));
        }
        Ok(Some(self.writer(row)))
    }

    fn discard(&self, row: RowId) -> io::Result<()> {
        self.shared().unfinished.remove(&row);
        Ok(())
    }

    fn unfinished(&self, row: RowId) -> io::Result<Option<Metadata>> {
        Ok(self.shared().unfinished.get(&row).map(Body::state))
    }

    /// After a crash nothing is left to be read, and within a run the engine knows what it has written.
    fn read_unfinished(&self, _row: RowId) -> io::Result<Option<Box<dyn File>>> {
        Ok(None)
    }

    fn sync_begun(&self) -> io::Result<()> {
        Ok(())
    }

    fn publish(&self, staged: &Staged, _name: &RelativePath) -> io::Result<Location> {
        let shared = self.shared();
        let (content, location) = shared.records.get(&staged.row).ok_or(io::ErrorKind::NotFound)?;
        assert_eq!(*content, staged.content, "the row's last record is the staged one");
        Ok(location.clone())
    }

    fn sync_published(&self) -> io::Result<()> {
        self.storage.sync_dir(None)
    }

    fn verify(&self, location: &Location, _name: &RelativePath, content: &Content) -> io::Result<bool> {
        let Location::Record { file, offset, .. } = location else { return Ok(false) };
        let file = self.storage.open_read(&file.parse().map_err(io::Error::other)?)?;
        let body = read_body(&*file, *offset, content.size);
        Ok(body.is_some_and(|body| *blake3::hash(&body).as_bytes() == content.blake3))
    }

    fn recover(&self, row: RowId, name: &RelativePath, content: &Content) -> io::Result<Option<Location>> {
        let record = self.shared().records.get(&row).cloned();
        let Some((_, location)) = record.filter(|(recorded, _)| recorded == content) else { return Ok(None) };
        if !self.verify(&location, name, content)? {
            return Ok(None);
        }
        self.storage.open(&archive())?.sync()?;
        self.sync_published()?;
        Ok(Some(location))
    }

    fn is_occupied(&self, _name: &RelativePath) -> bool {
        false
    }
}

struct RecordBody {
    row: RowId,
    storage: Arc<dyn Storage>,
    shared: Arc<Mutex<Shared>>,
}

impl BodyWriter for RecordBody {
    fn append(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut shared = self.shared.lock().expect("no test panics within");
        let body = shared.unfinished.get_mut(&self.row).ok_or(io::ErrorKind::NotFound)?;
        body.bytes.truncate(usize::try_from(offset).expect("a body in memory"));
        body.bytes.extend_from_slice(bytes);
        body.changes += 1;
        Ok(())
    }

    /// Memory does not survive anything: durable is what is in the archive.
    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn state(&self) -> io::Result<Metadata> {
        let shared = self.shared.lock().expect("no test panics within");
        Ok(shared.unfinished.get(&self.row).map(Body::state).ok_or(io::ErrorKind::NotFound)?)
    }

    fn finish(self: Box<Self>) -> Box<dyn StagedBody> {
        self
    }
}

impl StagedBody for RecordBody {
    /// Appends the record to the archive. It counts once the log knows its location.
    fn sync(&mut self) -> io::Result<()> {
        let mut shared = self.shared.lock().expect("no test panics within");
        let bytes = shared.unfinished.remove(&self.row).ok_or(io::ErrorKind::NotFound)?.bytes;
        let content = Content { size: bytes.len() as u64, blake3: blake3::hash(&bytes).into() };
        let mut record = self.row.0.to_le_bytes().to_vec();
        record.extend_from_slice(&content.size.to_le_bytes());
        record.extend_from_slice(&content.blake3);
        record.extend_from_slice(&bytes);
        let mut file = match self.storage.create(&archive()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.storage.open(&archive())?,
            created => created?,
        };
        file.write_all_at(&record, shared.end)?;
        file.sync()?;
        let location = shared.location(content.size);
        shared.end += record.len() as u64;
        shared.records.insert(self.row, (content, location));
        Ok(())
    }
}

impl Body {
    fn state(&self) -> Metadata {
        Metadata { len: self.bytes.len() as u64, kind: FileKind::File, modified_unix_ms: self.changes }
    }
}

fn archive() -> RelativePath {
    ARCHIVE.parse().expect("a valid name")
}

fn read_header(file: &dyn File, offset: u64) -> Option<(RowId, Content)> {
    let mut header = [0; HEADER_LEN];
    (file.read_at(&mut header, offset).ok()? == header.len()).then_some(())?;
    let number = |at: usize| u64::from_le_bytes(header[at..at + 8].try_into().expect("eight bytes"));
    let blake3 = header[16..].try_into().expect("32 bytes");
    Some((RowId(number(0)), Content { size: number(8), blake3 }))
}

fn read_body(file: &dyn File, offset: u64, size: u64) -> Option<Vec<u8>> {
    let end = offset.checked_add(RECORD_HEADER_BYTES)?.checked_add(size)?;
    (end <= file.len().ok()?).then_some(())?;
    let mut body = vec![0; usize::try_from(size).ok()?];
    (file.read_at(&mut body, offset + RECORD_HEADER_BYTES).ok()? == body.len()).then_some(body)
}

fn over_records(plan: Plan<'_>) -> Plan<'_> {
    plan.store(|storage| Arc::new(RecordStore::open(storage)))
}

/// Every row is done, at a location where the archive holds the site's bytes; and there is no file but the archive.
fn assert_every_record_is_right(world: &World, site: &Site) {
    let storage: Arc<dyn Storage> = Arc::new(world.storage());
    let store = RecordStore::open(Arc::clone(&storage));
    let mut rows = 0;
    let journal = Journal::read(Arc::clone(&storage)).expect("a journal");
    journal
        .for_each_outcome(|row, read, outcome| {
            let (Entry::Fetch { url, .. }, RecordedOutcome::Done(done)) = (&read.entry, &outcome) else {
                panic!("row {row} is {outcome:?}");
            };
            let path = url.replacen("http://origin.test", "", 1);
            let expected = site.content(&path).to_vec();
            assert_eq!(*blake3::hash(&expected).as_bytes(), done.blake3, "{path}");
            let content = Content { size: done.size, blake3: done.blake3 };
            let is_right = store.verify(&done.location, &archive(), &content).expect("a readable archive");
            assert!(is_right, "{path} is not at {:?}", done.location);
            rows += 1;
        })
        .expect("a readable journal");
    assert_eq!(rows, FILES);
    let root = storage.metadata(&ORIGIN.parse().expect("a valid name")).expect("readable");
    assert_eq!(root, None, "no body has a file of its own");
    assert_eq!(world.parts(), Vec::<String>::new(), "no body is under way in a file of its own");
}

#[test]
fn a_haul_into_one_archive_survives_crashes() {
    let new_world = |seed| {
        let site = Site::new(seed).with_sizes(Sizes::between(0, 600_000));
        World::serving(seed, site, FaultMix::rehearsal())
    };
    for seed in 0..12 {
        simulate(async {
            let (world, origin) = new_world(seed);
            let mut random = fastrand::Rng::with_seed(seed);
            let mut settled: BTreeMap<String, u64> = BTreeMap::new();
            for _ in 0..2 {
                let crash = if random.bool() { Crash::Kill } else { Crash::PowerLoss };
                let plan = world.haul(list(FILES)).crash_at_event(random.usize(60..240), crash);
                let run = over_records(plan).run().await;
                for told in run.all(What::Done) {
                    let path = told.url.replacen("http://origin.test", "", 1);
                    settled.insert(path.clone(), origin.requests_of(&path));
                }
            }
            assert!(!settled.is_empty(), "the crashes come too early to show anything");
            let run = over_records(world.haul(list(FILES))).run().await;
            assert_eq!(run.counts(), (FILES as u64, 0, 0, 0), "{:#?}", run.report());
            for (path, requests) in settled {
                assert_eq!(origin.requests_of(&path), requests, "{path} was requested again");
            }
            assert_every_record_is_right(&world, origin.site());
            let again = over_records(world.haul(list(FILES))).run().await;
            assert_eq!(again.report().requests, 0, "a complete haul sends no request");
        });
    }
}

/// A crash at each event of a commit: the body is in the archive, or it is fetched again; it is never reported twice.
#[test]
fn a_crash_after_any_outcome_loses_no_record() {
    for outcome in 1..20 {
        simulate(async {
            let site = Site::new(3).with_sizes(Sizes::between(0, 40_000));
            let (world, origin) = World::serving(3, site, FaultMix::none());
            let mut outcomes = 0;
            let plan = world.haul(list(FILES)).crash_when(Crash::PowerLoss, move |told| {
                outcomes += usize::from(told.is_outcome());
                outcomes == outcome
            });
            over_records(plan).run().await;
            let run = over_records(world.haul(list(FILES))).run().await;
            assert_eq!(run.counts(), (FILES as u64, 0, 0, 0));
            assert_every_record_is_right(&world, origin.site());
            assert!(origin.requests_of(&path(0)) <= 2, "a body is fetched again at most once");
        });
    }
}
