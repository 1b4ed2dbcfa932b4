//! Measures `verify` on a haul that it makes: so many files of so many bytes, in directories of 1,000.
//!
//! `cargo run --release -p longhaul --example verify_figures -- DIR FILES BYTES`

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use longhaul::verify::Verify;
use longhaul::{Expectation, Fields};
use longhaul_journal::storage::{DiskStorage, Storage};
use longhaul_journal::{Done, Entry, Journal, Opened, Record, Row};
use longhaul_socket::clock;

const FILES_PER_DIRECTORY: u64 = 1_000;
const RECORDS_PER_COMMIT: u64 = 10_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [directory, files, bytes] = &arguments[..] else { return Err("expected DIR FILES BYTES".into()) };
    let (directory, files, bytes) = (Path::new(directory), files.parse()?, bytes.parse()?);
    if DiskStorage::open(directory, false).is_err() {
        println!("making {files} files of {bytes} bytes");
        make(directory, files, bytes)?;
    }
    for (name, is_quick) in [("--quick", true), ("", false), ("again", false)] {
        let start = clock::now();
        let report =
            Verify::of_directory(directory)?.quick(is_quick).run(|finding| println!("{finding:?}"))?;
        print(name, report.files, report.bytes_read, clock::now() - start);
    }
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "for people")]
fn print(name: &str, files: u64, bytes: u64, elapsed: Duration) {
    let seconds = elapsed.as_secs_f64();
    println!(
        "verify {name:8} {files} files in {seconds:.2} s: {:.0} files/s, {:.1} MB/s",
        files as f64 / seconds,
        bytes as f64 / 1e6 / seconds
    );
}

fn make(directory: &Path, files: u64, bytes: usize) -> Result<(), Box<dyn Error>> {
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::open(directory, true)?);
    let Opened { lock, mut spool, mut log, .. } = Journal::open(Arc::clone(&storage), 1, [1; 16], "figures")?;
    let source = spool.append_source("list")?;
    for number in 0..files {
        let name = format!("host.test/{}/{number}.bin", number / FILES_PER_DIRECTORY);
        let entry =
            Entry::Fetch { url: format!("http://{name}"), name: None, expected: Expectation::default() };
        let row = spool.append(&Row { source, line: number + 1, entry, fields: Fields::default() })?;
        let path = name.parse()?;
        if number % FILES_PER_DIRECTORY == 0 {
            storage.create_dir_all(&format!("host.test/{}", number / FILES_PER_DIRECTORY).parse()?)?;
        }
        let content = number.to_le_bytes().repeat(bytes.div_ceil(8));
        let mut file = storage.create(&path)?;
        file.write_all_at(&content[..bytes], 0)?;
        let done = Done {
            modified_unix_ms: Some(file.metadata()?.modified_unix_ms),
            ..Done::of_file(bytes as u64, blake3::hash(&content[..bytes]).into())
        };
        if number % RECORDS_PER_COMMIT == 0 {
            spool.flush()?;
            log.commit()?;
        }
        log.record(&Record::Done(row, done))?;
    }
    spool.flush()?;
    log.commit()?;
    drop(lock);
    Ok(())
}
