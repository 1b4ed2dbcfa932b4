//! Sessions between exchanges ([`sessions`]), what reserving one means ([`reserve`]), and what hosts do with used
//! connections ([`reuse`]).

mod reserve;
mod reuse;
mod sessions;

pub(crate) use reserve::{Reservation, Reserve};
pub(crate) use reuse::Broken;
pub(crate) use sessions::{Lease, Pool};
