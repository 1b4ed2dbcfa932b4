//! Sockets of the operating system: opening them, and waiting for them with poll(2). Both flavours open theirs here;
//! the blocking one waits here, too.

mod open;
#[cfg(unix)]
mod poll;

#[cfg(unix)]
pub(crate) use open::listening_unix;
pub(crate) use open::{
    datagram_socket, endpoint_of, family_of, listening, new_socket, require, sent_after_end, set_options,
    stream_socket,
};
#[cfg(unix)]
pub(crate) use poll::{BoundedIo, PolledSocket, ReadWrite, WaitMode, poll_until};
