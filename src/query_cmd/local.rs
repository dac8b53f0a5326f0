//! A store's folder as a target: opened here, exclusively, as a server would open it.
//!
//! Nothing is written to it beyond what opening a store does (an unfinished tail of the log is cut).

use super::Failure;
use crate::clock::{Clock, SystemClock};
use crate::engine::tables::{RULES, VALUE};
use crate::hresult;
use query::check;
use query::diagnostic;
use query::ir::Program;
use query::run::{AnswerError, Ask, Limits, RunError, answer};
use query::span::Source;
use query::table::Table;
use std::path::Path;
use std::sync::Arc;
use storage::{Error, Options, RealDisk, Select, Snapshot, Store, TableKind, Value};

/// What a store that was never served is asked with.
const STANDARD: &str = include_str!("../../rules/standard.rules");

/// An open folder.
pub struct Local {
    snapshot: Snapshot,
    program: Program,
    /// Holds the folder's lock.
    _store: Store,
}

impl Local {
    /// Opens the folder; it must hold a store already.
    pub fn open(folder: &Path) -> Result<Local, Failure> {
        let shown = folder.display();
        let holds_store = std::fs::read_dir(folder)
            .map_err(|error| environment(format!("{shown}: {error}")))?
            .count()
            > 0;
        if !holds_store {
            return Err(environment(format!(
                "{shown} holds no store; `afterboot serve --data {shown}` makes one"
            )));
        }
        let disk = RealDisk::new(folder).map_err(|error| match error {
            Error::Locked { .. } => environment(format!(
                "the store in {shown} is open in another process, perhaps a server; ask that server: --url http://127.0.0.1:8470"
            )),
            error => environment(error.to_string()),
        })?;
        let opened = Store::open(Arc::new(disk), Options::default())
            .map_err(|error| environment(error.to_string()))?;
        let snapshot = opened.store.snapshot();
        let program = program(&snapshot)?;
        Ok(Local {
            snapshot,
            program,
            _store: opened.store,
        })
    }

    /// The answer to one question.
    pub fn ask(&self, text: &str, cancel: &dyn Fn() -> bool) -> Result<Table, Failure> {
        let ask = Ask {
            program: &self.program,
            snapshot: &self.snapshot,
            now: SystemClock.now(),
            limits: &Limits::default(),
            hresult: hresult::describe,
            cancel,
        };
        answer(text, &ask).map_err(|error| match error {
            AnswerError::Run(RunError::Stopped { .. }) => Failure::Cancelled,
            error if error.is_question() => Failure::Question(error.to_string()),
            error => environment(error.to_string()),
        })
    }
}

fn environment(text: String) -> Failure {
    Failure::Environment(text)
}

/// The rule set that the store was last served with; without one the standard rules.
fn program(snapshot: &Snapshot) -> Result<Program, Failure> {
    let mut sources = stored_rules(snapshot).map_err(|error| environment(error.to_string()))?;
    if sources.is_empty() {
        sources = vec![Source::new("standard.rules", STANDARD)];
    }
    let checked = check::program(&sources);
    checked.program.ok_or_else(|| {
        let errors = diagnostic::render(&checked.diagnostics, &sources, false);
        environment(format!(
            "the rules kept in the store do not check with this version:\n{errors}"
        ))
    })
}

/// The files of the newest record of rules.
pub fn stored_rules(snapshot: &Snapshot) -> Result<Vec<Source>, Error> {
    let schema = snapshot.schema();
    let Some(table) = schema.find_table(TableKind::System, RULES) else {
        return Ok(Vec::new());
    };
    let Some(column) = schema.find_column(table, VALUE) else {
        return Ok(Vec::new());
    };
    let mut newest = (0, Vec::new());
    for stored in snapshot.scan(&Select::table(table))? {
        let stored = stored?;
        if stored.seq > newest.0 {
            newest = (stored.seq, Vec::new());
        }
        if stored.seq == newest.0
            && let Some((_, Value::Text(text))) =
                stored.row.cells.iter().find(|(known, _)| *known == column)
        {
            newest
                .1
                .push(Source::new(stored.row.instance.as_str(), text.as_str()));
        }
    }
    Ok(newest.1)
}
