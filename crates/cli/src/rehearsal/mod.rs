//! The promises, proven on the user's own machine: a host that misbehaves in every way, a kill -9 on the way, a resume,
//! and then every byte looked at.
//!
//! - [`stage`]: the host, in this process, on loopback;
//! - [`run`]: the program itself, as a child, and what it says;
//! - [`drill`]: what is done, in which order, and when it has taken too long;
//! - [`inspection`]: what is on disk and in the records, against what the host served;
//! - [`scoreboard`]: the result, for people;
//! - [`contest`] and [`peer`]: the same host for other downloaders, and how each of them is told the list.
//!
//! The child is judged by what it left behind and by what the host counted, never by its own word.

mod contest;
mod drill;
mod inspection;
mod peer;
mod run;
mod scoreboard;
mod stage;

pub(crate) use contest::contest;
pub(crate) use drill::{Drill, hold};
