//! A checked query: a source of rows, a time range, a filter and a pipe of stages.
//!
//! Rows flow through the stages in order. Every row has an instant (the source's time column; for
//! `devices`, `patches` and `watches` the instant of the query) and, until a `by`, a device and perhaps an
//! instance. An expression over a row means: [`Node::Column`] is the value in that column of the rows that
//! enter the stage; every other node is evaluated by the plain evaluator for the row's device, as of the
//! row's instant, with the row's instance in instance slot 0 ([`Query::instance`] says whether there is one).
//! Written by [`crate::check::query`], run by the table runner.
//!
//! [`Node::Column`]: crate::ir::Node::Column

use crate::ir::{EventKind, Expr, FamilyId, SignalId};
use crate::value::Type;
use smol_str::SmolStr;
use storage::Nanos;

/// A whole checked query.
#[derive(Clone, Debug)]
pub struct Query {
    /// Where the rows come from.
    pub source: Source,
    /// Over which time.
    pub range: Range,
    /// Columns of the source's rows in order; what [`crate::ir::Node::Column`] means in `where_` and in the
    /// first stage.
    pub columns: Vec<Column>,
    /// The instance that each row of the source has, if any: it stands in instance slot 0.
    pub instance: Option<FamilyId>,
    /// `where` before the first pipe.
    pub where_: Option<Expr>,
    /// The pipe.
    pub stages: Vec<Stage>,
    /// Columns of the result, in order (those of the last stage that changes columns, else `columns`).
    pub output: Vec<Column>,
}

/// Where rows come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// One row a device known at the instant of the query.
    Devices,
    /// One row an alert that was open at some time in the range, as it stands at the end of the range.
    Alerts,
    /// One row a stored decision.
    Decisions,
    /// One row a watch run that was opened or not yet over in the range, as it stands at the end.
    Watches,
    /// One row a (device, kb) as of the end of the range.
    Patches,
    /// One row an event of any kind; a field that its kind lacks is unknown.
    Events,
    /// One row an event of this kind.
    Event(EventKind),
    /// One row a stored row of this family (all instances); a field that the row lacks is unknown.
    Family(FamilyId),
    /// One row a sample of this plain signal.
    Signal(SignalId),
    /// One row a declared or stored signal; no device.
    Signals,
    /// Everything about one device in time order.
    Timeline {
        /// From `"client/device"`; None: whichever client has the device.
        client: Option<SmolStr>,
        /// The device.
        device: SmolStr,
    },
}

/// The time range of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// Nothing said: the last 24 hours up to now, as of now.
    Default,
    /// `at T`: as of T; sources of rows over time give those of the 24 hours before it.
    At(Instant),
    /// `from A [to B]`, or `A..B`: rows in (A, B]; B defaults to now.
    Between(Instant, Option<Instant>),
}

/// A time in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instant {
    /// RFC 3339.
    Absolute(Nanos),
    /// `-24h`: this much (here −24 h) after now.
    Relative(Nanos),
}

impl Instant {
    /// As a time, given the query's now.
    pub fn resolve(self, now: Nanos) -> Nanos {
        match self {
            Instant::Absolute(time) => time,
            Instant::Relative(offset) => now.saturating_add(offset),
        }
    }
}

/// A column: what its values are and how they print.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// Name in the header; unique among the columns of its stage.
    pub name: SmolStr,
    /// Type and unit.
    pub ty: Type,
    /// Printed when no stage chose columns (a source has columns that are only there to be named).
    pub shown: bool,
}

/// A named expression of a row.
#[derive(Clone, Debug)]
pub struct Named {
    /// Column name.
    pub name: SmolStr,
    /// Its value.
    pub value: Expr,
}

/// One stage of the pipe.
#[derive(Clone, Debug)]
pub enum Stage {
    /// Keeps the rows for which this is true.
    Where(Expr),
    /// New columns: `keys`, then `columns`; one row a distinct tuple of keys, in the order of the keys.
    /// The rows that leave have no device, instance or instant any more.
    By {
        /// `every D`: rows fall into buckets (k·D, (k+1)·D] since 1970 of their instant, whose end is an
        /// additional first column `time`.
        every: Option<Nanos>,
        /// Keys, expressions of the entering rows.
        keys: Vec<Named>,
        /// What is computed over the rows of each group.
        aggregates: Vec<Aggregate>,
        /// Result columns after the keys. Their `Node::Column(i)` is over the bucket's time (when
        /// `every`), then the keys, then the aggregates, in this order.
        columns: Vec<Named>,
    },
    /// New columns, same rows.
    Show(Vec<Named>),
    /// Stable, ascending, unknown last in both directions.
    Sort(Vec<SortKey>),
    /// The first `n` rows; with `by`, the `n` rows with the greatest value, greatest first.
    Top {
        /// How many.
        n: u64,
        /// Of what.
        by: Option<Expr>,
    },
    /// The row of latest instant in each group (the last of equal ones), groups in order of their keys; no
    /// keys: one row.
    Last {
        /// Keys.
        by: Vec<Named>,
    },
}

/// One key of `sort`.
#[derive(Clone, Debug)]
pub struct SortKey {
    /// The value.
    pub value: Expr,
    /// Greatest first.
    pub descending: bool,
}

/// An aggregate over the rows of a group.
#[derive(Clone, Debug)]
pub struct Aggregate {
    /// Which.
    pub func: AggregateFunc,
    /// Of what, an expression of the entering rows; None only for [`AggregateFunc::Count`].
    pub value: Option<Expr>,
    /// Type of the result.
    pub ty: Type,
}

/// Aggregates over rows. Unknown values are left out by all of them but `Count` without a value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum AggregateFunc {
    /// Rows; with a value (a bool) the rows where it is true.
    Count,
    /// Distinct values as a sorted list.
    List,
    /// Number of distinct values.
    Uniq,
    /// Mean, the exact sum rounded once.
    Avg,
    /// Least.
    Min,
    /// Greatest.
    Max,
    /// Exact sum rounded once.
    Sum,
    /// q·(n−1) linear interpolation, q in 0..=1.
    Percentile(f64),
    /// Of the population.
    Stddev,
    /// Percent of the known rows where true.
    Share,
    /// Of the earliest row.
    First,
    /// Of the latest row.
    Last,
    /// Kleene or.
    Any,
    /// Kleene and.
    Every,
}
