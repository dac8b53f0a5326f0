//! The subcommands: one thin file each over the library, all with the same manners.
//!
//! Answers go to standard output, everything else to standard error. A failure says where, what and
//! what next, and has one of the exit codes of the command line's promise. A reader that closes the
//! pipe (`| head`) ends a command quietly.

mod check;
mod query;
mod serve;

use crate::args::{Command, DEFAULT_URL, Source};
use std::fmt;
use std::io::{self, Write};
use std::process::ExitCode;

/// Why a command did not end well; the number is the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The answer is bad news: an error in a rule, a failed test, damage.
    BadNews = 1,
    /// The command line or a query is wrong.
    Usage = 2,
    /// The world is not as needed: no such file, no such server, address in use.
    Environment = 3,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}

/// What a command says when it did not end well.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// Where and what, one line or a whole report; empty: all was said already.
    pub message: String,
    /// What to do next; may be empty.
    pub hint: String,
}

impl Failure {
    /// The answer is bad news.
    pub fn bad_news(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::BadNews, message: message.into(), hint: String::new() }
    }

    /// The command line or a query is wrong.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, message: message.into(), hint: String::new() }
    }

    /// The world is not as needed.
    pub fn environment(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Environment, message: message.into(), hint: String::new() }
    }

    /// The same, with what to do next.
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = hint.into();
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.message.is_empty() {
            writeln!(f, "afterboot: {}", self.message.trim_end())?;
        }
        if !self.hint.is_empty() {
            writeln!(f, "  hint: {}", self.hint)?;
        }
        Ok(())
    }
}

/// Runs one command to its end.
pub fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Query(args) => query::run(args),
        Command::Check(args) => check::run(args),
        Command::Version => print(&format!("afterboot {}\n", env!("CARGO_PKG_VERSION"))),
    }
}

/// Writes an answer to standard output.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::environment(format!("standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// The server that a client command asks: the option, else the environment, else this machine.
fn server_url(source: &Source) -> String {
    source
        .url
        .clone()
        .or_else(|| std::env::var("AFTERBOOT_URL").ok())
        .unwrap_or_else(|| DEFAULT_URL.to_string())
}
