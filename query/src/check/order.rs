//! The order of decisions: what reads what, through lets; cycles are errors.
//!
//! A rule is decided after the rules and watches that it reads and after what suppresses it reads; among
//! those that are free the file order holds. A watch may read itself, as it was before the step.

use super::Checker;
use super::walk::{Size, Uses, size};
use crate::diagnostic::Diagnostic;
use crate::ir::{EventMatch, Expr, Program, RuleId, Scope, Template, TemplatePart, WatchId};
use crate::limits::{UNFOLDED_HEIGHT_MAX, UNFOLDED_NODES_MAX};
use crate::span::Span;
use crate::value::Type;

/// All expressions of a rule set that belong to one statement.
#[derive(Default)]
struct Parts<'p>(Vec<&'p Expr>);

impl<'p> Parts<'p> {
    fn maybe(&mut self, expr: Option<&'p Expr>) {
        self.0.extend(expr);
    }
    fn event(&mut self, event: &'p EventMatch) {
        self.0.extend(event.filter.as_deref());
    }
    fn message(&mut self, message: &'p Template) {
        self.0
            .extend(message.parts.iter().filter_map(|part| match part {
                TemplatePart::Expr(expr) => Some(expr),
                TemplatePart::Text(_) => None,
            }));
    }
    fn uses(&self, lets: &[Uses]) -> Uses {
        let mut uses = Uses::default();
        for expr in &self.0 {
            uses.add(expr);
        }
        uses.unfold(lets)
    }
}

fn rule_parts(rule: &crate::ir::Rule) -> Parts<'_> {
    let mut parts = Parts::default();
    if let Scope::On { event, .. } = &rule.scope {
        parts.event(event);
    }
    for clause in [&rule.where_, &rule.when, &rule.clear, &rule.key] {
        parts.maybe(clause.as_ref());
    }
    parts.message(&rule.action.message);
    parts
}

fn watch_parts(watch: &crate::ir::Watch) -> Parts<'_> {
    let mut parts = Parts::default();
    watch
        .on
        .iter()
        .chain(&watch.cancel)
        .for_each(|event| parts.event(event));
    for clause in [&watch.where_, &watch.ready, &watch.down] {
        parts.maybe(clause.as_ref());
    }
    parts.maybe(Some(&watch.verify));
    for action in [&watch.done, &watch.idle, &watch.overdue, &watch.unverified]
        .into_iter()
        .flatten()
    {
        parts.message(&action.message);
    }
    parts
}

/// The use graph: watches, then rules, then suppressions.
struct Graph {
    names: Vec<String>,
    spans: Vec<Span>,
    reads: Vec<Vec<usize>>,
    order: Vec<usize>,
    state: Vec<u8>,
}

impl Graph {
    /// Depth-first, in file order, without recursion; the first cycle met is returned.
    fn visit(&mut self, start: usize) -> Option<Vec<usize>> {
        if self.state[start] != FRESH {
            return None;
        }
        // Each entry: a node and which of its reads comes next.
        let mut stack = vec![(start, 0)];
        self.state[start] = OPEN;
        while let Some((at, next)) = stack.last_mut() {
            let at = *at;
            match self.reads[at].get(*next).copied() {
                Some(read) => {
                    *next += 1;
                    match self.state[read] {
                        FRESH => {
                            self.state[read] = OPEN;
                            stack.push((read, 0));
                        }
                        OPEN => {
                            let from = stack.iter().position(|(n, _)| *n == read).unwrap_or(0);
                            return Some(stack[from..].iter().map(|(n, _)| *n).collect());
                        }
                        _ => {}
                    }
                }
                None => {
                    self.state[at] = CLOSED;
                    self.order.push(at);
                    stack.pop();
                }
            }
        }
        None
    }
}

const FRESH: u8 = 0;
const OPEN: u8 = 1;
const CLOSED: u8 = 2;

impl Checker<'_> {
    /// Fills in the orders of decision and the watches of each suppression.
    pub fn order(&mut self, program: &mut Program) {
        let lets: Vec<Uses> = program
            .lets
            .iter()
            .map(|l| {
                let mut uses = Uses::default();
                uses.add(&l.value);
                uses
            })
            .collect();
        self.sizes(program);
        for suppress in &mut program.suppressions {
            let mut uses = Uses::default();
            uses.add(&suppress.while_);
            suppress.watches = uses.unfold(&lets).watches.into_iter().collect();
        }
        let watches = program.watches.len();
        let mut graph = Graph {
            names: Vec::new(),
            spans: Vec::new(),
            reads: Vec::new(),
            order: Vec::new(),
            state: Vec::new(),
        };
        let edges = |uses: &Uses| -> Vec<usize> {
            let watch = uses.watches.iter().map(|id| id.index());
            watch
                .chain(uses.rules.iter().map(|id| watches + id.index()))
                .collect()
        };
        for (at, watch) in program.watches.iter().enumerate() {
            let reads = edges(&watch_parts(watch).uses(&lets));
            graph.names.push(format!("watch {}", watch.name));
            graph.spans.push(watch.span);
            graph
                .reads
                .push(reads.into_iter().filter(|read| *read != at).collect());
        }
        for rule in &program.rules {
            graph.names.push(format!("rule {}", rule.name));
            graph.spans.push(rule.span);
            graph.reads.push(edges(&rule_parts(rule).uses(&lets)));
        }
        // What suppresses a rule is decided before it: a node between the rule and what `while` reads.
        for suppress in &program.suppressions {
            let mut uses = Uses::default();
            uses.add(&suppress.while_);
            let node = graph.reads.len();
            graph.names.push("suppress".to_string());
            graph.spans.push(suppress.span);
            graph.reads.push(edges(&uses.unfold(&lets)));
            for target in &suppress.targets {
                graph.reads[watches + target.index()].push(node);
            }
        }
        graph.state = vec![FRESH; graph.reads.len()];
        for at in 0..graph.state.len() {
            if let Some(cycle) = graph.visit(at) {
                let names: Vec<&str> = cycle
                    .iter()
                    .chain(cycle.first())
                    .map(|n| graph.names[*n].as_str())
                    .collect();
                let first = cycle.iter().copied().min().unwrap_or(at);
                let span = graph.spans[first];
                self.report(
                    Diagnostic::error(
                        "cycle",
                        self.head(span),
                        format!("these need each other's result: {}", names.join(" → ")),
                        "the circle goes through here",
                    )
                    .hint("remove one of the uses; only a watch may read itself"),
                );
                break;
            }
        }
        program.rule_order = graph
            .order
            .iter()
            .filter(|n| (watches..watches + program.rules.len()).contains(*n))
            .map(|n| RuleId((*n - watches) as u32))
            .collect();
        program.watch_order = graph
            .order
            .iter()
            .filter(|n| **n < watches)
            .map(|n| WatchId(*n as u32))
            .collect();
        if let Some(offline) = program.offline {
            let value = program.lets[offline.index()].value.clone();
            self.want(value, &Type::Bool, "`let offline`, which watches rely on,");
        }
    }

    /// Refuses expressions that explode when their lets are unfolded.
    fn sizes(&mut self, program: &Program) {
        let mut sizes: Vec<Option<Size>> = vec![None; program.lets.len()];
        for id in &self.let_order {
            let known = |id: crate::ir::LetId| sizes[id.index()].unwrap_or_default();
            sizes[id.index()] = Some(size(&program.lets[id.index()].value, &known));
        }
        for (item, found) in program.lets.iter().zip(&sizes) {
            let Some(found) = found else { continue };
            if found.height > UNFOLDED_HEIGHT_MAX || found.nodes > UNFOLDED_NODES_MAX {
                self.report(
                    Diagnostic::error(
                        "too-large",
                        item.value.span,
                        format!(
                            "`{}` stands for {} parts, {} deep, with its lets unfolded",
                            item.name, found.nodes, found.height
                        ),
                        "too large",
                    )
                    .hint(format!(
                        "at most {UNFOLDED_NODES_MAX} parts and {UNFOLDED_HEIGHT_MAX} levels"
                    )),
                );
            }
        }
    }
}
