//! The names of files, and their owners. Everything that decides about a name is in this folder.
//!
//! 1. **The name of a URL** follows from the URL alone ([`default_name`]).
//! 2. **Among the rows of a haul**, the first row that asks for a name owns it. `NameOwner` decides that once, when the row is read
//!    from its list: it gives a later row a distinct name, or finds that it is a duplicate. The spool records the decision with the
//!    row. The journal's claims are only the index that makes the question cheap; they are rebuilt from the spool.
//! 3. **Against files that are not of this haul**, the file wins, always. The store finds out, because only the operation that
//!    publishes a body can know; `sink::OccupiedPolicy` decides what becomes of the row.
//! 4. **The name of a recorded row** (`final_name`) is the one in the outcome, else the one in the spool, else that of its URL.

mod of_url;
mod owner;

pub(crate) use of_url::percent_decoded;
pub use of_url::{default_name, distinct, distinct_directory, folded, is_safe, with_suffix};
pub(crate) use owner::{NameOwner, NamedRow};

use longhaul_http::HttpUrl;

/// The final name of a row: `recorded` in the outcome or the spool, or that of its URL.
pub(crate) fn final_name(url: &HttpUrl, recorded: Option<String>) -> String {
    recorded.unwrap_or_else(|| default_name(url))
}
