//! Syntax trees to checked programs: names resolved, types and units agreed, cycles refused.
//!
//! [`program`] goes over all files at once and reports every error it finds; a program comes out only when
//! there is none. An expression in error has type `Any`, which fits everywhere, so one mistake is reported
//! once. [`query`] checks one query against a program and the live catalogue.

mod aggregate;
mod call;
mod columns;
mod declare;
mod event;
mod expr;
mod family;
mod group;
mod lets;
mod order;
mod path;
mod query;
mod scope;
mod source;
mod statement;
pub mod types;
pub mod walk;
mod window;

use crate::ast::{self, StatementKind};
use crate::catalog::Catalog;
use crate::diagnostic::{self, Diagnostic, Level};
use crate::ir::{self, LetId, ParamId, Program, RuleId, WatchId};
use crate::limits::ERRORS_MAX;
use crate::parse;
pub use crate::span::Source;
use crate::span::Span;
pub use columns::source_columns;
pub use query::query;

use scope::Scope;
use smol_str::SmolStr;
use std::collections::HashMap;

/// What checking rule files gave.
#[derive(Debug)]
pub struct Checked {
    /// None if there was any error.
    pub program: Option<Program>,
    /// Errors and warnings by file and place.
    pub diagnostics: Vec<Diagnostic>,
}

/// Checks rule files together with the built-in catalogue.
pub fn program(sources: &[Source]) -> Checked {
    let mut diagnostics = Vec::new();
    let mut statements = Vec::new();
    for (file, source) in sources.iter().enumerate() {
        statements.append(&mut parse::statements(
            source,
            file as u32,
            &mut diagnostics,
        ));
    }
    let texts: Vec<&str> = sources.iter().map(|s| s.text.as_str()).collect();
    let mut checker = Checker::new(Catalog::builtin(), texts);
    checker.diagnostics = diagnostics;
    checker.declare_all(&statements);
    let program = checker.statements(&statements);
    let mut diagnostics = checker.diagnostics;
    diagnostic::without_echoes(&mut diagnostics, sources);
    diagnostic::sort(&mut diagnostics);
    let failed = diagnostics.iter().any(|d| d.severity == Level::Error);
    Checked {
        program: (!failed).then_some(program),
        diagnostics,
    }
}

/// The catalogue that [`crate::catalog::BUILTIN_RULES`] declares.
pub(crate) fn builtin_catalog() -> Catalog {
    let source = Source::new("catalog.rules", crate::catalog::BUILTIN_RULES);
    let mut diagnostics = Vec::new();
    let statements = parse::statements(&source, 0, &mut diagnostics);
    let catalog = Catalog {
        labels: vec!["client".into(), "device".into()],
        ..Catalog::default()
    };
    let mut checker = Checker::new(catalog, vec![&source.text]);
    checker.diagnostics = diagnostics;
    checker.declare_all(&statements);
    assert!(
        checker.diagnostics.is_empty(),
        "built-in catalogue: {:?}",
        checker.diagnostics
    );
    checker.catalog
}

/// How far a let has been checked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Progress {
    Waiting,
    Running,
    Done,
}

/// A let on its way to [`ir::Let`].
struct LetSlot<'a> {
    name: SmolStr,
    span: Span,
    source: Option<&'a ast::Expr>,
    progress: Progress,
    value: ir::Expr,
    ratio: bool,
}

/// A name that rules declare.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Declared {
    Let(LetId),
    Param(ParamId),
    Watch(WatchId),
    Rule(RuleId),
}

/// The state of one check.
pub struct Checker<'a> {
    catalog: Catalog,
    texts: Vec<&'a str>,
    diagnostics: Vec<Diagnostic>,
    names: HashMap<SmolStr, Declared>,
    spans: HashMap<String, Span>,
    lets: Vec<LetSlot<'a>>,
    params: Vec<ir::Param>,
    watches: Vec<SmolStr>,
    rules: Vec<SmolStr>,
    scope: Scope,
    /// Windows of any function and percentile, and `after`, are for queries.
    in_query: bool,
    /// Lets being checked inside each other.
    let_depth: usize,
    /// Lets in the order in which they were checked: each after those that it reads.
    let_order: Vec<LetId>,
    /// The aggregates of the `by` whose columns are being checked.
    group: Option<group::Group>,
    /// While positive, what is reported is thrown away.
    quiet: u32,
}

impl<'a> Checker<'a> {
    fn new(catalog: Catalog, texts: Vec<&'a str>) -> Checker<'a> {
        Checker {
            catalog,
            texts,
            diagnostics: Vec::new(),
            names: HashMap::new(),
            spans: HashMap::new(),
            lets: Vec::new(),
            params: Vec::new(),
            watches: Vec::new(),
            rules: Vec::new(),
            scope: Scope::default(),
            in_query: false,
            let_depth: 0,
            let_order: Vec::new(),
            group: None,
            quiet: 0,
        }
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        if self.quiet == 0 && self.diagnostics.len() < ERRORS_MAX {
            self.diagnostics.push(diagnostic);
        }
    }

    /// The source text of a span.
    fn text(&self, span: Span) -> &'a str {
        self.texts
            .get(span.file as usize)
            .map_or("", |text| span.of(text))
    }

    /// The first line of a statement.
    fn head(&self, span: Span) -> Span {
        let line = self.text(span).lines().next().unwrap_or_default();
        Span {
            end: span.start + line.len() as u32,
            ..span
        }
    }

    /// Reports something that parses and means nothing yet.
    fn not_yet(&mut self, span: Span, what: &str, hint: &str) {
        self.report(
            Diagnostic::error(
                "not-yet",
                span,
                format!("{what} is not yet supported in this version"),
                "reserved for a later version",
            )
            .hint(hint),
        );
    }

    /// Checks all statements but the catalogue's, in the order that fills the tables.
    fn statements(&mut self, statements: &'a [ast::Statement]) -> Program {
        for statement in statements {
            self.announce(statement);
        }
        for id in self.lets_by_use() {
            self.check_let(id, None);
        }
        let mut program = Program::default();
        for statement in statements {
            let checker = &mut *self;
            match &statement.kind {
                StatementKind::Rule(rule) => {
                    let rule = checker.rule(rule, statement);
                    program.rules.push(rule);
                }
                StatementKind::Watch(watch) => {
                    let watch = checker.watch(watch, statement);
                    program.watches.push(watch);
                }
                StatementKind::Suppress {
                    targets,
                    while_,
                    max,
                    reason,
                } => {
                    let suppress = checker.suppress(targets, while_, max, reason, statement);
                    program.suppressions.push(suppress);
                }
                StatementKind::Gate(name) => checker.not_yet(
                    checker.head(statement.span),
                    &format!("`gate {}`", name.text),
                    "leave the statement out",
                ),
                StatementKind::Maintenance(name) => checker.not_yet(
                    checker.head(statement.span),
                    &format!("`maintenance {}`", name.text),
                    "leave the statement out",
                ),
                StatementKind::Test(title) => checker.not_yet(
                    checker.head(statement.span),
                    &format!("the test \"{title}\""),
                    "leave the statement out",
                ),
                StatementKind::Signal(_)
                | StatementKind::Event { .. }
                | StatementKind::Label(_)
                | StatementKind::Let(..)
                | StatementKind::Param { .. } => {}
            }
        }
        program.lets = self
            .lets
            .iter()
            .map(|slot| ir::Let {
                name: slot.name.clone(),
                value: slot.value.clone(),
            })
            .collect();
        program.params = std::mem::take(&mut self.params);
        program.catalog = std::mem::take(&mut self.catalog);
        program.offline = match self.names.get("offline") {
            Some(Declared::Let(id)) => Some(*id),
            _ => None,
        };
        self.order(&mut program);
        program
    }
}
