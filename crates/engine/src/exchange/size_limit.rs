//! The size that a file may have: the user's limit, or what the disk has room for.

use std::sync::Arc;
use std::time::Duration;

use longhaul_http::Head;
use longhaul_socket::Phase;

use crate::exchange::Class;
use crate::exchange::failure::Failure;
use crate::sink::room::Room;

/// The limit of one run.
#[derive(Clone, Default)]
pub(crate) struct SizeLimit {
    /// The user's, in bytes. It takes the place of the other.
    user_bytes_max: Option<u64>,
    room: Option<Arc<Room>>,
}

impl SizeLimit {
    pub(crate) fn new(user_bytes_max: Option<u64>, room: Option<Arc<Room>>) -> Self {
        Self { user_bytes_max, room }
    }

    /// The size at which a body has to be checked.
    pub(super) fn bytes_max(&self) -> u64 {
        self.user_bytes_max.or_else(|| Some(self.room.as_ref()?.file_bytes_max())).unwrap_or(u64::MAX)
    }

    /// Why a file of `size` bytes, of which `present` are on the disk, is too large. Asks the system for the room that there is now,
    /// so it is asked only about files over [`bytes_max`](Self::bytes_max).
    pub(super) fn refusal(&self, size: u64, present: u64) -> Option<String> {
        if let Some(limit) = self.user_bytes_max {
            return (size > limit)
                .then(|| format!("it has {size} bytes or more, and --max-filesize is {limit}"));
        }
        let limit = self.room.as_ref()?.file_bytes_max_now(present);
        (size > limit).then(|| {
            format!(
                "it has {size} bytes or more, and one file may take {limit} bytes of the room on the disk"
            )
        })
    }

    /// The same of a size that is known before anything is requested. What the disk has room for may change until then.
    pub(super) fn refusal_of_listed(&self, size: Option<u64>) -> Option<Failure> {
        let (size, limit) = size.zip(self.user_bytes_max)?;
        let message = format!("the list says that it has {size} bytes, and --max-filesize is {limit}");
        (size > limit).then(|| Failure::new(Class::TooLarge, Phase::Head, None, Duration::ZERO, message))
    }
}

/// The failure of a row whose file is too large.
pub(super) fn failure(what: &str, head: &Head, elapsed: Duration) -> Failure {
    let message = format!("the file is too large: {what}");
    let failure = Failure::new(Class::TooLarge, Phase::Body, Some(head.peer), elapsed, message);
    Failure { status: Some(head.status), ..failure }
}
