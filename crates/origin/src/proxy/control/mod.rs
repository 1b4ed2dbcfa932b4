//! Controls a set of proxies over HTTP/1.1 with the paths, fields, statuses and errors of Toxiproxy's API, so that its client
//! libraries work. docs/proxy.md has the table.
//!
//! A client of the control can make this machine connect to any address. The control is meant for loopback, and it refuses
//! web browsers, because any page can make a browser send requests to loopback.

mod json;
mod path;
mod respond;

use super::proxies::Proxies;

/// Controls a set of proxies over HTTP/1.1. Made by [`Service::control`](crate::Service::control).
#[derive(Debug, Clone)]
pub struct Control {
    proxies: Proxies,
}

impl Control {
    pub(crate) fn new(proxies: Proxies) -> Self {
        Self { proxies }
    }
}
