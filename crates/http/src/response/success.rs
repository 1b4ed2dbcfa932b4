//! What a response of the 200s to a GET is about: the file, or something else (RFC 9110 section 15.3). Pure.

/// What a response of the 200s to a GET is, by its status.
///
/// Only a response whose content is a representation of the requested resource is the file (RFC 9110 section 6.4.2).
///
/// ```
/// # use longhaul_http::Success;
/// assert_eq!(Success::of(200), Some(Success::Whole));
/// assert_eq!(Success::of(202), Some(Success::NotReady));
/// assert_eq!(Success::of(404), None);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Success {
    /// Its content is the file: 200, 203 (a proxy may have transformed it), and any status that is not registered, which counts as 200
    /// (section 15).
    Whole,
    /// Its content is a part of the file: 206.
    Part,
    /// The host is still making the file: 202, and 201, which says that the resource has only now been created.
    NotReady,
    /// There is nothing to download: 204 and 205.
    NoContent,
    /// Its content is something else than the file: 207 and 208 describe other resources (RFC 4918, RFC 5842), and 226 is the result of
    /// manipulations that were not requested (RFC 3229).
    Other,
}

impl Success {
    /// What a response with this status is; `None` for a status outside of the 200s.
    pub const fn of(status: u16) -> Option<Self> {
        Some(match status {
            201 | 202 => Self::NotReady,
            204 | 205 => Self::NoContent,
            206 => Self::Part,
            207 | 208 | 226 => Self::Other,
            200..=299 => Self::Whole,
            _ => return None,
        })
    }
}
