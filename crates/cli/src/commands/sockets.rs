//! `longhaul sockets`: what is open on this machine, and who holds it.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use longhaul_socket::{OpenSocket, Place, open_sockets};
use serde_json::{Value, json};

use super::tell;
use crate::arguments::SocketsArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{escaped, json as lines};

const HEADINGS: [&str; 5] = ["protocol", "local", "remote", "state", "process"];

pub(super) fn run(arguments: &SocketsArguments) -> Result<Exit, CommandError> {
    let sockets: Vec<OpenSocket> = open_sockets()?
        .into_iter()
        .filter(|socket| match &arguments.endpoint {
            Some(subject) => subject.includes(socket),
            None => has_name(socket),
        })
        .collect();
    let text = match (arguments.json, sockets.is_empty()) {
        (true, _) => sockets.iter().map(machine).collect(),
        (false, true) => String::new(),
        (false, false) => human(&sockets),
    };
    match io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            return Err(CommandError::Output { place: "standard output".to_owned(), source: error });
        }
        _ => {}
    }
    match &arguments.endpoint {
        Some(subject) if sockets.is_empty() => {
            tell(&format!("longhaul: nothing is bound or connected at {subject}\n"));
            Ok(Exit::Other)
        }
        _ => Ok(Exit::Complete),
    }
}

/// Nobody can be asked to go to a socket without a name: those that programs have in pairs for themselves.
fn has_name(socket: &OpenSocket) -> bool {
    socket.local != Place::Unix(String::new())
}

fn human(sockets: &[OpenSocket]) -> String {
    let rows = sockets.iter().map(|socket| {
        let processes = socket.processes.iter().map(|process| format!("{} {}", process.pid, process.name));
        let cells = [
            socket.local.protocol().to_owned(),
            socket.local.to_string(),
            socket.remote.as_ref().map(Place::to_string).unwrap_or_default(),
            socket.state.to_string(),
            processes.collect::<Vec<_>>().join(", "),
        ];
        cells.map(|cell| if cell.is_empty() { "-".to_owned() } else { escaped(&cell).to_string() })
    });
    let rows: Vec<[String; 5]> = std::iter::once(HEADINGS.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 4] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &rows {
        for (cell, width) in row.iter().zip(widths) {
            // A string takes everything.
            let _ = write!(text, "{cell:width$}  ");
        }
        text.push_str(&row[4]);
        text.push('\n');
    }
    text
}

fn machine(socket: &OpenSocket) -> String {
    let processes = socket.processes.iter().map(|process| json!({"pid": process.pid, "name": process.name}));
    let mut line = lines::object(&[
        ("protocol", socket.local.protocol().into()),
        ("local", socket.local.to_string().into()),
        ("remote", socket.remote.as_ref().map_or(Value::Null, |remote| remote.to_string().into())),
        ("state", socket.state.as_str().into()),
        ("processes", Value::Array(processes.collect())),
    ]);
    line.push('\n');
    line
}
