//! The random choices for one connection of a proxy. They are functions of a seed, of the names, and of the number of the
//! connection, so the same seed gives the same choices, whenever a toxic is added or changed.

use super::name::Name;
use super::toxic::Toxic;
use crate::random::{DrawPurpose, draw};

/// The random choices for one connection.
#[derive(Debug, Clone)]
pub(super) struct ToxicityDraw {
    seed: u64,
    proxy: Name,
    connection: u64,
}

impl ToxicityDraw {
    pub(super) fn new(seed: u64, proxy: Name, connection: u64) -> Self {
        Self { seed, proxy, connection }
    }

    /// Whether the toxic affects this connection.
    pub(super) fn affects(&self, toxic: &Toxic) -> bool {
        toxic.toxicity.covers(self.draw(DrawPurpose::Toxicity, toxic))
    }

    /// The generator for the toxic's own choices on this connection.
    pub(super) fn generator(&self, toxic: &Toxic) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.draw(DrawPurpose::ToxicChoices, toxic))
    }

    fn draw(&self, purpose: DrawPurpose, toxic: &Toxic) -> u64 {
        // Names contain no slash, so the keys of different toxics differ.
        let key = format!("{}/{}/{}", self.proxy, toxic.direction, toxic.name);
        draw(self.seed, purpose, &key, self.connection)
    }
}
