//! What the parser found, before any name means anything. Every part knows its span.

use crate::ir::{ArithOp, CompareOp, Severity};
use crate::span::Span;
use crate::value::Unit;
use smol_str::SmolStr;
use storage::Nanos;

/// A name where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Ident {
    /// The name.
    pub text: SmolStr,
    /// Where.
    pub span: Span,
}

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub struct Expr {
    /// Its kind.
    pub kind: Kind,
    /// Where.
    pub span: Span,
    /// Height of its tree.
    pub height: u32,
    /// It stands in parentheses.
    pub grouped: bool,
}

/// A literal value.
#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    /// In its base unit.
    Number(f64, Unit),
    /// `true`, `false`
    Bool(bool),
    /// Text.
    Text(SmolStr),
    /// Instant.
    Time(Nanos),
}

/// The kinds of expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// A literal.
    Literal(Literal),
    /// `[a, b]`
    List(Vec<Expr>),
    /// `name[filter].name`
    Path(Path),
    /// `f(a over D before T).x`
    Call(Box<Call>),
    /// `not a`
    Not(Box<Expr>),
    /// `a and b …`
    And(Vec<Expr>),
    /// `a or b …`
    Or(Vec<Expr>),
    /// `a < b`
    Compare(CompareOp, Box<Expr>, Box<Expr>),
    /// `a ~ b`
    Matches(Box<Expr>, Box<Expr>),
    /// `a in b`; true: `not in`
    In(Box<Expr>, Box<Expr>, bool),
    /// `a is known`; true: `is not known`
    IsKnown(Box<Expr>, bool),
    /// `a + b`
    Arith(ArithOp, Box<Expr>, Box<Expr>),
    /// `-a`
    Negate(Box<Expr>),
    /// `a ?? b`
    Coalesce(Box<Expr>, Box<Expr>),
    /// `a at T`
    At(Box<Expr>, Box<Expr>),
    /// `a for D`
    For(Box<Expr>, Box<Dur>),
    /// `EV within D`; true: `no EV within D`
    Within(Box<Path>, Box<Dur>, bool),
}

/// `name[filter].name[filter]…`
#[derive(Clone, Debug, PartialEq)]
pub struct Path {
    /// At least one.
    pub parts: Vec<Part>,
    /// Where.
    pub span: Span,
}

/// One name of a path with its filter.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The name.
    pub name: Ident,
    /// What stands in brackets.
    pub filter: Option<Box<Expr>>,
}

impl Path {
    /// The names joined by dots.
    pub fn dotted(&self) -> String {
        let names: Vec<&str> = self.parts.iter().map(|p| p.name.text.as_str()).collect();
        names.join(".")
    }
}

/// A call.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// What is called.
    pub name: Ident,
    /// With what.
    pub args: Vec<Expr>,
    /// `over D …`
    pub over: Option<Over>,
    /// `.field` after the parenthesis.
    pub fields: Vec<Ident>,
}

/// `over D`, `over D before T`, `over D after T`
#[derive(Clone, Debug, PartialEq)]
pub struct Over {
    /// D
    pub dur: Dur,
    /// true: `after`
    pub anchor: Option<(bool, Box<Expr>)>,
    /// Where.
    pub span: Span,
}

/// A duration where the grammar wants one.
#[derive(Clone, Debug, PartialEq)]
pub struct Dur {
    /// Its kind.
    pub kind: DurKind,
    /// Where.
    pub span: Span,
}

/// The kinds of duration.
#[derive(Clone, Debug, PartialEq)]
pub enum DurKind {
    /// A literal.
    Fixed(Nanos),
    /// The name of a param.
    Param(SmolStr),
    /// `3 reports`
    Reports(f64),
}

/// A message.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// In order.
    pub parts: Vec<MessagePart>,
    /// Where.
    pub span: Span,
}

/// A part of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum MessagePart {
    /// As it is.
    Text(String),
    /// `{expr}`
    Expr(Expr),
}

/// A statement with its normalised text.
#[derive(Clone, Debug, PartialEq)]
pub struct Statement {
    /// Its kind.
    pub kind: StatementKind,
    /// From its word to its last token.
    pub span: Span,
    /// Normalised text.
    pub text: String,
}

/// The kinds of statement.
#[derive(Clone, Debug, PartialEq)]
pub enum StatementKind {
    /// `signal`
    Signal(SignalStatement),
    /// `event`
    Event {
        /// Full name.
        name: Ident,
        /// Name and type of each field.
        fields: Vec<(Ident, TypeName)>,
    },
    /// `label`
    Label(Ident),
    /// `let`
    Let(Ident, Expr),
    /// `param`
    Param {
        /// Its name.
        name: Ident,
        /// Default.
        default: (Literal, Span),
        /// label, text, value
        overrides: Vec<(Ident, SmolStr, (Literal, Span))>,
    },
    /// `rule`
    Rule(Box<RuleStatement>),
    /// `watch`
    Watch(Box<WatchStatement>),
    /// `suppress`
    Suppress {
        /// What is muted.
        targets: Vec<Ident>,
        /// While what.
        while_: Expr,
        /// At most how long.
        max: Dur,
        /// Why.
        reason: Message,
    },
    /// A statement of a later version; its name.
    Gate(Ident),
    /// A statement of a later version; its name.
    Maintenance(Ident),
    /// A statement of a later version; its title.
    Test(SmolStr),
}

/// `signal name[key].field kind type holds D`
#[derive(Clone, Debug, PartialEq)]
pub struct SignalStatement {
    /// Name, or family.
    pub name: Ident,
    /// Key name and field of a family's signal.
    pub member: Option<(Ident, Ident)>,
    /// gauge, counter or state.
    pub kind: crate::catalog::SignalKind,
    /// Type and unit.
    pub ty: TypeName,
    /// None: not said; Some(None): forever.
    pub holds: Option<Option<Nanos>>,
}

/// A type by its word.
#[derive(Clone, Debug, PartialEq)]
pub struct TypeName {
    /// What it stands for.
    pub ty: crate::value::Type,
    /// Where.
    pub span: Span,
}

/// An option of a rule or outcome.
#[derive(Clone, Debug, PartialEq)]
pub enum OptionKind {
    /// `unknown hold|fire|clear`
    Unknown(crate::ir::OnUnknown),
    /// `key path`
    Key(Expr),
    /// `absorb names`, later
    Absorb,
    /// `notify names`, later
    Notify,
    /// `offer hook`, later
    Offer,
    /// `run hook`, later
    Run,
}

/// `alert …`, `log …`
#[derive(Clone, Debug, PartialEq)]
pub struct Action {
    /// None: log.
    pub severity: Option<Severity>,
    /// The message.
    pub message: Message,
    /// Options before it.
    pub options: Vec<(OptionKind, Span)>,
}

/// Whom a rule is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Scope {
    /// Each device.
    Device,
    /// `by …`, later
    By(Span),
    /// `each family as s`
    Each(Ident, Ident),
    /// `on event as b settle D`
    On(Path, Ident, Option<Dur>),
}

/// A rule.
#[derive(Clone, Debug, PartialEq)]
pub struct RuleStatement {
    /// Its name.
    pub name: Ident,
    /// Whom it is about.
    pub scope: Scope,
    /// `where`
    pub where_: Option<Expr>,
    /// `when`
    pub when: Option<Expr>,
    /// `clear`
    pub clear: Option<Expr>,
    /// Action with the options.
    pub action: Action,
}

/// A watch.
#[derive(Clone, Debug, PartialEq)]
pub struct WatchStatement {
    /// Its name.
    pub name: Ident,
    /// Opening events.
    pub on: Vec<Path>,
    /// Name of the opening event inside.
    pub binder: Ident,
    /// `where`
    pub where_: Option<Expr>,
    /// `open`
    pub open: Option<Dur>,
    /// `ready when`
    pub ready: Option<Expr>,
    /// `down when`
    pub down: Option<Expr>,
    /// `back within`
    pub back: Option<Dur>,
    /// `verify within`
    pub verify: Option<(Dur, Expr)>,
    /// `cancel on`
    pub cancel: Option<Path>,
    /// Word and action.
    pub outcomes: Vec<(Ident, Action)>,
}

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub struct Query {
    /// Source name (may be dotted) and, for a timeline, its text.
    pub source: Path,
    /// Text of `timeline`.
    pub text: Option<(SmolStr, Span)>,
    /// `at`, `from`, `to`
    pub range: Range,
    /// `where`
    pub where_: Option<Expr>,
    /// In order.
    pub stages: Vec<Stage>,
}

/// Range of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Range {
    /// Not said.
    Default,
    /// `at T`
    At(crate::ir_query::Instant),
    /// `from A to B`
    Between(crate::ir_query::Instant, Option<crate::ir_query::Instant>),
}

/// `name = expr`, or `expr`
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The name given.
    pub name: Option<Ident>,
    /// The value.
    pub value: Expr,
}

/// A stage of a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// `where expr`
    Where(Expr),
    /// `by keys: cols`, `every D by keys: cols`
    By {
        /// D with its place.
        every: Option<Dur>,
        /// Keys.
        keys: Vec<Column>,
        /// Columns.
        columns: Vec<Column>,
        /// The word.
        span: Span,
    },
    /// `show cols`
    Show(Vec<Column>),
    /// `sort col desc, …`
    Sort(Vec<(Expr, bool)>),
    /// `top n by col`
    Top(u64, Option<Expr>),
    /// `last by keys`
    Last(Vec<Column>),
}
