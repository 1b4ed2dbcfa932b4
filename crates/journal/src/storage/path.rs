//! A path that cannot leave the directory it is used in.

use std::fmt;
use std::str::FromStr;

/// The longest component that common file systems accept, in bytes (`NAME_MAX`).
const COMPONENT_BYTES_MAX: usize = 255;
/// The longest path that Linux takes in one call, in bytes, its final NUL left out (`PATH_MAX`).
const PATH_BYTES_MAX: usize = 4095;

/// A validated path beneath a root: components joined by `/`, none of them empty, `.` or `..`, none longer than 255 bytes,
/// no NUL.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(String);

impl RelativePath {
    /// The path without its last component, or `None` where that is the root.
    pub fn parent(&self) -> Option<Self> {
        self.0.rsplit_once('/').map(|(parent, _)| Self(parent.to_owned()))
    }

    /// The last component.
    pub fn file_name(&self) -> &str {
        self.0.rsplit_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }

    /// This path with more components.
    pub fn join(&self, below: &str) -> Result<Self, RelativePathError> {
        format!("{}/{below}", self.0).parse()
    }

    /// The components from the root downwards.
    pub fn components(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.split('/')
    }

    /// The whole path.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Why a text is not a [`RelativePath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelativePathError {
    /// Empty, or an empty component: a leading, trailing or double `/`.
    #[error("a path component is empty")]
    EmptyComponent,
    /// A component `.` or `..`.
    #[error("a path component is `.` or `..`")]
    DotComponent,
    /// A NUL byte.
    #[error("the path contains a NUL byte")]
    Nul,
    /// A component over 255 bytes, or a path over 4,095.
    #[error("the path or a component of it is too long")]
    TooLong,
}

impl FromStr for RelativePath {
    type Err = RelativePathError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.len() > PATH_BYTES_MAX {
            return Err(RelativePathError::TooLong);
        }
        for component in text.split('/') {
            match component {
                "" => return Err(RelativePathError::EmptyComponent),
                "." | ".." => return Err(RelativePathError::DotComponent),
                _ if component.len() > COMPONENT_BYTES_MAX => return Err(RelativePathError::TooLong),
                _ if component.contains('\0') => return Err(RelativePathError::Nul),
                _ => {}
            }
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for RelativePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl AsRef<str> for RelativePath {
    fn as_ref(&self) -> &str {
        &self.0
    }
}
