//! How the rest of a body is joined to the part that is there.

use longhaul_http::range::{self, ResumeDecision};
use longhaul_http::{Head, Partial, ProtocolFaultKind, RangeRequest};

use crate::exchange::body_range::BodyRange;
use crate::exchange::overlap::Tail;

/// Where the body of a response belongs.
pub(super) enum Placed {
    /// Here.
    At(BodyRange),
    /// Nowhere: another request follows, over the same connection if the body is worth draining.
    Nowhere { has_to_drain: bool },
    /// The bytes that are there are the whole.
    Complete,
    /// The response breaks the protocol.
    Fault(ProtocolFaultKind),
}

/// How the bytes of a response are proven to belong to those that are there.
#[derive(Debug, Clone, Copy)]
pub(super) enum Join {
    /// Both have the same strong validator.
    Validator,
    /// The list has the digest of the whole.
    Digest,
    /// The end of what is there is sent again, and is the same.
    Overlap(Tail),
}

impl Join {
    pub(super) const fn overlap(self) -> Option<Tail> {
        match self {
            Self::Overlap(tail) => Some(tail),
            Self::Validator | Self::Digest => None,
        }
    }

    /// What to do with the response to a range request.
    pub(super) fn decide(
        join: Option<Self>,
        partial: &Partial,
        asked: &RangeRequest,
        head: &Head,
    ) -> ResumeDecision {
        match join {
            Some(Self::Digest) => range::decide_unconditional(partial, asked, head, true),
            Some(Self::Overlap(_)) => range::decide_unconditional(partial, asked, head, false),
            Some(Self::Validator) | None => range::decide(partial, asked, head),
        }
    }
}
