//! The simulated network as a test sees it.

use std::fmt;
use std::future::pending;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::condition::{Condition, SharedCondition};
use super::listener::MemoryListener;
use super::state::SharedState;
use super::transport::MemoryTransport;
use crate::addressing::{Endpoint, HostName, Protocol};
use crate::network::{BoxFuture, Listener, LocalRoute, LookupError, Network, Transport};

/// Connections that a listener has not accepted yet; further ones wait, as if their SYN had been dropped.
const BACKLOG_MAX: usize = 128;
/// The addresses of clients, from the ranges for documentation (RFC 5737, RFC 3849).
const CLIENT_V4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const CLIENT_V6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);

/// A network in memory. Clones are the same network: the code under test gets one, and the test keeps another to change
/// the network while that code runs.
///
/// ```
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use longhaul_socket::memory::MemoryNetwork;
/// use longhaul_socket::{Network, clock};
/// use tokio::io::{AsyncReadExt, AsyncWriteExt};
///
/// let network = MemoryNetwork::new();
/// network.name("a.test", ["10.0.0.1".parse()?]).latency(Duration::from_millis(40));
///
/// let listener = network.listen("tcp://10.0.0.1:80".parse()?)?;
/// let start = clock::now();
/// let mut client = network.dial(listener.endpoint()).await?;
/// assert_eq!(start.elapsed().as_millis(), 80);
///
/// let (mut server, _from) = listener.accept().await?;
/// server.write_all(b"220 hello").await?;
/// server.reset();
/// let mut received = Vec::new();
/// let error = client.read_to_end(&mut received).await.unwrap_err();
/// assert_eq!(received, b"220 hello");
/// assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Default)]
pub struct MemoryNetwork {
    state: SharedState,
    condition: SharedCondition,
}

impl MemoryNetwork {
    /// A network without latency, listeners or names.
    pub fn new() -> Self {
        Self::default()
    }

    /// From now on `name` has these addresses; without any, it does not exist.
    ///
    /// # Panics
    /// When `name` is not a valid host name: it comes from the test itself.
    pub fn name(&self, name: &str, addresses: impl IntoIterator<Item = IpAddr>) -> &Self {
        let addresses: Vec<IpAddr> = addresses.into_iter().collect();
        let answer = if addresses.is_empty() { Err(LookupError::NotFound) } else { Ok(addresses) };
        self.state.lock().names.insert(parsed_name(name), answer);
        self
    }

    /// From now on each look-up of `name` fails with `error`; with [`LookupError::Silent`] it never ends.
    ///
    /// # Panics
    /// When `name` is not a valid host name: it comes from the test itself.
    pub fn name_fails(&self, name: &str, error: LookupError) -> &Self {
        self.state.lock().names.insert(parsed_name(name), Err(error));
        self
    }

    /// From now on each look-up takes this long.
    pub fn lookup_latency(&self, latency: Duration) -> &Self {
        self.state.lock().lookup_latency = latency;
        self
    }

    /// From now on data takes this long each way, and a dial twice as long. Existing connections keep their latency.
    pub fn latency(&self, one_way: Duration) -> &Self {
        self.state.lock().one_way_latency = one_way;
        self
    }

    /// From now on a dial to `endpoint` never ends. Existing connections are not affected.
    pub fn silence(&self, endpoint: Endpoint) -> &Self {
        self.state.lock().silent.insert(endpoint);
        self
    }

    /// Undoes [`silence`](Self::silence), for dials that begin from now on.
    pub fn unsilence(&self, endpoint: Endpoint) -> &Self {
        self.state.lock().silent.remove(&endpoint);
        self
    }

    /// Takes the network down, as if the cable were unplugged: dials and look-ups fail at once. Connections stall
    /// without losing data.
    pub fn down(&self) -> &Self {
        self.condition.change(Condition::Down);
        self
    }

    /// Takes the network down beyond this machine: dials and look-ups that begin now never end. Connections stall.
    pub fn blackout(&self) -> &Self {
        self.condition.change(Condition::Blackout);
        self
    }

    /// Brings the network up again; stalled connections go on.
    pub fn up(&self) -> &Self {
        self.condition.change(Condition::Up);
        self
    }

    /// How many look-ups have begun.
    pub fn lookups(&self) -> usize {
        self.state.lock().lookups
    }

    /// How many dials have begun.
    pub fn dials(&self) -> usize {
        self.state.lock().dials
    }

    async fn find(&self, name: &HostName) -> Result<Vec<IpAddr>, LookupError> {
        let (condition, latency) = {
            let mut state = self.state.lock();
            state.lookups += 1;
            (self.condition.get(), state.lookup_latency)
        };
        match condition {
            Condition::Up => sleep_unless_zero(latency).await,
            Condition::Down => return Err(LookupError::ServerFailed("the network is down".into())),
            Condition::Blackout => pending().await,
        }
        let answer = self.state.lock().names.get(name).cloned().unwrap_or(Err(LookupError::NotFound));
        match answer {
            Err(LookupError::Silent) => pending().await,
            answer => answer,
        }
    }

    async fn connect(&self, remote: Endpoint) -> io::Result<MemoryTransport> {
        require_tcp(remote)?;
        let (condition, latency, local) = {
            let mut state = self.state.lock();
            state.dials += 1;
            let silent = state.silent.contains(&remote);
            let condition = if silent { Condition::Blackout } else { self.condition.get() };
            (condition, state.one_way_latency, client_endpoint(remote, state.next_port()))
        };
        match condition {
            Condition::Up => sleep_unless_zero(latency).await,
            Condition::Down => return Err(io::ErrorKind::NetworkUnreachable.into()),
            Condition::Blackout => pending().await,
        }
        let listener = self.state.lock().listener(remote).cloned();
        let (ours, theirs) = MemoryTransport::pair(local, remote, latency, &self.condition);
        let accepted = match listener {
            Some(listener) => listener.send(theirs).await.is_ok(),
            None => false,
        };
        sleep_unless_zero(latency).await;
        if accepted { Ok(ours) } else { Err(io::ErrorKind::ConnectionRefused.into()) }
    }
}

impl Network for MemoryNetwork {
    fn lookup<'a>(&'a self, name: &'a HostName) -> BoxFuture<'a, Result<Vec<IpAddr>, LookupError>> {
        Box::pin(self.find(name))
    }

    fn dial(&self, endpoint: Endpoint) -> BoxFuture<'_, io::Result<Box<dyn Transport>>> {
        Box::pin(async move { Ok(Box::new(self.connect(endpoint).await?) as Box<dyn Transport>) })
    }

    fn listen(&self, endpoint: Endpoint) -> io::Result<Box<dyn Listener>> {
        require_tcp(endpoint)?;
        let mut state = self.state.lock();
        let port = if endpoint.port() == 0 { state.next_port() } else { endpoint.port() };
        let endpoint = Endpoint::new(endpoint.ip(), endpoint.protocol(), port);
        if state.listeners.contains_key(&endpoint) {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        let (sender, receiver) = mpsc::channel(BACKLOG_MAX);
        state.listeners.insert(endpoint, sender);
        drop(state);
        Ok(Box::new(MemoryListener::new(endpoint, receiver, self.state.clone())))
    }

    fn local_route(&self, _ip: IpAddr) -> LocalRoute {
        match self.condition.get() {
            Condition::Up | Condition::Blackout => LocalRoute::Present,
            Condition::Down => LocalRoute::Absent,
        }
    }
}

impl fmt::Debug for MemoryNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.lock();
        f.debug_struct("MemoryNetwork")
            .field("condition", &self.condition.get())
            .field("names", &state.names)
            .field("listeners", &state.listeners.keys())
            .finish_non_exhaustive()
    }
}

fn parsed_name(name: &str) -> HostName {
    match name.parse() {
        Ok(name) => name,
        Err(error) => panic!("the test names the host {name:?}: {error}"),
    }
}

fn client_endpoint(remote: Endpoint, port: u16) -> Endpoint {
    let ip = match remote.ip() {
        IpAddr::V4(_) => CLIENT_V4.into(),
        IpAddr::V6(_) => CLIENT_V6.into(),
    };
    Endpoint::new(ip, Protocol::Tcp, port)
}

fn require_tcp(endpoint: Endpoint) -> io::Result<()> {
    match endpoint.protocol() {
        Protocol::Tcp => Ok(()),
        Protocol::Udp => Err(io::ErrorKind::InvalidInput.into()),
    }
}

/// A sleep of zero would still wait for the next tick of the timer.
async fn sleep_unless_zero(duration: Duration) {
    if !duration.is_zero() {
        sleep(duration).await;
    }
}
