//! The arguments of `serve`.

use std::time::Duration;

use clap::Args;

use crate::serving::Wish;
use crate::values;

/// Serve small services and files, each on an endpoint of its own, until stopped
#[derive(Debug, Args)]
#[command(
    after_help = "SERVICE is NAME=ENDPOINT, with options after commas (a comma in a value is written twice):\n  \
                  echo, discard, daytime, time, chargen   tcp://ADDRESS:PORT or udp://ADDRESS:PORT\n  \
                  files    http://ADDRESS:PORT,dir=DIR or https://ADDRESS:PORT,dir=DIR,cert=FILE,key=FILE\n  \
                  seeded   http://ADDRESS:PORT[,seed=N][,mix=none|rehearsal]\n\
                  Port 0 is a free one; without ADDRESS, as in tcp://:7013, it is every address of this machine."
)]
pub(crate) struct ServeArguments {
    /// What to serve, and where, such as `echo=tcp://127.0.0.1:7007`
    #[arg(value_name = "SERVICE", required = true)]
    pub(crate) services: Vec<Wish>,
    /// Every wait for a client: silence, a request head, taking what it is sent
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = values::duration)]
    pub(crate) timeout: Duration,
    /// Hang up on clients of echo and discard that send more slowly, in bytes a second; 0 never does
    #[arg(long, value_name = "SIZE", default_value = "100", value_parser = values::minimum_speed)]
    pub(crate) min_speed: u32,
    /// Connections at a time, of each service; others wait
    #[arg(long, value_name = "N", default_value_t = 16_384,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_connections: u32,
    /// No line for each connection
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
