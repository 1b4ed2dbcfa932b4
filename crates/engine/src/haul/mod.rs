//! The haul as its user sees it: the builder, the settings, the errors, and the wiring of the actors.

mod builder;
mod closing;
mod error;
pub(crate) mod executor;
pub(crate) mod machine;
pub(crate) mod parallel;
pub(crate) mod run_context;
mod settings;
pub(crate) mod stop;
pub(crate) mod wiring;

pub(crate) use builder::open_store;
pub use builder::{ARGUMENTS, Builder};
pub use error::HaulError;
pub use settings::{JOBS_DEFAULT, PacePer, Settings};
pub use stop::Stopper;
pub use wiring::Haul;
