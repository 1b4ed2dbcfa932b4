//! What every error of an exchange states: the host, the peer, and the elapsed time.

use std::time::Duration;

use longhaul_socket::{Fault, FaultKind, Host, Phase, clock};
use tokio::time::Instant;

use super::peer::Peer;
use super::tunnel::TunnelError;
use crate::fault::{Error, ProtocolFault, ProtocolFaultKind, SocketFault, TunnelFault};

#[derive(Clone)]
pub(crate) struct FaultContext {
    /// The host of the request.
    pub(crate) host: Host,
    pub(crate) peer: Peer,
    /// When the exchange began, name look-up included.
    pub(crate) started: Instant,
}

impl FaultContext {
    pub(crate) fn fault(&self, phase: Phase, kind: FaultKind) -> Fault {
        Fault::new(phase, kind, self.elapsed()).at(self.peer.endpoint).of(self.host.clone())
    }

    pub(crate) fn protocol(&self, phase: Phase, kind: ProtocolFaultKind) -> ProtocolFault {
        ProtocolFault::new(kind, phase, self.peer, self.elapsed())
    }

    pub(crate) fn socket_error(&self, phase: Phase, kind: FaultKind) -> Error {
        self.socket(self.fault(phase, kind))
    }

    pub(crate) fn protocol_error(&self, phase: Phase, kind: ProtocolFaultKind) -> Error {
        Error::Protocol(self.protocol(phase, kind))
    }

    /// The error that `fault` is, over a connection to this peer.
    pub(crate) fn socket(&self, fault: Fault) -> Error {
        Error::Socket(SocketFault::new(fault, self.peer.via))
    }

    /// The error that this peer opened no tunnel.
    pub(crate) fn tunnel(&self, error: TunnelError) -> Error {
        match error {
            TunnelError::Refused(refusal) => {
                Error::TunnelRefused(TunnelFault::new(refusal, self.peer, self.elapsed()))
            }
            TunnelError::Malformed(source) => {
                Error::Protocol(self.protocol(Phase::Tunnel, ProtocolFaultKind::BadTunnel).because(source))
            }
            TunnelError::Broken(fault) if fault.kind() == FaultKind::TimedOut => self.tunnel_timed_out(),
            TunnelError::Broken(fault) => self.socket(self.fault(Phase::Tunnel, fault.kind()).because(fault)),
        }
    }

    /// The error that no response to the handshake came in time. The proxy has accepted the connection; what it waits for is
    /// most likely the host.
    pub(crate) fn tunnel_timed_out(&self) -> Error {
        let fault = self.fault(Phase::Tunnel, FaultKind::TimedOut);
        Error::Socket(SocketFault::of_host(fault, self.peer.via))
    }

    fn elapsed(&self) -> Duration {
        clock::now() - self.started
    }
}
