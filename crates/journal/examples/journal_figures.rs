//! Measures the journal on a real file system: `cargo run --release -p longhaul-journal --example journal_figures -- DIR
//! [ROWS...]`.
//!
//! DIR must not exist yet; each run of a size uses a directory beneath it, which is left for inspection.
#![expect(clippy::disallowed_methods, reason = "a tool that measures reads the clock and its own /proc file")]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use longhaul_journal::storage::{DiskStorage, Storage};
use longhaul_journal::{Claims, Done, Entry, Expectation, Journal, Record, Row, RowId, Verification};

/// Outcomes in one commit.
const GROUP_RECORDS: u64 = 1000;
const BOOT_ID: [u8; 16] = [7; 16];
const NOW_UNIX_MS: u64 = 1_800_000_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("usage: journal_figures DIR [ROWS...]")?;
    let mut sizes: Vec<u64> = arguments.map(|argument| argument.parse()).collect::<Result<_, _>>()?;
    if sizes.is_empty() {
        sizes = vec![20_000, 1_000_000, 5_000_000];
    }
    for rows in sizes {
        measure(&Path::new(&directory).join(rows.to_string()), rows)?;
    }
    Ok(())
}

fn measure(directory: &Path, rows: u64) -> Result<(), Box<dyn Error>> {
    println!("{rows} rows");
    let storage: Arc<dyn Storage> = Arc::new(DiskStorage::open(directory, true)?);

    let (opened, elapsed) = timed(|| Journal::open(Arc::clone(&storage), NOW_UNIX_MS, BOOT_ID, "figures"))?;
    println!("  open, empty            {elapsed:>10.1?}");
    let mut spool = opened.spool;
    let ((), elapsed) = timed(|| {
        let source = spool.append_source("list.txt")?;
        for line in 1..=rows {
            let url = format!(
                "https://example.org/archive/2026/collection-{:04}/object-{line:09}.warc.gz",
                line % 977
            );
            spool.append(&Row {
                source,
                line,
                entry: Entry::Fetch { url, name: None, expected: Expectation::default() },
                fields: longhaul_journal::Fields::default(),
            })?;
        }
        spool.flush()
    })?;
    println!("  append and flush rows  {elapsed:>10.1?}  {}", rate(rows, elapsed));
    let ((), elapsed) = timed(|| spool.sync())?;
    println!("  sync                   {elapsed:>10.1?}");

    let mut log = opened.log;
    let mut record_time = Duration::ZERO;
    let ((), elapsed) = timed(|| {
        for first in (0..rows).step_by(usize::try_from(GROUP_RECORDS).unwrap_or(1)) {
            let begin = Instant::now();
            for number in first..(first + GROUP_RECORDS).min(rows) {
                // Any order will do: this one jumps over the whole list.
                let row = RowId(number.wrapping_mul(2_654_435_761) % rows);
                log.record(&Record::Done(row, done(number)))?;
            }
            log.flush()?;
            record_time += begin.elapsed();
            log.commit()?;
        }
        Ok::<_, std::io::Error>(())
    })?;
    println!("  record and flush       {record_time:>10.1?}  {}", rate(rows, record_time));
    println!("  with a commit per {GROUP_RECORDS} {elapsed:>10.1?}");
    drop((log, spool, opened.rows, opened.lock));
    println!("  log bytes per outcome  {:>10.1}", log_bytes(&*storage)? as f64 / rows as f64);

    let before = peak_memory_kib();
    let (opened, elapsed) = timed(|| Journal::open(Arc::clone(&storage), NOW_UNIX_MS, BOOT_ID, "figures"))?;
    println!("  open, full             {elapsed:>10.1?}  {:?}", opened.recovery.states.counts());
    drop(opened);
    for name in storage.list(&".longhaul".parse()?)?.iter().filter(|name| name.starts_with("summary-")) {
        storage.remove(&format!(".longhaul/{name}").parse()?)?;
    }
    let (_, elapsed) = timed(|| Journal::read(Arc::clone(&storage)))?;
    println!("  read without summaries {elapsed:>10.1?}");
    let (haul, _) = timed(|| Journal::read(Arc::clone(&storage)))?;
    let mut visited = 0;
    let ((), elapsed) = timed(|| haul.for_each_outcome(|_, _, _| visited += 1))?;
    println!("  every outcome in order {elapsed:>10.1?}  {visited} rows");
    println!("  peak memory            {before} KiB before recovery, {} KiB after", peak_memory_kib());

    let mut claims = Claims::new(Arc::clone(&storage));
    let ((), elapsed) = timed(|| {
        for number in 0..rows {
            claims.claim(format!("collection/object-{number:09}.warc.gz").as_bytes(), number)?;
        }
        Ok::<_, std::io::Error>(())
    })?;
    println!(
        "  claims                 {elapsed:>10.1?}  {}, peak {} KiB",
        rate(rows, elapsed),
        peak_memory_kib()
    );
    Ok(())
}

fn done(number: u64) -> Done {
    Done {
        status: 200,
        size: 10_000 + number % 90_000,
        blake3: *blake3::hash(&number.to_le_bytes()).as_bytes(),
        validator: None,
        verification: Verification::Length,
        attempts: 1,
        started_unix_ms: NOW_UNIX_MS + number,
        finished_unix_ms: NOW_UNIX_MS + number + 250,
        name: None,
        final_url: None,
        location: longhaul_journal::Location::File,
        format: longhaul_journal::ContentFormat::default(),
        redirect_statuses: Vec::new(),
        modified_unix_ms: None,
        is_adopted: false,
    }
}

fn timed<T, E>(work: impl FnOnce() -> Result<T, E>) -> Result<(T, Duration), E> {
    let begin = Instant::now();
    work().map(|value| (value, begin.elapsed()))
}

fn rate(count: u64, elapsed: Duration) -> String {
    format!("{:.2} million/s", count as f64 / elapsed.as_secs_f64() / 1e6)
}

fn log_bytes(storage: &dyn Storage) -> Result<u64, Box<dyn Error>> {
    let mut total = 0;
    for name in storage.list(&".longhaul".parse()?)?.iter().filter(|name| name.starts_with("log-")) {
        total += storage.metadata(&format!(".longhaul/{name}").parse()?)?.map_or(0, |metadata| metadata.len);
    }
    Ok(total)
}

/// The most memory that this process ever had, as Linux tells it; 0 elsewhere.
fn peak_memory_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(0)
}
