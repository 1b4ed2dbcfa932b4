//! However bytes are cut into pieces, the same messages come out, none of them too long; and what comes out can be encoded
//! and taken apart again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use longhaul_socket::framing::{Framing, FramingError, MessageDecoder};

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (bytes_max, piece_bytes, bytes) = input;
    let bytes_max = usize::from(bytes_max);
    for framing in [Framing::lengths(bytes_max), Framing::lines(bytes_max)] {
        let whole = decoded(framing, bytes, bytes.len().max(1)).ok();
        assert_eq!(decoded(framing, bytes, usize::from(piece_bytes).max(1)).ok(), whole);
        let messages = whole.unwrap_or_default();
        assert!(messages.iter().all(|message| message.len() <= bytes_max));
        for message in messages {
            // A line that ends in CR cannot be sent: its end would be taken for a part of that of the line.
            if let Ok(encoded) = framing.encode(&message) {
                assert_eq!(decoded(framing, &encoded, 1).unwrap(), [message]);
            }
        }
    }
});

fn decoded(framing: Framing, bytes: &[u8], piece_bytes: usize) -> Result<Vec<Vec<u8>>, FramingError> {
    let mut decoder = MessageDecoder::new(framing);
    let mut messages = Vec::new();
    for piece in bytes.chunks(piece_bytes) {
        decoder.push(piece);
        while let Some(message) = decoder.next()? {
            messages.push(message.to_vec());
        }
    }
    while let Some(message) = decoder.finish()? {
        messages.push(message.to_vec());
    }
    Ok(messages)
}
