//! `by` and `every`: keys, and columns made of aggregates over the rows of each group.

use super::Checker;
use super::query::columns_of;
use super::scope::Scope;
use super::types::broken;
use super::window::percentile;
use crate::ast::{self, Call, DurKind, Kind};
use crate::diagnostic::Diagnostic;
use crate::ir::{Expr, Node};
use crate::ir_query::{Aggregate, AggregateFunc, Column, Stage};
use crate::span::Span;
use crate::value::Type;

/// The `by` being checked.
pub struct Group {
    /// Found so far.
    pub(super) aggregates: Vec<Aggregate>,
    /// The names of the rows that go in.
    pub(super) rows: Scope,
    /// Columns before the aggregates.
    pub(super) base: usize,
}

/// The aggregate over rows of this name.
pub fn aggregate_func(name: &str) -> Option<AggregateFunc> {
    Some(match name {
        "count" => AggregateFunc::Count,
        "list" => AggregateFunc::List,
        "uniq" => AggregateFunc::Uniq,
        "avg" => AggregateFunc::Avg,
        "min" => AggregateFunc::Min,
        "max" => AggregateFunc::Max,
        "sum" => AggregateFunc::Sum,
        "stddev" => AggregateFunc::Stddev,
        "share" => AggregateFunc::Share,
        "first" => AggregateFunc::First,
        "last" => AggregateFunc::Last,
        "any" => AggregateFunc::Any,
        "every" => AggregateFunc::Every,
        _ => AggregateFunc::Percentile(percentile(name)?),
    })
}

impl Checker<'_> {
    pub(super) fn by(
        &mut self,
        every: Option<&ast::Dur>,
        keys: &[ast::Column],
        columns: &[ast::Column],
        span: Span,
    ) -> Stage {
        let bucket = every.map(|dur| match dur.kind {
            DurKind::Fixed(nanos) if nanos > 0 => nanos,
            _ => {
                self.report(Diagnostic::error(
                    "duration",
                    dur.span,
                    "`every` needs a fixed duration longer than nothing",
                    "expected a duration such as `5m`",
                ));
                storage::SECOND
            }
        });
        let timed = self.scope.columns.iter().any(|c| c.name == "time");
        if bucket.is_some() && (self.scope.detached || !timed) {
            self.report(
                Diagnostic::error(
                    "stage",
                    span,
                    "these rows have no time to be put into steps by",
                    "no `time`",
                )
                .hint("`every` comes first, on rows over time such as a family or events"),
            );
        }
        let keys = self.named(keys);
        let mut left = columns_of(&keys);
        if bucket.is_some() {
            left.insert(
                0,
                Column {
                    name: "time".into(),
                    ty: Type::Time,
                    shown: true,
                },
            );
        }
        let rows = std::mem::replace(
            &mut self.scope,
            Scope {
                columns: left.clone(),
                detached: true,
                ..Scope::default()
            },
        );
        self.group = Some(Group {
            aggregates: Vec::new(),
            rows,
            base: left.len(),
        });
        let named = self.named(columns);
        let aggregates = self.group.take().map(|g| g.aggregates).unwrap_or_default();
        for (column, named) in columns.iter().zip(&named) {
            if left.iter().any(|c| c.name == named.name) {
                self.report(
                    Diagnostic::error(
                        "twice",
                        column.value.span,
                        format!("two columns are called `{}`", named.name),
                        "a key has this name",
                    )
                    .hint("keys are columns already"),
                );
            }
        }
        let ratios: Vec<bool> = named.iter().map(|n| self.is_ratio(&n.value)).collect();
        self.scope.ratios = vec![false; left.len()];
        self.scope.ratios.extend(ratios);
        left.extend(columns_of(&named));
        self.scope.columns = left;
        Stage::By {
            every: bucket,
            keys,
            aggregates,
            columns: named,
        }
    }

    /// `count()`, `avg(x)` over the rows of a group.
    pub fn group_aggregate(&mut self, call: &Call, func: AggregateFunc, span: Span) -> Expr {
        let Some(mut group) = self.group.take() else {
            return broken(span);
        };
        std::mem::swap(&mut self.scope, &mut group.rows);
        let value = match call.args.as_slice() {
            [] if func == AggregateFunc::Count => None,
            _ => match self.one(call, span) {
                Some(arg) => Some(self.row_value(arg)),
                None => Some(broken(span)),
            },
        };
        std::mem::swap(&mut self.scope, &mut group.rows);
        let name = call.name.text.as_str();
        let what = format!("what `{name}` looks at");
        let value = value.map(|value| match func {
            AggregateFunc::Count
            | AggregateFunc::Share
            | AggregateFunc::Any
            | AggregateFunc::Every => self.want(value, &Type::Bool, &what),
            AggregateFunc::List
            | AggregateFunc::Uniq
            | AggregateFunc::First
            | AggregateFunc::Last => value,
            AggregateFunc::Min | AggregateFunc::Max if value.ty == Type::Time => value,
            _ if matches!(value.ty, Type::Number(_) | Type::Any) => value,
            _ => self.want(value, &Type::PLAIN, &what),
        });
        let ty = match (func, &value) {
            (AggregateFunc::Count | AggregateFunc::Uniq, _) | (_, None) => Type::PLAIN,
            (AggregateFunc::Share, _) => Type::PERCENT,
            (AggregateFunc::Any | AggregateFunc::Every, _) => Type::Bool,
            (AggregateFunc::List, Some(value)) => Type::List(Box::new(value.ty.clone())),
            (_, Some(value)) => value.ty.clone(),
        };
        let at = (group.base + group.aggregates.len()) as u32;
        group.aggregates.push(Aggregate {
            func,
            value,
            ty: ty.clone(),
        });
        self.group = Some(group);
        Expr {
            node: Node::Column(at),
            ty,
            span,
        }
    }

    pub(super) fn row_value(&mut self, arg: &ast::Expr) -> Expr {
        if let Kind::Path(path) = &arg.kind
            && self.names_event(path)
            && self.implicit(&path.parts[0].name).is_none()
        {
            let written = self.text(arg.span);
            self.report(
                Diagnostic::error(
                    "event",
                    arg.span,
                    "an event is not a value of a row",
                    "expected a value",
                )
                .hint(format!(
                    "ask the event itself: `{written} | by …: n = count()`"
                )),
            );
            return broken(arg.span);
        }
        self.expr(arg)
    }
}
