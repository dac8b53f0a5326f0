//! Queries: the source, its range, and the stages, each over the columns that the one before it leaves.

use super::columns::source_columns;
use super::{Checker, Declared, LetSlot, Progress};
use crate::ast::{self};
use crate::catalog::{Catalog, PATCH_FAMILY};
use crate::diagnostic::{self, Diagnostic, Level};
use crate::ir::{Expr, FamilyId, LetId, ParamId, Program, RuleId, WatchId};
use crate::ir_query::{Column, Instant, Named, Query, Range, SortKey, Source, Stage};
use crate::parse;
use crate::span::Span;
use crate::value::Type;
use smol_str::SmolStr;

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
    pub(super) fn named(&mut self, columns: &[ast::Column]) -> Vec<Named> {
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
}

pub fn columns_of(named: &[Named]) -> Vec<Column> {
    named
        .iter()
        .map(|n| Column {
            name: n.name.clone(),
            ty: n.value.ty.clone(),
            shown: true,
        })
        .collect()
}
