//! The critical instants of an expression: all those at which its value may turn, collected by its parts.
//!
//! Between two neighbours the value stands still (a number that grows with time runs on one line). There
//! may be more of them than needed, never fewer.

use super::window::{STEPLESS_MAX, sample_instants};
use super::{eval, happened, instances, logic, patch};
use crate::eval::{Env, Scope};
use crate::history::INTERVAL_DEFAULT;
use crate::ir::{
    Anchor, Dur, EventId, EventKind, EventMatch, Expr, FamilyId, Key, Node, ParamId, RuleId,
    SignalId,
};
use crate::ir::{Builtin, Quantifier, WindowFunc};
use crate::value::Value;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use storage::{Nanos, SECOND};

/// The instants in (from, to] at which the expression may turn.
pub fn critical(
    expr: &Expr,
    scope: &Scope<'_>,
    from: Nanos,
    to: Nanos,
    env: &Env<'_>,
) -> BTreeSet<Nanos> {
    let mut found = Found {
        scope,
        from,
        to,
        out: BTreeSet::new(),
    };
    found.expr(expr, env);
    found.out
}

/// Before this instant nothing that is stored says anything.
pub(super) fn genesis(scope: &Scope<'_>) -> Nanos {
    let (device, catalog) = (scope.device, &scope.world.program.catalog);
    let mut oldest = Nanos::MAX;
    let mut note = |time: Nanos| oldest = oldest.min(time);
    for family in 0..catalog.families.len() {
        device
            .keys(FamilyId(family as u32))
            .for_each(|(_, first)| note(first));
    }
    let kinds = (0..catalog.events.len()).map(|at| EventKind::Stored(EventId(at as u32)));
    for kind in kinds.chain([EventKind::Boot]) {
        device
            .events(kind)
            .into_iter()
            .flat_map(|events| events.all())
            .for_each(|event| note(event.time));
    }
    device.reports().iter().for_each(|report| note(report.time));
    for label in device.label_names() {
        device
            .label_steps(label)
            .for_each(|(time, _, _)| note(time));
    }
    for watch in 0..scope.world.program.watches.len().max(8) {
        let log = device.watch(crate::ir::WatchId(watch as u32));
        log.into_iter()
            .flat_map(|log| log.steps())
            .for_each(|step| note(step.effective));
    }
    for rule in 0..scope.world.program.rules.len().max(8) {
        device
            .firing_steps(RuleId(rule as u32))
            .iter()
            .for_each(|(time, _)| note(*time));
    }
    device.intervals().iter().for_each(|(time, _)| note(*time));
    scope.world.outages.iter().for_each(|(from, _)| note(*from));
    oldest.saturating_sub(1)
}

struct Found<'s, 'a> {
    scope: &'s Scope<'a>,
    from: Nanos,
    to: Nanos,
    out: BTreeSet<Nanos>,
}

impl Found<'_, '_> {
    fn add(&mut self, instant: Nanos) {
        if instant > self.from && instant <= self.to {
            self.out.insert(instant);
        }
    }

    /// An instant, and the instants at which it leaves a span that ends now.
    fn add_leaving(&mut self, instant: Nanos, spans: &[Nanos]) {
        self.add(instant);
        for span in spans {
            self.add(instant.saturating_add(*span));
        }
    }

    fn expr(&mut self, expr: &Expr, env: &Env<'_>) {
        match &expr.node {
            Node::Literal(_) | Node::InstanceKey(_) | Node::Column(_) | Node::Event { .. } => {}
            Node::Label(label) => self.label(label),
            Node::Param(param) => self.param(*param),
            Node::Let(id) => self.expr(
                &self.scope.world.program.lets[id.index()].value,
                &Env::Empty,
            ),
            Node::Signal { signal, key } => self.signal(*signal, key, env),
            Node::Watch(watch, _) => {
                let log = self.scope.device.watch(*watch);
                log.into_iter()
                    .flat_map(|log| log.steps())
                    .for_each(|step| self.add(step.effective));
            }
            Node::Firing(rule) => {
                self.scope
                    .device
                    .firing_steps(*rule)
                    .iter()
                    .for_each(|(time, _)| self.add(*time));
            }
            Node::Compare { left, right, .. } => {
                self.expr(left, env);
                self.expr(right, env);
                if moves(left, self.scope) || moves(right, self.scope) {
                    self.crossings(left, right, env);
                }
            }
            Node::Call(Builtin::Abs, arguments) => {
                for argument in arguments {
                    self.expr(argument, env);
                    if moves(argument, self.scope) {
                        let zero = Expr {
                            node: Node::Literal(Value::Number(0.0)),
                            ..argument.clone()
                        };
                        self.crossings(argument, &zero, env);
                    }
                }
            }
            Node::At { value: _, time } => {
                let times = critical(time, self.scope, self.from, self.to, env);
                for instant in times.iter().copied().chain([self.from]) {
                    self.add(instant);
                    if let Value::Time(then) = eval(time, self.scope, instant, env) {
                        self.add(then);
                    }
                }
            }
            Node::For { value, duration } => {
                let spans = self.duration(*duration);
                self.shifted(value, &spans, env);
            }
            Node::Within {
                event, duration, ..
            } => {
                let spans = self.duration(*duration);
                self.events(event, &spans, env);
                if let Some(since) = self.scope.device.known_since() {
                    self.add_leaving(since, &spans);
                }
                for (from, to) in self.scope.world.outages {
                    self.add(*from);
                    self.add_leaving(*to, &spans);
                }
            }
            Node::Window {
                func,
                value,
                over,
                anchor,
                ..
            } => {
                let spans = self.window(*over, anchor, env);
                if *func == WindowFunc::Changes {
                    self.shifted(value, &spans, env);
                } else {
                    let instants = sample_instants(self.scope, value, env);
                    instants
                        .into_iter()
                        .for_each(|instant| self.add_leaving(instant, &spans));
                }
            }
            Node::CountEvents {
                event,
                over,
                anchor,
            } => {
                let spans = self.window(*over, anchor, env);
                self.events(event, &spans, env);
            }
            Node::Since(value) => {
                self.expr(value, env);
                self.scope
                    .device
                    .known_since()
                    .into_iter()
                    .for_each(|since| self.add(since));
            }
            Node::SinceEvent(event) | Node::LastEvent { event, .. } => self.events(event, &[], env),
            Node::Quantify {
                family,
                slot,
                filter,
                value,
                listed,
                ..
            } => {
                self.family(
                    *family,
                    *slot,
                    [filter, value].map(|part| part.as_deref()),
                    env,
                );
                if let Some(listed) = listed {
                    self.expr(listed, env);
                }
            }
            _ => {
                let mut parts = Vec::new();
                crate::ir::children(expr, &mut |part| parts.push(part));
                parts.into_iter().for_each(|part| self.expr(part, env));
            }
        }
    }

    fn label(&mut self, label: &str) {
        self.scope
            .device
            .label_steps(label)
            .for_each(|(time, _, _)| self.add(time));
        self.scope
            .device
            .first_report()
            .into_iter()
            .for_each(|(time, _)| self.add(time));
    }

    fn param(&mut self, param: ParamId) {
        let program = self.scope.world.program;
        program.params[param.index()]
            .overrides
            .iter()
            .for_each(|(label, _, _)| self.label(label));
    }

    fn signal(&mut self, signal: SignalId, key: &Key, env: &Env<'_>) {
        let decl = &self.scope.world.program.catalog.signals[signal.index()];
        let keys: Vec<SmolStr> = match key {
            Key::Plain => vec![SmolStr::default()],
            Key::Literal(key) => vec![key.clone()],
            Key::Slot(slot) => env.instance(*slot).cloned().into_iter().collect(),
            Key::Expr(expr) => {
                self.expr(expr, env);
                instances(self.scope, decl.family, Nanos::MAX)
            }
        };
        for key in keys {
            for (time, _) in super::samples(self.scope, signal, &key) {
                self.add(time);
                decl.holds
                    .into_iter()
                    .for_each(|holds| self.add(time.saturating_add(holds)));
            }
        }
    }

    /// The lengths that a duration has at some time; notes when it turns.
    fn duration(&mut self, duration: Dur) -> Vec<Nanos> {
        match duration {
            Dur::Fixed(nanos) => vec![nanos],
            Dur::Param(param) => {
                self.param(param);
                let param = &self.scope.world.program.params[param.index()];
                let values = param
                    .overrides
                    .iter()
                    .map(|(_, _, value)| value)
                    .chain([&param.default]);
                let nanos = |value: &Value| match value {
                    Value::Number(seconds) => (seconds * SECOND as f64) as Nanos,
                    _ => 0,
                };
                values.map(nanos).collect()
            }
            Dur::Reports(count) => {
                let stated = self.scope.device.intervals();
                stated.iter().for_each(|(arrival, _)| self.add(*arrival));
                let intervals = stated
                    .iter()
                    .map(|(_, interval)| *interval)
                    .chain([INTERVAL_DEFAULT]);
                intervals
                    .map(|interval| (interval as f64 * count) as Nanos)
                    .collect()
            }
        }
    }

    /// The critical instants of a part, also as they leave spans of these lengths.
    fn shifted(&mut self, value: &Expr, spans: &[Nanos], env: &Env<'_>) {
        let longest = spans.iter().copied().max().unwrap_or(0);
        for instant in critical(
            value,
            self.scope,
            self.from.saturating_sub(longest),
            self.to,
            env,
        ) {
            self.add_leaving(instant, spans);
        }
    }

    /// What moves a window itself; returns its lengths.
    fn window(&mut self, over: Dur, anchor: &Anchor, env: &Env<'_>) -> Vec<Nanos> {
        let spans = self.duration(over);
        match anchor {
            Anchor::Before(time) | Anchor::After(time) => self.expr(time, env),
            Anchor::Now if self.scope.world.stepped => {
                for span in spans.iter().filter(|span| **span > STEPLESS_MAX) {
                    let step = span / 60;
                    // nothing is there to be seen before the beginning
                    let mut instant = self
                        .from
                        .max(genesis(self.scope))
                        .div_euclid(step)
                        .saturating_mul(step);
                    while instant <= self.to && instant < Nanos::MAX {
                        self.add(instant);
                        instant = instant.saturating_add(step);
                    }
                }
            }
            Anchor::Now => {}
        }
        spans
    }

    fn events(&mut self, wanted: &EventMatch, spans: &[Nanos], env: &Env<'_>) {
        for event in happened::all(self.scope, wanted.event) {
            self.add_leaving(event.time, spans);
            if let Some(filter) = &wanted.filter {
                self.expr(filter, &Env::Event(wanted.slot, &event, env));
            }
        }
    }

    fn family(&mut self, family: FamilyId, slot: u8, parts: [Option<&Expr>; 2], env: &Env<'_>) {
        let catalog = &self.scope.world.program.catalog;
        let fields = (0..catalog.signals.len() as u32).map(SignalId);
        let fields: Vec<SignalId> = fields
            .filter(|field| catalog.signals[field.index()].family == family)
            .collect();
        if patch::is_patch(self.scope, family) {
            patch::instants(self.scope, None)
                .into_iter()
                .for_each(|instant| self.add(instant));
        }
        for key in instances(self.scope, family, Nanos::MAX) {
            for field in &fields {
                let first = super::samples(
                    &Scope {
                        floor: None,
                        ..*self.scope
                    },
                    *field,
                    &key,
                );
                first
                    .first()
                    .into_iter()
                    .for_each(|(time, _)| self.add(*time));
            }
            for part in parts.into_iter().flatten() {
                self.expr(part, &Env::Instance(slot, &key, env));
            }
        }
    }

    /// Where a number that grows with time passes another: between two instants found so far their order
    /// goes one way, so halving finds it.
    fn crossings(&mut self, left: &Expr, right: &Expr, env: &Env<'_>) {
        let start = self.from.max(genesis(self.scope));
        let order = |at: Nanos| {
            logic::order(
                &eval(left, self.scope, at, env),
                &eval(right, self.scope, at, env),
            )
        };
        let mut starts: Vec<Nanos> = self.out.iter().copied().filter(|at| *at > start).collect();
        starts.insert(0, start);
        for (at, from) in starts.iter().enumerate() {
            let last = starts.get(at + 1).map_or(self.to, |next| next - 1);
            let mut low = *from;
            while low < last && order(low) != order(last) {
                let now = order(low);
                let (mut same, mut other) = (low, last);
                while other - same > 1 {
                    let middle = same + (other - same) / 2;
                    if order(middle) == now {
                        same = middle
                    } else {
                        other = middle
                    }
                }
                self.add(other);
                low = other;
            }
        }
    }
}

/// Whether the number grows with time.
fn moves(expr: &Expr, scope: &Scope<'_>) -> bool {
    match &expr.node {
        Node::Since(_) | Node::SinceEvent(_) => true,
        Node::Let(id) => moves(&scope.world.program.lets[id.index()].value, scope),
        Node::Arith { left, right, .. } | Node::Coalesce(left, right) => {
            moves(left, scope) || moves(right, scope)
        }
        Node::Negate(value) => moves(value, scope),
        Node::Call(_, arguments) => arguments.iter().any(|argument| moves(argument, scope)),
        Node::Quantify {
            func,
            value: Some(value),
            ..
        } => {
            matches!(
                func,
                Quantifier::Min | Quantifier::Max | Quantifier::Avg | Quantifier::Sum
            ) && moves(value, scope)
        }
        _ => false,
    }
}
