//! Range requests for the rest of a partial download, and what to do with the response.
//!
//! Bytes of two responses are joined only under the same strong validator, which both responses have (RFC 9110 section 15.3.7.3), at
//! exactly the offset that was requested, and within the same total length. In any doubt the download starts again from the beginning.

use super::content_range::ContentRange;
use crate::fault::ProtocolFaultKind;
use crate::request::RangeRequest;
use crate::response::{Head, Success};
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
        /// Offset of the first byte of the body, as requested.
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

    /// A range request without a condition, for the rest and for `overlap` bytes before it; `None` if there are not more than these.
    /// Its response may be of any version: the caller has to prove that the bytes belong together.
    pub fn request_unconditionally(&self, overlap: u64) -> Option<RangeRequest> {
        (self.have > overlap).then(|| RangeRequest { from: self.have - overlap, if_range: None })
    }

    /// The same with the date as its condition, for a host that [disregards the tag](disregards_tag).
    pub fn request_by_date(&self) -> Option<RangeRequest> {
        let if_range = self.validator.if_range_by_date()?;
        (self.have > 0).then_some(RangeRequest { from: self.have, if_range: Some(if_range) })
    }
}

/// What to do with the response `head` to the range request `asked`, given the bytes that are there.
pub fn decide(partial: &Partial, asked: &RangeRequest, head: &Head) -> ResumeDecision {
    match Success::of(head.status) {
        Some(_) if is_mislabelled_part(head) => ResumeDecision::Restart,
        Some(Success::Whole) => ResumeDecision::Replace,
        // Whether its offsets are those of coded or of decoded bytes is unknown.
        Some(Success::Part) if head.is_coded() => ResumeDecision::Restart,
        Some(Success::Part) => decide_partial(partial, asked, head),
        None if head.status == 416 => decide_unsatisfied(partial, head),
        _ => ResumeDecision::Inapplicable,
    }
}

/// What to do with the response `head` to a range request [without a condition](Partial::request_unconditionally).
///
/// Where the caller `verifies` the whole by a digest, validators are of no interest: hosts that give every node its own send the same
/// bytes. Elsewhere a validator that contradicts refuses the join, and both lengths have to be known and equal.
pub fn decide_unconditional(
    partial: &Partial,
    asked: &RangeRequest,
    head: &Head,
    verifies: bool,
) -> ResumeDecision {
    match Success::of(head.status) {
        Some(_) if is_mislabelled_part(head) => ResumeDecision::Restart,
        Some(Success::Whole) => ResumeDecision::Replace,
        Some(Success::Part) if head.is_coded() => ResumeDecision::Restart,
        Some(Success::Part) => {
            let (body_bytes, total) = match requested_part(asked, head) {
                Ok(part) => part,
                Err(kind) => return ResumeDecision::Refuse(kind),
            };
            let is_same = match partial.total.zip(total) {
                Some((ours, theirs)) => ours == theirs,
                None => verifies,
            };
            let is_contradicted = !verifies && partial.validator.contradicts(&head.validator());
            if !is_same || is_contradicted {
                return ResumeDecision::Restart;
            }
            ResumeDecision::Append { from: asked.from, body_bytes, total: total.or(partial.total) }
        }
        None if head.status == 416 => match head.content_range() {
            Ok(Some(ContentRange::Unsatisfied { total })) if verifies && total == partial.have => {
                ResumeDecision::Complete
            }
            _ => ResumeDecision::Restart,
        },
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

/// Whether a response with this status to a request *with* a range may mean that the host, or something on the way, refuses
/// ranges, so that the whole may still be had. 416 says something else ([`decide`]); a status that asks for credentials or for another
/// pace does not mean the range; and 5xx statuses pass, except for two that say that a feature is not supported.
pub const fn may_be_refused(status: u16) -> bool {
    match status {
        401 | 407 | 408 | 416 | 425 | 429 => false,
        204 | 205 | 400..=499 | 501 | 505 => true,
        _ => false,
    }
}

/// The fault of a part in response to a request *without* a range: a 206 (RFC 9110 section 15.3.7) whose range is not the whole
/// representation, or another status with a `Content-Range` that the length of the body confirms. `None` for every other response.
pub fn refuse_unasked(head: &Head) -> Option<ProtocolFaultKind> {
    match head.status {
        206 if head.is_multipart_ranges() => Some(ProtocolFaultKind::UnaskedMultipart),
        206 if whole_in_part(head).is_some() => None,
        206 => Some(ProtocolFaultKind::UnaskedPart),
        200..=299 if is_mislabelled_part(head) => Some(ProtocolFaultKind::UnaskedPart),
        _ => None,
    }
}

/// The length of the whole representation, if this is a 206 whose range is all of it.
pub fn whole_in_part(head: &Head) -> Option<u64> {
    let Ok(Some(ContentRange::Part { first: 0, last, total: Some(total) })) = head.content_range() else {
        return None;
    };
    let is_whole = head.status == 206 && last + 1 == total;
    (is_whole && head.content_length.is_none_or(|length| length == total)).then_some(total)
}

/// Whether this is a part under a status that says otherwise. `Content-Range` means nothing there (RFC 9110 section 14.4), but
/// where the length of the body agrees with it, the body is that part and not the file.
fn is_mislabelled_part(head: &Head) -> bool {
    let Ok(Some(ContentRange::Part { first, last, total })) = head.content_range() else { return false };
    let is_part = first > 0 || total.is_some_and(|total| total != last + 1);
    let agrees = head.content_length.is_none_or(|length| length == last - first + 1);
    head.status != 206 && is_part && agrees
}

fn decide_partial(partial: &Partial, asked: &RangeRequest, head: &Head) -> ResumeDecision {
    let (body_bytes, total) = match requested_part(asked, head) {
        Ok(part) => part,
        Err(kind) => return ResumeDecision::Refuse(kind),
    };
    let is_same = partial.validator.matches(&head.validator());
    let totals_differ = partial.total.zip(total).is_some_and(|(ours, theirs)| ours != theirs);
    if !is_same || totals_differ || asked.if_range.is_none() || asked.from != partial.have {
        return ResumeDecision::Restart;
    }
    ResumeDecision::Append { from: asked.from, body_bytes, total: total.or(partial.total) }
}

/// The length of the part in a 206, and that of the whole where it says so.
fn requested_part(asked: &RangeRequest, head: &Head) -> Result<(u64, Option<u64>), ProtocolFaultKind> {
    let (first, last, total) = match head.content_range() {
        Ok(Some(ContentRange::Part { first, last, total })) => (first, last, total),
        Ok(None) if head.is_multipart_ranges() => return Err(ProtocolFaultKind::UnaskedMultipart),
        _ => return Err(ProtocolFaultKind::BadContentRange),
    };
    let body_bytes = last - first + 1;
    if first != asked.from || head.content_length.is_some_and(|length| length != body_bytes) {
        return Err(ProtocolFaultKind::BadContentRange);
    }
    Ok((body_bytes, total))
}

fn decide_unsatisfied(partial: &Partial, head: &Head) -> ResumeDecision {
    let Ok(Some(ContentRange::Unsatisfied { total })) = head.content_range() else {
        return ResumeDecision::Restart;
    };
    let total_is_ours = total == partial.have && partial.total.is_none_or(|ours| ours == total);
    // Bytes that are as many as their own version had are that version. Where its length is unknown, only a validator tells.
    let validator = head.validator();
    let is_whole = match partial.total {
        Some(_) => !partial.validator.contradicts(&validator),
        None => partial.validator.matches(&validator),
    };
    if total_is_ours && is_whole { ResumeDecision::Complete } else { ResumeDecision::Restart }
}
