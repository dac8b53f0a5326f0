//! The interactive shell: one line, one question, one answer.
//!
//! At a terminal it edits lines, remembers them in a file, and Ctrl-C stops the running question, never
//! the shell. From a pipe it is a script: every line is run, and the exit code is that of the worst.

mod command;

use crate::query_cmd::{self, Connection, Failure, Target};
use command::Command;
use query::render::Format;
use reedline::{
    DefaultPrompt, DefaultPromptSegment, FileBackedHistory, Reedline, Signal, ValidationResult,
    Validator,
};
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use storage::Nanos;

/// Lines that are remembered.
const HISTORY_LINES_MAX: usize = 2000;
/// The longest line of a script, in bytes.
const LINE_BYTES_MAX: u64 = 1 << 20;

/// Runs the shell on standard input and output; `clock` times the answers. Gives the exit code.
pub fn run(target: &Target, clock: fn() -> Nanos) -> i32 {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let connection = match Connection::open(target) {
        Ok(connection) => connection,
        Err(failure) => {
            eprintln!("{}", failure.text());
            return failure.exit_code();
        }
    };
    if io::stdin().is_terminal() && out.is_terminal() {
        let interrupted = Arc::new(AtomicBool::new(false));
        watch_interrupts(Arc::clone(&interrupted));
        let mut session = Session::new(connection, clock, interrupted);
        session.interactive(&mut out, &mut err)
    } else {
        let mut session = Session::new(connection, clock, Arc::default());
        session.script(&mut io::stdin().lock(), &mut out, &mut err)
    }
}

/// What lasts from line to line.
struct Session {
    connection: Connection,
    clock: fn() -> Nanos,
    interrupted: Arc<AtomicBool>,
    format: Format,
    timer: bool,
}

/// How a line ended.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ended {
    Well,
    Badly,
    Quit,
}

impl Session {
    fn new(connection: Connection, clock: fn() -> Nanos, interrupted: Arc<AtomicBool>) -> Session {
        Session {
            connection,
            clock,
            interrupted,
            format: Format::Table,
            timer: false,
        }
    }

    fn interactive(&mut self, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
        let mut editor = editor(err);
        let prompt = DefaultPrompt::new(
            DefaultPromptSegment::Basic("afterboot".into()),
            DefaultPromptSegment::Empty,
        );
        let _ = writeln!(
            out,
            "afterboot {}: .help says what can be asked, Ctrl-D leaves",
            env!("CARGO_PKG_VERSION")
        );
        loop {
            match editor.read_line(&prompt) {
                Ok(Signal::Success(line)) => {
                    self.interrupted.store(false, Ordering::Relaxed);
                    match self.line(&line, terminal_width(), out, err) {
                        Ok(Ended::Quit) => return 0,
                        Ok(_) => {}
                        Err(_) => return 3,
                    }
                }
                Ok(Signal::CtrlD) => return 0,
                Ok(_) => {}
                Err(error) => {
                    let _ = writeln!(err, "the terminal cannot be read: {error}");
                    return 3;
                }
            }
        }
    }

    fn script(&mut self, input: &mut dyn BufRead, out: &mut dyn Write, err: &mut dyn Write) -> i32 {
        let mut code = 0;
        loop {
            let mut line = Vec::new();
            match input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
                Ok(0) => return code,
                Ok(read) if read as u64 == LINE_BYTES_MAX => {
                    let _ = writeln!(
                        err,
                        "a line of the script is longer than {LINE_BYTES_MAX} bytes"
                    );
                    return 2;
                }
                Ok(_) => {}
                Err(error) => {
                    let _ = writeln!(err, "standard input: {error}");
                    return 3;
                }
            }
            match self.line(&String::from_utf8_lossy(&line), None, out, err) {
                Ok(Ended::Well) => {}
                Ok(Ended::Badly) => code = 1,
                Ok(Ended::Quit) => return code,
                // A reader that closed the pipe has what it wanted.
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return code,
                Err(_) => return 3,
            }
        }
    }

    fn line(
        &mut self,
        line: &str,
        width: Option<u16>,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> io::Result<Ended> {
        match Command::parse(line) {
            Command::Nothing => {}
            Command::Quit => return Ok(Ended::Quit),
            Command::Help => write!(out, "{}", command::HELP)?,
            Command::Mode(format) => self.format = format,
            Command::Timer(on) => self.timer = on,
            Command::Wrong(text) => {
                writeln!(err, "{text}")?;
                return Ok(Ended::Badly);
            }
            Command::Ask(text) => return self.ask(&text, width, out, err),
        }
        out.flush()?;
        Ok(Ended::Well)
    }

    fn ask(
        &mut self,
        text: &str,
        width: Option<u16>,
        out: &mut dyn Write,
        err: &mut dyn Write,
    ) -> io::Result<Ended> {
        let begin = (self.clock)();
        let interrupted = Arc::clone(&self.interrupted);
        let answer = self
            .connection
            .ask(text, &|| interrupted.load(Ordering::Relaxed));
        let took = (self.clock)().saturating_sub(begin);
        let ended = match answer {
            Ok(table) => {
                query_cmd::print(&table, self.format, width, out, err)?;
                if query_cmd::incomplete(&table) {
                    Ended::Badly
                } else {
                    Ended::Well
                }
            }
            Err(Failure::Cancelled) => {
                writeln!(err, "cancelled")?;
                Ended::Badly
            }
            Err(failure) => {
                writeln!(err, "{}", failure.text().trim_end())?;
                Ended::Badly
            }
        };
        if self.timer {
            writeln!(err, "took {} ms", took / 1_000_000)?;
        }
        Ok(ended)
    }
}

/// The line editor, with its history where the desktop's rules put state files.
fn editor(err: &mut dyn Write) -> Reedline {
    let editor = Reedline::create().with_validator(Box::new(WholeQuestions));
    let Some(path) = history_path() else {
        return editor;
    };
    match FileBackedHistory::with_file(HISTORY_LINES_MAX, path.clone()) {
        Ok(history) => editor.with_history(Box::new(history)),
        Err(error) => {
            let _ = writeln!(
                err,
                "lines will not be remembered: {}: {error}",
                path.display()
            );
            editor
        }
    }
}

/// `$XDG_STATE_HOME/afterboot/history`, by default under `~/.local/state`.
fn history_path() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    let state = folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))?;
    Some(state.join("afterboot").join("history"))
}

/// Enter runs a whole question and continues an open one.
struct WholeQuestions;

impl Validator for WholeQuestions {
    fn validate(&self, line: &str) -> ValidationResult {
        if line.starts_with('.') || command::complete(line) {
            ValidationResult::Complete
        } else {
            ValidationResult::Incomplete
        }
    }
}

fn terminal_width() -> Option<u16> {
    comfy_table::Table::new().width()
}

/// Sets the flag at every Ctrl-C that reaches the process (while a line is edited, the editor takes it).
fn watch_interrupts(interrupted: Arc<AtomicBool>) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    else {
        return;
    };
    // The thread lives as long as the shell; when it cannot be had, Ctrl-C ends the process as usual.
    let watcher = std::thread::Builder::new().name("interrupts".into());
    let _ = watcher.spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                interrupted.store(true, Ordering::Relaxed);
                // Two signals of one key press are one.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    });
}
