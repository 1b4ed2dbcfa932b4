//! Reads requests from a connection, one head at a time.

use std::io;

use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::malformed_request::MalformedRequest;
use super::request_head::{RequestHead, Syntax, is_token_byte};

/// Room for one read: most heads come in one.
const READ_BYTES: usize = 4 * 1024;

/// The longest method. Bytes that cannot be a method, such as the first ones of a TLS handshake, are refused before a line
/// has come.
const METHOD_BYTES_MAX: usize = 64;

/// The longest request line of a strict reader; RFC 9112 section 3 recommends to support at least 8,000 bytes.
const REQUEST_LINE_BYTES_MAX: usize = 8 * 1024;

/// Why no request comes from a connection any more.
#[derive(Debug, Error)]
pub(crate) enum ReceiveError {
    #[error("the request is malformed")]
    Malformed(#[from] MalformedRequest),
    #[error("the connection ended within a request head")]
    ClosedEarly,
    #[error("the connection failed")]
    Io(#[from] io::Error),
}

/// What was received and is not yet taken. The same bytes give the same requests however they are cut into reads.
#[derive(Debug)]
pub(crate) struct RequestReader {
    received: Vec<u8>,
    /// Where the line begins of which the end is looked for.
    line_begin: usize,
    /// Everything before this offset was searched for the end of the line.
    searched: usize,
    /// The one empty line that may precede a request (RFC 9112 section 2.2) has come.
    has_skipped_line: bool,
    line_bytes_max: usize,
    head_bytes_max: usize,
    syntax: Syntax,
}

impl RequestReader {
    /// A reader for a server that tests clients.
    pub(crate) fn strict(head_bytes_max: usize) -> Self {
        Self::new(REQUEST_LINE_BYTES_MAX.min(head_bytes_max), head_bytes_max, Syntax::Strict)
    }

    /// A reader for a server that serves clients. A request line may be as long as the whole head.
    pub(crate) fn tolerant(head_bytes_max: usize) -> Self {
        Self::new(head_bytes_max, head_bytes_max, Syntax::Tolerant)
    }

    fn new(line_bytes_max: usize, head_bytes_max: usize, syntax: Syntax) -> Self {
        Self {
            received: Vec::new(),
            line_begin: 0,
            searched: 0,
            has_skipped_line: false,
            line_bytes_max,
            head_bytes_max,
            syntax,
        }
    }

    /// Whether nothing of a next request has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.received.is_empty()
    }

    /// What was received behind the last head. Bytes that are taken from it are those of a request body.
    pub(crate) fn received_mut(&mut self) -> &mut Vec<u8> {
        &mut self.received
    }

    /// The next request; `None` where the peer has ended its side after whole requests.
    ///
    /// Cancel safe: what was received is kept.
    pub(crate) async fn receive(
        &mut self,
        from: &mut (impl AsyncRead + Unpin + ?Sized),
    ) -> Result<Option<RequestHead>, ReceiveError> {
        match self.receive_text(from).await? {
            Some(text) => Ok(Some(RequestHead::parse(text, self.syntax)?)),
            None => Ok(None),
        }
    }

    /// Like [`receive`](Self::receive), for a caller that wants the head as it was sent: nothing but its limits, the ends
    /// of its lines and its first bytes are checked.
    pub(crate) async fn receive_text(
        &mut self,
        from: &mut (impl AsyncRead + Unpin + ?Sized),
    ) -> Result<Option<Vec<u8>>, ReceiveError> {
        loop {
            if let Some(text) = self.take_text()? {
                return Ok(Some(text));
            }
            self.received.reserve(READ_BYTES);
            if from.read_buf(&mut self.received).await? == 0 {
                return if self.is_empty() { Ok(None) } else { Err(ReceiveError::ClosedEarly) };
            }
        }
    }

    /// Takes a head off what was received; `None` while it is unfinished and within the limits.
    fn take_text(&mut self) -> Result<Option<Vec<u8>>, MalformedRequest> {
        loop {
            let Some(at) = self.received[self.searched..].iter().position(|byte| *byte == b'\n') else {
                self.searched = self.received.len();
                self.check_limits()?;
                return Ok(None);
            };
            let end = self.searched + at;
            self.searched = end + 1;
            self.check_limits()?;
            let line = &self.received[self.line_begin..end];
            let has_return = line.last() == Some(&b'\r');
            if !has_return && self.syntax == Syntax::Strict {
                return Err(MalformedRequest::BareLineFeed);
            }
            let is_empty = line.len() == usize::from(has_return);
            if is_empty && self.line_begin == 0 && !self.has_skipped_line {
                self.received.drain(..self.searched);
                self.searched = 0;
                self.has_skipped_line = true;
                continue;
            }
            self.line_begin = self.searched;
            if is_empty {
                let rest = self.received.split_off(self.searched);
                let text = std::mem::replace(&mut self.received, rest);
                (self.line_begin, self.searched, self.has_skipped_line) = (0, 0, false);
                return Ok(Some(text));
            }
        }
    }

    /// Checks what was searched. While `line_begin` is zero that is a part of the request line.
    fn check_limits(&self) -> Result<(), MalformedRequest> {
        if self.line_begin == 0 {
            let line = &self.received[..self.searched];
            let method = line.split(|byte| *byte == b' ').next().unwrap_or_default();
            let method = method.strip_suffix(b"\n").unwrap_or(method);
            let method = method.strip_suffix(b"\r").unwrap_or(method);
            if method.len() > METHOD_BYTES_MAX || !method.iter().copied().all(is_token_byte) {
                return Err(MalformedRequest::RequestLine);
            }
            if line.len() > self.line_bytes_max {
                return Err(MalformedRequest::RequestLineTooLong);
            }
        }
        if self.searched > self.head_bytes_max { Err(MalformedRequest::HeadTooLong) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HEAD_BYTES_MAX: usize = 200;

    /// Every request of `bytes`, read in pieces that end at `cuts`; the last entry is why there is no further one.
    fn requests(bytes: &[u8], cuts: &[usize]) -> Vec<String> {
        let mut reader = RequestReader::strict(HEAD_BYTES_MAX);
        let mut found = Vec::new();
        let mut begin = 0;
        for end in cuts.iter().map(|cut| cut % (bytes.len() + 1)).chain([bytes.len()]) {
            if end <= begin {
                continue;
            }
            reader.received_mut().extend_from_slice(&bytes[begin..end]);
            begin = end;
            loop {
                match reader.take_text() {
                    Ok(Some(text)) => {
                        let head = RequestHead::parse(text, Syntax::Strict);
                        found
                            .push(head.map_or_else(|error| error.to_string(), |head| head.path().to_owned()));
                    }
                    Ok(None) => break,
                    Err(error) => {
                        found.push(error.to_string());
                        return found;
                    }
                }
            }
        }
        found
    }

    #[test]
    fn requests_that_follow_each_other_are_taken_one_by_one() {
        let bytes = b"GET /a HTTP/1.1\r\nHost: o\r\n\r\n\r\nHEAD /b HTTP/1.0\r\n\r\nGET /c";
        assert_eq!(requests(bytes, &[]), ["/a", "/b"]);
    }

    #[test]
    fn limits_hold_before_a_head_is_complete() {
        let long = [b"GET /".as_slice(), &[b'x'; HEAD_BYTES_MAX]].concat();
        assert_eq!(requests(&long, &[]), [MalformedRequest::RequestLineTooLong.to_string()]);
        let long = [b"GET / HTTP/1.1\r\nX: ".as_slice(), &[b'x'; HEAD_BYTES_MAX]].concat();
        assert_eq!(requests(&long, &[]), [MalformedRequest::HeadTooLong.to_string()]);
        assert_eq!(requests(b"\x16\x03\x01", &[]), [MalformedRequest::RequestLine.to_string()]);
        assert_eq!(requests(&[b'X'; 65], &[]), [MalformedRequest::RequestLine.to_string()]);
    }

    proptest! {
        #[test]
        fn the_cuts_between_reads_change_nothing(
            bytes in "((GET|HEAD|P) /[a-z]{0,8} HTTP/1\\.[01](\r\nHost: o|\r\n[A-Z]{1,9}: [a-z]{0,30}|\n){0,4}\r\n\r\n|[ -~\r\n]{0,20}){0,4}",
            cuts in prop::collection::vec(0_usize..500, 0..20),
        ) {
            let mut cuts = cuts;
            cuts.sort_unstable();
            prop_assert_eq!(requests(bytes.as_bytes(), &cuts), requests(bytes.as_bytes(), &[]));
        }

        #[test]
        fn any_bytes_are_a_request_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            for syntax in [Syntax::Strict, Syntax::Tolerant] {
                let _ = RequestHead::parse(bytes.clone(), syntax);
            }
            let _ = requests(&bytes, &[]);
        }
    }
}
