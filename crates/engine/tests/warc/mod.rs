//! A store that keeps every complete body in one archive: a WARC record of the response that brought it, and one of its request.
//! Unfinished bodies are held in memory.

pub(crate) mod record;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, UNIX_EPOCH};

use longhaul::store::{BodyWriter, Content, ResponseMeta, ResponseRecord, Staged, StagedBody, Store};
use longhaul::{Location, RowId};
use longhaul_journal::storage::{File, FileKind, Metadata, RelativePath, Storage};

use record::Record;

pub(crate) const ARCHIVE: &str = "bodies.warc";

/// Appends complete bodies to one file.
pub(crate) struct WarcStore {
    storage: Arc<dyn Storage>,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Default)]
struct Shared {
    unfinished: BTreeMap<RowId, Unfinished>,
    /// The bodies in the archive, by row.
    bodies: BTreeMap<RowId, (Content, Location)>,
    /// Where the next record begins.
    end: u64,
}

#[derive(Clone, Default)]
struct Unfinished {
    bytes: Vec<u8>,
    changes: u64,
    /// The responses that have brought the bytes, in order.
    responses: Vec<Arc<ResponseRecord>>,
}

impl WarcStore {
    /// Finds the records of earlier runs. What follows the last complete one is overwritten.
    pub(crate) fn open(storage: Arc<dyn Storage>) -> Self {
        let mut shared = Shared::default();
        if let Ok(file) = storage.open_read(&archive()) {
            while let Some(record) = Record::read(&*file, shared.end) {
                if record.field("WARC-Type") == "response" {
                    let body = body_of(&record);
                    let content = Content { size: body.len() as u64, blake3: blake3::hash(body).into() };
                    let location = shared.location(record.length);
                    shared.bodies.insert(RowId(record.number("Longhaul-Row")), (content, location));
                }
                shared.end += record.length;
            }
        }
        Self { storage, shared: Arc::new(Mutex::new(shared)) }
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().expect("no test panics within")
    }

    fn writer(&self, row: RowId) -> Box<dyn BodyWriter> {
        Box::new(WarcBody { row, storage: Arc::clone(&self.storage), shared: Arc::clone(&self.shared) })
    }
}

impl Shared {
    fn location(&self, length: u64) -> Location {
        Location::Record { file: ARCHIVE.into(), offset: self.end, length }
    }
}

impl Store for WarcStore {
    fn records_responses(&self) -> bool {
        true
    }

    fn begin(&self, row: RowId, meta: &ResponseMeta) -> io::Result<Box<dyn BodyWriter>> {
        let shown = format!("{meta:?}");
        assert!(!shown.contains("HTTP/1.1"), "heads hold credentials: {shown}");
        let responses = meta.response.iter().cloned().collect();
        self.shared().unfinished.insert(row, Unfinished { responses, ..Unfinished::default() });
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
        Ok(self.shared().unfinished.get(&row).map(Unfinished::state))
    }

    fn unfinished_place(&self, row: RowId) -> String {
        format!("of row {} in memory", row.0)
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
        let (content, location) = shared.bodies.get(&staged.row).ok_or(io::ErrorKind::NotFound)?;
        assert_eq!(*content, staged.content, "the row's last record is the staged one");
        Ok(location.clone())
    }

    fn sync_published(&self) -> io::Result<()> {
        self.storage.sync_dir(None)
    }

    fn verify(&self, location: &Location, _name: &RelativePath, content: &Content) -> io::Result<bool> {
        let record = read(&*self.storage, location)?;
        Ok(record.is_some_and(|record| *blake3::hash(body_of(&record)).as_bytes() == content.blake3))
    }

    fn recover(&self, row: RowId, name: &RelativePath, content: &Content) -> io::Result<Option<Location>> {
        let body = self.shared().bodies.get(&row).cloned();
        let Some((_, location)) = body.filter(|(recorded, _)| recorded == content) else { return Ok(None) };
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

struct WarcBody {
    row: RowId,
    storage: Arc<dyn Storage>,
    shared: Arc<Mutex<Shared>>,
}

impl BodyWriter for WarcBody {
    fn continue_with(&mut self, response: &Arc<ResponseRecord>) -> io::Result<()> {
        let mut shared = self.shared.lock().expect("no test panics within");
        let body = shared.unfinished.get_mut(&self.row).ok_or(io::ErrorKind::NotFound)?;
        let begins_at = response.offset + response.repeated_bytes;
        assert_eq!(begins_at, body.bytes.len() as u64, "its new bytes begin where the bytes end");
        body.responses.push(Arc::clone(response));
        Ok(())
    }

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
        Ok(shared.unfinished.get(&self.row).map(Unfinished::state).ok_or(io::ErrorKind::NotFound)?)
    }

    fn finish(self: Box<Self>) -> Box<dyn StagedBody> {
        self
    }
}

impl StagedBody for WarcBody {
    /// Appends the records to the archive. They count once the log knows the location.
    fn sync(&mut self) -> io::Result<()> {
        let mut shared = self.shared.lock().expect("no test panics within");
        let Unfinished { bytes, responses, .. } =
            shared.unfinished.remove(&self.row).ok_or(io::ErrorKind::NotFound)?;
        let mut records = Vec::new();
        write_response(&mut records, self.row, &bytes, &responses);
        let location = shared.location(records.len() as u64);
        write_request(&mut records, self.row, &responses);
        let mut file = match self.storage.create(&archive()) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.storage.open(&archive())?,
            created => created?,
        };
        file.write_all_at(&records, shared.end)?;
        file.sync()?;
        let content = Content { size: bytes.len() as u64, blake3: blake3::hash(&bytes).into() };
        shared.end += records.len() as u64;
        shared.bodies.insert(self.row, (content, location));
        Ok(())
    }
}

impl Unfinished {
    fn state(&self) -> Metadata {
        Metadata { len: self.bytes.len() as u64, kind: FileKind::File, modified_unix_ms: self.changes }
    }
}

/// The whole body, behind the head of the response that brought its beginning.
fn write_response(out: &mut Vec<u8>, row: RowId, body: &[u8], responses: &[Arc<ResponseRecord>]) {
    let [first, continuations @ ..] = responses else { panic!("row {row} has a body of no response") };
    let mut fields = fields_of("response", row, first);
    fields.extend([
        ("WARC-IP-Address", first.peer.endpoint.ip().to_string()),
        ("Content-Type", "application/http;msgtype=response".to_owned()),
        ("Longhaul-Port", first.peer.endpoint.port().to_string()),
        ("Longhaul-Head-Length", first.response_head.len().to_string()),
        ("Longhaul-Continuations", continuations.len().to_string()),
    ]);
    assert!(!first.is_continuation() && continuations.iter().all(|response| response.is_continuation()));
    for response in continuations {
        let head = String::from_utf8_lossy(&response.response_head).to_ascii_lowercase();
        assert!(head.contains(&format!("content-range: bytes {}-", response.offset)), "{head}");
    }
    record::write(out, &fields, &[&first.response_head, body]);
}

fn write_request(out: &mut Vec<u8>, row: RowId, responses: &[Arc<ResponseRecord>]) {
    let mut fields = fields_of("request", row, &responses[0]);
    fields.push(("Content-Type", "application/http;msgtype=request".to_owned()));
    record::write(out, &fields, &[&responses[0].request_head]);
}

fn fields_of(kind: &str, row: RowId, response: &ResponseRecord) -> Vec<(&'static str, String)> {
    let date = UNIX_EPOCH + Duration::from_millis(response.first_byte_unix_ms);
    vec![
        ("WARC-Type", kind.to_owned()),
        ("WARC-Record-ID", format!("<urn:longhaul:{kind}:{}>", row.0)),
        ("WARC-Date", humantime::format_rfc3339_millis(date).to_string()),
        ("WARC-Target-URI", response.target_url.as_str().to_owned()),
        ("Longhaul-Row", row.0.to_string()),
        ("Longhaul-Row-URI", response.row_url.as_str().to_owned()),
    ]
}

/// The record at a location in the archive.
pub(crate) fn read(storage: &dyn Storage, location: &Location) -> io::Result<Option<Record>> {
    let Location::Record { offset, length, .. } = location else { return Ok(None) };
    Ok(read_at(storage, *offset)?.filter(|record| record.length == *length))
}

/// The record that begins at an offset of the archive.
pub(crate) fn read_at(storage: &dyn Storage, offset: u64) -> io::Result<Option<Record>> {
    Ok(Record::read(&*storage.open_read(&archive())?, offset))
}

/// The head of the response in a record, as it was received.
pub(crate) fn head_of(record: &Record) -> &[u8] {
    &record.block[..head_len(record)]
}

/// The body in a record.
pub(crate) fn body_of(record: &Record) -> &[u8] {
    &record.block[head_len(record)..]
}

fn head_len(record: &Record) -> usize {
    usize::try_from(record.number("Longhaul-Head-Length")).expect("a head in memory")
}

pub(crate) fn archive() -> RelativePath {
    ARCHIVE.parse().expect("a valid name")
}
