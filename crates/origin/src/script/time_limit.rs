//! The time limit of everything on a stage.

use std::time::Duration;

/// A stage ends by itself after this time. A case takes seconds.
pub const STAGE_TIME_MAX: Duration = Duration::from_mins(2);
