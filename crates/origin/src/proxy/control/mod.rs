//! The control of a set of proxies over HTTP/1.1, in the words of Toxiproxy's API: the same paths, fields, statuses and
//! errors, so that its client libraries work. docs/proxy.md has the table.
//!
//! Whoever reaches it may make this machine connect anywhere. It is meant for loopback, and it does not speak to web
//! browsers, which visit loopback for every page that asks them to.

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
