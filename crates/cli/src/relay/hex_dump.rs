//! A hexadecimal dump: sixteen bytes per line, with their offset in the stream, in hexadecimal and as text.

use std::fmt::Write as _;

const BYTES_PER_LINE: usize = 16;

/// The dump of one direction. It counts the offset.
#[derive(Debug)]
pub(crate) struct HexDump {
    mark: char,
    offset: u64,
}

impl HexDump {
    /// A dump of bytes sent.
    pub(crate) const fn of_sent() -> Self {
        Self { mark: '>', offset: 0 }
    }

    /// A dump of bytes received.
    pub(crate) const fn of_received() -> Self {
        Self { mark: '<', offset: 0 }
    }

    /// The lines of the next bytes. Each call begins a new line, so the dump shows how the bytes arrived.
    pub(crate) fn lines(&mut self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len().div_ceil(BYTES_PER_LINE) * 80);
        for line in bytes.chunks(BYTES_PER_LINE) {
            let _ = write!(text, "{} {:08x} ", self.mark, self.offset);
            for at in 0..BYTES_PER_LINE {
                if at == BYTES_PER_LINE / 2 {
                    text.push(' ');
                }
                let _ = match line.get(at) {
                    Some(byte) => write!(text, " {byte:02x}"),
                    None => write!(text, "   "),
                };
            }
            text.push_str("  |");
            text.extend(line.iter().map(|byte| match byte {
                b' '..=b'~' => char::from(*byte),
                _ => '.',
            }));
            text.push_str("|\n");
            self.offset += line.len() as u64;
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_continues_from_call_to_call() {
        let mut dump = HexDump::of_received();
        assert_eq!(
            dump.lines(b"GET / HTTP/1.0\r\n\x1b[2J"),
            "< 00000000  47 45 54 20 2f 20 48 54  54 50 2f 31 2e 30 0d 0a  |GET / HTTP/1.0..|\n\
             < 00000010  1b 5b 32 4a                                       |.[2J|\n"
        );
        assert_eq!(
            dump.lines(&[0xff]),
            "< 00000014  ff                                                |.|\n"
        );
        assert_eq!(dump.lines(b""), "");
    }
}
