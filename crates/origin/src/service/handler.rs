//! How each service serves a connection.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use longhaul_socket::{BoxFuture, SpeedMonitor, Stream};

use super::{Service, character_generator, daytime, discard, echo, time};
use crate::accept_loop::ConnectionCounts;
use crate::http_service;
use crate::service_host::{
    ConnectionHandler, Ending, Limits, PeerExpectation, ServedConnection, until_stopped,
};

impl ConnectionHandler for Service {
    fn name(&self) -> &'static str {
        self.name()
    }

    fn expectation(&self, limits: &Limits) -> PeerExpectation {
        match self {
            Self::Echo | Self::Discard => {
                PeerExpectation::Bytes(SpeedMonitor::new(limits.idle_time, limits.speed, None))
            }
            Self::Files(_) | Self::Control(_) | Self::Hostile(_) => {
                PeerExpectation::requests(limits.idle_time, limits.head_time)
            }
            // The seeded server has deadlines of its own.
            Self::Daytime | Self::Time | Self::CharacterGenerator | Self::Seeded(_) => {
                PeerExpectation::Nothing
            }
        }
    }

    fn write_time(&self, limits: &Limits) -> Option<Duration> {
        // The seeded server is slow on purpose.
        (!matches!(self, Self::Seeded(_))).then_some(limits.write_time)
    }

    fn counts(&self) -> Arc<ConnectionCounts> {
        match self {
            Self::Seeded(server) => server.connection_counts(),
            _ => Arc::default(),
        }
    }

    fn serve(&self, connection: ServedConnection) -> BoxFuture<'_, Result<(), Ending>> {
        match self {
            Self::Files(folder) => Box::pin(http_service::serve(folder, connection)),
            Self::Control(control) => Box::pin(http_service::serve(control, connection)),
            Self::Hostile(front) => Box::pin(http_service::serve(front, connection)),
            Self::Seeded(server) => Box::pin(async move {
                let ServedConnection { transport, mut stopping, .. } = connection;
                until_stopped(&mut stopping, server.serve(Box::new(transport))).await
            }),
            Self::Echo | Self::Discard | Self::Daytime | Self::Time | Self::CharacterGenerator => {
                Box::pin(self.serve_small(connection))
            }
        }
    }
}

impl Service {
    /// The small services, whose connections need less memory than those of the others.
    async fn serve_small(&self, connection: ServedConnection) -> Result<(), Ending> {
        let ServedConnection { transport, clock, mut stopping, .. } = connection;
        let mut stream = Stream::plain(Box::new(transport));
        let serve = async {
            match self {
                Self::Echo => echo::serve(&mut stream).await,
                Self::Discard => discard::serve(&mut stream).await,
                Self::Daytime => daytime::serve(&mut stream, clock).await,
                Self::Time => time::serve(&mut stream, clock).await,
                Self::CharacterGenerator => character_generator::serve(&mut stream).await,
                Self::Files(_) | Self::Seeded(_) | Self::Control(_) | Self::Hostile(_) => io::Result::Ok(()),
            }
        };
        until_stopped(&mut stopping, serve).await?.map_err(|_error| Ending::Broken)
    }
}
