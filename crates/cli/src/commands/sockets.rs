//! `longhaul sockets`: lists the sockets of this machine and the processes that hold them.

use std::fmt::Write as _;

use longhaul_socket::{OpenSocket, SocketName, open_sockets};
use serde_json::{Value, json};

use super::{write_data, write_message};
use crate::arguments::SocketsArguments;
use crate::error::CommandError;
use crate::exit::Exit;
use crate::render::{escaped, json as lines};

const HEADINGS: [&str; 5] = ["protocol", "local", "remote", "state", "process"];

pub(super) fn run(arguments: SocketsArguments) -> Result<Exit, CommandError> {
    let SocketsArguments { endpoint: filter, json } = arguments;
    let sockets: Vec<OpenSocket> = open_sockets()?
        .into_iter()
        .filter(|socket| match &filter {
            Some(filter) => filter.includes(socket),
            None => has_name(socket),
        })
        .collect();
    let text = match (json, sockets.is_empty()) {
        (true, _) => sockets.iter().map(json_line).collect(),
        (false, true) => String::new(),
        (false, false) => table(&sockets),
    };
    write_data(&text)?;
    match &filter {
        Some(filter) if sockets.is_empty() => {
            write_message(&format!("longhaul: nothing is bound or connected at {filter}\n"));
            Ok(Exit::Other)
        }
        _ => Ok(Exit::Complete),
    }
}

/// Leaves unnamed Unix-domain sockets out: they come in pairs inside a program, and no other program can connect to them.
fn has_name(socket: &OpenSocket) -> bool {
    socket.local != SocketName::Unix(String::new())
}

fn table(sockets: &[OpenSocket]) -> String {
    let rows = sockets.iter().map(|socket| {
        let processes = socket.processes.iter().map(|process| format!("{} {}", process.pid, process.name));
        let cells = [
            socket.local.protocol().to_owned(),
            socket.local.to_string(),
            socket.remote.as_ref().map(SocketName::to_string).unwrap_or_default(),
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
            let _ = write!(text, "{cell:width$}  ");
        }
        text.push_str(&row[4]);
        text.push('\n');
    }
    text
}

fn json_line(socket: &OpenSocket) -> String {
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
