//! What hyper's errors mean. It offers few predicates, so some kinds are told apart by the words of its description; where
//! those should ever change, a kind becomes a coarser one (and a test fails), but never a failure a success.

use std::error::Error as StdError;
use std::io;

use longhaul_socket::{FaultKind, Phase, kind_of};

use super::fault_context::FaultContext;
use crate::fault::{Error, ProtocolFaultKind};
use crate::response::Framing;

/// Why no head came. `bytes_read` are those of this exchange.
pub(super) fn head_error(
    error: hyper::Error,
    context: &FaultContext,
    phase: Phase,
    bytes_read: u64,
    head_bytes_max: usize,
) -> Error {
    if error.is_parse() {
        let kind = parse_fault_kind(&error, bytes_read >= head_bytes_max as u64);
        return Error::Protocol(context.protocol(Phase::Head, kind).because(error));
    }
    // The request was handed back unsent, and yet something was read.
    if error.is_canceled() && bytes_read > 0 {
        return Error::Protocol(
            context.protocol(Phase::Send, ProtocolFaultKind::UnaskedBytes).because(error),
        );
    }
    let kind = io_cause(&error).map_or(FaultKind::ClosedEarly, kind_of);
    context.socket(context.fault(phase, kind).because(error))
}

/// Why the body did not come to its end.
pub(super) fn body_error(error: hyper::Error, context: &FaultContext, framing: Framing) -> Error {
    let Some(cause) = io_cause(&error) else {
        return context.socket(context.fault(Phase::Body, FaultKind::ClosedEarly).because(error));
    };
    // The decoder of chunks complains with these two kinds; a cause below them is the stream's, not the decoder's.
    let malformed = matches!(cause.kind(), io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput);
    let kind = kind_of(cause);
    let is_its_own = matches!(kind, FaultKind::Other | FaultKind::Misuse);
    if malformed && framing == Framing::Chunked && is_its_own {
        return Error::Protocol(context.protocol(Phase::Body, ProtocolFaultKind::BadChunk).because(error));
    }
    // An end without close_notify where the framing wanted more is an early end like any other (RFC 9112 section 9.8).
    context.socket(context.fault(Phase::Body, kind).because(error))
}

/// Whether the connection was reset. A broken pipe is none: the peer had closed the connection in an orderly way before it
/// refused what came then.
pub(super) fn is_reset(error: &hyper::Error) -> bool {
    io_cause(error)
        .is_some_and(|cause| kind_of(cause) == FaultKind::Reset && cause.kind() != io::ErrorKind::BrokenPipe)
}

fn parse_fault_kind(error: &hyper::Error, head_is_long: bool) -> ProtocolFaultKind {
    match error.to_string().as_str() {
        "message head is too large" if head_is_long => ProtocolFaultKind::HeadTooLarge,
        "message head is too large" => ProtocolFaultKind::TooManyFields,
        "invalid content-length parsed" | "unexpected transfer-encoding parsed" => {
            ProtocolFaultKind::BadFraming
        }
        "invalid HTTP header parsed" => ProtocolFaultKind::BadHead,
        text if error.is_parse_status() || text.starts_with("invalid HTTP version") => {
            ProtocolFaultKind::NotHttp
        }
        _ => ProtocolFaultKind::BadHead,
    }
}

fn io_cause(error: &hyper::Error) -> Option<&io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}
