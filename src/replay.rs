//! `replay --input`: what any rules would have decided on a recorded input, by the very core that runs live.
//!
//! No clock is read: lines are taken in the order of their arrival (equal ones in file order, as one instant), on a
//! store in memory. The same input and rules give the same bytes every time.

use crate::core::{Body, Core, Fault, Manner, OpenError, Options, Refusal, RuleSet};
use crate::engine::Decision;
use crate::ingest::BodyError;
use crate::ingest::native::{self, Mode};
use crate::report::Line;
use std::io::{self, BufRead, Write};
use std::sync::Arc;
use storage::{Nanos, SimDisk};

/// How decisions are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    #[default]
    Ndjson,
    /// For people.
    Table,
}

/// Why a replay ended early.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The input cannot be read or the output not be written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The store in memory could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The store in memory took no more.
    #[error("{0}")]
    Refused(#[from] Refusal),
}

/// What was replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Lines that hold reports or marks, the ones left out not counted.
    pub lines: u64,
    /// Lines left out, each named on `err`.
    pub left_out: u64,
    /// Decisions printed.
    pub decisions: u64,
}

/// Replays `input` under `rules` to its last arrival, or to `to`, to which all timers run.
pub fn run(
    input: impl BufRead,
    rules: &RuleSet,
    to: Option<Nanos>,
    format: Format,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Summary, ReplayError> {
    let mut summary = Summary::default();
    let lines = read(input, to, &mut summary, err)?;
    let mut table = Vec::new();
    decide(lines, rules, to, &mut |told| match told {
        Told::Decision(decision) => {
            summary.decisions += 1;
            match format {
                Format::Ndjson => writeln!(out, "{}", decision.to_line()),
                Format::Table => {
                    table.push(decision);
                    Ok(())
                }
            }
        }
        Told::LeftOut(fault) => {
            summary.left_out += 1;
            summary.lines = summary.lines.saturating_sub(1);
            writeln!(err, "{fault}; the line is left out")
        }
    })?;
    if format == Format::Table {
        print_table(&table, out)?;
    }
    Ok(summary)
}

/// The lines with their arrivals, in order of arrival.
fn read(
    mut input: impl BufRead,
    to: Option<Nanos>,
    summary: &mut Summary,
    err: &mut dyn Write,
) -> io::Result<Vec<(Nanos, Line)>> {
    let mut lines = Vec::new();
    let mut text = Vec::new();
    let mut number = 0;
    loop {
        text.clear();
        if input.read_until(b'\n', &mut text)? == 0 {
            break;
        }
        number += 1;
        let arrived = match native::decode_line(&text, number, None, Mode::Replay) {
            Ok(None) => continue,
            Ok(Some(line)) => arrival(&line)
                .map(|at| (at, line))
                .ok_or_else(|| "it says no time at all".to_owned()),
            Err(error) => Err(BodyError { line: 0, ..error }.to_string()),
        };
        match arrived {
            Ok((at, line)) if to.is_none_or(|to| at <= to) => {
                summary.lines += 1;
                lines.push((at, line));
            }
            Ok(_) => {}
            Err(reason) => {
                summary.left_out += 1;
                writeln!(err, "line {number}: {reason}; the line is left out")?;
            }
        }
    }
    // A stable sort: equal arrivals stay in file order.
    lines.sort_by_key(|(at, _)| *at);
    Ok(lines)
}

/// When a line arrived: as stated, else the latest of its times.
fn arrival(line: &Line) -> Option<Nanos> {
    match line {
        Line::Listening { arrived, .. } => Some(*arrived),
        Line::Report(report) => report.arrived.or_else(|| {
            let events = report.events.iter().filter_map(|event| event.time);
            report
                .time
                .into_iter()
                .chain(report.sent)
                .chain(events)
                .max()
        }),
    }
}

/// What a replay has to say, in order.
enum Told {
    Decision(Arc<Decision>),
    LeftOut(Fault),
}

fn decide(
    lines: Vec<(Nanos, Line)>,
    rules: &RuleSet,
    to: Option<Nanos>,
    tell: &mut dyn FnMut(Told) -> io::Result<()>,
) -> Result<(), ReplayError> {
    let Some((first, _)) = lines.first() else {
        return Ok(());
    };
    let store = storage::Options {
        // Nothing is flushed: all of it is in memory anyway.
        head_bytes_max: usize::MAX >> 4,
        wal_bytes_max: u64::MAX,
        ..storage::Options::default()
    };
    let options = Options {
        store,
        target: None,
    };
    let opened = Core::open(
        Arc::new(SimDisk::memory()),
        options,
        rules,
        first.saturating_sub(1),
    )?;
    let mut core = opened.core;
    for decision in opened.released {
        tell(Told::Decision(decision))?;
    }
    let mut lines = lines.into_iter().peekable();
    while let Some((arrival, line)) = lines.next() {
        let mut group = vec![line];
        while let Some((_, line)) = lines.next_if(|(at, _)| *at == arrival) {
            group.push(line);
        }
        let body = Body {
            lines: group,
            manner: Manner::REPLAY,
            bytes: 0,
        };
        for fault in core.ingest_exact(arrival, &body)?.refused {
            tell(Told::LeftOut(fault))?;
        }
        for decision in core.commit()? {
            tell(Told::Decision(decision))?;
        }
    }
    if let Some(to) = to.filter(|to| *to > core.last_arrival()) {
        core.advance_exact(to)?;
        for decision in core.commit()? {
            tell(Told::Decision(decision))?;
        }
    }
    Ok(())
}

/// Columns as wide as their longest text, the last as long as it is.
fn print_table(decisions: &[Arc<Decision>], out: &mut dyn Write) -> io::Result<()> {
    let mut rows = vec![
        [
            "time", "client", "subject", "rule", "state", "severity", "message",
        ]
        .map(str::to_owned),
    ];
    for decision in decisions {
        let rule = match &decision.key {
            Some(key) => format!("{} {key}", decision.rule),
            None => decision.rule.to_string(),
        };
        let message = match &decision.reason {
            Some(reason) => format!("{} [{reason}]", decision.message),
            None => decision.message.clone(),
        };
        rows.push([
            query::value::print_time(decision.time),
            decision.client.to_string(),
            decision.subject.to_string(),
            rule,
            decision.state.word().to_owned(),
            decision
                .severity
                .map_or("", |severity| severity.word())
                .to_owned(),
            message,
        ]);
    }
    let widths: [usize; 6] = std::array::from_fn(|column| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    });
    for row in &rows {
        for (text, width) in row.iter().zip(widths) {
            write!(out, "{text:width$}  ")?;
        }
        writeln!(out, "{}", row[6])?;
    }
    Ok(())
}
