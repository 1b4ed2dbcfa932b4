//! Lists the public API of each library crate in `api/CRATE.txt`, one item a line.
//!
//! ```sh
//! cargo run --manifest-path api/Cargo.toml              # write the listings
//! cargo run --manifest-path api/Cargo.toml -- --check   # fail where a listing is not what the code says
//! ```
//!
//! It also fails where a public item names a type of a crate that is an implementation detail ([`PRIVATE_CRATES`]). It
//! reads rustdoc's JSON, which a stable toolchain writes when `RUSTC_BOOTSTRAP` is set.

use std::error::Error;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs};

/// The library crates: the package, and the name of its library.
const CRATES: [(&str, &str); 5] = [
    ("longhaul-socket", "longhaul_socket"),
    ("longhaul-http", "longhaul_http"),
    ("longhaul-journal", "longhaul_journal"),
    ("longhaul", "longhaul"),
    ("longhaul-origin", "longhaul_origin"),
];

/// Crates that may be replaced without a change of our own API: none of their types may be part of it.
const PRIVATE_CRATES: [&str; 9] = [
    "hyper",
    "rustls",
    "tokio::net",
    "tokio_rustls",
    "socket2",
    "hickory_resolver",
    "httparse",
    "rustix",
    "ring",
];

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let only_check = env::args().nth(1).as_deref() == Some("--check");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().ok_or("the crate lies in the repository")?;
    let mut is_right = true;
    for (package, library) in CRATES {
        let listing = listing(root, package, library)?;
        for line in listing.lines().filter(|line| names_private_crate(line)) {
            println!("{package}: names a type of a private dependency: {line}");
            is_right = false;
        }
        let path = root.join("api").join(format!("{package}.txt"));
        if only_check {
            is_right &= is_same(package, &fs::read_to_string(&path).unwrap_or_default(), &listing);
        } else {
            fs::write(path, listing)?;
        }
    }
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The public items of a crate, in a stable order, without what the compiler derives.
fn listing(root: &Path, package: &str, library: &str) -> Result<String, Box<dyn Error>> {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
    let status = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["rustdoc", "--quiet", "--locked", "--lib", "--package", package, "--all-features", "--"])
        .args(["-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"])
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(root)
        .status()?;
    if !status.success() {
        return Err(format!("cargo rustdoc of {package} failed").into());
    }
    let api = public_api::Builder::from_rustdoc_json(target.join("doc").join(format!("{library}.json")))
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()?;
    Ok(api.to_string())
}

/// Whether a path in the line begins with a private crate.
fn names_private_crate(line: &str) -> bool {
    let is_path = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b':');
    PRIVATE_CRATES.iter().any(|private| {
        let paths = line.match_indices(&format!("{private}::")).map(|(at, _)| at).collect::<Vec<_>>();
        paths.into_iter().any(|at| at == 0 || !is_path(line.as_bytes()[at - 1]))
    })
}

/// Whether the listing on record is what the code says; prints the difference where it is not.
fn is_same(package: &str, recorded: &str, current: &str) -> bool {
    let missing = |from: &str, other: &str, mark: char| {
        let known: std::collections::BTreeSet<&str> = other.lines().collect();
        let lines: Vec<String> =
            from.lines().filter(|line| !known.contains(line)).map(|line| format!("{mark} {line}")).collect();
        lines
    };
    let difference = [missing(recorded, current, '-'), missing(current, recorded, '+')].concat();
    for line in &difference {
        println!("{package}: {line}");
    }
    if recorded != current {
        println!(
            "{package}: the public API has changed: `cargo run --manifest-path api/Cargo.toml` writes it anew"
        );
    }
    recorded == current
}
