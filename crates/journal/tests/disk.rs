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

/// A lock counts only as long as its path leads to the locked file.
#[test]
fn a_lock_whose_file_is_gone_or_replaced_is_lost() {
    let scratch = Scratch::new();
    let [storage, other] = scratch.both();
    storage.create_dir_all(&path(".longhaul")).unwrap();
    let (lock_file, state) = (path(".longhaul/lock"), scratch.root().join(".longhaul"));
    let take = || storage.lock(&lock_file, "pid 1").unwrap();
    let lock = take();
    assert!(lock.is_at_its_path().unwrap());
    // The haul's directory may be moved: it stays the same haul.
    let moved = scratch.0.join("moved");
    fs::rename(scratch.root(), &moved).unwrap();
    assert!(lock.is_at_its_path().unwrap());
    fs::rename(&moved, scratch.root()).unwrap();
    // Its directory of records may not.
    fs::rename(&state, scratch.root().join("elsewhere")).unwrap();
    assert!(!lock.is_at_its_path().unwrap());
    fs::rename(scratch.root().join("elsewhere"), &state).unwrap();
    assert!(lock.is_at_its_path().unwrap());
    // Another file, locked by another process, stands there.
    fs::remove_file(state.join("lock")).unwrap();
    assert!(!lock.is_at_its_path().unwrap());
    let others = other.lock(&lock_file, "pid 2").unwrap();
    assert!(!lock.is_at_its_path().unwrap() && others.is_at_its_path().unwrap());
}

/// A snapshot by `cp -al` shares its lock file with the haul, and anybody may have given a file of theirs that name.
#[test]
fn a_lock_file_with_another_name_is_replaced_and_not_written() {
    let scratch = Scratch::new();
    for storage in &scratch.both() {
        let (precious, lock_file) = (scratch.0.join("precious"), scratch.root().join("lock"));
        fs::write(&precious, b"precious").unwrap();
        fs::hard_link(&precious, &lock_file).unwrap();
        let lock = storage.lock(&path("lock"), "pid 17").unwrap();
        assert!(lock.is_at_its_path().unwrap());
        assert_eq!(fs::read(&precious).unwrap(), b"precious");
        assert_eq!(fs::read(&lock_file).unwrap(), b"pid 17");
        assert!(matches!(storage.lock(&path("lock"), "pid 18"), Err(LockError::Held { .. })));
        assert_eq!(storage.list(&path("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
        drop(lock);
        fs::remove_file(&lock_file).unwrap();
        assert_eq!(fs::read_dir(scratch.root()).unwrap().count(), 0, "nothing else is left");
    }
}

/// A link or a pipe in place of the lock file locks nothing. What the link leads to stays as it is.
#[test]
fn a_haul_is_opened_whatever_stands_in_place_of_its_lock_file() {
    let scratch = Scratch::new();
    let (outside, lock_file) = (scratch.0.join("outside"), scratch.root().join(".longhaul/lock"));
    fs::write(&outside, b"canary").unwrap();
    fs::create_dir_all(scratch.root().join(".longhaul")).unwrap();
    let make_pipe = || {
        assert!(std::process::Command::new("mkfifo").arg(&lock_file).status().unwrap().success());
    };
    for kind in ["link", "dangling link", "pipe"] {
        match kind {
            "link" => symlink(&outside, &lock_file).unwrap(),
            "dangling link" => symlink(scratch.0.join("absent"), &lock_file).unwrap(),
            _ => make_pipe(),
        }
        let storage = Arc::new(DiskStorage::open(scratch.root(), true).unwrap());
        let opened = Journal::open(storage, NOW_UNIX_MS, [1; 16], "pid 1").unwrap();
        assert!(opened.lock.is_at_its_path().unwrap(), "{kind}");
        assert!(fs::symlink_metadata(&lock_file).unwrap().is_file(), "{kind}");
        drop(opened);
        fs::remove_file(&lock_file).unwrap();
    }
    assert_eq!(fs::read(&outside).unwrap(), b"canary");
    assert!(!scratch.0.join("absent").exists());
}

/// The files of a running haul get second names, as `cp -al` gives them: those stay as they were.
#[test]
fn a_snapshot_of_hard_links_is_not_written_to() {
    let scratch = Scratch::new();
    let storage = Arc::new(DiskStorage::open(scratch.root(), true).unwrap());
    let mut opened = Journal::open(storage.clone(), NOW_UNIX_MS, [1; 16], "pid 1").unwrap();
    append_rows(&mut opened, 10).unwrap();
    opened.spool.sync().unwrap();
    opened.log.record(&Record::Done(RowId(0), done(0))).unwrap();
    opened.log.commit().unwrap();
    opened.log.record(&Record::Done(RowId(1), done(1))).unwrap();
    opened.log.flush().unwrap();
    let snapshot = scratch.0.join("snapshot");
    fs::create_dir(&snapshot).unwrap();
    for entry in fs::read_dir(scratch.root().join(".longhaul")).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            fs::hard_link(entry.path(), snapshot.join(entry.file_name())).unwrap();
        }
    }
    let contents = || {
        let files = fs::read_dir(&snapshot).unwrap().map(|entry| entry.unwrap().path());
        let mut contents: Vec<_> = files.map(|file| (file.clone(), fs::read(&file).unwrap())).collect();
        contents.sort();
        contents
    };
    let before = contents();
    // First the marker of what was flushed, then another group, then rows.
    opened.log.commit().unwrap();
    append_rows(&mut opened, 10).unwrap();
    opened.spool.sync().unwrap();
    for number in (2..15).filter(|number| !matches!(number % 10, 3 | 6)) {
        opened.log.record(&Record::Done(RowId(number), done(number))).unwrap();
    }
    opened.log.prepare().unwrap();
    opened.log.commit().unwrap();
    drop(opened);
    assert_eq!(contents(), before);
    let reopened = Journal::open(storage, NOW_UNIX_MS, [1; 16], "pid 1").unwrap();
    assert_eq!(reopened.recovery.states.counts().done, 12);
    assert_eq!((reopened.recovery.damage, reopened.recovery.torn), (Vec::new(), Vec::new()));
    assert_eq!(all_rows(&reopened.rows).len(), 20);
}

/// A directory is moved away while the run has a handle of it: no file follows it there.
#[test]
fn nothing_is_published_in_a_directory_that_was_moved_away() {
    let scratch = Scratch::new();
    for (storage, directory) in scratch.both().iter().zip(["a/b", "c/d"]) {
        storage.create_dir_all(&path(directory)).unwrap();
        let publish = |name: &str| {
            write(storage, "part", b"content").unwrap();
            let published = storage.rename_noreplace(&path("part"), &path(&format!("{directory}/{name}")));
            let _ = storage.remove(&path("part"));
            published
        };
        publish("first").unwrap();
        let (there, moved) = (scratch.root().join(directory), scratch.root().join("moved"));
        fs::rename(&there, &moved).unwrap();
        assert_eq!(publish("second").unwrap_err().kind(), io::ErrorKind::NotFound);
        fs::create_dir(&there).unwrap();
        publish("third").unwrap();
        assert_eq!(storage.list(&path(directory)).unwrap(), ["third"]);
        assert_eq!(storage.list(&path("moved")).unwrap(), ["first"]);
        // It is moved between the rename and the sync: the names in it are not durable under this path.
        fs::remove_dir_all(&moved).unwrap();
        fs::rename(&there, &moved).unwrap();
        fs::create_dir(&there).unwrap();
        assert_eq!(storage.sync_dir(Some(&path(directory))).unwrap_err().kind(), io::ErrorKind::NotFound);
        storage.sync_dir(Some(&path(directory))).unwrap();
        fs::remove_dir_all(&moved).unwrap();
    }
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
