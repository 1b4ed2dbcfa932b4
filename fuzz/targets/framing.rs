//! However bytes are cut into pieces, the same messages come out, none of them too long; and what comes out can be packed
//! and taken apart again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longhaul_socket::framing::{Framing, FramingError, Unpacker};

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (bytes_max, piece_bytes, bytes) = input;
    let bytes_max = usize::from(bytes_max);
    for framing in [Framing::lengths(bytes_max), Framing::lines(bytes_max)] {
        let whole = unpacked(framing, bytes, bytes.len().max(1)).ok();
        assert_eq!(unpacked(framing, bytes, usize::from(piece_bytes).max(1)).ok(), whole);
        let messages = whole.unwrap_or_default();
        assert!(messages.iter().all(|message| message.len() <= bytes_max));
        for message in messages {
            // A line that ends in CR cannot be sent: its end would be taken for a part of that of the line.
            if let Ok(packed) = framing.pack(&message) {
                assert_eq!(unpacked(framing, &packed, 1).unwrap(), [message]);
            }
        }
    }
});

fn unpacked(framing: Framing, bytes: &[u8], piece_bytes: usize) -> Result<Vec<Vec<u8>>, FramingError> {
    let mut unpacker = Unpacker::new(framing);
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        unpacker.push(piece);
        while let Some(message) = unpacker.next()? {
            messages.push(message.to_vec());
        }
    }
    while let Some(message) = unpacker.finish()? {
        messages.push(message.to_vec());
    }
    Ok(messages)
}
