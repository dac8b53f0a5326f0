//! Runs a checked query over a snapshot: one device at a time, within limits.
//!
//! For each device the rows that the plan wants are read, its history is filled, the source's rows are made
//! and pushed into the pipe, and the history is dropped. Memory is that of one device and of the answer. What
//! an answer leaves out, its notes say.

pub mod aggregate;
mod answer;
mod decisions;
mod device;
mod group;
mod happened;
mod needs;
pub mod order;
mod pipe;
mod plan;
mod reader;
mod scan;
mod source;
mod stored;
mod timeline;

pub use answer::{AnswerError, answer};

use crate::eval::World;
use crate::ir::Program;
use crate::ir_query::{Query, Range, Source};
use crate::table::Table;
use crate::value::{print_duration, print_time};
use storage::{Nanos, Snapshot};
use thiserror::Error;

/// The range of a query that names none.
pub const RANGE_DEFAULT: Nanos = 24 * 3600 * storage::SECOND;

/// How much a query may take and give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Rows of the answer; more are left out and counted.
    pub rows_max: usize,
    /// Memory for rows and groups under way, in bytes.
    pub bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            rows_max: 10_000,
            bytes_max: 256 << 20,
        }
    }
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum RunError {
    /// The caller stopped it, at its deadline or because nobody waits any more.
    #[error("stopped after {done} of {of} devices; name a device or a client, or a shorter range")]
    Stopped {
        /// Devices read.
        done: usize,
        /// Devices to read.
        of: usize,
    },
    /// It would need more memory than allowed.
    #[error("more than {} MiB of rows wait for a later stage; group them with `by` or narrow the range", bytes_max >> 20)]
    Memory {
        /// The limit.
        bytes_max: usize,
    },
    /// The timeline's device is not known.
    #[error("no device {name:?}{}", near.as_ref().map_or(String::new(), |near| format!("; did you mean {near:?}?")))]
    NoDevice {
        /// As it was asked for.
        name: String,
        /// The nearest name.
        near: Option<String>,
    },
    /// The timeline's device is known to several clients.
    #[error("{} clients have a device {name:?}: {}", choices.len(), choices.join(", "))]
    Ambiguous {
        /// As it was asked for.
        name: String,
        /// What may be written instead.
        choices: Vec<String>,
    },
    /// The range ends before it begins.
    #[error("the range ends at {to}, before it begins at {from}")]
    Range {
        /// Its begin.
        from: String,
        /// Its end.
        to: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Store(storage::Error),
}

/// What a query runs against.
pub struct Ask<'a> {
    /// The rules and the catalogue that the query was checked with.
    pub program: &'a Program,
    /// The rows.
    pub snapshot: &'a Snapshot,
    /// The instant of the question.
    pub now: Nanos,
    /// What it may take.
    pub limits: &'a Limits,
    /// What a result code means, in words.
    pub hresult: fn(&str) -> Option<&'static str>,
    /// Asked now and then whether to stop.
    pub cancel: &'a dyn Fn() -> bool,
}

/// A query's range with instants filled in: rows in (from, to], of what had arrived by `known`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Rows later than this.
    pub from: Nanos,
    /// Rows up to this.
    pub to: Nanos,
    /// Only what arrived by this.
    pub known: Nanos,
}

impl Window {
    /// Fills in the instants.
    pub fn of(range: &Range, now: Nanos) -> Result<Window, RunError> {
        let window = match range {
            Range::Default => Window {
                from: now.saturating_sub(RANGE_DEFAULT),
                to: now,
                known: Nanos::MAX,
            },
            Range::At(at) => {
                let at = at.resolve(now);
                Window {
                    from: at.saturating_sub(RANGE_DEFAULT),
                    to: at,
                    known: at,
                }
            }
            Range::Between(from, to) => {
                let to = to.map_or(now, |to| to.resolve(now));
                Window {
                    from: from.resolve(now),
                    to,
                    known: Nanos::MAX,
                }
            }
        };
        if window.from > window.to {
            return Err(RunError::Range {
                from: print_time(window.from),
                to: print_time(window.to),
            });
        }
        Ok(window)
    }

    /// Whether an instant lies in it.
    pub fn holds(&self, time: Nanos) -> bool {
        time > self.from && time <= self.to
    }
}

/// The answer to a checked query.
pub fn execute(query: &Query, ask: &Ask<'_>) -> Result<Table, RunError> {
    let window = Window::of(&query.range, ask.now)?;
    let outages = device::outages(ask.snapshot).map_err(RunError::Store)?;
    let world = World {
        program: ask.program,
        outages: &outages,
        stepped: false,
        hresult: ask.hresult,
    };
    let mut table = match &query.source {
        Source::Timeline { .. } => timeline::run(query, ask, window, world)?,
        _ => source::run(query, ask, window, world)?,
    };
    let over_time = !matches!(
        query.source,
        Source::Devices | Source::Patches | Source::Signals | Source::Timeline { .. }
    );
    if let Some(note) = range_note(&query.range, window).filter(|_| over_time) {
        table.notes.insert(0, note);
    }
    Ok(table)
}

/// The range, when the question did not name it whole.
fn range_note(range: &Range, window: Window) -> Option<String> {
    let span = print_duration((window.to - window.from) as f64 / storage::SECOND as f64);
    let (from, to) = (print_time(window.from), print_time(window.to));
    match range {
        Range::Default => Some(format!("the last {span}, from {from} to {to}")),
        Range::At(_) => Some(format!("the {span} up to {to}")),
        Range::Between(..) => None,
    }
}
