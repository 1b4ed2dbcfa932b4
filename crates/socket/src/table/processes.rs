//! Which process holds which socket, by the descriptors in `/proc/PID/fd`, proc(5).
#![expect(clippy::disallowed_methods, reason = "tables of the kernel, not files of a haul")]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;

use super::{OpenSocket, Process, SocketTableError, inet_rows, sock_diag, unix_rows};
use crate::addressing::Protocol;

/// A row has about 150 bytes: this holds more than 400,000 sockets. Further ones are left out.
const TABLE_BYTES_MAX: u64 = 64 << 20;
/// A process's name has 15 bytes and a line end.
const NAME_BYTES_MAX: u64 = 64;

/// The tables with endpoints. Those of IPv6 are missing where the kernel has none.
const INET_TABLES: [(&str, Protocol); 4] = [
    ("/proc/net/tcp", Protocol::Tcp),
    ("/proc/net/tcp6", Protocol::Tcp),
    ("/proc/net/udp", Protocol::Udp),
    ("/proc/net/udp6", Protocol::Udp),
];
const UNIX_TABLE: &str = "/proc/net/unix";

pub(super) fn read() -> Result<Vec<OpenSocket>, SocketTableError> {
    let mut sockets = Vec::new();
    for (path, protocol) in INET_TABLES {
        sockets.extend(inet_rows(&text_of(path)?, protocol));
    }
    match sock_diag::unix_sockets() {
        Ok(unix) => sockets.extend(unix),
        Err(_not_told) => sockets.extend(unix_rows(&text_of(UNIX_TABLE)?)),
    }
    let v6_only = sock_diag::v6_only();
    for socket in &mut sockets {
        socket.v6_only = v6_only.get(&socket.inode).copied();
    }
    // After the tables, so that a socket in them is still held, unless it was closed in between.
    let holders = holders()?;
    for socket in &mut sockets {
        if let Some(processes) = holders.get(&socket.inode) {
            socket.processes.clone_from(processes);
        }
    }
    Ok(sockets)
}

fn text_of(path: &'static str) -> Result<String, SocketTableError> {
    match read_at_most(Path::new(path), TABLE_BYTES_MAX) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && path != "/proc/net/tcp" => Ok(String::new()),
        read => read.map_err(|source| SocketTableError::Unreadable { path, source }),
    }
}

/// Reads a file as text; bytes that are not UTF-8 are replaced.
fn read_at_most(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The processes that hold each socket, by its inode. Skips processes that this user may not inspect, and processes
/// that end meanwhile.
fn holders() -> Result<HashMap<u64, Vec<Process>>, SocketTableError> {
    const PATH: &str = "/proc";
    let entries = fs::read_dir(PATH).map_err(|source| SocketTableError::Unreadable { path: PATH, source })?;
    let mut pids: Vec<u32> =
        entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    let mut holders: HashMap<u64, Vec<Process>> = HashMap::new();
    for pid in pids {
        let directory = Path::new(PATH).join(pid.to_string());
        let mut inodes = inodes_of(&directory);
        if inodes.is_empty() {
            continue;
        }
        inodes.sort_unstable();
        inodes.dedup();
        let name = read_at_most(&directory.join("comm"), NAME_BYTES_MAX).unwrap_or_default();
        let process = Process { pid, name: name.trim_end_matches('\n').to_owned() };
        for inode in inodes {
            holders.entry(inode).or_default().push(process.clone());
        }
    }
    Ok(holders)
}

fn inodes_of(directory: &Path) -> Vec<u64> {
    let Ok(descriptors) = fs::read_dir(directory.join("fd")) else { return Vec::new() };
    let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter_map(|link| socket_inode(link.to_str()?)).collect()
}

/// Parses `socket:[88004]`.
fn socket_inode(link: &str) -> Option<u64> {
    link.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok()
}
