//! Resuming: which rest to ask for, and what to do with the answer.
//!
//! Bytes of two responses are joined only under the same strong validator (RFC 9110 section 15.3.7.3), at exactly the offset
//! that was asked for, and within the same total. In every doubt the download starts again: slow is better than wrong.

use crate::content_range::ContentRange;
use crate::fault::ProtocolFaultKind;
use crate::head::Head;
use crate::request::RangeRequest;
use crate::validator::{IfRange, Validator};

/// What is there of a resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// Bytes from the beginning on.
    pub have: u64,
    /// The version they belong to.
    pub validator: Validator,
    /// The length of the whole, where it was stated.
    pub total: Option<u64>,
}

/// What to do with the answer to a request for the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The body continues at `from`.
    Append {
        /// Offset of the body's first byte: what was there already.
        from: u64,
        /// How many bytes the body has to bring, no more and no fewer. The whole may be longer still: a server may send less
        /// than the rest that was asked for.
        body_bytes: u64,
        /// Length of the whole, where it is known.
        total: Option<u64>,
    },
    /// The body is the whole: begin at 0 with this very response.
    Replace,
    /// What is there cannot be continued, and this body is of no use: ask again, for the whole.
    Restart,
    /// Everything is there already.
    Complete,
    /// The answer breaks the protocol.
    Refuse(ProtocolFaultKind),
    /// The status is neither 416 nor one of a representation: ranges do not come into it.
    Inapplicable,
}

impl Partial {
    /// The request for the rest; `None` where the whole has to be asked for, because there is nothing yet or nothing strong
    /// to hold on to.
    pub fn request(&self) -> Option<RangeRequest> {
        let if_range = self.validator.if_range()?;
        (self.have > 0).then_some(RangeRequest { from: self.have, if_range: Some(if_range) })
    }

    /// The same on the condition of the date, for a host that [disregards the tag](disregards_tag).
    pub fn request_by_date(&self) -> Option<RangeRequest> {
        let if_range = self.validator.if_range_by_date()?;
        (self.have > 0).then_some(RangeRequest { from: self.have, if_range: Some(if_range) })
    }
}

/// What to do with the answer `head` to `asked`, given what is there.
pub fn plan(partial: &Partial, asked: &RangeRequest, head: &Head) -> Plan {
    match head.status {
        200 | 203 => Plan::Replace,
        206 => plan_partial(partial, asked, head),
        416 => plan_unsatisfied(partial, head),
        _ => Plan::Inapplicable,
    }
}

/// Whether a host that says it has ranges answers with the whole of the very version whose rest was asked for by its tag: it
/// may understand a date.
pub fn disregards_tag(partial: &Partial, asked: &RangeRequest, head: &Head) -> bool {
    let Some(IfRange::Etag(tag)) = &asked.if_range else { return false };
    head.status == 200
        && head.has_ranges()
        && head.validator().strong_etag() == Some(tag)
        && !partial.validator.contradicts(&head.validator())
        && partial.request_by_date().is_some()
}

/// Whether a 206 that answers a request *without* a range may be read as the whole: it may not, whatever it says (RFC 9110
/// section 15.3.7). Refuses what nobody asked for.
pub fn refuse_unasked(head: &Head) -> Option<ProtocolFaultKind> {
    match head.status {
        206 if head.is_multipart_ranges() => Some(ProtocolFaultKind::UnaskedMultipart),
        206 => Some(ProtocolFaultKind::BadContentRange),
        _ => None,
    }
}

fn plan_partial(partial: &Partial, asked: &RangeRequest, head: &Head) -> Plan {
    let (first, last, total) = match head.content_range() {
        Ok(Some(ContentRange::Part { first, last, total })) => (first, last, total),
        Ok(None) if head.is_multipart_ranges() => return Plan::Refuse(ProtocolFaultKind::UnaskedMultipart),
        _ => return Plan::Refuse(ProtocolFaultKind::BadContentRange),
    };
    let body_bytes = last - first + 1;
    if first != asked.from || head.content_length.is_some_and(|length| length != body_bytes) {
        return Plan::Refuse(ProtocolFaultKind::BadContentRange);
    }
    let changed = partial.validator.contradicts(&head.validator());
    let totals_differ = partial.total.zip(total).is_some_and(|(ours, theirs)| ours != theirs);
    let unsafe_to_join = asked.if_range.is_none() || !partial.validator.is_strong();
    if changed || totals_differ || unsafe_to_join || asked.from != partial.have {
        return Plan::Restart;
    }
    Plan::Append { from: first, body_bytes, total: total.or(partial.total) }
}

fn plan_unsatisfied(partial: &Partial, head: &Head) -> Plan {
    let Ok(Some(ContentRange::Unsatisfied { total })) = head.content_range() else {
        return Plan::Restart;
    };
    let total_is_ours = total == partial.have && partial.total.is_none_or(|ours| ours == total);
    if total_is_ours && !partial.validator.contradicts(&head.validator()) {
        Plan::Complete
    } else {
        Plan::Restart
    }
}
