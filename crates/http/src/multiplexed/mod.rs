//! A second protocol, for tests: it carries several exchanges at a time over one connection, as HTTP/2 does, and so shows that
//! a session fits everything else in this crate. It has a frame for each thing that HTTP/2 can say about an exchange.

mod frame;
mod peer;
mod session;
#[cfg(test)]
mod tests;

pub(crate) use session::Multiplexed;
