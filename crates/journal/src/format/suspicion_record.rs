//! One suspicion as bytes.

use super::wire::{PayloadReader, put_number, put_text};
use crate::model::{SuspectPattern, Suspicion};

const SAME_BODY: u8 = 1;
const MEDIA_TYPE: u8 = 2;

pub(crate) fn encode_suspicion(suspicion: &Suspicion, out: &mut Vec<u8>) {
    let Suspicion { host, pattern, rows, example } = suspicion;
    match pattern {
        SuspectPattern::SameBody { size, blake3 } => {
            out.push(SAME_BODY);
            put_number(out, *size);
            out.extend_from_slice(blake3);
        }
        SuspectPattern::MediaType { extension, media_type } => {
            out.push(MEDIA_TYPE);
            put_text(out, extension);
            put_text(out, media_type);
        }
    }
    put_text(out, host);
    put_number(out, *rows);
    put_text(out, example);
}

pub(crate) fn decode_suspicion(payload: &[u8]) -> Option<Suspicion> {
    let mut reader = PayloadReader::new(payload);
    let pattern = match reader.byte()? {
        SAME_BODY => SuspectPattern::SameBody { size: reader.number()?, blake3: reader.array()? },
        MEDIA_TYPE => SuspectPattern::MediaType { extension: reader.text()?, media_type: reader.text()? },
        // Of a later version.
        _ => return None,
    };
    let suspicion =
        Suspicion { pattern, host: reader.text()?, rows: reader.number()?, example: reader.text()? };
    reader.end()?;
    Some(suspicion)
}
