//! Opens the hosts and the name server of one case, so that any client can try it, and shows the traffic.
//!
//! ```text
//! cargo run -p longhaul-origin --example stage -- crates/origin/cases/016-early-fin.toml
//! host: 127.0.0.1:38211
//! ```
//!
//! It ends by itself after two minutes. Cases with TLS are left to the tests, which have certificates.
#![expect(clippy::disallowed_methods, reason = "the case is a file")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use longhaul_origin::script::{Case, Proof, STAGE_TIME_MAX, Stage};
use longhaul_socket::Deadline;

/// How often the traffic is shown.
const SHOW_EVERY: Duration = Duration::from_millis(200);

fn main() -> Result<(), Box<dyn Error>> {
    let file: PathBuf = std::env::args_os().nth(1).ok_or("usage: stage CASE.toml")?.into();
    let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let case = Case::parse(&name, &std::fs::read_to_string(&file)?)?;
    let Proof::Play { hosts, dns, runs, .. } = case.proof else {
        return Err("this case is not played".into());
    };
    let stage = Stage::open(&hosts, dns.as_ref(), &BTreeMap::new(), BTreeMap::new())?;
    println!("{}: {}", case.title, case.then);
    for host in hosts.keys() {
        println!("{host}: {}", stage.fill(&format!("{{{host}}}")));
    }
    if dns.is_some() {
        println!("dns: {}", stage.fill("{dns}"));
    }
    for run in runs {
        let arguments: Vec<String> = run.arguments.iter().map(|argument| stage.fill(argument)).collect();
        println!("as the user would: longhaul {}", arguments.join(" "));
    }
    let end = Deadline::after(STAGE_TIME_MAX);
    let mut shown = 0;
    while !end.has_passed() {
        let text = stage.record().text();
        print!("{}", text.get(shown..).unwrap_or_default());
        shown = text.len();
        thread::sleep(SHOW_EVERY);
    }
    Ok(())
}
