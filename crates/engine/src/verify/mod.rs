//! Compares the files of a haul with its records, and makes rows pending whose files are missing or changed.
//!
//! It reads what the journal says and what the disk holds, and downloads nothing. Without a repair it takes no lock and writes
//! nothing. A repair removes no byte of any file: a changed file is moved aside.

mod batch;
mod comparison;
mod foreign;
pub(crate) mod presence;
mod repair;
mod run;

pub use run::{Finding, Verify, VerifyReport};
