//! The checked program: what [`crate::check`] makes of rule files and what the evaluators run.
//!
//! Every name is resolved to a number, every expression carries its type, units agree. Nothing here can
//! fail at run time except by being unknown. Binders are slots: an `each` or an aggregate pushes an
//! instance slot, an `on`, a `watch` or an event filter pushes an event slot, counted from 0 outwards in.

mod expr;
mod statement;
mod walk;

pub use expr::*;
pub use statement::*;
pub use walk::{children, walk};

use crate::catalog::Catalog;

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
