//! Seeded chance: draws that depend on nothing but a seed and what they decide, and the shares that they are compared with.

mod draw;
mod share;

pub(crate) use draw::{DrawPurpose, draw, scale};
pub use share::{InvalidShare, Share};
