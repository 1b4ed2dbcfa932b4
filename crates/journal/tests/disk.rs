//! The real file system: nothing leaves the directory, nothing is replaced, and the portable way does the same.
#![expect(clippy::disallowed_methods, reason = "the tests stand outside of the seam and look at what it did")]

mod common;

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use common::{NOW_UNIX_MS, all_rows, append_rows, done, path, row};
use longhaul_journal::storage::{DiskStorage, FileKind, LockError, Storage};
use longhaul_journal::{Journal, Record, RowId, RowState};

/// A directory that is removed with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let directory =
            std::env::temp_dir().join(format!("longhaul-journal-{}-{number}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        Self(directory)
    }

    fn root(&self) -> PathBuf {
        self.0.join("haul")
    }

    /// The same directory, once with every call that the system has and once without.
    fn both(&self) -> [DiskStorage; 2] {
        [
            DiskStorage::open(self.root(), true).unwrap(),
            DiskStorage::open_portable(self.root(), true).unwrap(),
        ]
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn write(storage: &DiskStorage, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut file = storage.create(&path(name))?;
    file.write_all_at(bytes, 0)?;
    file.sync()
}

#[test]
fn files_are_written_read_and_renamed() {
    let scratch = Scratch::new();
    for (storage, directory) in scratch.both().iter().zip(["a/b", "c/d"]) {
        storage.create_dir_all(&path(directory)).unwrap();
        let [from, to, taken] = ["from", "to", "taken"].map(|name| format!("{directory}/{name}"));
        write(storage, &from, b"content").unwrap();
        write(storage, &taken, b"taken").unwrap();
        assert_eq!(write(storage, &from, b"").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        let refused = storage.rename_noreplace(&path(&from), &path(&taken)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::AlreadyExists);
        storage.rename_noreplace(&path(&from), &path(&to)).unwrap();
        storage.sync_dir(Some(&path(directory))).unwrap();
        storage.sync_dir(None).unwrap();
        assert_eq!(storage.list(&path(directory)).unwrap(), ["taken", "to"]);
        assert_eq!(fs::read(scratch.root().join(&to)).unwrap(), b"content");
        assert_eq!(fs::read(scratch.root().join(&taken)).unwrap(), b"taken");
        let file = storage.open_read(&path(&to)).unwrap();
        let mut buffer = [0; 20];
        assert_eq!((file.read_at(&mut buffer, 3).unwrap(), file.len().unwrap()), (4, 7));
        assert_eq!(&buffer[..4], b"tent");
        let metadata = storage.metadata(&path(&to)).unwrap().unwrap();
        assert_eq!((metadata.len, metadata.kind), (7, FileKind::File));
        assert!(metadata.modified_unix_ms > 1_600_000_000_000);
        assert_eq!(storage.metadata(&path("a/none")).ok().flatten(), None);
        storage.rename(&path(&to), &path(&taken)).unwrap();
        storage.remove(&path(&taken)).unwrap();
        storage.remove_dir(&path(directory)).unwrap();
        assert!(storage.free_bytes().unwrap() > 0);
    }
}

#[test]
fn a_rename_that_was_cut_in_half_is_finished() {
    let scratch = Scratch::new();
    let storage = DiskStorage::open_portable(scratch.root(), true).unwrap();
    write(&storage, "part", b"content").unwrap();
    fs::hard_link(scratch.root().join("part"), scratch.root().join("final")).unwrap();
    storage.rename_noreplace(&path("part"), &path("final")).unwrap();
    assert!(!scratch.root().join("part").exists());
    assert_eq!(fs::read(scratch.root().join("final")).unwrap(), b"content");
}

#[test]
fn nothing_is_reached_through_a_symbolic_link() {
    let scratch = Scratch::new();
    let outside = scratch.0.join("outside");
    fs::create_dir_all(outside.join("sub")).unwrap();
    fs::write(outside.join("file"), b"canary").unwrap();
    for storage in &scratch.both() {
        let root = scratch.root();
        symlink(&outside, root.join("link")).unwrap();
        symlink(outside.join("file"), root.join("file")).unwrap();
        symlink(outside.join("absent"), root.join("dangling")).unwrap();
        for name in ["link/file", "link/sub/file", "file", "dangling"] {
            assert!(storage.open(&path(name)).is_err(), "{name}");
            assert!(storage.open_read(&path(name)).is_err(), "{name}");
        }
        for name in ["link/new", "link/sub/new", "file", "dangling"] {
            assert!(storage.create(&path(name)).is_err(), "{name}");
        }
        assert!(storage.create_dir_all(&path("link/new")).is_err());
        assert!(storage.list(&path("link")).is_err());
        assert!(storage.remove(&path("link/file")).is_err());
        assert!(storage.lock(&path("file"), "pid 1").is_err());
        write(storage, "own", b"").unwrap();
        assert!(storage.rename_noreplace(&path("own"), &path("link/own")).is_err());
        assert_eq!(
            storage.rename_noreplace(&path("own"), &path("file")).unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(storage.metadata(&path("file")).unwrap().unwrap().kind, FileKind::Symlink);
        for name in ["link", "file", "dangling", "own"] {
            storage.remove(&path(name)).unwrap();
        }
    }
    assert_eq!(fs::read(outside.join("file")).unwrap(), b"canary");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 2);
    assert_eq!(fs::read_dir(outside.join("sub")).unwrap().count(), 0);
}

#[test]
fn a_link_swapped_in_for_a_known_directory_is_not_followed() {
    let scratch = Scratch::new();
    let outside = scratch.0.join("outside");
    fs::create_dir_all(&outside).unwrap();
    for (storage, name) in scratch.both().iter().zip(["one", "two"]) {
        storage.create_dir_all(&path(name)).unwrap();
        write(storage, &format!("{name}/before"), b"").unwrap();
        fs::rename(scratch.root().join(name), scratch.root().join(format!("{name}-moved"))).unwrap();
        symlink(&outside, scratch.root().join(name)).unwrap();
        let _ = write(storage, &format!("{name}/after"), b"");
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_directory_that_was_removed_is_looked_up_again() {
    let scratch = Scratch::new();
    for storage in &scratch.both() {
        storage.create_dir_all(&path("dir")).unwrap();
        write(storage, "dir/first", b"").unwrap();
        fs::remove_dir_all(scratch.root().join("dir")).unwrap();
        assert_eq!(write(storage, "dir/second", b"").unwrap_err().kind(), io::ErrorKind::NotFound);
        storage.create_dir_all(&path("dir")).unwrap();
        write(storage, "dir/third", b"").unwrap();
        fs::remove_dir_all(scratch.root().join("dir")).unwrap();
    }
}

#[test]
fn a_pipe_in_place_of_a_file_is_refused_at_once() {
    let scratch = Scratch::new();
    for storage in &scratch.both() {
        let pipe = scratch.root().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
        assert!(storage.open_read(&path("pipe")).is_err());
        assert!(storage.open(&path("pipe")).is_err());
        fs::remove_file(pipe).unwrap();
    }
}

#[test]
fn many_directories_are_served_by_few_handles() {
    let scratch = Scratch::new();
    let [storage, _] = scratch.both();
    for round in 0..2 {
        for number in 0..100 {
            let directory = format!("dir-{number}/sub");
            storage.create_dir_all(&path(&directory)).unwrap();
            write(&storage, &format!("{directory}/{round}"), b"").unwrap();
        }
    }
    let descriptors = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    assert!(descriptors < 400, "{descriptors} descriptors");
}

#[test]
fn the_lock_tells_who_holds_it_and_goes_with_its_holder() {
    let scratch = Scratch::new();
    let [first, second] = scratch.both();
    assert_eq!(first.lock_holder(&path("lock")).unwrap(), None);
    let lock = first.lock(&path("lock"), "pid 17").unwrap();
    let Err(LockError::Held { holder }) = second.lock(&path("lock"), "pid 18") else {
        panic!("two hold the lock")
    };
    assert_eq!(holder, "pid 17");
    assert_eq!(second.lock_holder(&path("lock")).unwrap().as_deref(), Some("pid 17"));
    drop(lock);
    assert_eq!(second.lock_holder(&path("lock")).unwrap(), None);
    second.lock(&path("lock"), "pid 18").unwrap();
}

#[test]
fn a_haul_on_a_real_disk_is_reopened() {
    let scratch = Scratch::new();
    let open = |directory: &Path| {
        let storage = Arc::new(DiskStorage::open(directory, true).unwrap());
        Journal::open(storage, NOW_UNIX_MS, [1; 16], "pid 1").unwrap()
    };
    let mut opened = open(&scratch.root());
    append_rows(&mut opened, 600).unwrap();
    opened.log.record(&Record::Done(RowId(500), done(500))).unwrap();
    opened.log.prepare().unwrap();
    opened.log.commit().unwrap();
    drop(opened);
    let mode = fs::metadata(scratch.root().join(".longhaul")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
    let opened = open(&scratch.root());
    assert_eq!(opened.recovery.states.state(RowId(500)), RowState::Done);
    assert_eq!(opened.recovery.states.counts().rows, 600);
    assert!(all_rows(&opened.rows).iter().all(|(id, found)| *found == row(id.0)));
}

#[test]
fn a_missing_directory_is_made_only_when_asked() {
    let scratch = Scratch::new();
    assert_eq!(DiskStorage::open(scratch.root(), false).unwrap_err().kind(), io::ErrorKind::NotFound);
    DiskStorage::open(scratch.root(), true).unwrap();
    DiskStorage::open(scratch.root(), false).unwrap();
}
