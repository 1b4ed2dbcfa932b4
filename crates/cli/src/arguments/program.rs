//! The program as a whole: its commands, and its help with the commands in groups.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use super::usage_error::without_secrets;
use super::{
    ConnectArguments, ExportArguments, ForgetArguments, GetArguments, ListenArguments, RehearseArguments,
    RetryArguments, ServeArguments, SocketsArguments, StatusArguments, VerifyArguments,
};

/// The commands in the order and the groups in which help and `docs/cli.md` list them.
const GROUPS: [(&str, &[&str]); 3] = [
    ("Downloading", &["get", "status", "retry", "export", "verify", "forget"]),
    ("Sockets", &["connect", "listen", "sockets"]),
    ("Rehearsing", &["rehearse", "serve"]),
];

/// Downloads everything on a list, whatever the network does.
#[derive(Debug, Parser)]
#[command(
    name = "longhaul",
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
    after_help = "`longhaul COMMAND --help` describes a command. LONGHAUL_LOG=debug writes a trace of decisions to standard \
                  error.\n\n\
                  Exit codes: 0 all done, 2 usage or an invalid line of a list, 3 files, 4 network, 5 TLS, 6 credentials, \
                  7 protocol, 8 server errors, 9 stopped before the end (run it again), 1 anything else."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Get(Box<GetArguments>),
    Status(StatusArguments),
    Retry(Box<RetryArguments>),
    Export(ExportArguments),
    Verify(VerifyArguments),
    Forget(ForgetArguments),
    Connect(ConnectArguments),
    Listen(ListenArguments),
    Sockets(SocketsArguments),
    Rehearse(RehearseArguments),
    Serve(ServeArguments),
}

impl Command {
    /// True if the command line asks for a trace with `-vv`.
    pub(crate) fn traces_by_flag(&self) -> bool {
        let output = match self {
            Self::Get(arguments) => &arguments.output,
            Self::Retry(arguments) => &arguments.output,
            Self::Status(_)
            | Self::Export(_)
            | Self::Verify(_)
            | Self::Forget(_)
            | Self::Connect(_)
            | Self::Listen(_)
            | Self::Sockets(_)
            | Self::Rehearse(_)
            | Self::Serve(_) => return false,
        };
        output.verbose > 1
    }
}

impl Arguments {
    /// Parses the command line, whose first word is the name of the program.
    ///
    /// # Errors
    /// What to print instead of running a command: a usage error, the help or the version.
    pub(crate) fn read(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let matches = grouped_command().try_get_matches_from(with_no_clobber(words));
        Self::from_arg_matches(&matches.map_err(without_secrets)?)
    }
}

/// The parser, with the commands grouped in its help.
fn grouped_command() -> clap::Command {
    let command = Arguments::command();
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}{{after-help}}",
        command_list(&command)
    );
    command.help_template(template)
}

/// Each group with a line for each of its commands.
fn command_list(command: &clap::Command) -> String {
    let width = command.get_subcommands().map(|command| command.get_name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for (heading, names) in GROUPS {
        let _ = writeln!(text, "{heading}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(text, "  {name:width$}  {about}");
        }
        text.push('\n');
    }
    text
}

/// Replaces `-nc`, which users of wget type, by `--no-clobber`: clap would read two letters after one dash as two flags.
/// Words after `--` are left alone.
fn with_no_clobber(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut are_flags = true;
    let rewrite = |word: OsString| {
        are_flags &= word != OsStr::new("--");
        if are_flags && word == OsStr::new("-nc") { OsString::from("--no-clobber") } else { word }
    };
    words.into_iter().map(rewrite).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const REFERENCE: &str = include_str!("../../../../docs/cli.md");

    #[test]
    fn clap_accepts_the_definition() {
        grouped_command().debug_assert();
    }

    #[test]
    fn every_command_is_in_one_group_and_fits_on_a_line() {
        let command = Arguments::command();
        let defined: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(grouped.iter().collect::<BTreeSet<_>>().len(), grouped.len(), "{grouped:?}");
        assert_eq!(grouped, defined);
        for line in command_list(&command).lines() {
            assert!(line.len() <= 80, "{line}");
        }
    }

    #[test]
    fn the_reference_names_every_command_and_every_flag() {
        assert!(REFERENCE.contains(&command_list(&Arguments::command())), "docs/cli.md lists other commands");
        for command in Arguments::command().get_subcommands() {
            let name = command.get_name();
            let heading = format!("\n## {name}\n");
            let (_, section) = REFERENCE.split_once(&heading).unwrap_or_else(|| panic!("no section {name}"));
            let section = section.split("\n## ").next().unwrap_or_default();
            for flag in command.get_arguments().filter_map(clap::Arg::get_long).filter(|flag| *flag != "help")
            {
                // Commands that share flags refer to the section that describes them.
                let is_known = match name {
                    "retry" | "listen" => REFERENCE.contains(&format!("--{flag}")),
                    _ => section.contains(&format!("--{flag}")),
                };
                assert!(is_known, "docs/cli.md does not describe {name} --{flag}");
            }
        }
    }

    #[test]
    fn the_commands_of_the_pages_are_understood() {
        let pages = [REFERENCE, include_str!("../../../../docs/proxy.md")];
        let mut commands = 0;
        for page in pages {
            let page = page.replace("\\\n", " ");
            for command in page.lines().filter(|line| line.starts_with("longhaul serve ")) {
                let words = command.split(" #").next().unwrap_or_default().split_whitespace();
                if let Err(error) = Arguments::try_parse_from(words) {
                    panic!("{command}: {error}");
                }
                commands += 1;
            }
        }
        assert!(commands >= 5, "{commands}");
    }

    #[test]
    fn a_usage_error_shows_no_secret_of_the_command_line() {
        let typed: [&[&str]; 6] = [
            &["-H", "Authorization: Bearer\rsecret"],
            &["--header=Authorization Bearer secret"],
            &["-H", "secret secret: value"],
            &["-H", "Cookie: a=secret\u{1}"],
            &["--canary", "http://user:secret@host:99999/"],
            &["-e", "http://user:secret@host/\n"],
        ];
        for flags in typed {
            let words = ["longhaul", "get", "-d", "haul"].iter().chain(flags);
            let error = Arguments::read(words.map(OsString::from)).expect_err("a usage error").to_string();
            assert!(!error.contains("secret"), "{error}");
            assert!(error.contains("***"), "{error}");
        }
        let words = ["longhaul", "get", "-d", "haul", "-H", "Authorization: secret\u{1}"].map(OsString::from);
        let error = Arguments::read(words).expect_err("a usage error").to_string();
        assert!(error.contains("'Authorization: ***' for '--header <FIELD>'"), "{error}");
    }

    #[test]
    fn no_clobber_has_a_flag_of_two_letters() {
        let typed = ["longhaul", "get", "-nc", "--", "-nc"].map(OsString::from);
        let read = with_no_clobber(typed);
        assert_eq!(read, ["longhaul", "get", "--no-clobber", "--", "-nc"]);
    }
}
