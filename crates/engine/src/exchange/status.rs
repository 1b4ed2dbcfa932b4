//! What the status of a response to a GET says about the file (RFC 9110 section 15). Pure.

use longhaul_http::Success;

/// What a response to a GET is, by its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Its content is the file. 206 is here too: whoever reads its `Content-Range` decides.
    File,
    /// The host is still making the file.
    NotReady,
    /// There is nothing to download.
    NoContent,
    /// Its content is something else than the file.
    NotTheFile,
    /// A redirect, or a status of the 300s that cannot be followed.
    Redirection,
    /// 400 and above.
    Failure,
}

impl Meaning {
    pub(super) const fn of(status: u16) -> Self {
        match (Success::of(status), status) {
            (Some(Success::Whole | Success::Part), _) => Self::File,
            (Some(Success::NotReady), _) => Self::NotReady,
            (Some(Success::NoContent), _) => Self::NoContent,
            (Some(Success::Other), _) => Self::NotTheFile,
            (None, 300..=399) => Self::Redirection,
            (None, _) => Self::Failure,
        }
    }
}
