//! The subcommands: one thin file each over the library, all with the same manners.
//!
//! Answers go to standard output, everything else to standard error. A failure says where, what and
//! what next, and has one of the exit codes of the command line's promise. A reader that closes the
//! pipe (`| head`) ends a command quietly.

mod agent;
mod bench;
mod check;
mod demo;
mod import;
mod query;
mod replay;
mod serve;
mod shell;

use crate::args::{Command, DEFAULT_URL, Source};
use crate::core::RuleSet;
use crate::query_cmd::Target;
use crate::rule_files;
use std::fmt;
use std::io::{self, Write};
use std::path::PathBuf;

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
        Failure {
            exit: Exit::BadNews,
            message: message.into(),
            hint: String::new(),
        }
    }

    /// The command line or a query is wrong.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure {
            exit: Exit::Usage,
            message: message.into(),
            hint: String::new(),
        }
    }

    /// The world is not as needed.
    pub fn environment(message: impl Into<String>) -> Failure {
        Failure {
            exit: Exit::Environment,
            message: message.into(),
            hint: String::new(),
        }
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

/// Runs one command to its end; gives the exit code.
pub fn run(command: Command) -> Result<i32, Failure> {
    match command {
        Command::Serve(args) => serve::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Bench(args) => bench::run(args),
        Command::BenchServer(args) => bench::serve(args),
        Command::Check(args) => check::run(args),
        Command::Query(args) => query::run(args),
        Command::Shell(args) => shell::run(args),
        Command::Replay(args) => replay::run(args),
        Command::Import(args) => import::run(args),
        Command::Agent(args) => agent::run(args),
        Command::Version => print(&format!("afterboot {}\n", env!("CARGO_PKG_VERSION"))),
    }
}

/// Writes an answer to standard output.
fn print(text: &str) -> Result<i32, Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::environment(format!("standard output: {error}")))
        }
        _ => Ok(0),
    }
}

/// The rule files named, or the standard set, checked; every error of every file when there is one.
fn rules(paths: &[PathBuf]) -> Result<RuleSet, Failure> {
    let sources = match paths {
        [] => rule_files::standard(),
        paths => rule_files::read(paths).map_err(|error| {
            Failure::environment(error.to_string()).hint("without --rules the standard rules run")
        })?,
    };
    RuleSet::check(sources).map_err(|errors| {
        Failure::bad_news(format!(
            "the rules have errors, nothing was started\n{errors}"
        ))
        .hint("`afterboot check` checks rules without running them")
    })
}

/// Whom a client command asks.
fn target(source: &Source) -> Target {
    if let Some(data) = &source.data {
        return Target::Data(data.clone());
    }
    Target::Url {
        url: server_url(source.url.as_ref()),
        token: None,
    }
}

/// The server that is meant: the option, else the environment, else this machine.
fn server_url(option: Option<&String>) -> String {
    let named = option
        .cloned()
        .or_else(|| std::env::var("AFTERBOOT_URL").ok());
    named.unwrap_or_else(|| DEFAULT_URL.to_string())
}
