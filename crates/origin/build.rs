//! Puts the files of `cases` into the program: a table of their names and texts, sorted by name.
#![expect(clippy::disallowed_methods, reason = "a build script writes the file that it is run for")]

use std::error::Error;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("cases");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", directory.display());
    let mut files = fs::read_dir(&directory)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<PathBuf>, Box<dyn Error>>>()?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    let mut table = String::from("[\n");
    for file in files {
        let name = file.file_name().and_then(|name| name.to_str()).ok_or("a name that is no text")?;
        let path = file.to_str().ok_or("a path that is no text")?;
        writeln!(table, "    ({name:?}, include_str!({path:?})),")?;
    }
    table.push_str("]\n");
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("cases.rs"), table)?;
    Ok(())
}
