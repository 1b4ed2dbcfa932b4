//! What is remembered of one host, as bytes.

use super::wire::{PayloadReader, put_number, put_text};
use crate::model::HostRecord;

const HAS_RATE: u8 = 1;
const HAS_CONNECTIONS: u8 = 2;
const HAS_UNTIL: u8 = 4;
/// Later versions may use the others; a record that has them is not understood.
const KNOWN: u8 = HAS_RATE | HAS_CONNECTIONS | HAS_UNTIL;

pub(crate) fn encode_host(record: &HostRecord, out: &mut Vec<u8>) {
    let flag = |is_there: bool, bit: u8| if is_there { bit } else { 0 };
    out.push(
        flag(record.rate.is_some(), HAS_RATE)
            | flag(record.connections_max.is_some(), HAS_CONNECTIONS)
            | flag(record.until_unix_ms.is_some(), HAS_UNTIL),
    );
    put_text(out, &record.host);
    put_text(out, &record.limiter);
    put_number(out, record.noted_unix_ms);
    put_number(out, u64::from(record.window));
    put_number(out, record.waiting);
    if let Some((now, limit)) = record.rate {
        out.extend_from_slice(&now.to_le_bytes());
        out.extend_from_slice(&limit.to_le_bytes());
    }
    if let Some(connections) = record.connections_max {
        put_number(out, u64::from(connections));
    }
    if let Some(until) = record.until_unix_ms {
        put_number(out, until);
    }
}

pub(crate) fn decode_host(payload: &[u8]) -> Option<HostRecord> {
    let mut reader = PayloadReader::new(payload);
    let flags = reader.byte().filter(|flags| flags & !KNOWN == 0)?;
    let has = |bit: u8| flags & bit != 0;
    let per_second = |reader: &mut PayloadReader<'_>| {
        Some(f64::from_le_bytes(reader.array()?)).filter(|rate| rate.is_finite() && *rate > 0.0)
    };
    let record = HostRecord {
        host: reader.text()?,
        limiter: reader.text()?,
        noted_unix_ms: reader.number()?,
        window: reader.number_u32()?,
        waiting: reader.number()?,
        rate: reader.take_if(has(HAS_RATE), |reader| Some((per_second(reader)?, per_second(reader)?)))?,
        connections_max: reader.take_if(has(HAS_CONNECTIONS), PayloadReader::number_u32)?,
        until_unix_ms: reader.take_if(has(HAS_UNTIL), PayloadReader::number)?,
    };
    reader.end()?;
    Some(record)
}
