//! What a haul reports: events while it runs, the report at its end, and its status, read from outside.

pub(crate) mod counters;
pub(crate) mod event;
mod forget;
mod lock;
pub(crate) mod observer;
mod owned_event;
mod reopen;
pub(crate) mod status;
pub(crate) mod summary;
pub(crate) mod suspect;

pub use event::Event;
pub use forget::{ForgetRows, ForgottenRows, forget};
pub use lock::lock_line;
pub use reopen::reopen;
pub use status::{ListRows, Row, RowOutcome, Status};
pub use summary::{Counts, Report};
pub use suspect::SuspectPolicy;
