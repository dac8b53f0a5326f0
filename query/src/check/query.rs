//! Queries: the source, its range, and the stages, each over the columns that the one before it leaves.

use super::call::percentile;
use super::columns::source_columns;
use super::scope::Scope;
use super::types::broken;
use super::{Checker, Declared, LetSlot, Progress};
use crate::ast::{self, Call, DurKind, Kind};
use crate::catalog::{Catalog, PATCH_FAMILY, PLAIN_FAMILY};
use crate::diagnostic::{self, Diagnostic, Level, nearest};
use crate::ir::{Expr, FamilyId, LetId, Node, ParamId, Program, RuleId, WatchId};
use crate::ir_query::{
    Aggregate, AggregateFunc, Column, Instant, Named, Query, Range, SortKey, Source, Stage,
};
use crate::parse;
use crate::span::Span;
use crate::value::Type;
use smol_str::SmolStr;

/// The `by` being checked.
pub struct Group {
    /// Found so far.
    aggregates: Vec<Aggregate>,
    /// The names of the rows that go in.
    rows: Scope,
    /// Columns before the aggregates.
    base: usize,
}

/// Sources that are not families or events.
const SOURCES: [&str; 9] = [
    "devices",
    "alerts",
    "decisions",
    "watches",
    "patches",
    "events",
    "signals",
    "timeline",
    "gates",
];

/// Checks one query. `catalog` is that of `program`, perhaps extended by what is stored undeclared.
pub fn query(text: &str, catalog: &Catalog, program: &Program) -> Result<Query, Vec<Diagnostic>> {
    let mut diagnostics = Vec::new();
    let parsed = parse::query(text, &mut diagnostics);
    let mut checker = Checker::new(catalog.clone(), vec![text]);
    checker.diagnostics = diagnostics;
    checker.in_query = true;
    checker.know(program);
    let checked = parsed.and_then(|query| checker.query(&query));
    let mut diagnostics = checker.diagnostics;
    diagnostic::without_echoes(&mut diagnostics, &[crate::span::Source::new("query", text)]);
    diagnostic::sort(&mut diagnostics);
    match checked {
        Some(query) if diagnostics.iter().all(|d| d.severity != Level::Error) => Ok(query),
        _ => Err(diagnostics),
    }
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
    /// Takes over the names of a checked program.
    fn know(&mut self, program: &Program) {
        for (at, item) in program.lets.iter().enumerate() {
            self.names
                .insert(item.name.clone(), Declared::Let(LetId(at as u32)));
            self.lets.push(LetSlot {
                name: item.name.clone(),
                span: Span::default(),
                source: None,
                progress: Progress::Done,
                value: item.value.clone(),
                ratio: false,
            });
        }
        // A let may be a ratio because another one is.
        for _ in 0..self.lets.len() {
            let ratios: Vec<bool> = self.lets.iter().map(|l| self.is_ratio(&l.value)).collect();
            let before: Vec<bool> = self.lets.iter().map(|l| l.ratio).collect();
            for (slot, ratio) in self.lets.iter_mut().zip(&ratios) {
                slot.ratio = *ratio;
            }
            if ratios == before {
                break;
            }
        }
        self.params.clone_from(&program.params);
        for (at, param) in program.params.iter().enumerate() {
            self.names
                .insert(param.name.clone(), Declared::Param(ParamId(at as u32)));
        }
        for (at, watch) in program.watches.iter().enumerate() {
            self.names
                .insert(watch.name.clone(), Declared::Watch(WatchId(at as u32)));
        }
        for (at, rule) in program.rules.iter().enumerate() {
            self.names
                .insert(rule.name.clone(), Declared::Rule(RuleId(at as u32)));
        }
    }

    fn query(&mut self, query: &ast::Query) -> Option<Query> {
        let source = self.source(query)?;
        let range = match query.range {
            ast::Range::Default => Range::Default,
            ast::Range::At(time) => Range::At(time),
            ast::Range::Between(from, to) => {
                self.ordered(from, to, query.source.span);
                Range::Between(from, to)
            }
        };
        let columns = source_columns(&source, &self.catalog);
        let instance: Option<FamilyId> = match &source {
            Source::Family(family) => Some(*family),
            Source::Patches => self.catalog.family(PATCH_FAMILY),
            _ => None,
        };
        self.scope.columns.clone_from(&columns);
        self.scope.row = instance;
        self.scope.instances = u8::from(instance.is_some());
        self.scope.detached = source == Source::Signals;
        let where_ = query.where_.as_ref().map(|e| self.condition(e, "`where`"));
        let stages = query.stages.iter().map(|stage| self.stage(stage)).collect();
        let output = std::mem::take(&mut self.scope.columns);
        Some(Query {
            source,
            range,
            columns,
            instance,
            where_,
            stages,
            output,
        })
    }

    fn ordered(&mut self, from: Instant, to: Option<Instant>, span: Span) {
        let backwards = match (from, to) {
            (Instant::Absolute(a), Some(Instant::Absolute(b))) => a > b,
            (Instant::Relative(a), Some(Instant::Relative(b))) => a > b,
            _ => false,
        };
        if backwards {
            self.report(
                Diagnostic::error(
                    "range",
                    span,
                    "the range ends before it begins",
                    "of this source",
                )
                .hint("swap the two times"),
            );
        }
    }

    fn source(&mut self, query: &ast::Query) -> Option<Source> {
        let path = &query.source;
        let name = path.dotted();
        if let Some(filter) = path.parts.iter().find_map(|p| p.filter.as_ref()) {
            let written = self.text(filter.span);
            self.report(
                Diagnostic::error(
                    "source",
                    filter.span,
                    "a source has no brackets",
                    "not here",
                )
                .hint(format!("write `{name} where {written}`")),
            );
            return None;
        }
        Some(match name.as_str() {
            "devices" => Source::Devices,
            "alerts" => Source::Alerts,
            "decisions" => Source::Decisions,
            "watches" => Source::Watches,
            "patches" => Source::Patches,
            "events" => Source::Events,
            "signals" => Source::Signals,
            "timeline" => {
                let text = &query.text.as_ref()?.0;
                let (client, device) = match text.split_once('/') {
                    Some((client, device)) => (Some(client.into()), device.into()),
                    None => (None, text.clone()),
                };
                Source::Timeline { client, device }
            }
            "gates" => {
                self.not_yet(
                    path.span,
                    "the source `gates`",
                    "ask `devices` or `watches`",
                );
                return None;
            }
            "patch" => {
                self.report(
                    Diagnostic::error(
                        "source",
                        path.span,
                        "`patch` is not a source",
                        "derived from events",
                    )
                    .hint("ask `patches` for their states, or an event such as `patch.installed`"),
                );
                return None;
            }
            _ => return self.stored_source(path, &name),
        })
    }

    /// An event, a family or a plain signal, declared or only stored.
    fn stored_source(&mut self, path: &ast::Path, name: &str) -> Option<Source> {
        if let Some(kind) = self.catalog.event_kind(name) {
            return Some(Source::Event(kind));
        }
        if path.parts.len() == 1 {
            if let Some(family) = self.catalog.family(name).filter(|_| name != PLAIN_FAMILY) {
                return Some(Source::Family(family));
            }
            if let Some(signal) = self.catalog.plain(name) {
                return Some(Source::Signal(signal));
            }
        }
        let mut known: Vec<&str> = SOURCES.to_vec();
        known.extend(
            self.catalog
                .families
                .iter()
                .map(|f| f.name.as_str())
                .filter(|n| *n != PLAIN_FAMILY),
        );
        known.extend(self.catalog.events.iter().map(|e| e.name.as_str()));
        if let Some(family) = self.catalog.family(PLAIN_FAMILY) {
            known.extend(self.catalog.fields(family).map(|(_, s)| s.field.as_str()));
        }
        let near = nearest(name, known).map(str::to_string);
        let field =
            path.parts.len() == 2 && self.catalog.family(&path.parts[0].name.text).is_some();
        let error = Diagnostic::error(
            "unknown-name",
            path.span,
            format!("`{name}` is not a source"),
            "expected a source",
        );
        self.report(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if field => {
                let family = &path.parts[0].name.text;
                error.hint(format!(
                    "ask the family: `{family} | show time, device, {}`",
                    path.parts[1].name.text
                ))
            }
            None => error.hint(format!(
                "sources are {}; any event, any family, any signal",
                SOURCES.join(", ")
            )),
        });
        None
    }

    fn stage(&mut self, stage: &ast::Stage) -> Stage {
        match stage {
            ast::Stage::Where(expr) => Stage::Where(self.condition(expr, "`where`")),
            ast::Stage::Show(columns) => {
                let named = self.named(columns);
                self.scope.ratios = named.iter().map(|n| self.is_ratio(&n.value)).collect();
                self.scope.columns = columns_of(&named);
                Stage::Show(named)
            }
            ast::Stage::Sort(keys) => Stage::Sort(
                keys.iter()
                    .map(|(expr, descending)| SortKey {
                        value: self.single(expr),
                        descending: *descending,
                    })
                    .collect(),
            ),
            ast::Stage::Top(n, by) => Stage::Top {
                n: *n,
                by: by.as_ref().map(|expr| self.single(expr)),
            },
            ast::Stage::Last(keys) => Stage::Last {
                by: self.named(keys),
            },
            ast::Stage::By {
                every,
                keys,
                columns,
                span,
            } => self.by(every.as_ref(), keys, columns, *span),
        }
    }

    /// A value to sort by.
    fn single(&mut self, expr: &ast::Expr) -> Expr {
        let value = self.expr(expr);
        if matches!(value.ty, Type::List(_)) {
            return self.want(value, &Type::PLAIN, "what rows are sorted by");
        }
        value
    }

    /// Columns with their names: the one given, else the text of the expression.
    fn named(&mut self, columns: &[ast::Column]) -> Vec<Named> {
        let mut named: Vec<Named> = Vec::new();
        for column in columns {
            let value = self.expr(&column.value);
            let (name, span) = match &column.name {
                Some(name) => (name.text.clone(), name.span),
                None => (
                    SmolStr::new(self.text(column.value.span)),
                    column.value.span,
                ),
            };
            if named.iter().any(|n| n.name == name) {
                self.report(
                    Diagnostic::error(
                        "twice",
                        span,
                        format!("two columns are called `{name}`"),
                        "a second time",
                    )
                    .hint("name one of them: `other = …`"),
                );
            }
            named.push(Named { name, value });
        }
        named
    }

    fn by(
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

    fn row_value(&mut self, arg: &ast::Expr) -> Expr {
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

fn columns_of(named: &[Named]) -> Vec<Column> {
    named
        .iter()
        .map(|n| Column {
            name: n.name.clone(),
            ty: n.value.ty.clone(),
            shown: true,
        })
        .collect()
}
