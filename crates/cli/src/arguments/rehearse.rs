//! The arguments of `rehearse`.

use std::path::PathBuf;

use clap::Args;

/// Test this program on this machine: a hostile server, kill -9, resume
#[derive(Debug, Args)]
pub(crate) struct RehearseArguments {
    /// Work in this directory, which must be new or empty, and keep it [default: a temporary one]
    #[arg(short, long = "dir", value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// Compare with wget, wget2, curl and aria2c: each one that is installed downloads from the same server
    #[arg(long)]
    pub(crate) peers: bool,
    /// Number of files to download
    #[arg(long, value_name = "N", default_value_t = 1_000,
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub(crate) files: u32,
    /// Seed of the files and of the faults
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) seed: u64,
}
