//! Reads files to find out what they hold.

use std::io;

use longhaul_journal::storage::File;

use super::Content;

/// Bytes read at once.
const READ_BYTES: usize = 256 * 1024;

/// Calls `take` with the first `len` bytes of a file, in order, until it returns false; false if the file has fewer. `buffer` saves the
/// allocation for the next file.
pub(crate) fn read(
    file: &dyn File,
    len: u64,
    buffer: &mut Vec<u8>,
    mut take: impl FnMut(&[u8]) -> bool,
) -> io::Result<bool> {
    let mut offset = 0;
    while offset < len {
        let wanted = usize::try_from(len - offset).map_or(READ_BYTES, |left| left.min(READ_BYTES));
        if buffer.len() < wanted {
            buffer.resize(wanted, 0);
        }
        let count = file.read_at(&mut buffer[..wanted], offset)?;
        if count == 0 {
            return Ok(false);
        }
        offset += count as u64;
        if !take(&buffer[..count]) {
            break;
        }
    }
    Ok(true)
}

/// Whether the whole file has this content.
pub(crate) fn is_equal(file: &dyn File, content: &Content, buffer: &mut Vec<u8>) -> io::Result<bool> {
    if file.len()? != content.size {
        return Ok(false);
    }
    let mut hasher = blake3::Hasher::new();
    let is_whole = read(file, content.size, buffer, |bytes| {
        hasher.update(bytes);
        true
    })?;
    Ok(is_whole && *hasher.finalize().as_bytes() == content.blake3)
}
