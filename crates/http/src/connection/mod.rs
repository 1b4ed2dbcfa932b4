//! One connection and the exchanges over it, one after another.

mod alarm;
mod diagnosis;
mod http1;
mod trace;
mod wire;

pub(crate) use diagnosis::body_error;
pub(crate) use http1::{Connection, Exchange, Failure};
pub(crate) use trace::Trace;
pub(crate) use wire::Scratch;
