//! Longhaul inside a program of your own: `cargo run --example embed -- LIST DIRECTORY`.

use longhaul::{Event, Haul};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(list), Some(directory)) = (arguments.next(), arguments.next()) else {
        return Err("usage: embed LIST DIRECTORY".into());
    };
    let haul = Haul::builder(directory)
        .list(list)
        .on_event(|event| match event {
            Event::Failed { url, fault, .. } => eprintln!("failed: {url}: {}", fault.message),
            Event::Paused { reason } => eprintln!("waiting: {reason}"),
            _ => {}
        })
        .build()?;
    let report = haul.run()?;
    println!("{} done, {} failed, {} to go", report.counts.done, report.counts.failed, report.counts.pending);
    Ok(())
}
