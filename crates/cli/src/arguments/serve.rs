//! The arguments of `serve`.

use std::time::Duration;

use clap::Args;
use longhaul_origin::proxy::ListenAddress;

use crate::serving::{ServiceSpec, ToxicSpec};
use crate::values;

/// Serve small services and files, each on an endpoint of its own, until stopped
#[derive(Debug, Args)]
#[command(
    after_help = "SERVICE is NAME=ENDPOINT, with options after commas (a comma in a value is written twice):\n  \
                  echo, discard, daytime, time, chargen   tcp://ADDRESS:PORT or udp://ADDRESS:PORT\n  \
                  files    http://ADDRESS:PORT,dir=DIR or https://ADDRESS:PORT,dir=DIR,cert=FILE,key=FILE\n  \
                  seeded   http://ADDRESS:PORT[,seed=N][,mix=none|rehearsal]\n  \
                  proxy    tcp://ADDRESS:PORT,to=HOST:PORT[,name=NAME]\n  \
                  hostile  http://LOOPBACK:PORT (what goes wrong, case by case; / lists them)\n\
                  Port 0 is a free one; without ADDRESS, as in tcp://:7013, it is every address of this machine.\n\n\
                  TOXIC is PROXY:TYPE[@up|@down],KEY=VALUE...[,toxicity=SHARE][,name=NAME], or PROXY:down:\n  \
                  latency      latency=, jitter= (milliseconds)\n  \
                  bandwidth    rate= (kilobytes a second)\n  \
                  slow_close   delay= (milliseconds)\n  \
                  timeout      timeout= (milliseconds; 0 never closes)\n  \
                  reset_peer   timeout= (milliseconds)\n  \
                  slicer       average_size=, size_variation= (bytes), delay= (microseconds)\n  \
                  limit_data   bytes="
)]
pub(crate) struct ServeArguments {
    /// What to serve, and where, such as `echo=tcp://127.0.0.1:7007`
    #[arg(value_name = "SERVICE", required_unless_present = "control")]
    pub(crate) services: Vec<ServiceSpec>,
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
    /// What happens to the connections of a proxy, such as `proxy:latency,latency=300`. May be given several times
    #[arg(long = "toxic", value_name = "TOXIC", help_heading = "Proxies")]
    pub(crate) toxics: Vec<ToxicSpec>,
    /// Change proxies and toxics while they run, over HTTP here; an address may stand before the port
    #[arg(long, value_name = "PORT", value_parser = values::control_address, help_heading = "Proxies")]
    pub(crate) control: Option<ListenAddress>,
    /// Seed of what toxics leave to chance
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Proxies")]
    pub(crate) seed: u64,
    /// No line for each connection
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
