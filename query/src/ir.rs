//! The checked program: what [`crate::check`] makes of rule files and what the evaluators run.
//!
//! Every name is resolved to a number, every expression carries its type, units agree. Nothing here can
//! fail at run time except by being unknown. Binders are slots: an `each` or an aggregate pushes an
//! instance slot, an `on`, a `watch` or an event filter pushes an event slot, counted from 0 outwards in.

use crate::catalog::Catalog;
use crate::span::Span;
use crate::value::{Type, Value};
use smol_str::SmolStr;
use storage::Nanos;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        pub struct $name(pub u32);
        impl $name {
            /// As an index into the table it numbers.
            pub fn index(self) -> usize { self.0 as usize }
        }
    )*};
}

ids! {
    /// Index into [`Catalog::signals`].
    SignalId,
    /// Index into [`Catalog::families`].
    FamilyId,
    /// Index into [`Catalog::events`].
    EventId,
    /// Index into [`Program::lets`].
    LetId,
    /// Index into [`Program::params`].
    ParamId,
    /// Index into [`Program::watches`].
    WatchId,
    /// Index into [`Program::rules`].
    RuleId,
}

/// A whole checked rule set.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// Declared signals, families, events and labels.
    pub catalog: Catalog,
    /// `param` statements.
    pub params: Vec<Param>,
    /// `let` statements; an expression refers to them by [`Node::Let`].
    pub lets: Vec<Let>,
    /// `watch` statements in file order.
    pub watches: Vec<Watch>,
    /// `rule` statements in file order.
    pub rules: Vec<Rule>,
    /// Rules in the order in which they are decided (a rule after those whose `.firing` it reads).
    pub rule_order: Vec<RuleId>,
    /// Watches in the order in which they are stepped (a watch after those that it reads; itself it reads
    /// as it was before).
    pub watch_order: Vec<WatchId>,
    /// `suppress` statements in file order.
    pub suppressions: Vec<Suppress>,
    /// The let named `offline`, the default of a watch's `down when`.
    pub offline: Option<LetId>,
}

/// `param NAME = literal label "x": literal …`; the last override that matches wins.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name.
    pub name: SmolStr,
    /// Value where no override matches.
    pub default: Value,
    /// (label, text, value).
    pub overrides: Vec<(SmolStr, SmolStr, Value)>,
    /// The common type.
    pub ty: Type,
}

/// `let NAME = expr`, an expression of one device.
#[derive(Clone, Debug)]
pub struct Let {
    /// Its name.
    pub name: SmolStr,
    /// Its meaning.
    pub value: Expr,
}

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

/// A message: text with expressions in braces.
#[derive(Clone, Debug, Default)]
pub struct Template {
    /// In order.
    pub parts: Vec<TemplatePart>,
}

/// A piece of a message.
#[derive(Clone, Debug)]
pub enum TemplatePart {
    /// As it is.
    Text(SmolStr),
    /// Printed by its type and unit.
    Expr(Expr),
}

/// How bad.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
pub enum Severity {
    /// informational
    Info,
    /// warning
    Warn,
    /// critical
    Critical,
    /// page at once
    P1,
}

impl Severity {
    /// The word in rules and output.
    pub fn word(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warn => "warn",
            Severity::Critical => "critical",
            Severity::P1 => "p1",
        }
    }
}

/// `alert SEVERITY text` or `log text`, with the options before it.
#[derive(Clone, Debug)]
pub struct Action {
    /// None for `log`.
    pub severity: Option<Severity>,
    /// The message.
    pub message: Template,
}

/// `unknown hold|fire|clear`: what an unknown `when` does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// neither raises nor clears
    #[default]
    Hold,
    /// counts as true
    Fire,
    /// counts as false
    Clear,
}

/// Whom a rule is about.
#[derive(Clone, Debug)]
pub enum Scope {
    /// One subject a device.
    Device,
    /// `each family as s`: one subject a (device, instance); instance slot 0.
    Each(FamilyId),
    /// `on event as b settle D`: one subject an event, event slot 0.
    On {
        /// the event
        event: EventMatch,
        /// how long after its arrival it is decided
        settle: Dur,
    },
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its name.
    pub name: SmolStr,
    /// Whom it is about.
    pub scope: Scope,
    /// Which subjects; None: all.
    pub where_: Option<Expr>,
    /// The condition; None: true (`on` rules).
    pub when: Option<Expr>,
    /// While `when` is not true, this ends the alert; None: `when` false does (one-shot for `on` rules).
    pub clear: Option<Expr>,
    /// What an unknown `when` does.
    pub unknown: OnUnknown,
    /// Part of the identity; evaluated when raised. For `each` rules without it the instance key is the key.
    pub key: Option<Expr>,
    /// What it does.
    pub action: Action,
    /// Normalised source text: equal text, same rule.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A watch; event slot 0 is the opening event.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Its name.
    pub name: SmolStr,
    /// Events that open or extend it; each has slot 0.
    pub on: Vec<EventMatch>,
    /// Which devices.
    pub where_: Option<Expr>,
    /// How long to wait for the reboot to begin, from the last opening.
    pub open: Dur,
    /// `ready when`.
    pub ready: Option<Expr>,
    /// `down when`; None: the default.
    pub down: Option<Expr>,
    /// `back within`; None: verify at once.
    pub back: Option<Dur>,
    /// `verify within`.
    pub verify_within: Dur,
    /// What must be true.
    pub verify: Expr,
    /// `cancel on`; its event is in slot 1, the opening in slot 0.
    pub cancel: Option<EventMatch>,
    /// Actions by outcome.
    pub done: Option<Action>,
    /// Open ran out with no reboot.
    pub idle: Option<Action>,
    /// Back missed.
    pub overdue: Option<Action>,
    /// Verify missed.
    pub unverified: Option<Action>,
    /// Normalised source text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// A suppression.
#[derive(Clone, Debug)]
pub struct Suppress {
    /// The rules whose notifications it mutes.
    pub targets: Vec<RuleId>,
    /// Mutes only while true.
    pub while_: Expr,
    /// Longest for one alert.
    pub max: Dur,
    /// Why, for people.
    pub reason: Template,
    /// Watches that `while_` reads, lets unfolded: their verdicts absorb what this muted.
    pub watches: Vec<WatchId>,
    /// Normalised source text.
    pub text: String,
    /// Where it stands.
    pub span: Span,
}

/// Visits an expression and all inside it, lets unfolded, outside in.
pub fn walk<'a>(expr: &'a Expr, program: &'a Program, visit: &mut dyn FnMut(&'a Expr)) {
    visit(expr);
    if let Node::Let(id) = &expr.node {
        walk(&program.lets[id.index()].value, program, visit);
    }
    children(expr, &mut |child| walk(child, program, visit));
}

/// Visits the expressions directly inside one (not through lets).
pub fn children<'a>(expr: &'a Expr, each: &mut dyn FnMut(&'a Expr)) {
    match &expr.node {
        Node::Literal(_)
        | Node::Label(_)
        | Node::Param(_)
        | Node::InstanceKey(_)
        | Node::Column(_) => {}
        Node::Event { .. } | Node::Watch(..) | Node::Firing(_) | Node::Let(_) => {}
        Node::Signal { key, .. } => {
            if let Key::Expr(key) = key {
                each(key);
            }
        }
        Node::ListOf(items) | Node::And(items) | Node::Or(items) | Node::Call(_, items) => {
            items.iter().for_each(each);
        }
        Node::Not(value) | Node::Negate(value) | Node::Since(value) => each(value),
        Node::IsKnown { value, .. } | Node::For { value, .. } => each(value),
        Node::Compare { left, right, .. }
        | Node::Arith { left, right, .. }
        | Node::Coalesce(left, right) => {
            each(left);
            each(right);
        }
        Node::Matches { text, pattern, .. } => {
            each(text);
            each(pattern);
        }
        Node::In { value, list, .. } => {
            each(value);
            each(list);
        }
        Node::At { value, time } => {
            each(value);
            each(time);
        }
        Node::Within { event, .. } | Node::SinceEvent(event) | Node::LastEvent { event, .. } => {
            event.filter.iter().for_each(|filter| each(filter));
        }
        Node::CountEvents { event, anchor, .. } => {
            event.filter.iter().for_each(|filter| each(filter));
            if let Anchor::Before(time) | Anchor::After(time) = anchor {
                each(time);
            }
        }
        Node::Window { value, anchor, .. } => {
            each(value);
            if let Anchor::Before(time) | Anchor::After(time) = anchor {
                each(time);
            }
        }
        Node::Quantify {
            filter,
            value,
            listed,
            ..
        } => {
            for inner in [filter, value, listed].into_iter().flatten() {
                each(inner);
            }
        }
    }
}
