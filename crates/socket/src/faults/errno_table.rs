//! The table of the error numbers that socket calls return, on each operating system.
//!
//! Sources: asm-generic/errno.h and errno-base.h (Linux); sys/errno.h (macOS and FreeBSD; OpenBSD and NetBSD agree up
//! to 81); winsock2.h and winerror.h (Windows). It has all errors in the manual pages of the socket calls, and more.

use super::{Advice, FaultKind, Platform};

/// An error of the operating systems: its name and its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SystemError {
    /// The name in the headers; the POSIX one if there is one, such as `ECONNRESET`.
    pub name: &'static str,
    /// The kind, which decisions depend on.
    pub kind: FaultKind,
    advice: Option<Advice>,
    /// On Linux, macOS, BSD, Windows. Some systems have several numbers for one error.
    numbers: [&'static [i32]; 4],
}

impl SystemError {
    /// The whole table; each name is in it once.
    pub const ALL: &'static [Self] = TABLE;

    /// The error with the number `raw` on `platform`, if the table has it.
    pub fn of_number(platform: Platform, raw: i32) -> Option<&'static Self> {
        TABLE.iter().find(|error| error.numbers(platform).contains(&raw))
    }

    /// The numbers on `platform`; none if it has no such error.
    pub const fn numbers(&self, platform: Platform) -> &'static [i32] {
        match platform {
            Platform::Linux => self.numbers[0],
            Platform::Apple => self.numbers[1],
            Platform::Bsd => self.numbers[2],
            Platform::Windows => self.numbers[3],
        }
    }

    /// What the error means and what to do.
    pub const fn advice(&self) -> Advice {
        match self.advice {
            Some(advice) => advice,
            None => self.kind.advice(),
        }
    }

    const fn advising(mut self, meaning: &'static str, action: &'static str) -> Self {
        self.advice = Some(Advice::new(meaning, action));
        self
    }
}

const fn row(name: &'static str, kind: FaultKind, numbers: [&'static [i32]; 4]) -> SystemError {
    SystemError { name, kind, advice: None, numbers }
}

const MISTAKE: &str = FaultKind::Misuse.advice().action;

#[rustfmt::skip]
const TABLE: &[SystemError] = &[
    // The peer, or the path to it.
    row("ECONNREFUSED", FaultKind::Refused, [&[111], &[61], &[61], &[10061, 1225, 1234]]),
    row("ECONNRESET", FaultKind::Reset, [&[104], &[54], &[54], &[10054, 64]]),
    row("ECONNABORTED", FaultKind::Reset, [&[103], &[53], &[53], &[10053, 1236]])
        .advising("the connection was aborted on this side, by the system or because the peer disappeared before it was accepted",
                  "connect again; a server goes on accepting"),
    row("ENETRESET", FaultKind::Reset, [&[102], &[52], &[52], &[10052]])
        .advising("keep-alive probes got no response",
                  "connect again"),
    row("EPIPE", FaultKind::Reset, [&[32], &[32], &[32], &[109, 232]])
        .advising("the peer has closed the connection and receives no more data",
                  "stop sending; read what the peer sent before it closed, and connect again"),
    row("ESHUTDOWN", FaultKind::Reset, [&[108], &[58], &[58], &[10058, 10101, 1226]])
        .advising("this side has ended its direction, or the connection is gone",
                  "stop sending; to send more, connect again"),
    row("ETIMEDOUT", FaultKind::TimedOut, [&[110], &[60], &[60], &[10060, 121]]),
    row("EAGAIN", FaultKind::WouldBlock, [&[11], &[35], &[35], &[10035, 997]]),
    row("EINPROGRESS", FaultKind::WouldBlock, [&[115], &[36], &[36], &[10036]])
        .advising("the connection is being established, and the call does not wait",
                  "wait until the socket is writable"),
    row("EALREADY", FaultKind::WouldBlock, [&[114], &[37], &[37], &[10037]])
        .advising("the connection is being established already",
                  "wait until the socket is writable"),
    row("ENETUNREACH", FaultKind::Unreachable, [&[101], &[51], &[51], &[10051, 1231]])
        .advising("this machine or a router has no route to that network",
                  "check the address, the default route and the VPN"),
    row("EHOSTUNREACH", FaultKind::Unreachable, [&[113], &[65], &[65], &[10065, 1232]])
        .advising("the network is reachable, but no machine in it has that address",
                  "check that the host is on and the address is right; a firewall may report this too"),
    row("EHOSTDOWN", FaultKind::Unreachable, [&[112], &[64], &[64], &[10064]])
        .advising("the host does not answer on its own network",
                  "check that the host is switched on"),
    row("EAFNOSUPPORT", FaultKind::Unreachable, [&[97], &[47], &[47], &[10047]])
        .advising("this machine has no such address family, often no IPv6",
                  "use an address of the other family, such as IPv4"),
    row("EPROTO", FaultKind::Other, [&[71], &[100], &[92], &[]])
        .advising("a lower protocol failed, often while a connection was accepted",
                  "try again; a server goes on accepting"),
    row("ECOMM", FaultKind::Other, [&[70], &[], &[], &[]])
        .advising("sending failed on the link",
                  "check the interface"),
    row("EREMOTEIO", FaultKind::Other, [&[121], &[], &[], &[]])
        .advising("the device at the other end failed",
                  "check the interface"),
    // This machine.
    row("ENETDOWN", FaultKind::LocalNetworkDown, [&[100], &[50], &[50], &[10050]]),
    row("ENONET", FaultKind::LocalNetworkDown, [&[64], &[], &[], &[]]),
    row("EADDRINUSE", FaultKind::AddressInUse, [&[98], &[48], &[48], &[10048]]),
    row("EADDRNOTAVAIL", FaultKind::LocalExhausted, [&[99], &[49], &[49], &[10049]])
        .advising("the address does not belong to this machine, or no port is free for one more connection",
                  "bind to an address that this machine has (127.0.0.1, or 0.0.0.0 for all); otherwise hold fewer connections at once"),
    row("EMFILE", FaultKind::LocalExhausted, [&[24], &[24], &[24], &[10024, 4]])
        .advising("this process has reached its limit of open files and sockets",
                  "raise the limit (`ulimit -n`), or hold fewer connections at once"),
    row("ENFILE", FaultKind::LocalExhausted, [&[23], &[23], &[23], &[]])
        .advising("the machine has reached its limit of open files and sockets",
                  "find the process that holds so many, or raise the limit of the system"),
    row("ENOBUFS", FaultKind::LocalExhausted, [&[105], &[55], &[55], &[10055]])
        .advising("the system has no buffers left for the network",
                  "hold fewer connections at once, and send less at once"),
    row("ENOMEM", FaultKind::LocalExhausted, [&[12], &[12], &[12], &[8, 14]])
        .advising("the machine is out of memory",
                  "stop the process that uses so much"),
    row("ENOSR", FaultKind::LocalExhausted, [&[63], &[98], &[], &[]])
        .advising("the system has no resources left for the network",
                  "hold fewer connections at once"),
    row("ENOSPC", FaultKind::LocalExhausted, [&[28], &[28], &[28], &[]])
        .advising("there is no space left, on the disk or in a table of the system",
                  "make room"),
    row("EDQUOT", FaultKind::LocalExhausted, [&[122], &[69], &[69], &[10069]])
        .advising("the user's quota is used up",
                  "make room"),
    row("ETOOMANYREFS", FaultKind::LocalExhausted, [&[109], &[59], &[59], &[10059]])
        .advising("too many descriptors are in transit through Unix-domain sockets",
                  "receive them, or send fewer at once"),
    row("EUSERS", FaultKind::LocalExhausted, [&[87], &[68], &[68], &[10068]])
        .advising("too many users use a resource at once",
                  "stop some of them"),
    row("EPROCLIM", FaultKind::LocalExhausted, [&[], &[67], &[67], &[10067]])
        .advising("too many processes use the network at once",
                  "stop some of them"),
    row("EACCES", FaultKind::Denied, [&[13], &[13], &[13], &[10013, 5]])
        .advising("not allowed: a port below 1024 without the privilege, a broadcast without the option, a path, or a firewall of this machine",
                  "use port 1024 or above, or grant the privilege; check the packet filter"),
    row("EPERM", FaultKind::Denied, [&[1], &[1], &[1], &[]])
        .advising("a packet filter or a sandbox of this machine forbids it",
                  "check the packet filter (`nft list ruleset`) and the sandbox"),
    // The arguments of the call.
    row("EMSGSIZE", FaultKind::TooLong, [&[90], &[40], &[40], &[10040, 234]])
        .advising("the datagram is larger than the protocol or the path allows",
                  "send less at once: 1,200 bytes pass almost everywhere, 65,507 are the limit of UDP over IPv4"),
    row("ENOENT", FaultKind::BadPath, [&[2], &[2], &[2], &[2]])
        .advising("there is no such path: the socket has not been created",
                  "start the service, and check the path"),
    row("ENOTDIR", FaultKind::BadPath, [&[20], &[20], &[20], &[3]])
        .advising("a part of the path is not a directory",
                  "check the path"),
    row("EISDIR", FaultKind::BadPath, [&[21], &[21], &[21], &[]])
        .advising("the path is a directory",
                  "use the path of a file in it"),
    row("ELOOP", FaultKind::BadPath, [&[40], &[62], &[62], &[10062]])
        .advising("symbolic links in the path form a loop",
                  "check the path"),
    row("ENAMETOOLONG", FaultKind::BadPath, [&[36], &[63], &[63], &[10063]])
        .advising("the path is longer than a socket's may be, about 100 bytes",
                  "use a shorter path"),
    row("EROFS", FaultKind::BadPath, [&[30], &[30], &[30], &[]])
        .advising("the path is on a read-only file system",
                  "use another directory, such as /run or /tmp"),
    row("EEXIST", FaultKind::AddressInUse, [&[17], &[17], &[17], &[]])
        .advising("a file exists at that path already",
                  "remove it if no process listens there"),
    row("EIO", FaultKind::Other, [&[5], &[5], &[5], &[]])
        .advising("the device or the file system failed",
                  "look into the system's log"),
    row("ENODEV", FaultKind::Unsupported, [&[19], &[19], &[19], &[]])
        .advising("there is no such network interface",
                  "list the interfaces with `ip link`"),
    row("ENXIO", FaultKind::Unsupported, [&[6], &[6], &[6], &[]])
        .advising("there is no such device or address",
                  "check the name of the interface"),
    row("EPROTOTYPE", FaultKind::Unsupported, [&[91], &[41], &[41], &[10041]])
        .advising("the protocol does not match the type of the socket, or the path belongs to a socket of another type",
                  "use the type that the peer uses: streams or datagrams"),
    row("ENOPROTOOPT", FaultKind::Unsupported, [&[92], &[42], &[42], &[10042]])
        .advising("this system does not have that socket option",
                  "do not use the option"),
    row("EPROTONOSUPPORT", FaultKind::Unsupported, [&[93], &[43], &[43], &[10043]])
        .advising("this system does not have that protocol",
                  "use another one"),
    row("ESOCKTNOSUPPORT", FaultKind::Unsupported, [&[94], &[44], &[44], &[10044]])
        .advising("this system does not have that type of socket",
                  "use another one"),
    row("EOPNOTSUPP", FaultKind::Unsupported, [&[95], &[102, 45], &[45], &[10045]])
        .advising("this kind of socket has no such operation",
                  "use an operation of its kind: a datagram socket does not listen"),
    row("EPFNOSUPPORT", FaultKind::Unsupported, [&[96], &[46], &[46], &[10046]])
        .advising("this system does not have that protocol family",
                  "use another one, such as IPv4"),
    row("ENOSYS", FaultKind::Unsupported, [&[38], &[78], &[78], &[]])
        .advising("this system does not have that call",
                  "use a newer system"),
    row("ENOPKG", FaultKind::Unsupported, [&[65], &[], &[], &[]])
        .advising("a part of the system is not installed",
                  "install or load it"),
    row("WSAVERNOTSUPPORTED", FaultKind::Unsupported, [&[], &[], &[], &[10092, 10091]])
        .advising("this version of Windows Sockets is not there",
                  "repair the network of Windows (`netsh winsock reset`)"),
    row("WSAEPROVIDERFAILEDINIT", FaultKind::LocalExhausted, [&[], &[], &[], &[10104, 10105, 10106, 10107]])
        .advising("Windows Sockets could not be started",
                  "repair the network of Windows (`netsh winsock reset`)"),
    row("EINVAL", FaultKind::Misuse, [&[22], &[22], &[22], &[10022, 87]]),
    row("EBADF", FaultKind::Misuse, [&[9], &[9], &[9], &[10009, 6]])
        .advising("the descriptor is closed, or was never open",
                  MISTAKE),
    row("EFAULT", FaultKind::Misuse, [&[14], &[14], &[14], &[10014]])
        .advising("an address in memory is wrong",
                  MISTAKE),
    row("ENOTSOCK", FaultKind::Misuse, [&[88], &[38], &[38], &[10038]])
        .advising("the descriptor is not a socket",
                  MISTAKE),
    row("EDESTADDRREQ", FaultKind::Misuse, [&[89], &[39], &[39], &[10039]])
        .advising("a datagram was sent without a destination",
                  MISTAKE),
    row("EISCONN", FaultKind::Misuse, [&[106], &[56], &[56], &[10056]])
        .advising("the socket is connected already",
                  MISTAKE),
    row("ENOTCONN", FaultKind::Misuse, [&[107], &[57], &[57], &[10057, 1229]])
        .advising("the socket is not connected, or no longer",
                  "connect first; after a failed connection make a new socket"),
    row("ERANGE", FaultKind::Misuse, [&[34], &[34], &[34], &[]])
        .advising("a number is out of its range",
                  MISTAKE),
    row("EDOM", FaultKind::Misuse, [&[33], &[33], &[33], &[]])
        .advising("a time or number is out of its range",
                  MISTAKE),
    row("EOVERFLOW", FaultKind::Misuse, [&[75], &[84], &[84], &[]])
        .advising("a number does not fit",
                  MISTAKE),
    row("WSANOTINITIALISED", FaultKind::Misuse, [&[], &[], &[], &[10093]])
        .advising("Windows Sockets was not started by the program",
                  MISTAKE),
    row("EINTR", FaultKind::Other, [&[4], &[4], &[4], &[10004]])
        .advising("a signal came before the call was done",
                  "call again"),
    row("ERESTART", FaultKind::Other, [&[85], &[], &[], &[]])
        .advising("a signal came before the call was done",
                  "call again"),
    row("ECANCELED", FaultKind::Other, [&[125], &[89], &[85], &[10103, 10111, 995]])
        .advising("the operation was cancelled by the program itself",
                  "nothing needs to be done"),
    // Names: other systems report these with error numbers of getaddrinfo(3).
    row("WSAHOST_NOT_FOUND", FaultKind::NameNotFound, [&[], &[], &[], &[11001]]),
    row("WSANO_DATA", FaultKind::NameNotFound, [&[], &[], &[], &[11004]]),
    row("WSATRY_AGAIN", FaultKind::NameServerFailed, [&[], &[], &[], &[11002]]),
    row("WSANO_RECOVERY", FaultKind::NameServerFailed, [&[], &[], &[], &[11003]]),
];
