//! What each unit of decision reads: computed once a rule set, so that a record wakes only whom it may
//! concern, and a history keeps only what somebody may look back at.
//!
//! A *unit* is a watch or a rule on one device. Units are numbered in the order in which they are decided
//! at one instant: watches, then rules, each in the order of their use.

use query::history::Interest;
use query::ir::{
    self, Anchor, Dur, EventKind, Expr, Node, Program, RuleId, Scope as RuleScope, SignalId,
    WatchId,
};
use std::collections::{BTreeMap, BTreeSet};
use storage::{Nanos, SECOND};

/// How far back late events and the instants of watches are looked up.
const REACH: Nanos = 26 * 3600 * SECOND;
/// How long reports stay known besides the newest.
const REPORTS_KEPT: Nanos = 26 * 3600 * SECOND;
/// A reporting interval that lookback counts with (agents slower than this are looked back at less).
const INTERVAL_ASSUMED: Nanos = 900 * SECOND;

/// Number of a unit, in order of decision.
pub type UnitId = u32;

/// What a unit is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A watch.
    Watch(WatchId),
    /// A rule.
    Rule(RuleId),
}

/// Who reads what.
#[derive(Debug, Default)]
pub struct Deps {
    /// By unit.
    pub units: Vec<Unit>,
    signals: Vec<Vec<UnitId>>,
    events: BTreeMap<EventKind, Vec<UnitId>>,
    labels: Vec<UnitId>,
    watches: Vec<Vec<UnitId>>,
    firing: Vec<Vec<UnitId>>,
    rule_units: Vec<UnitId>,
    /// By unit: a rule whose condition is about the instant alone, not about a span of time.
    momentary: Vec<bool>,
    /// What histories must keep.
    pub interest: Interest,
}

/// What one unit reads.
#[derive(Default)]
struct Reads {
    signals: BTreeSet<SignalId>,
    events: BTreeSet<EventKind>,
    labels: bool,
    watches: BTreeSet<WatchId>,
    firing: BTreeSet<RuleId>,
}

impl Deps {
    /// Reads a program.
    pub fn of(program: &Program) -> Deps {
        let mut deps = Deps {
            signals: vec![Vec::new(); program.catalog.signals.len()],
            watches: vec![Vec::new(); program.watches.len()],
            firing: vec![Vec::new(); program.rules.len()],
            rule_units: vec![0; program.rules.len()],
            interest: Interest {
                signals: vec![None; program.catalog.signals.len()],
                reports: REPORTS_KEPT,
                events: REACH,
            },
            ..Deps::default()
        };
        for watch_id in &program.watch_order {
            let watch = &program.watches[watch_id.index()];
            let mut reads = Reads::default();
            for expr in watch_exprs(program, watch) {
                reads.add(expr, program);
                deps.need(expr, program, REACH);
            }
            reads.events.extend(watch.on.iter().map(|on| on.event));
            reads
                .events
                .extend(watch.cancel.iter().map(|cancel| cancel.event));
            reads.events.extend([EventKind::Boot, EventKind::Heartbeat]);
            reads.events.extend(
                program
                    .catalog
                    .event("reboot.started")
                    .map(EventKind::Stored),
            );
            // a watch reads itself as it was before this step: that wakes nobody
            reads.watches.remove(watch_id);
            deps.enter(Unit::Watch(*watch_id), reads, false);
        }
        for rule_id in &program.rule_order {
            let rule = &program.rules[rule_id.index()];
            let late = matches!(rule.scope, RuleScope::On { .. });
            let mut reads = Reads::default();
            for expr in rule_exprs(rule) {
                reads.add(expr, program);
                // hindsight looks back a day, events may come late
                deps.need(expr, program, if late { REACH } else { 24 * 3600 * SECOND });
            }
            for suppress in program
                .suppressions
                .iter()
                .filter(|s| s.targets.contains(rule_id))
            {
                reads.add(&suppress.while_, program);
                deps.need(&suppress.while_, program, REACH);
                for expr in template_exprs(&suppress.reason) {
                    deps.need(expr, program, REACH);
                }
            }
            if let RuleScope::On { event, .. } = &rule.scope {
                reads.events.insert(event.event);
            }
            if let RuleScope::Each(family) = rule.scope {
                let of_family = |s: &SignalId| program.catalog.signals[s.index()].family == family;
                reads.signals.extend(
                    (0..program.catalog.signals.len() as u32)
                        .map(SignalId)
                        .filter(of_family),
                );
            }
            deps.rule_units[rule_id.index()] = deps.units.len() as UnitId;
            deps.enter(Unit::Rule(*rule_id), reads, is_momentary(rule, program));
        }
        deps
    }

    fn enter(&mut self, unit: Unit, reads: Reads, momentary: bool) {
        let id = self.units.len() as UnitId;
        self.momentary.push(momentary);
        self.units.push(unit);
        reads
            .signals
            .iter()
            .for_each(|s| self.signals[s.index()].push(id));
        reads
            .events
            .into_iter()
            .for_each(|e| self.events.entry(e).or_default().push(id));
        reads
            .watches
            .iter()
            .for_each(|w| self.watches[w.index()].push(id));
        reads
            .firing
            .iter()
            .for_each(|r| self.firing[r.index()].push(id));
        if reads.labels {
            self.labels.push(id);
        }
    }

    /// Units that read this signal.
    pub fn of_signal(&self, signal: SignalId) -> &[UnitId] {
        &self.signals[signal.index()]
    }

    /// Whether a unit is a rule whose condition is about the instant alone.
    pub fn is_momentary(&self, unit: UnitId) -> bool {
        self.momentary[unit as usize]
    }

    /// Units that read events of this kind.
    pub fn of_event(&self, event: EventKind) -> &[UnitId] {
        self.events.get(&event).map_or(&[], Vec::as_slice)
    }

    /// Units that read labels, params or intervals.
    pub fn of_labels(&self) -> &[UnitId] {
        &self.labels
    }

    /// Units that read this watch.
    pub fn of_watch(&self, watch: WatchId) -> &[UnitId] {
        &self.watches[watch.index()]
    }

    /// Units that read whether this rule fires.
    pub fn of_firing(&self, rule: RuleId) -> &[UnitId] {
        &self.firing[rule.index()]
    }

    /// The unit of a rule.
    pub fn unit_of(&self, rule: RuleId) -> UnitId {
        self.rule_units[rule.index()]
    }

    /// Notes how far back the signals of an expression are read from positions up to `base` ago.
    fn need(&mut self, expr: &Expr, program: &Program, base: Nanos) {
        let length = |duration: &Dur| match duration {
            Dur::Fixed(nanos) => *nanos,
            Dur::Param(param) => {
                let param = &program.params[param.index()];
                let values = param
                    .overrides
                    .iter()
                    .map(|(_, _, value)| value)
                    .chain([&param.default]);
                let seconds = values.filter_map(|v| {
                    if let query::value::Value::Number(n) = v {
                        Some(*n)
                    } else {
                        None
                    }
                });
                (seconds.fold(0.0, f64::max) * SECOND as f64) as Nanos
            }
            Dur::Reports(count) => (INTERVAL_ASSUMED as f64 * count) as Nanos,
        };
        match &expr.node {
            Node::Signal { signal, key } => {
                let kept = &mut self.interest.signals[signal.index()];
                *kept = Some(kept.unwrap_or(0).max(base));
                if let ir::Key::Expr(key) = key {
                    self.need(key, program, base);
                }
            }
            Node::For { value, duration } => {
                self.need(value, program, base.saturating_add(length(duration)))
            }
            Node::Window {
                value,
                over,
                anchor,
                ..
            } => {
                let reach = if matches!(anchor, Anchor::Now) {
                    0
                } else {
                    REACH
                };
                let span = length(over);
                self.need(
                    value,
                    program,
                    base.saturating_add(span + span / 60).saturating_add(reach),
                );
                if let Anchor::Before(time) | Anchor::After(time) = anchor {
                    self.need(time, program, base);
                }
            }
            Node::At { value, time } => {
                self.need(value, program, base.saturating_add(REACH));
                self.need(time, program, base);
            }
            Node::Let(id) => self.need(&program.lets[id.index()].value, program, base),
            _ => ir::children(expr, &mut |child| self.need(child, program, base)),
        }
    }
}

impl Reads {
    fn add(&mut self, expr: &Expr, program: &Program) {
        ir::walk(expr, program, &mut |expr| match &expr.node {
            Node::Signal { signal, .. } => {
                self.signals.insert(*signal);
            }
            Node::Label(_) | Node::Param(_) => self.labels = true,
            Node::Watch(watch, _) => {
                self.watches.insert(*watch);
            }
            Node::Firing(rule) => {
                self.firing.insert(*rule);
            }
            Node::Within {
                event, duration, ..
            } => {
                self.events.insert(event.event);
                self.labels |= matches!(duration, Dur::Reports(_));
            }
            Node::SinceEvent(event)
            | Node::LastEvent { event, .. }
            | Node::CountEvents { event, .. } => {
                self.events.insert(event.event);
            }
            Node::Window { counter: true, .. } => {
                self.events.insert(EventKind::Boot);
            }
            Node::Quantify { family, .. } => {
                let of_family = |s: &SignalId| program.catalog.signals[s.index()].family == *family;
                self.signals.extend(
                    (0..program.catalog.signals.len() as u32)
                        .map(SignalId)
                        .filter(of_family),
                );
            }
            _ => {}
        });
    }
}

fn is_momentary(rule: &ir::Rule, program: &Program) -> bool {
    let mut momentary = !matches!(rule.scope, RuleScope::On { .. });
    for expr in [&rule.when, &rule.clear].into_iter().flatten() {
        ir::walk(expr, program, &mut |expr| {
            let spans = matches!(
                expr.node,
                Node::For { .. } | Node::Window { .. } | Node::Since(_) | Node::CountEvents { .. }
            );
            momentary &= !spans;
        });
    }
    momentary
}

fn template_exprs(template: &ir::Template) -> impl Iterator<Item = &Expr> {
    template.parts.iter().filter_map(|part| match part {
        ir::TemplatePart::Expr(expr) => Some(expr),
        ir::TemplatePart::Text(_) => None,
    })
}

/// The expressions that decide a rule, and those of its message.
fn rule_exprs(rule: &ir::Rule) -> impl Iterator<Item = &Expr> {
    let filter = match &rule.scope {
        RuleScope::On { event, .. } => event.filter.as_deref(),
        _ => None,
    };
    [
        rule.where_.as_ref(),
        rule.when.as_ref(),
        rule.clear.as_ref(),
        rule.key.as_ref(),
        filter,
    ]
    .into_iter()
    .flatten()
    .chain(template_exprs(&rule.action.message))
}

fn watch_exprs<'p>(program: &'p Program, watch: &'p ir::Watch) -> impl Iterator<Item = &'p Expr> {
    let offline = match watch.down {
        None => program.offline.map(|id| &program.lets[id.index()].value),
        Some(_) => None,
    };
    let filters = watch
        .on
        .iter()
        .chain(&watch.cancel)
        .filter_map(|event| event.filter.as_deref());
    let actions = [&watch.done, &watch.idle, &watch.overdue, &watch.unverified]
        .into_iter()
        .flatten();
    [
        watch.where_.as_ref(),
        watch.ready.as_ref(),
        watch.down.as_ref(),
        Some(&watch.verify),
        offline,
    ]
    .into_iter()
    .flatten()
    .chain(filters)
    .chain(actions.flat_map(|action| template_exprs(&action.message)))
}
