//! What only Linux offers.

use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpSocket;

/// Gives up a connection when what we sent is not acknowledged for `silence`: `TCP_USER_TIMEOUT` (tcp(7), RFC 5482).
/// Without it, the system sends again for about a quarter of an hour. A refusal of the system is not worth a connection.
pub(super) fn give_up_after(socket: &TcpSocket, silence: Duration) {
    let _ = SockRef::from(socket).set_tcp_user_timeout(Some(silence));
}
