//! The files of a journal: where they lie, and how whole files are read and created.

mod layout;
mod whole_file;

pub(crate) use layout::{
    CLAIMS_FILE, CLAIMS_GROWN_FILE, EXTENT_FILE, HOSTS_FILE, Kind, SUSPICIONS_FILE, fixed, is_leftover,
    row_of_part, state_directory, unfinished,
};
pub use layout::{LOCK_FILE, PARTS_DIRECTORY, STATE_DIRECTORY};
pub(crate) use whole_file::{CreateError, SEGMENT_BYTES, create_complete, read_file, replace_unsynced};
