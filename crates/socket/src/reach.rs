//! Which addresses belong to the public internet.

use std::net::IpAddr;

/// Whether `ip` belongs to the public internet.
pub fn is_public(ip: IpAddr) -> bool { todo!() }
