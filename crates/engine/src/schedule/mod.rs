//! Which row is next: rows in memory, the shard each host belongs to, the queue of each host, and what becomes of a row
//! whose attempt failed.

pub mod backlog;
pub(crate) mod dispatch;
pub mod frontier;
pub(crate) mod host_routing;
pub(crate) mod job;
pub mod retry;
pub(crate) mod router;
