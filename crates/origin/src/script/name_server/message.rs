//! The few messages of RFC 1035 that the name server of a case needs.

use std::net::{IpAddr, Ipv4Addr};

use crate::script::dns_plan::{DnsReply, RecordType};

const HEADER_BYTES: usize = 12;
/// Response, recursion desired, recursion available, authoritative (section 4.1.1).
const RESPONSE_FLAGS: u16 = 0x8580;
const TRUNCATED_FLAG: u16 = 0x0200;
const CLASS_INTERNET: u16 = 1;
const TYPE_CNAME: u16 = 5;
/// A pointer to the name in the question (section 4.1.4).
const POINTER_TO_QUESTION: u16 = 0xc00c;
/// Answers are not cached, because each case counts its queries.
const TIME_TO_LIVE: u32 = 0;

/// A query with one question.
pub(super) struct Question {
    id: u16,
    /// The question as it was sent, with type and class.
    wire: Vec<u8>,
    pub(super) name: String,
    /// `None` for a type that no case uses.
    pub(super) record_type: Option<RecordType>,
    type_number: u16,
}

impl Question {
    pub(super) fn parse(query: &[u8]) -> Option<Self> {
        let id = u16::from_be_bytes([*query.first()?, *query.get(1)?]);
        let questions = u16::from_be_bytes([*query.get(4)?, *query.get(5)?]);
        if questions != 1 {
            return None;
        }
        let mut at = HEADER_BYTES;
        let mut labels = Vec::new();
        loop {
            let length = usize::from(*query.get(at)?);
            at += 1;
            match length {
                0 => break,
                1..=63 => labels.push(String::from_utf8_lossy(query.get(at..at + length)?).into_owned()),
                _ => return None,
            }
            at += length;
        }
        let type_number = u16::from_be_bytes([*query.get(at)?, *query.get(at + 1)?]);
        let wire = query.get(HEADER_BYTES..at + 4)?.to_vec();
        let record_type = match type_number {
            1 => Some(RecordType::A),
            28 => Some(RecordType::Aaaa),
            _ => None,
        };
        Some(Self { id, wire, name: labels.join("."), record_type, type_number })
    }

    pub(super) fn type_name(&self) -> String {
        match self.record_type {
            Some(RecordType::A) => "A".to_owned(),
            Some(RecordType::Aaaa) => "AAAA".to_owned(),
            None => format!("type {}", self.type_number),
        }
    }
}

/// The message for a reply; nothing where that is silence.
pub(super) fn answer(question: &Question, reply: &DnsReply) -> Option<Vec<u8>> {
    let (flags, records) = match reply {
        DnsReply::Silence => return None,
        DnsReply::Truncated => (RESPONSE_FLAGS | TRUNCATED_FLAG, Vec::new()),
        DnsReply::Code(code) => (RESPONSE_FLAGS | u16::from(code.number()), Vec::new()),
        DnsReply::Alias(name) => (RESPONSE_FLAGS, vec![record(TYPE_CNAME, &labels(name)?)]),
        DnsReply::Addresses(addresses) => {
            (RESPONSE_FLAGS, addresses.iter().filter_map(|ip| address(question, *ip)).collect())
        }
        DnsReply::Many(count) => {
            let first = u32::from(Ipv4Addr::new(127, 0, 0, 2));
            let all = (0..u32::from(*count)).map(|number| IpAddr::V4(Ipv4Addr::from(first + number)));
            (RESPONSE_FLAGS, all.filter_map(|ip| address(question, ip)).collect())
        }
    };
    let mut message = Vec::new();
    let count = u16::try_from(records.len()).ok()?;
    for word in [question.id, flags, 1, count, 0, 0] {
        message.extend(word.to_be_bytes());
    }
    message.extend(&question.wire);
    message.extend(records.concat());
    Some(message)
}

fn address(question: &Question, ip: IpAddr) -> Option<Vec<u8>> {
    match (ip, question.record_type?) {
        (IpAddr::V4(ip), RecordType::A) => Some(record(question.type_number, &ip.octets())),
        (IpAddr::V6(ip), RecordType::Aaaa) => Some(record(question.type_number, &ip.octets())),
        _ => None,
    }
}

fn record(type_number: u16, data: &[u8]) -> Vec<u8> {
    let mut record = Vec::new();
    record.extend(POINTER_TO_QUESTION.to_be_bytes());
    record.extend(type_number.to_be_bytes());
    record.extend(CLASS_INTERNET.to_be_bytes());
    record.extend(TIME_TO_LIVE.to_be_bytes());
    // Addresses and names are shorter than 64 KiB.
    record.extend(u16::try_from(data.len()).unwrap_or_default().to_be_bytes());
    record.extend(data);
    record
}

fn labels(name: &str) -> Option<Vec<u8>> {
    let mut wire = Vec::new();
    for label in name.split('.') {
        wire.push(u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?);
        wire.extend(label.bytes());
    }
    wire.push(0);
    Some(wire)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(labels: &[u8], record_type: u8) -> Vec<u8> {
        [&[7, 9, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0], labels, &[0, record_type, 0, 1]].concat()
    }

    #[test]
    fn a_question_is_parsed_and_answered() {
        let question = Question::parse(&query(b"\x01a\x04test\0", 1)).expect("a question");
        assert_eq!((question.name.as_str(), question.record_type), ("a.test", Some(RecordType::A)));
        let addresses = vec![[127, 0, 0, 1].into(), "::1".parse().expect("an address")];
        let message = answer(&question, &DnsReply::Addresses(addresses)).expect("an answer");
        assert_eq!(message[..12], [7, 9, 0x85, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert!(message.ends_with(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]));
        assert_eq!(answer(&question, &DnsReply::Silence), None);
    }

    #[test]
    fn malformed_queries_are_ignored() {
        let whole = query(b"\x01a\x04test\0", 1);
        for end in 0..whole.len() {
            assert!(Question::parse(&whole[..end]).is_none(), "{end}");
        }
        assert!(Question::parse(&query(b"\xc0\x0c", 1)).is_none());
    }
}
