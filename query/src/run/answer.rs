//! From the text of a question to its answer: what every door calls.
//!
//! The names of a question are those of the rules and those that the store has seen. `.tables` and
//! `.schema NAME` are questions too, so that the shell works the same against a server and a folder.

use super::{Ask, RunError, execute};
use crate::catalog::PLAIN_FAMILY;
use crate::check;
use crate::diagnostic;
use crate::ir::Program;
use crate::ir_query::Query;
use crate::render::type_words;
use crate::span::Source;
use crate::table::{Column, Table};
use crate::value::{Type, Value};
use storage::{Schema, TableKind};
use thiserror::Error;

/// The name under which a question's errors are shown.
const NAME: &str = "query";

/// Why a question has no answer.
#[derive(Debug, Error)]
pub enum AnswerError {
    /// It is not in the language.
    #[error("{rendered}")]
    Question {
        /// Every error with carets.
        rendered: String,
        /// The first error in one sentence.
        message: String,
        /// Where it stands: line and column, from 1.
        place: String,
        /// The way out, if one is known.
        hint: String,
    },
    /// It cannot be answered as it stands.
    #[error(transparent)]
    Run(#[from] RunError),
}

impl AnswerError {
    /// Whether the question is to blame, rather than the store or the limits.
    pub fn is_question(&self) -> bool {
        match self {
            AnswerError::Question { .. } => true,
            AnswerError::Run(error) => {
                matches!(
                    error,
                    RunError::NoDevice { .. }
                        | RunError::Ambiguous { .. }
                        | RunError::Range { .. }
                        | RunError::Memory { .. }
                )
            }
        }
    }
}

/// The answer to a question.
pub fn answer(text: &str, ask: &Ask<'_>) -> Result<Table, AnswerError> {
    let live = live_program(ask.program, ask.snapshot.schema());
    let words: Vec<&str> = text.split_whitespace().collect();
    match words.as_slice() {
        [".tables"] => return Ok(tables(&live, ask.snapshot.schema())),
        [".schema", name] => return schema(name, &live),
        _ => {}
    }
    let query = checked(text, &live)?;
    Ok(execute(
        &query,
        &Ask {
            program: &live,
            ..*ask
        },
    )?)
}

/// The rules with the names that the store has seen.
fn live_program(program: &Program, schema: &Schema) -> Program {
    let mut live = program.clone();
    for (_, table) in schema.tables() {
        let columns: Vec<_> = table
            .columns
            .iter()
            .map(|column| (column.name.clone(), column.value_type))
            .collect();
        live.catalog.extend_with(table.kind, &table.name, &columns);
    }
    live
}

fn checked(text: &str, program: &Program) -> Result<Query, AnswerError> {
    check::query(text, &program.catalog, program).map_err(|diagnostics| {
        let sources = [Source::new(NAME, text)];
        let first = diagnostics.first();
        AnswerError::Question {
            rendered: diagnostic::render(&diagnostics, &sources, false),
            message: first.map_or_else(String::new, |first| first.message.clone()),
            place: first.map_or_else(String::new, |first| place(text, first.span.start as usize)),
            hint: first
                .and_then(|first| first.hint.clone())
                .unwrap_or_default(),
        }
    })
}

/// Line and column of a byte, from 1; columns count characters.
fn place(text: &str, byte: usize) -> String {
    let before = text.get(..byte).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before
        .rsplit('\n')
        .next()
        .unwrap_or_default()
        .chars()
        .count()
        + 1;
    format!("line {line}, column {column}")
}

/// What can be asked about.
fn tables(program: &Program, schema: &Schema) -> Table {
    let mut table = Table::new(
        ["source", "kind", "stored"]
            .map(|name| Column::new(name, Type::Text))
            .to_vec(),
    );
    table.columns[2].ty = Type::Bool;
    let mut push = |name: &str, kind: &str, stored: bool| {
        table.rows.push(vec![
            Value::Text(name.into()),
            Value::Text(kind.into()),
            Value::Bool(stored),
        ]);
    };
    for name in [
        "devices",
        "alerts",
        "decisions",
        "watches",
        "patches",
        "events",
        "timeline",
        "signals",
    ] {
        push(name, "built in", true);
    }
    let catalog = &program.catalog;
    for family in catalog
        .families
        .iter()
        .filter(|family| family.name != PLAIN_FAMILY)
    {
        push(
            &family.name,
            "family",
            schema
                .find_table(TableKind::Signals, &family.name)
                .is_some(),
        );
    }
    for signal in catalog
        .signals
        .iter()
        .filter(|signal| catalog.families[signal.family.index()].name == PLAIN_FAMILY)
    {
        let plain = schema.find_table(TableKind::Signals, PLAIN_FAMILY);
        push(
            &signal.field,
            "signal",
            plain.is_some_and(|plain| schema.find_column(plain, &signal.field).is_some()),
        );
    }
    for event in &catalog.events {
        push(
            &event.name,
            "event",
            schema.find_table(TableKind::Event, &event.name).is_some(),
        );
    }
    table
}

/// The columns of one source.
fn schema(name: &str, program: &Program) -> Result<Table, AnswerError> {
    let text = if name == "timeline" {
        "timeline \"device\""
    } else {
        name
    };
    let query = checked(text, program)?;
    let mut table = Table::new(
        ["column", "type", "unit", "printed"]
            .map(|name| Column::new(name, Type::Text))
            .to_vec(),
    );
    table.columns[3].ty = Type::Bool;
    for column in &query.columns {
        let (ty, unit) = type_words(&column.ty);
        let unit = unit.map_or(Value::Unknown, |unit| Value::Text(unit.into()));
        table.rows.push(vec![
            Value::Text(column.name.clone()),
            Value::Text(ty.into()),
            unit,
            Value::Bool(column.shown),
        ]);
    }
    Ok(table)
}
