//! The entry point for cargo-fuzz, and what has to hold for any bytes whatever.

use http::Method;

use super::fault::Fault;
use super::limits::Limits;
use super::reader::{End, Event, ResponseReader};

/// Small limits, so that a fuzzer reaches them.
const LIMITS: Limits = Limits {
    head_bytes_max: 1024,
    fields_max: 20,
    interim_responses_max: 3,
    chunk_line_bytes_max: 64,
    chunk_overhead_bytes_free: 256,
    trailer_bytes_max: 256,
    trailer_fields_max: 5,
};

/// Reads `data` as a response in several ways. The first byte chooses the method and how the rest is cut into reads.
///
/// # Panics
/// The ways disagree, or a limit does not hold.
pub fn fuzz(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else { return };
    let method = match choice & 3 {
        0 | 1 => Method::GET,
        2 => Method::HEAD,
        _ => Method::CONNECT,
    };
    let whole = Transcript::of(&method, bytes, bytes.len());
    for size in [1, usize::from(choice >> 2) + 1] {
        assert_eq!(Transcript::of(&method, bytes, size), whole, "cut into reads of {size}");
    }
}

/// Everything that a response brought, with the body joined.
#[derive(Debug, Default, PartialEq, Eq)]
struct Transcript {
    events: Vec<Event>,
    body: Vec<u8>,
    consumed: usize,
    end: Option<Result<End, Fault>>,
}

impl Transcript {
    fn of(method: &Method, bytes: &[u8], read_size: usize) -> Self {
        let mut reader = ResponseReader::new(method.clone(), LIMITS);
        let mut transcript = Self::default();
        let mut available = 0;
        while transcript.end.is_none() {
            let input = &bytes[transcript.consumed..available];
            match reader.read(input) {
                Err(fault) => transcript.end = Some(Err(fault)),
                Ok(progress) => {
                    assert!(progress.consumed <= input.len());
                    transcript.consumed += progress.consumed;
                    match progress.event {
                        Some(Event::Body(range)) => {
                            assert!(!range.is_empty() && range.end <= progress.consumed);
                            transcript.body.extend_from_slice(&input[range]);
                        }
                        Some(Event::End(end)) => transcript.end = Some(Ok(end)),
                        Some(event) => transcript.event(event),
                        None if available == bytes.len() => transcript.end = Some(reader.close()),
                        None => {
                            assert!(input.len() - progress.consumed <= LIMITS.head_bytes_max);
                            available = bytes.len().min(available + read_size.max(1));
                        }
                    }
                }
            }
        }
        // What a fault left unconsumed depends on the reads.
        if matches!(transcript.end, Some(Err(_))) {
            transcript.consumed = 0;
        }
        transcript
    }

    fn event(&mut self, event: Event) {
        match &event {
            Event::Interim(head) | Event::Head(head, _) => {
                assert!(head.raw.len() <= LIMITS.head_bytes_max);
                assert!(head.fields.len() + head.ignored_lines <= LIMITS.fields_max);
                assert!((100..1000).contains(&head.status) && head.status != 101);
            }
            Event::Trailers { fields, raw } => {
                assert!(raw.len() <= LIMITS.trailer_bytes_max && fields.len() <= LIMITS.trailer_fields_max);
            }
            Event::Body(_) | Event::End(_) => {}
        }
        self.events.push(event);
        assert!(self.events.len() <= LIMITS.interim_responses_max + 2);
    }
}
