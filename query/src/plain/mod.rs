//! The plain evaluator: what an expression is at an instant, by definition.
//!
//! Point by point, no bounds, no runs, no memory: a signal is the last sample found by looking at every
//! one; `E for D` asks E at every instant of the past at which it may have turned ([`critical`]). It is
//! slow and says what the language means; the evaluator of the engine is tested against it. Queries and
//! proofs call it.

mod critical;
mod family;
mod happened;
mod logic;
mod past;
mod patch;
mod window;

pub use critical::critical;

use crate::eval::{Env, Scope, event_field};
use crate::history::INTERVAL_DEFAULT;
use crate::ir::{
    ArithOp, Dur, Expr, FamilyId, Key, Node, ParamId, RuleId, SignalId, WatchField, WatchId,
};
use crate::value::Value;
use smol_str::SmolStr;
use storage::{Nanos, SECOND};

/// The value of an expression at an instant, for the device of `scope` and what it knows.
pub fn eval(expr: &Expr, scope: &Scope<'_>, at: Nanos, env: &Env<'_>) -> Value {
    let of = |inner: &Expr| eval(inner, scope, at, env);
    match &expr.node {
        Node::Literal(value) => value.clone(),
        Node::ListOf(items) => Value::List(items.iter().map(of).collect()),
        Node::Label(label) => Value::Text(label_at(scope, label, at)),
        Node::Param(param) => param_at(scope, *param, at),
        Node::Let(id) => eval(
            &scope.world.program.lets[id.index()].value,
            scope,
            at,
            &Env::Empty,
        ),
        Node::Signal { signal, key } => match key_at(scope, key, at, env) {
            Some(key) => signal_at(scope, *signal, &key, at),
            None => Value::Unknown,
        },
        Node::InstanceKey(slot) => env
            .instance(*slot)
            .map_or(Value::Unknown, |key| Value::Text(key.clone())),
        Node::Column(index) => scope
            .columns
            .get(*index as usize)
            .cloned()
            .unwrap_or_default(),
        Node::Event { slot, field } => env
            .event(*slot)
            .map_or(Value::Unknown, |event| event_field(event, field)),
        Node::Watch(watch, field) => watch_at(scope, *watch, *field, at),
        Node::Firing(rule) => Value::Bool(firing_at(scope, *rule, at)),
        Node::Not(value) => logic::not(&of(value)),
        Node::And(items) => logic::and(items.iter().map(of)),
        Node::Or(items) => logic::or(items.iter().map(of)),
        Node::Compare { op, left, right } => logic::compare(*op, &of(left), &of(right)),
        Node::Matches {
            text,
            pattern,
            regex,
        } => logic::matches(&of(text), &of(pattern), regex.as_ref()),
        Node::In {
            value,
            list,
            negated,
        } => {
            let found = logic::is_in(&of(value), &of(list));
            if *negated { logic::not(&found) } else { found }
        }
        Node::IsKnown { value, negated } => Value::Bool((of(value) == Value::Unknown) == *negated),
        Node::Arith { op, left, right } => logic::arith(*op, &of(left), &of(right)),
        Node::Negate(value) => logic::arith(ArithOp::Subtract, &Value::Number(0.0), &of(value)),
        Node::Coalesce(first, second) => match of(first) {
            Value::Unknown => of(second),
            known => known,
        },
        Node::At { value, time } => past::at(scope, value, time, at, env),
        Node::For { value, duration } => past::hold(scope, value, *duration, at, env),
        Node::Within {
            event,
            duration,
            negated,
        } => happened::within(scope, event, *duration, *negated, at, env),
        Node::Window {
            func,
            value,
            over,
            anchor,
            counter,
        } => window::window(scope, *func, value, *over, anchor, *counter, at, env),
        Node::CountEvents {
            event,
            over,
            anchor,
        } => happened::count(scope, event, *over, anchor, at, env),
        Node::Since(value) => past::since(scope, value, at, env),
        Node::SinceEvent(event) => happened::since(scope, event, at, env),
        Node::LastEvent { event, field } => happened::last(scope, event, at, env)
            .map_or(Value::Unknown, |event| event_field(&event, field)),
        Node::Quantify {
            func,
            family,
            slot,
            filter,
            value,
            listed,
        } => {
            let over = family::Over {
                family: *family,
                slot: *slot,
                filter: filter.as_deref(),
                listed: listed.as_deref(),
            };
            family::quantify(scope, *func, &over, value.as_deref(), at, env)
        }
        Node::Call(function, arguments) => {
            let first = arguments.first().map(of).unwrap_or_default();
            logic::call(*function, &first, scope.world.hresult)
        }
    }
}

/// Seconds of a time span.
fn seconds(nanos: Nanos) -> f64 {
    nanos as f64 / SECOND as f64
}

/// A duration as this device has it at an instant.
fn duration(scope: &Scope<'_>, duration: Dur, at: Nanos) -> Nanos {
    match duration {
        Dur::Fixed(nanos) => nanos,
        Dur::Param(param) => match param_at(scope, param, at) {
            Value::Number(seconds) => (seconds * SECOND as f64) as Nanos,
            _ => 0,
        },
        Dur::Reports(count) => {
            let stated = scope
                .device
                .intervals()
                .iter()
                .rev()
                .find(|(arrival, _)| *arrival <= at);
            let interval = stated.map_or(INTERVAL_DEFAULT, |(_, interval)| *interval);
            (interval as f64 * count) as Nanos
        }
    }
}

fn param_at(scope: &Scope<'_>, param: ParamId, at: Nanos) -> Value {
    let param = &scope.world.program.params[param.index()];
    let matching = param
        .overrides
        .iter()
        .rev()
        .find(|(label, text, _)| label_at(scope, label, at) == *text);
    matching.map_or_else(|| param.default.clone(), |(_, _, value)| value.clone())
}

/// A label holds from its report's time; before the first report a device has the labels of that one (the
/// first to arrive), unless a report that came late stated it for earlier.
fn label_at(scope: &Scope<'_>, label: &str, at: Nanos) -> SmolStr {
    match label {
        "client" => return scope.device.client.clone(),
        "device" => return scope.device.name.clone(),
        _ => {}
    }
    let mut found = None;
    for (time, arrival, text) in scope.device.label_steps(label) {
        if time <= at && arrival <= scope.known {
            found = Some(text);
        }
    }
    if found.is_none()
        && let Some(first) = scope.device.first_report()
        && at < first.0
    {
        for (time, arrival, text) in scope.device.label_steps(label) {
            if (time, arrival) == first && arrival <= scope.known {
                found = Some(text);
            }
        }
    }
    found.cloned().unwrap_or_default()
}

/// The key that a signal is read with; None: not known.
fn key_at(scope: &Scope<'_>, key: &Key, at: Nanos, env: &Env<'_>) -> Option<SmolStr> {
    match key {
        Key::Plain => Some(SmolStr::default()),
        Key::Literal(text) => Some(text.clone()),
        Key::Slot(slot) => env.instance(*slot).cloned(),
        Key::Expr(expr) => match eval(expr, scope, at, env) {
            Value::Text(text) => Some(text),
            _ => None,
        },
    }
}

/// The samples of a signal that are known, one an instant: of equal times the last arrival.
fn samples(scope: &Scope<'_>, signal: SignalId, key: &str) -> Vec<(Nanos, Value)> {
    let decl = &scope.world.program.catalog.signals[signal.index()];
    let mut out: Vec<(Nanos, Value)> = Vec::new();
    if patch::is_patch(scope, decl.family) {
        return patch::samples(scope, key, &decl.field);
    }
    if let Some(series) = scope.device.series(decl.family, key, signal) {
        for sample in series.samples().iter().filter(|s| s.arrival <= scope.known) {
            if out.last().is_some_and(|(time, _)| *time == sample.time) {
                out.pop();
            }
            out.push((sample.time, sample.value.clone()));
        }
    }
    if decl.holds.is_some()
        && let Some(floor) = scope.floor
    {
        out.retain(|(time, _)| *time >= floor);
    }
    out
}

fn signal_at(scope: &Scope<'_>, signal: SignalId, key: &str, at: Nanos) -> Value {
    let decl = &scope.world.program.catalog.signals[signal.index()];
    let mut last = None;
    for (time, value) in samples(scope, signal, key) {
        if time <= at {
            last = Some((time, value));
        }
    }
    match (last, decl.holds) {
        (None, _) => Value::Unknown,
        (Some((time, _)), Some(holds)) if at.saturating_sub(time) >= holds => Value::Unknown,
        (Some((_, value)), _) => value,
    }
}

/// The keys of a family that exist at an instant: those with a sample at or before it.
fn instances(scope: &Scope<'_>, family: FamilyId, at: Nanos) -> Vec<SmolStr> {
    if patch::is_patch(scope, family) {
        return patch::instances(scope, at);
    }
    let catalog = &scope.world.program.catalog;
    let fields: Vec<SignalId> = (0..catalog.signals.len() as u32)
        .map(SignalId)
        .filter(|signal| catalog.signals[signal.index()].family == family)
        .collect();
    let seen = |key: &SmolStr| {
        fields.iter().any(|signal| {
            let series = scope.device.series(family, key, *signal);
            series.is_some_and(|series| {
                series
                    .samples()
                    .iter()
                    .any(|s| s.time <= at && s.arrival <= scope.known)
            })
        })
    };
    scope
        .device
        .keys(family)
        .map(|(key, _)| key)
        .filter(|key| seen(key))
        .cloned()
        .collect()
}

/// Of the steps decided by now, the latest decided one that is in effect.
fn watch_at(scope: &Scope<'_>, watch: WatchId, field: WatchField, at: Nanos) -> Value {
    let steps = scope.device.watch(watch).map_or(&[][..], |log| log.steps());
    let mut step = None;
    for candidate in steps {
        if candidate.decided <= scope.known && candidate.effective <= at {
            step = Some(candidate);
        }
    }
    let texts = |list: &[SmolStr]| Value::List(list.iter().cloned().map(Value::Text).collect());
    match (field, step) {
        (WatchField::Open, None) => Value::Bool(false),
        (WatchField::Phase, None) => Value::Text("none".into()),
        (_, None) => Value::Unknown,
        (WatchField::Open, Some(step)) => {
            Value::Bool(matches!(step.phase.word(), "open" | "down" | "verifying"))
        }
        (WatchField::Phase, Some(step)) => Value::Text(step.phase.word().into()),
        (WatchField::Opened, Some(step)) => Value::Time(step.facts.opened),
        (WatchField::Kbs, Some(step)) => texts(&step.facts.kbs),
        (WatchField::Downtime, Some(step)) => step
            .facts
            .downtime
            .map_or(Value::Unknown, |nanos| Value::Number(seconds(nanos))),
        (WatchField::Failures, Some(step)) => texts(&step.facts.failures),
        (WatchField::Reason, Some(step)) => Value::Text(step.facts.reason.clone()),
    }
}

fn firing_at(scope: &Scope<'_>, rule: RuleId, at: Nanos) -> bool {
    let steps = scope.device.firing_steps(rule);
    steps
        .iter()
        .rev()
        .find(|(time, _)| *time <= at)
        .is_some_and(|(_, firing)| *firing)
}
