//! What the status of a response to a GET says about the file (RFC 9110 section 15). Pure.
//!
//! Only a response whose content is a representation of the requested resource is the file (section 6.4.2). A status that this
//! program does not know is treated as the first of its class, as section 15 asks.

/// What a response to a GET is, by its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Its content is the file: 200, 203 (a proxy may have transformed it), and any status of the 200s that is not registered.
    /// 206 is here too: whoever reads its `Content-Range` decides.
    File,
    /// The host is still making the file: 202, and 201, which says that the resource has only now been created.
    NotReady,
    /// There is nothing to download: 204 and 205.
    NoContent,
    /// Its content is something else than the file: 207 and 208 describe other resources (RFC 4918, RFC 5842), and 226 is the
    /// result of manipulations that were not requested (RFC 3229).
    NotTheFile,
    /// A redirect, or a status of the 300s that cannot be followed.
    Redirection,
    /// 400 and above.
    Failure,
}

impl Meaning {
    pub(super) const fn of(status: u16) -> Self {
        match status {
            201 | 202 => Self::NotReady,
            204 | 205 => Self::NoContent,
            207 | 208 | 226 => Self::NotTheFile,
            ..=299 => Self::File,
            300..=399 => Self::Redirection,
            400.. => Self::Failure,
        }
    }
}
