//! The names of proxies and toxics.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use thiserror::Error;

/// A name is part of a path and of lists, so its length is limited.
const NAME_BYTES_MAX: usize = 128;

/// The name of a proxy or a toxic: 1 to 128 bytes without slashes, which would end it in a path, and without control
/// characters. Cheap to clone.
///
/// ```
/// use longhaul_origin::proxy::Name;
///
/// assert!("redis, the first".parse::<Name>().is_ok());
/// assert!("a/b".parse::<Name>().is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Arc<str>);

impl Name {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Name {
    type Err = InvalidName;

    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let has_valid_length = (1..=NAME_BYTES_MAX).contains(&text.len());
        if has_valid_length && text.chars().all(|character| character != '/' && !character.is_control()) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidName)
        }
    }
}

/// The text is not a [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("a name has 1 to {NAME_BYTES_MAX} bytes, without slashes and control characters")]
pub struct InvalidName;
