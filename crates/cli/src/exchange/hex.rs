//! Bytes for eyes: sixteen a line, with their place in the stream, in hexadecimal and as text.

use std::fmt::Write as _;

const BYTES_PER_LINE: usize = 16;

/// A dump of one direction, which knows how far it is.
#[derive(Debug)]
pub(crate) struct Dump {
    mark: char,
    offset: u64,
}

impl Dump {
    /// What we have sent.
    pub(crate) const fn of_sent() -> Self {
        Self { mark: '>', offset: 0 }
    }

    /// What we have received.
    pub(crate) const fn of_received() -> Self {
        Self { mark: '<', offset: 0 }
    }

    /// The lines of the next bytes. Each call begins a line of its own, so that a dump shows how the bytes came.
    pub(crate) fn lines(&mut self, bytes: &[u8]) -> String {
        let mut text = String::with_capacity(bytes.len().div_ceil(BYTES_PER_LINE) * 80);
        for line in bytes.chunks(BYTES_PER_LINE) {
            // A string takes everything.
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
    fn a_dump_goes_on_where_it_was() {
        let mut dump = Dump::of_received();
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
