//! The arguments of `serve`.

use std::time::Duration;

use clap::Args;
use longhaul_origin::proxy::ListenAddress;

use crate::serving::{ServiceSpec, ToxicSpec};
use crate::values;

/// Run small services, HTTP file servers, proxies and a hostile server
#[derive(Debug, Args)]
#[command(
    after_help = "SERVICE is NAME=ENDPOINT, followed by options, each after a comma (write a comma in a value twice):\n  \
                  echo, discard, daytime, time, chargen   tcp://ADDRESS:PORT or udp://ADDRESS:PORT\n  \
                  files    http://ADDRESS:PORT,dir=DIR or https://ADDRESS:PORT,dir=DIR,cert=FILE,key=FILE\n  \
                  seeded   http://ADDRESS:PORT[,seed=N][,mix=none|rehearsal]\n  \
                  proxy    tcp://ADDRESS:PORT,to=HOST:PORT[,name=NAME]\n  \
                  hostile  http://LOOPBACK:PORT (misbehaves case by case; / lists the cases)\n\
                  Port 0 picks a free port. Without ADDRESS, as in tcp://:7013, all addresses of this machine are used.\n\n\
                  TOXIC is PROXY:TYPE[@up|@down],KEY=VALUE...[,toxicity=SHARE][,name=NAME], or PROXY:down:\n  \
                  latency      latency=, jitter= (milliseconds)\n  \
                  bandwidth    rate= (kilobytes per second)\n  \
                  slow_close   delay= (milliseconds)\n  \
                  timeout      timeout= (milliseconds; 0 never closes)\n  \
                  reset_peer   timeout= (milliseconds)\n  \
                  slicer       average_size=, size_variation= (bytes), delay= (microseconds)\n  \
                  limit_data   bytes="
)]
pub(crate) struct ServeArguments {
    /// A service and its endpoint, such as `echo=tcp://127.0.0.1:7007`
    #[arg(value_name = "SERVICE", required_unless_present = "control")]
    pub(crate) services: Vec<ServiceSpec>,
    /// Timeout of every wait for a client: silence, a request head, a client that does not read
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = values::duration)]
    pub(crate) timeout: Duration,
    /// Disconnect clients of echo and discard that send fewer bytes per second; 0 never does
    #[arg(long, value_name = "SIZE", default_value = "100", value_parser = values::minimum_speed)]
    pub(crate) min_speed: u32,
    /// Simultaneous connections of each service; further ones wait to be accepted
    #[arg(long, value_name = "N", default_value_t = 16_384,
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) max_connections: u32,
    /// A fault that a proxy injects, such as `proxy:latency,latency=300`. Repeatable
    #[arg(long = "toxic", value_name = "TOXIC", help_heading = "Proxies")]
    pub(crate) toxics: Vec<ToxicSpec>,
    /// Serve Toxiproxy's API, which changes proxies and toxics, on this port of loopback or at ADDRESS:PORT
    #[arg(long, value_name = "PORT", value_parser = values::control_address, help_heading = "Proxies")]
    pub(crate) control: Option<ListenAddress>,
    /// Seed of the random choices of toxics
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Proxies")]
    pub(crate) seed: u64,
    /// Do not log connections
    #[arg(short, long)]
    pub(crate) quiet: bool,
}
