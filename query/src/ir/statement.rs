//! Statements of the checked program: params, lets, rules, watches, suppressions.

use super::*;
use crate::span::Span;
use crate::value::{Type, Value};
use smol_str::SmolStr;

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
