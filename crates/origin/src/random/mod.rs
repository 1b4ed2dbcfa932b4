//! Seeded randomness: draws that depend only on a seed and on what they decide, and the shares that they are compared with.

mod draw;
mod share;

pub(crate) use draw::{DrawPurpose, draw, scale};
pub use share::{InvalidShare, Share};
