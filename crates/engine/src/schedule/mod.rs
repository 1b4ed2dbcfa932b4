//! Which row is next: the rows in memory (`backlog`, `dispatch`), the shard that owns each host (`host_routing`, `router`),
//! the queue of each host (`frontier`), and what becomes of a row whose attempt failed (`retry`,
//! by the `failure_kind` and within the `policy` of the user).

pub mod backlog;
pub(crate) mod dispatch;
mod failure_kind;
pub mod frontier;
pub mod host_routing;
pub(crate) mod job;
mod policy;
pub mod retry;
pub(crate) mod router;
