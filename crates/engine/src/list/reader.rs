//! What a list is to the engine: items, one after the other.
//!
//! A reader knows a format and nothing else: no network, no journal, no names. It refuses nothing on its own account but what it
//! cannot read; an item that names nothing to download is an item all the same, and becomes a failed row.

use std::io;
use std::path::Path;

use longhaul_http::{HttpUrl, redacted};
use longhaul_journal::{Expectation, Fields};

use super::expectation::ExpectedContent;
use super::identity::ListIdentity;
use super::lines::{LINE_BYTES_MAX, excerpt};
use crate::names;

/// Reads a list.
pub trait ListReader: Send {
    /// The next item; `None` at the end. Positions rise from item to item. Called on the thread that reads lists; may block.
    ///
    /// # Errors
    /// The list cannot be read any further. The items so far are in the haul, and the run ends with this error.
    fn next(&mut self) -> io::Result<Option<Item>>;

    /// The last position that has been read, the ones that were passed over included: the length of the list after its end.
    fn position(&self) -> u64;

    /// What tells this content of the list from any other; `None` where nothing does. A list that a run has read to its end is not
    /// read again as long as its identity is the same. One that is read again is compared with the rows of its last reading, item
    /// by item. Called once, before the first item is read.
    fn identity(&self) -> Option<ListIdentity> {
        None
    }

    /// How many positions have been passed over, such as blank lines and comments.
    fn ignored(&self) -> u64 {
        0
    }

    /// Whether the next call of [`next`](Self::next) may block. What has been read is published before a call that may.
    fn would_block(&self) -> bool {
        true
    }
}

/// A format of list files.
pub trait ListFormat: Send + Sync {
    /// Opens the list at `path` if it is of this format; `None` leaves it to the next format. A reader without an
    /// [identity](ListReader::identity) has that of the file.
    ///
    /// # Errors
    /// The list is of this format and cannot be opened.
    fn open(&self, path: &Path) -> io::Result<Option<Box<dyn ListReader>>>;
}

/// One item of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Where it stands in the list, from 1: a line, a record.
    pub(crate) position: u64,
    pub(crate) content: ItemContent,
    /// What a `#` cuts off from the address.
    pub(crate) fragment: Option<Box<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ItemContent {
    /// Something to download. `text` is the URL as the journal stores it: normalised, except where it carries credentials.
    /// `name` is the name of its file, if the list gives one.
    Url { url: Box<HttpUrl>, text: String, name: Option<String>, expected: Expectation, fields: Fields },
    /// Nothing that can be downloaded.
    Refused { text: String, reason: String },
}

impl Item {
    /// A URL, what the list says of its content, and the columns that Longhaul does not interpret. An address that is no URL, or
    /// one of over [`LINE_BYTES_MAX`] bytes, makes a refused item; so do columns of over [`Fields::BYTES_MAX`] bytes, and an
    /// expectation that nobody can check: an unknown algorithm, a digest of a wrong length, a text that is no media type.
    #[must_use]
    pub fn new(position: u64, address: &str, expected: Expectation, fields: Fields) -> Self {
        if address.len() > LINE_BYTES_MAX {
            return Self::refused(position, address, "the address is longer than 64 KiB");
        }
        if fields.byte_len() > Fields::BYTES_MAX {
            return Self::refused(position, address, "the other columns are longer than 64 KiB");
        }
        if let Err(reason) = ExpectedContent::of(&expected) {
            return Self::refused(position, address, reason);
        }
        let url = match address.parse::<HttpUrl>() {
            Ok(url) => Box::new(url),
            Err(error) => return Self::refused(position, address, error.to_string()),
        };
        let text =
            if url.credentials().is_some() { address.trim_end().to_owned() } else { url.as_str().to_owned() };
        let fragment = address.trim_end().split_once('#').map(|(_, fragment)| fragment.into());
        Self { position, content: ItemContent::Url { url, text, name: None, expected, fields }, fragment }
    }

    /// Gives its file this name below the haul's directory instead of that of its URL; `None` leaves it as it is. A name that is not safe
    /// ([`names::is_safe`]) makes a refused item.
    #[must_use]
    pub fn with_name(mut self, wanted: Option<String>) -> Self {
        let is_safe = wanted.as_deref().is_none_or(names::is_safe);
        match &mut self.content {
            ItemContent::Url { url, .. } if !is_safe => {
                let address = url.as_str().to_owned();
                Self::refused(self.position, &address, "the name of its file is not safe")
            }
            ItemContent::Url { name, .. } => {
                *name = wanted;
                self
            }
            ItemContent::Refused { .. } => self,
        }
    }

    /// An item that names nothing to download, and why. Of the text an excerpt is kept, without what may be a password.
    #[must_use]
    pub fn refused(position: u64, text: &str, reason: impl Into<String>) -> Self {
        let text = excerpt(redacted(text).as_bytes());
        Self { position, content: ItemContent::Refused { text, reason: reason.into() }, fragment: None }
    }

    /// Where the item stands in its list, from 1.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.position
    }

    /// The URL to download; `None` if the item names nothing to download.
    #[must_use]
    pub fn url(&self) -> Option<&HttpUrl> {
        match &self.content {
            ItemContent::Url { url, .. } => Some(url),
            ItemContent::Refused { .. } => None,
        }
    }

    /// Why the item names nothing to download; `None` if it does.
    #[must_use]
    pub fn refusal(&self) -> Option<&str> {
        match &self.content {
            ItemContent::Url { .. } => None,
            ItemContent::Refused { reason, .. } => Some(reason),
        }
    }
}
