//! The calls of a TLS acceptor, written once for both flavours: see [`calls`](super::calls). By hand each flavour has
//! its `handshake`, and the deadline that a stream gives it.

macro_rules! tls_acceptor {
    ($($async:tt $await:tt)?) => {
        /// Makes TLS sessions of the streams that a listener accepts. Cheap to clone.
        #[derive(Clone)]
        pub struct TlsAcceptor {
            config: Arc<ServerConfig>,
        }

        impl TlsAcceptor {
            /// An acceptor with this identity.
            ///
            /// # Errors
            /// When key and certificate do not belong together.
            pub fn new(options: TlsServerOptions) -> Result<Self, InvalidIdentity> {
                Ok(Self { config: options.into_config()? })
            }

            /// Shakes hands with the client over `stream`, within its [`Timeouts::tls`](crate::Timeouts::tls). The
            /// async call is cancel safe: dropping the future closes the connection.
            ///
            /// # Errors
            /// In phase `Tls`; the connection is closed.
            pub $($async)? fn accept(&self, stream: Stream) -> Result<Stream, Fault> {
                let deadline = stream.limits().tls();
                self.accept_within(stream, deadline)$(.$await)?
            }

            /// As [`accept`](Self::accept), before `deadline`.
            pub $($async)? fn accept_within(&self, stream: Stream, deadline: Deadline) -> Result<Stream, Fault> {
                let start = clock::now();
                let remote = stream.remote();
                let deadline = stream.limits().capped(deadline);
                let accepted = self.handshake(stream, deadline)$(.$await)?;
                accepted.map_err(|error| fault(Phase::Tls, error, start, remote))
            }
        }

        impl std::fmt::Debug for TlsAcceptor {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct("TlsAcceptor").finish_non_exhaustive()
            }
        }
    };
}

pub(super) use tls_acceptor;
