//! What is left to chance, for one connection of a proxy: functions of a seed, the names, and the connection's number, so
//! that the same seed decides the same, whenever a toxic comes or changes.

use super::name::Name;
use super::toxic::Toxic;
use crate::random::{DrawPurpose, draw};

/// The chance of one connection.
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

    /// Whether the toxic works on this connection.
    pub(super) fn hits(&self, toxic: &Toxic) -> bool {
        toxic.toxicity.covers(self.draw(DrawPurpose::Toxicity, toxic))
    }

    /// What the toxic's own choices on this connection are made with.
    pub(super) fn generator(&self, toxic: &Toxic) -> fastrand::Rng {
        fastrand::Rng::with_seed(self.draw(DrawPurpose::ToxicChoices, toxic))
    }

    fn draw(&self, purpose: DrawPurpose, toxic: &Toxic) -> u64 {
        // No name has a slash in it, so no two toxics are the same place.
        let place = format!("{}/{}/{}", self.proxy, toxic.direction, toxic.name);
        draw(self.seed, purpose, &place, self.connection)
    }
}
