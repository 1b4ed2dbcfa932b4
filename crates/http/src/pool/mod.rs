//! Sessions between exchanges ([`sessions`]), what the pool asks of one ([`reserve`]), requests that wait for a new one
//! ([`opening`]), and what hosts do with used connections ([`reuse`]).

mod opening;
mod reserve;
mod reuse;
mod sessions;

pub(crate) use reserve::Reserve;
pub(crate) use reuse::Broken;
pub(crate) use sessions::{Lease, Pool};
