//! Expressions of the checked program: every name resolved, every node typed.

use super::*;
use crate::span::Span;
use crate::value::{Type, Value};
use smol_str::SmolStr;
use storage::Nanos;

/// A typed expression.
#[derive(Clone, Debug)]
pub struct Expr {
    /// What it is.
    pub node: Node,
    /// Type and unit of its value.
    pub ty: Type,
    /// Where it stands in its file.
    pub span: Span,
}

/// A duration in a place where the grammar says `dur`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Dur {
    /// A literal.
    Fixed(Nanos),
    /// A `param` of type duration.
    Param(ParamId),
    /// `3 reports`: that many of the device's own reporting intervals.
    Reports(f64),
}

/// Comparison operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CompareOp {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
}

/// Arithmetic operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArithOp {
    /// `+`
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`; by zero is unknown
    Divide,
}

/// Which instance of a family a signal is read from.
#[derive(Clone, Debug)]
pub enum Key {
    /// The plain signal; instance "".
    Plain,
    /// `service["X"]`.
    Literal(SmolStr),
    /// `patch[f.kb]`: unknown when the expression is.
    Expr(Box<Expr>),
    /// The instance bound in this slot.
    Slot(u8),
}

/// An event kind with an optional filter; while the filter runs, the event is in event slot `slot`.
#[derive(Clone, Debug)]
pub struct EventMatch {
    /// The kind.
    pub event: EventKind,
    /// `[bool expression]`; the event matches when it is true.
    pub filter: Option<Box<Expr>>,
    /// Slot that holds the event inside the filter (and, for `on … as b`, inside the statement).
    pub slot: u8,
}

/// Stored event kinds and the one that is arrival itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// `heartbeat`: one at the arrival of each report.
    Heartbeat,
    /// `boot`: declared or derived, merged.
    Boot,
    /// Any other event of the catalogue.
    Stored(EventId),
}

/// Field of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum EventField {
    /// `.time`
    Time,
    /// A declared field.
    Named(SmolStr),
}

/// What a watch tells of itself: `NAME.open`, `.phase` …
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchField {
    /// true in open, down and verifying
    Open,
    /// text
    Phase,
    /// time of the first opening event
    Opened,
    /// list of text, in order of opening
    Kbs,
    /// duration
    Downtime,
    /// list of text
    Failures,
    /// text: why it is in this phase
    Reason,
}

/// Window functions over the samples of an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WindowFunc {
    /// mean, exact sum rounded once
    Avg,
    /// least
    Min,
    /// greatest
    Max,
    /// exact sum rounded once
    Sum,
    /// number of samples, 0 when none
    Count,
    /// oldest
    First,
    /// newest
    Last,
    /// q·(n−1) linear interpolation, q in 0..=1; median is 0.5, p95 is 0.95
    Percentile(f64),
    /// of the population; queries only
    Stddev,
    /// gauge: last − first; counter: sum of increases, reset-aware, never across a boot
    Delta,
    /// delta per second
    Rate,
    /// how often the known value became another known value
    Changes,
}

/// Where a window ends.
#[derive(Clone, Debug)]
pub enum Anchor {
    /// (t−D, t]
    Now,
    /// (T−D, T]
    Before(Box<Expr>),
    /// [T, T+D); queries only
    After(Box<Expr>),
}

/// Aggregates over the instances of a family (and, later, the devices of a group).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Quantifier {
    /// Kleene or
    Any,
    /// Kleene and; true over nothing
    Every,
    /// number of instances where true (all instances when there is no value)
    Count,
    /// share where true, percent; unknown ones left out of both sides
    Share,
    /// keys where true (all keys when there is no value), sorted
    List,
    /// least known
    Min,
    /// greatest known
    Max,
    /// mean of the known
    Avg,
    /// sum of the known
    Sum,
}

/// Functions of plain values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Builtin {
    /// `hresult(code)`: what a Windows result code means, in words; the empty text when not known.
    Hresult,
    /// `abs(x)`
    Abs,
    /// `round(x)`
    Round,
    /// `lower(text)`
    Lower,
    /// `upper(text)`
    Upper,
}

/// The kinds of expression.
#[derive(Clone, Debug)]
pub enum Node {
    /// A constant; never unknown.
    Literal(Value),
    /// `[a, b]`
    ListOf(Vec<Expr>),
    /// A label at the instant; "" when not set. `client` and `device` are the identity.
    Label(SmolStr),
    /// A param as this device sees it.
    Param(ParamId),
    /// A let.
    Let(LetId),
    /// Last sample at or before the instant, unless older than its `holds`.
    Signal {
        /// which
        signal: SignalId,
        /// of which instance
        key: Key,
    },
    /// The key of the instance in this slot (`s.name`, `p.kb`).
    InstanceKey(u8),
    /// Column of the row under a query's stage.
    Column(u32),
    /// Field of the event in this slot; the slot's event is fixed, so is its value.
    Event {
        /// which event slot
        slot: u8,
        /// which field
        field: EventField,
    },
    /// State of a watch on this device.
    Watch(WatchId, WatchField),
    /// `RULE.firing`: an open, unabsorbed alert of that rule for the subject.
    Firing(RuleId),
    /// Kleene negation.
    Not(Box<Expr>),
    /// Kleene conjunction of two or more.
    And(Vec<Expr>),
    /// Kleene disjunction of two or more.
    Or(Vec<Expr>),
    /// Unknown if a side is.
    Compare {
        /// how
        op: CompareOp,
        /// left
        left: Box<Expr>,
        /// right
        right: Box<Expr>,
    },
    /// `a ~ b`: the pattern matches somewhere in the text. A literal pattern is compiled at check time.
    Matches {
        /// the text
        text: Box<Expr>,
        /// the pattern
        pattern: Box<Expr>,
        /// compiled when the pattern is a literal
        regex: Option<regex::Regex>,
    },
    /// `a in list`
    In {
        /// the value
        value: Box<Expr>,
        /// a list
        list: Box<Expr>,
        /// `not in`
        negated: bool,
    },
    /// Never unknown.
    IsKnown {
        /// the value
        value: Box<Expr>,
        /// `is not known`
        negated: bool,
    },
    /// Arithmetic; unknown if a side is.
    Arith {
        /// how
        op: ArithOp,
        /// left
        left: Box<Expr>,
        /// right
        right: Box<Expr>,
    },
    /// Unary minus.
    Negate(Box<Expr>),
    /// `x ?? y`
    Coalesce(Box<Expr>, Box<Expr>),
    /// `x at T`: x as it was known at T; unknown when T is unknown or later than the instant.
    At {
        /// x
        value: Box<Expr>,
        /// T
        time: Box<Expr>,
    },
    /// `E for D`
    For {
        /// E, a bool
        value: Box<Expr>,
        /// D
        duration: Dur,
    },
    /// `EV within D`, `no EV within D`
    Within {
        /// EV
        event: EventMatch,
        /// D
        duration: Dur,
        /// `no`
        negated: bool,
    },
    /// `f(x over D …)`
    Window {
        /// f
        func: WindowFunc,
        /// x
        value: Box<Expr>,
        /// D
        over: Dur,
        /// where it ends
        anchor: Anchor,
        /// x reads a counter, so `delta` and `rate` are reset-aware.
        counter: bool,
    },
    /// `count(EV over D …)`: events in (t−D, t].
    CountEvents {
        /// EV
        event: EventMatch,
        /// D
        over: Dur,
        /// where it ends
        anchor: Anchor,
    },
    /// `since(E)`: how long E has been true; unknown when it is not true.
    Since(Box<Expr>),
    /// `since(EV)`: time since the last such event.
    SinceEvent(EventMatch),
    /// `last(EV).f`
    LastEvent {
        /// EV
        event: EventMatch,
        /// f
        field: EventField,
    },
    /// An aggregate over the instances of a family; inside filter and value the instance is in `slot`.
    Quantify {
        /// which
        func: Quantifier,
        /// over which family
        family: FamilyId,
        /// the slot that holds the instance
        slot: u8,
        /// only instances for which this is true
        filter: Option<Box<Expr>>,
        /// what is aggregated; None: the instance itself
        value: Option<Box<Expr>>,
        /// The list L of a filter conjunct `name in L`: listed keys never seen count as unknown for `every`.
        listed: Option<Box<Expr>>,
    },
    /// A function of plain values.
    Call(Builtin, Vec<Expr>),
}
