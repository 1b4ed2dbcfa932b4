//! The server's side of HTTP/1 (RFC 9112): the one reader of requests, and what every writer of responses shares.
//!
//! Every server of this crate reads its requests with a [`RequestReader`]: incrementally, within limits, and with a typed
//! error for what is malformed. Writing is left to the servers, because some of them have to break the rules. This module
//! opens no sockets and keeps no deadlines.

mod date;
mod malformed_request;
mod range;
mod request_head;
mod request_reader;
mod response_head;
mod status;

pub(crate) use date::http_date;
pub(crate) use range::Selection;
#[cfg(test)]
pub(crate) use request_head::Syntax;
pub(crate) use request_head::{BodyFraming, Method, RequestHead};
pub(crate) use request_reader::{ReceiveError, RequestReader};
pub(crate) use response_head::{ConnectionOption, ResponseFraming, ResponseHead};
pub(crate) use status::Status;
