//! Asks one question, of a running server or of a store's folder, and prints the answer.
//!
//! Answers go to `out`, errors and the notes that a format cannot carry to `err`. Called by the command
//! line's `query` and, question by question, by the shell.

mod local;

use crate::client::{Client, ClientError};
use local::Local;
pub use local::stored_rules;
use query::answer;
use query::render::{self, Format};
use query::table::Table;
use std::io::{self, Write};
use std::path::PathBuf;

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A running server.
    Url {
        /// Such as `http://127.0.0.1:8470`.
        url: String,
        /// Sent as bearer token.
        token: Option<String>,
    },
    /// A store's folder that no server has open.
    Data(PathBuf),
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The question is wrong: what, where and the way out, in one or several lines.
    Question(String),
    /// It was stopped.
    Cancelled,
    /// No such server, no such store, or it cannot be read.
    Environment(String),
}

impl Failure {
    /// The command line's exit code.
    pub fn exit_code(&self) -> i32 {
        match self {
            Failure::Question(_) => 2,
            Failure::Cancelled => 130,
            Failure::Environment(_) => 3,
        }
    }

    /// For people.
    pub fn text(&self) -> &str {
        match self {
            Failure::Question(text) | Failure::Environment(text) => text,
            Failure::Cancelled => "cancelled",
        }
    }
}

/// A target that was found; questions can be put to it one after the other.
pub struct Connection(Found);

enum Found {
    Server(Box<Client>),
    Folder(Box<Local>),
}

impl Connection {
    /// Finds the target.
    pub fn open(target: &Target) -> Result<Connection, Failure> {
        match target {
            Target::Url { url, token } => {
                let client = Client::new(url, token.as_deref())
                    .map_err(|error| Failure::Environment(error.to_string()))?;
                Ok(Connection(Found::Server(Box::new(client))))
            }
            Target::Data(folder) => Ok(Connection(Found::Folder(Box::new(Local::open(folder)?)))),
        }
    }

    /// The answer to one question; `cancel` is asked now and then whether to give up.
    pub fn ask(&self, text: &str, cancel: &dyn Fn() -> bool) -> Result<Table, Failure> {
        match &self.0 {
            Found::Server(client) => ask_server(client, text, cancel),
            Found::Folder(folder) => folder.ask(text, cancel),
        }
    }
}

fn ask_server(client: &Client, text: &str, cancel: &dyn Fn() -> bool) -> Result<Table, Failure> {
    let answer = client.get("/api/v1/query", &[("format", "json"), ("q", text)], cancel);
    let answer = answer.map_err(|error| match error {
        ClientError::Cancelled => Failure::Cancelled,
        error => Failure::Environment(error.to_string()),
    })?;
    let body = String::from_utf8_lossy(&answer.body);
    if answer.status == 200 {
        return answer::from_json(&body).map_err(|error| Failure::Environment(error.to_string()));
    }
    let said = refusal(answer.status, &body);
    Err(if answer.status == 400 {
        Failure::Question(said)
    } else {
        Failure::Environment(said)
    })
}

/// What the server's error object says, for people.
fn refusal(status: u16, body: &str) -> String {
    let object: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let field = |name: &str| {
        object
            .get(name)
            .and_then(serde_json::Value::as_str)
            .unwrap_or("")
            .trim_end()
    };
    if field("message").is_empty() {
        return format!("the server answered with status {status}");
    }
    if !field("rendered").is_empty() {
        return field("rendered").to_owned();
    }
    let mut said = field("message").to_owned();
    if !field("where").is_empty() && !said.contains(field("where")) {
        said = format!("{}: {said}", field("where"));
    }
    if !field("hint").is_empty() && !said.contains(field("hint")) {
        said.push_str(&format!("\n  hint: {}", field("hint")));
    }
    said
}

/// Whether an answer says of itself that damage made it incomplete.
pub fn incomplete(table: &Table) -> bool {
    table
        .notes
        .iter()
        .any(|note| note.starts_with("answer incomplete"))
}

/// Prints an answer, and beside it the notes that the format cannot carry.
pub fn print(
    table: &Table,
    format: Format,
    width: Option<u16>,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    render::render(table, format, width, out)?;
    out.flush()?;
    if !format.carries_notes() {
        for note in &table.notes {
            writeln!(err, "note: {note}")?;
        }
    }
    Ok(())
}

/// Asks `text` of `target`, prints the answer, and gives the exit code: 0 answered, 1 answered but damage
/// made it incomplete, 2 the question is wrong, 3 no answer could be had.
pub fn run(
    text: &str,
    target: &Target,
    format: Format,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> i32 {
    let answer = Connection::open(target).and_then(|connection| connection.ask(text, &|| false));
    match answer {
        Ok(table) => match print(&table, format, None, out, err) {
            Ok(()) => i32::from(incomplete(&table)),
            // A reader that closed the pipe has what it wanted.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => 0,
            Err(error) => say(err, &format!("standard output: {error}"), 3),
        },
        Err(failure) => say(err, failure.text(), failure.exit_code()),
    }
}

fn say(err: &mut dyn Write, text: &str, code: i32) -> i32 {
    // Nothing is left to tell a reader who took even standard error away.
    let _ = writeln!(err, "{}", text.trim_end());
    code
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(body: &str, expected: &str) {
        assert_eq!(refusal(400, body), expected);
    }

    #[test]
    fn refusals_are_told_whole() {
        check(
            r#"{"code":"query","message":"no source \"devicess\"","where":"","hint":"did you mean devices?"}"#,
            "no source \"devicess\"\n  hint: did you mean devices?",
        );
        check(
            r#"{"code":"x","message":"too long","where":"q","hint":""}"#,
            "q: too long",
        );
        check(
            r#"{"code":"q","message":"no","where":"line 1","hint":"h","rendered":"with carets\n"}"#,
            "with carets",
        );
        check("<html>", "the server answered with status 400");
    }
}
