//! Range requests for the rest of a partial download, and what to do with the response.
//!
//! Bytes of two responses are joined only under the same strong validator (RFC 9110 section 15.3.7.3), at exactly the offset
//! that was requested, and within the same total length. In any doubt the download starts again from the beginning.

use super::content_range::ContentRange;
use crate::fault::ProtocolFaultKind;
use crate::request::RangeRequest;
use crate::response::Head;
use crate::resume::{IfRange, Validator};

/// The first part of a representation, kept from earlier responses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// How many bytes are there, from the beginning on.
    pub have: u64,
    /// The validators of the responses that they came in.
    pub validator: Validator,
    /// The length of the whole representation, where a response stated it.
    pub total: Option<u64>,
}

/// What to do with the response to a range request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResumeDecision {
    /// Append the body to the bytes that are there.
    Append {
        /// Offset of the first byte of the body: equal to the number of bytes that are there.
        from: u64,
        /// How many bytes the body has to have, no more and no fewer. The whole may be longer: a server may send less than
        /// was requested.
        body_bytes: u64,
        /// Length of the whole representation, where it is known.
        total: Option<u64>,
    },
    /// Discard the bytes that are there and take this body from offset 0: it is the whole representation.
    Replace,
    /// Discard both the bytes that are there and this body, and request the whole.
    Restart,
    /// Nothing is missing: the bytes that are there are the whole.
    Complete,
    /// The response breaks the protocol.
    Refuse(ProtocolFaultKind),
    /// The status has nothing to do with ranges: it is neither 416 nor that of a representation.
    Inapplicable,
}

impl Partial {
    /// The range request for the rest; `None` if the whole has to be requested, because there are no bytes yet or no strong
    /// validator.
    pub fn request(&self) -> Option<RangeRequest> {
        let if_range = self.validator.if_range()?;
        (self.have > 0).then_some(RangeRequest { from: self.have, if_range: Some(if_range) })
    }

    /// The same with the date as its condition, for a host that [disregards the tag](disregards_tag).
    pub fn request_by_date(&self) -> Option<RangeRequest> {
        let if_range = self.validator.if_range_by_date()?;
        (self.have > 0).then_some(RangeRequest { from: self.have, if_range: Some(if_range) })
    }
}

/// What to do with the response `head` to the range request `asked`, given the bytes that are there.
pub fn decide(partial: &Partial, asked: &RangeRequest, head: &Head) -> ResumeDecision {
    match head.status {
        200 | 203 => ResumeDecision::Replace,
        // Whether its offsets are those of coded or of decoded bytes is unknown.
        206 if head.is_coded() => ResumeDecision::Restart,
        206 => decide_partial(partial, asked, head),
        416 => decide_unsatisfied(partial, head),
        _ => ResumeDecision::Inapplicable,
    }
}

/// Whether the host, which says that it supports ranges, sent the whole of exactly the version that the tag in `asked` names.
/// Such a host may evaluate a date instead.
pub fn disregards_tag(partial: &Partial, asked: &RangeRequest, head: &Head) -> bool {
    let Some(IfRange::Etag(tag)) = &asked.if_range else { return false };
    head.status == 200
        && head.has_ranges()
        && head.validator().strong_etag() == Some(tag)
        && !partial.validator.contradicts(&head.validator())
        && partial.request_by_date().is_some()
}

/// The fault of a 206 in response to a request *without* a range: it is never the whole representation (RFC 9110 section
/// 15.3.7). `None` for every other status.
pub fn refuse_unasked(head: &Head) -> Option<ProtocolFaultKind> {
    match head.status {
        206 if head.is_multipart_ranges() => Some(ProtocolFaultKind::UnaskedMultipart),
        206 => Some(ProtocolFaultKind::BadContentRange),
        _ => None,
    }
}

fn decide_partial(partial: &Partial, asked: &RangeRequest, head: &Head) -> ResumeDecision {
    let (first, last, total) = match head.content_range() {
        Ok(Some(ContentRange::Part { first, last, total })) => (first, last, total),
        Ok(None) if head.is_multipart_ranges() => {
            return ResumeDecision::Refuse(ProtocolFaultKind::UnaskedMultipart);
        }
        _ => return ResumeDecision::Refuse(ProtocolFaultKind::BadContentRange),
    };
    let body_bytes = last - first + 1;
    if first != asked.from || head.content_length.is_some_and(|length| length != body_bytes) {
        return ResumeDecision::Refuse(ProtocolFaultKind::BadContentRange);
    }
    let changed = partial.validator.contradicts(&head.validator());
    let totals_differ = partial.total.zip(total).is_some_and(|(ours, theirs)| ours != theirs);
    let unsafe_to_join = asked.if_range.is_none() || !partial.validator.is_strong();
    if changed || totals_differ || unsafe_to_join || asked.from != partial.have {
        return ResumeDecision::Restart;
    }
    ResumeDecision::Append { from: first, body_bytes, total: total.or(partial.total) }
}

fn decide_unsatisfied(partial: &Partial, head: &Head) -> ResumeDecision {
    let Ok(Some(ContentRange::Unsatisfied { total })) = head.content_range() else {
        return ResumeDecision::Restart;
    };
    let total_is_ours = total == partial.have && partial.total.is_none_or(|ours| ours == total);
    if total_is_ours && !partial.validator.contradicts(&head.validator()) {
        ResumeDecision::Complete
    } else {
        ResumeDecision::Restart
    }
}
