//! The pipe of stages: rows in, the answer out.
//!
//! Every expression of a row is evaluated when the row is pushed, while the history of its device is at
//! hand, also those of stages that can only act once all rows are known (`sort`, `top`, `last`, `by` after
//! them): what they made of the row travels with it. So one device at a time is in memory. Rows that no
//! later stage can want are dropped at once, and a `by` that nothing precedes keeps groups, not rows.

use super::group::{By, Groups};
use super::order::{self, Key};
use super::{Limits, RunError};
use crate::ir::Expr;
use crate::ir_query::{Named, Query, SortKey, Source, Stage};
use crate::table;
use crate::table::{Table, row_bytes};
use crate::value::Value;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use storage::Nanos;

/// A row on its way.
#[derive(Clone, Debug)]
pub struct Row {
    /// Values of the current columns.
    pub values: Vec<Value>,
    /// The instant that the row is about.
    pub time: Nanos,
}

/// What an expression is over a row of the device at hand.
pub type Eval<'e> = dyn FnMut(&Expr, &Row) -> Value + 'e;

/// What a stage made of a row, for use once all rows are known.
#[derive(Clone, Debug)]
enum Trace {
    Nothing,
    Passes(bool),
    Keys(Vec<Value>),
    Group(Vec<Value>, Vec<Option<Value>>),
    Columns(Vec<Value>),
}

#[derive(Debug)]
struct Traced {
    /// Its number in the source, where rows are numbered.
    number: u64,
    row: Row,
    traces: Vec<Trace>,
}

/// Rows under way through the stages of one query.
pub struct Pipe<'q> {
    query: &'q Query,
    limits: &'q Limits,
    /// Stages before this one act on each row when it is pushed; the rest waits for all rows.
    waiting_from: usize,
    /// The first `by`, or the number of stages: up to it rows have a device.
    by_at: usize,
    /// Rows are to be in order of time before anything waits.
    by_time: bool,
    /// The column that orders rows of one instant, in sources that number their rows.
    number_at: Option<usize>,
    rows: Vec<Traced>,
    groups: Option<Groups<'q>>,
    bytes: usize,
    /// Rows that were cut because nobody could see them.
    cut: u64,
}

impl<'q> Pipe<'q> {
    /// An empty pipe; `by_time` when rows of several devices are to be merged by their instants.
    pub fn new(query: &'q Query, limits: &'q Limits, by_time: bool) -> Pipe<'q> {
        let stages = &query.stages;
        let by_at = stages
            .iter()
            .position(|stage| matches!(stage, Stage::By { .. }))
            .unwrap_or(stages.len());
        let waiting_from = stages
            .iter()
            .position(|stage| !matches!(stage, Stage::Where(_) | Stage::Show(_)));
        let waiting_from = waiting_from.unwrap_or(stages.len());
        let groups = (waiting_from == by_at)
            .then(|| stages.get(by_at))
            .flatten()
            .and_then(by_of)
            .map(Groups::new);
        Pipe {
            query,
            limits,
            waiting_from,
            by_at,
            by_time,
            number_at: number_column(query),
            rows: Vec::new(),
            groups,
            bytes: 0,
            cut: 0,
        }
    }

    /// Takes in a row of the source.
    pub fn push(&mut self, row: Row, eval: &mut Eval<'_>) -> Result<(), RunError> {
        if let Some(filter) = &self.query.where_
            && eval(filter, &row) != Value::Bool(true)
        {
            return Ok(());
        }
        let number = match self.number_at.and_then(|at| row.values.get(at)) {
            Some(Value::Number(number)) => *number as u64,
            _ => 0,
        };
        let mut now = row;
        for stage in &self.query.stages[..self.waiting_from] {
            match stage {
                Stage::Where(filter) if eval(filter, &now) != Value::Bool(true) => return Ok(()),
                Stage::Show(columns) => {
                    now.values = columns
                        .iter()
                        .map(|column| eval(&column.value, &now))
                        .collect()
                }
                _ => {}
            }
        }
        if let Some(groups) = &mut self.groups {
            let by = by_of(&self.query.stages[self.by_at]).expect("groups exist only for a by");
            let (keys, values) = group_inputs(by, &now, eval);
            groups.add(keys, values, now.time);
            return self.within_memory(groups_bytes(&self.groups));
        }
        let mut traces = Vec::new();
        let mut seen = now.clone();
        for stage in
            &self.query.stages[self.waiting_from..(self.by_at + 1).min(self.query.stages.len())]
        {
            let trace = trace(stage, &seen, eval);
            if let Trace::Columns(values) = &trace {
                seen.values.clone_from(values);
            }
            traces.push(trace);
        }
        self.bytes += traced_bytes(&now, &traces);
        self.rows.push(Traced {
            number,
            row: now,
            traces,
        });
        if self.waiting_from == self.query.stages.len()
            && self.rows.len() >= 2 * self.limits.rows_max.max(1)
        {
            self.cut_unseen();
        }
        self.within_memory(self.bytes)
    }

    fn within_memory(&self, bytes: usize) -> Result<(), RunError> {
        if bytes > self.limits.bytes_max {
            Err(RunError::Memory {
                bytes_max: self.limits.bytes_max,
            })
        } else {
            Ok(())
        }
    }

    /// Without a stage that waits, only the first rows can be seen.
    fn cut_unseen(&mut self) {
        self.order_by_time();
        let keep = self.limits.rows_max;
        if self.rows.len() > keep {
            self.cut += (self.rows.len() - keep) as u64;
            self.rows.truncate(keep);
            self.bytes = self
                .rows
                .iter()
                .map(|traced| traced_bytes(&traced.row, &traced.traces))
                .sum();
        }
    }

    fn order_by_time(&mut self) {
        if self.by_time {
            self.rows
                .sort_by_key(|traced| (traced.row.time, traced.number));
        }
    }

    /// Runs what had to wait. `eval` is over columns alone: rows of a group have no device.
    pub fn finish(mut self, eval: &mut Eval<'_>) -> Table {
        self.order_by_time();
        let mut cut = self.cut;
        let mut rows = std::mem::take(&mut self.rows);
        let mut groups = self.groups.take();
        let stages = &self.query.stages;
        for (at, stage) in stages
            .iter()
            .enumerate()
            .take(self.by_at)
            .skip(self.waiting_from)
        {
            waited(stage, &mut rows, at - self.waiting_from);
        }
        let mut values: Vec<Vec<Value>> = match stages.get(self.by_at).and_then(by_of) {
            Some(by) => {
                let mut groups = groups.take().unwrap_or_else(|| Groups::new(by));
                for mut traced in rows {
                    if let Some(Trace::Group(keys, values)) = traced.traces.pop() {
                        groups.add(keys, values, traced.row.time);
                    }
                }
                groups.finish(&mut |column, row| over_columns(&column.value, row, eval))
            }
            None => rows.into_iter().map(|traced| traced.row.values).collect(),
        };
        for stage in stages.iter().skip(self.by_at + 1) {
            values = deviceless(stage, values, eval);
        }
        let mut table = Table::new(Vec::new());
        if values.len() > self.limits.rows_max {
            cut += (values.len() - self.limits.rows_max) as u64;
            values.truncate(self.limits.rows_max);
        }
        if cut > 0 {
            table.note(format!(
                "left out: {cut} more rows after the first {}; narrow the question or use `top`",
                values.len()
            ));
        }
        project(self.query, values, &mut table);
        table
    }
}

/// Only the columns that are shown.
fn project(query: &Query, rows: Vec<Vec<Value>>, table: &mut Table) {
    let shown: Vec<bool> = query.output.iter().map(|column| column.shown).collect();
    let columns = query.output.iter().filter(|column| column.shown);
    table.columns = columns
        .map(|column| table::Column {
            name: column.name.clone(),
            ty: column.ty.clone(),
        })
        .collect();
    table.rows = rows
        .into_iter()
        .map(|row| {
            row.into_iter()
                .zip(&shown)
                .filter(|(_, shown)| **shown)
                .map(|(value, _)| value)
                .collect()
        })
        .collect();
}

fn groups_bytes(groups: &Option<Groups<'_>>) -> usize {
    groups.as_ref().map_or(0, Groups::bytes)
}

fn traced_bytes(row: &Row, traces: &[Trace]) -> usize {
    let traces = traces.iter().map(|trace| match trace {
        Trace::Nothing | Trace::Passes(_) => 8,
        Trace::Keys(values) | Trace::Columns(values) => row_bytes(values),
        Trace::Group(keys, values) => {
            row_bytes(keys)
                + values
                    .iter()
                    .flatten()
                    .map(table::value_bytes)
                    .sum::<usize>()
        }
    });
    64 + row_bytes(&row.values) + traces.sum::<usize>()
}

/// Decisions and alerts are numbered over all devices.
fn number_column(query: &Query) -> Option<usize> {
    let name = match query.source {
        Source::Decisions => "number",
        Source::Alerts => "id",
        _ => return None,
    };
    query.columns.iter().position(|column| column.name == name)
}

fn by_of(stage: &Stage) -> Option<By<'_>> {
    match stage {
        Stage::By {
            every,
            keys,
            aggregates,
            columns,
        } => Some(By {
            every: *every,
            keys,
            aggregates,
            columns,
        }),
        _ => None,
    }
}

fn group_inputs(by: By<'_>, row: &Row, eval: &mut Eval<'_>) -> (Vec<Value>, Vec<Option<Value>>) {
    let keys = by.keys.iter().map(|key| eval(&key.value, row)).collect();
    let values = by
        .aggregates
        .iter()
        .map(|aggregate| aggregate.value.as_ref().map(|value| eval(value, row)))
        .collect();
    (keys, values)
}

/// What a stage that waits makes of a row.
fn trace(stage: &Stage, row: &Row, eval: &mut Eval<'_>) -> Trace {
    match stage {
        Stage::Where(filter) => Trace::Passes(eval(filter, row) == Value::Bool(true)),
        Stage::Show(columns) => Trace::Columns(
            columns
                .iter()
                .map(|column| eval(&column.value, row))
                .collect(),
        ),
        Stage::Sort(keys) => Trace::Keys(keys.iter().map(|key| eval(&key.value, row)).collect()),
        Stage::Top { by, .. } => Trace::Keys(by.iter().map(|by| eval(by, row)).collect()),
        Stage::Last { by } => Trace::Keys(by.iter().map(|key| eval(&key.value, row)).collect()),
        Stage::By { .. } => match by_of(stage) {
            Some(by) => {
                let (keys, values) = group_inputs(by, row, eval);
                Trace::Group(keys, values)
            }
            None => Trace::Nothing,
        },
    }
}

/// Runs a stage over all rows by what it made of each.
fn waited(stage: &Stage, rows: &mut Vec<Traced>, at: usize) {
    match stage {
        Stage::Where(_) => rows.retain(|traced| matches!(traced.traces[at], Trace::Passes(true))),
        Stage::Show(_) => {
            for traced in rows {
                if let Trace::Columns(values) =
                    std::mem::replace(&mut traced.traces[at], Trace::Nothing)
                {
                    traced.row.values = values;
                }
            }
        }
        Stage::Sort(keys) => rows.sort_by(|a, b| sorted(keys, keys_of(a, at), keys_of(b, at))),
        Stage::Top { n, by } => {
            if by.is_some() {
                rows.sort_by(|a, b| greatest_first(keys_of(a, at), keys_of(b, at)));
            }
            rows.truncate(usize::try_from(*n).unwrap_or(usize::MAX));
        }
        Stage::Last { .. } => {
            let mut latest: BTreeMap<Key, Traced> = BTreeMap::new();
            for traced in rows.drain(..) {
                let key = Key(keys_of(&traced, at).to_vec());
                if latest
                    .get(&key)
                    .is_none_or(|held| held.row.time <= traced.row.time)
                {
                    latest.insert(key, traced);
                }
            }
            rows.extend(latest.into_values());
        }
        Stage::By { .. } => {}
    }
}

fn keys_of(traced: &Traced, at: usize) -> &[Value] {
    match &traced.traces[at] {
        Trace::Keys(keys) => keys,
        _ => &[],
    }
}

fn sorted(keys: &[SortKey], a: &[Value], b: &[Value]) -> Ordering {
    let each = keys.iter().zip(a.iter().zip(b));
    let mut orders = each.map(|(key, (a, b))| {
        if key.descending {
            order::descending(a, b)
        } else {
            order::ascending(a, b)
        }
    });
    orders
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn greatest_first(a: &[Value], b: &[Value]) -> Ordering {
    match (a.first(), b.first()) {
        (Some(a), Some(b)) => order::descending(a, b),
        _ => Ordering::Equal,
    }
}

/// A stage after a `by`: rows without device or instant.
fn deviceless(stage: &Stage, rows: Vec<Vec<Value>>, eval: &mut Eval<'_>) -> Vec<Vec<Value>> {
    if let Some(by) = by_of(stage) {
        let mut groups = Groups::new(by);
        for values in rows {
            let row = Row {
                time: time_of(&values),
                values,
            };
            let (keys, values) = group_inputs(by, &row, eval);
            groups.add(keys, values, row.time);
        }
        return groups
            .finish(&mut |column: &Named, row: &[Value]| over_columns(&column.value, row, eval));
    }
    let mut traced: Vec<Traced> = rows
        .into_iter()
        .map(|values| {
            let row = Row {
                time: time_of(&values),
                values,
            };
            let traces = vec![trace(stage, &row, eval)];
            Traced {
                number: 0,
                row,
                traces,
            }
        })
        .collect();
    waited(stage, &mut traced, 0);
    traced.into_iter().map(|traced| traced.row.values).collect()
}

/// The instant of a row without a device: its bucket's, if it has one.
fn time_of(values: &[Value]) -> Nanos {
    match values.first() {
        Some(Value::Time(time)) => *time,
        _ => 0,
    }
}

fn over_columns(value: &Expr, row: &[Value], eval: &mut Eval<'_>) -> Value {
    eval(
        value,
        &Row {
            values: row.to_vec(),
            time: time_of(row),
        },
    )
}
