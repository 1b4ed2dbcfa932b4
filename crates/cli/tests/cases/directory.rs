//! The working directory of a case: its files before and after a run.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use longhaul_origin::script::{Expectations, ExpectedFile, FileContent, InitialFile, ManyFiles, Stage};

/// The directory with the state of a haul, which is not compared.
const STATE: &str = ".longhaul";
/// Bytes of a file that a failure report shows.
const SHOWN_BYTES_MAX: usize = 48;

/// A directory that is removed when dropped, with the file systems mounted in it, and a directory around it.
pub(crate) struct TestDirectory {
    around: PathBuf,
    path: PathBuf,
    disks: RefCell<Vec<PathBuf>>,
}

/// Files by their paths.
pub(crate) type Found = BTreeMap<String, Vec<u8>>;

impl TestDirectory {
    pub(crate) fn new(name: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let around =
            std::env::temp_dir().join(format!("longhaul-case-{}-{number}-{name}", std::process::id()));
        fs::create_dir(&around).expect("a fresh directory");
        let around = around.canonicalize().expect("it exists");
        let path = around.join("place");
        fs::create_dir(&path).expect("a fresh directory");
        Self { around, path, disks: RefCell::default() }
    }

    /// A path outside of the working directory.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.around.join(name)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the files before a run. An error says what this machine does not allow.
    pub(crate) fn prepare(
        &self,
        before: &BTreeMap<String, InitialFile>,
        stage: &Stage,
    ) -> Result<(), String> {
        for (path, file) in before {
            let path = self.path.join(stage.fill(path));
            match file {
                InitialFile::Text(text) => put(&path, stage.fill(text).as_bytes()),
                InitialFile::Content(FileContent::Link(to)) => {
                    fs::create_dir_all(path.parent().expect("the path has a parent")).expect("a directory");
                    symlink(stage.fill(to), &path).expect("a link");
                }
                InitialFile::Content(FileContent::Directory(mode)) => {
                    fs::create_dir_all(&path).expect("a directory");
                    fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).expect("its mode");
                }
                InitialFile::Content(FileContent::Disk(size)) => {
                    fs::create_dir_all(&path).expect("a directory");
                    let size = format!("size={}", size.0);
                    let mut mount = Command::new("mount");
                    let made = mount
                        .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
                        .arg(&path)
                        .stderr(Stdio::null())
                        .status();
                    if !made.is_ok_and(|status| status.success()) {
                        return Err("no file system can be mounted here".to_owned());
                    }
                    self.disks.borrow_mut().push(path);
                }
                InitialFile::Content(made) => put(&path, &bytes(made, stage)),
            }
        }
        Ok(())
    }

    /// Every file, except for the state of hauls.
    pub(crate) fn files(&self) -> Found {
        let mut found = Found::new();
        walk(&self.path, "", &mut found);
        found
    }
}

impl Drop for TestDirectory {
    fn drop(&mut self) {
        for disk in self.disks.borrow().iter() {
            let _ = Command::new("umount").arg("--lazy").arg(disk).status();
        }
        let _ = fs::remove_dir_all(&self.around);
    }
}

/// The differences between `now` and the files `before` together with the `expected` ones.
pub(crate) fn differences(
    before: &Found,
    expected: &Expectations,
    now: &Found,
    stage: &Stage,
) -> Vec<String> {
    let mut wanted = before.clone();
    for path in &expected.removed {
        wanted.remove(&stage.fill(path));
    }
    for (path, file) in &expected.files {
        let path = stage.fill(path);
        // The one new file that matches the pattern; otherwise the pattern itself, which no file has as its name.
        let mut meant = now.keys().filter(|name| matches_pattern(name, &path) && !before.contains_key(*name));
        let name = meant.next().filter(|_| meant.next().is_none()).cloned();
        wanted.insert(name.unwrap_or(path), content(file, stage));
    }
    if let Some(ManyFiles { count, each }) = &expected.many_files {
        let others: Vec<&String> = now.keys().filter(|name| !wanted.contains_key(*name)).collect();
        if others.len() == *count {
            let each = content(each, stage);
            wanted.extend(others.into_iter().map(|name| (name.clone(), each.clone())));
        }
    }
    let mut wrong = Vec::new();
    for (path, content) in &wanted {
        match now.get(path) {
            None => wrong.push(format!("{path} is missing")),
            Some(found) if found != content => {
                let at = found.iter().zip(content).position(|(one, other)| one != other);
                let at = at.unwrap_or(found.len().min(content.len()));
                wrong.push(format!(
                    "{path} is {} instead of {}, from byte {at} on",
                    shown(found),
                    shown(content)
                ));
            }
            Some(_) => {}
        }
    }
    let others = now.iter().filter(|(path, _)| !wanted.contains_key(*path));
    wrong.extend(others.map(|(path, content)| format!("{path} is unexpected: {}", shown(content))));
    wrong
}

/// True if `name` is `pattern` with hexadecimal digits in place of its `*`.
fn matches_pattern(name: &str, pattern: &str) -> bool {
    let Some((start, end)) = pattern.split_once('*') else { return name == pattern };
    let mark = name.strip_prefix(start).and_then(|rest| rest.strip_suffix(end));
    mark.is_some_and(|mark| !mark.is_empty() && mark.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The expected content of a file.
pub(crate) fn content(file: &ExpectedFile, stage: &Stage) -> Vec<u8> {
    match file {
        ExpectedFile::Text(text) => stage.fill(text).into_bytes(),
        ExpectedFile::Content(FileContent::Link(to)) => link(Path::new(&stage.fill(to))),
        ExpectedFile::Content(made) => bytes(made, stage),
    }
}

pub(crate) fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().expect("the path has a parent")).expect("a directory");
    fs::write(path, bytes).expect("written");
}

fn bytes(made: &FileContent, stage: &Stage) -> Vec<u8> {
    match made {
        FileContent::Content(section) => section.bytes(),
        FileContent::Sections(sections) => sections.iter().flat_map(|section| section.bytes()).collect(),
        FileContent::Bytes(bytes) => bytes.0.clone(),
        FileContent::Repeat { times, text, then } => {
            (stage.fill(text).repeat(*times) + &stage.fill(then)).into_bytes()
        }
        FileContent::Numbered { lines, text } => {
            let text = stage.fill(text);
            (0..*lines)
                .flat_map(|number| (text.replace("{n}", &number.to_string()) + "\n").into_bytes())
                .collect()
        }
        FileContent::Link(_) | FileContent::Directory(_) | FileContent::Disk(_) => Vec::new(),
    }
}

fn link(to: &Path) -> Vec<u8> {
    format!("-> {}", to.display()).into_bytes()
}

fn walk(directory: &Path, prefix: &str, found: &mut Found) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{prefix}{name}");
        let kind = entry.file_type().expect("it exists");
        if kind.is_symlink() {
            found.insert(path, link(&fs::read_link(entry.path()).expect("a link")));
        } else if kind.is_dir() {
            if name != STATE {
                walk(&entry.path(), &format!("{path}/"), found);
            }
        } else {
            found.insert(path, fs::read(entry.path()).unwrap_or_default());
        }
    }
}

fn shown(content: &[u8]) -> String {
    let part = &content[..content.len().min(SHOWN_BYTES_MAX)];
    format!("{} bytes: {}", content.len(), part.escape_ascii())
}
