//! The evaluator: what an expression is at an instant, and between which instants it stays so.
//!
//! Every value comes with [since, until): the evaluator looks only at what is known, so `until` says when
//! the value changes if nothing new arrives (the engine sleeps until then), and `since` lets `for`,
//! `since` and `changes` walk back through the past interval by interval. The bounds may be narrower than
//! the truth, never wider.

mod family;
mod happened;
mod hold;
mod linear;
mod logic;
mod template;
mod window;

pub use template::render;
pub(crate) use window::exact_sum;

use crate::history::{DeviceHistory, EventRecord, Held, Series};
use crate::ir::{Dur, EventField, Expr, Key, Node, Program, WatchField};
use crate::value::Value;
use linear::Linear;
use smol_str::SmolStr;
use std::borrow::Cow;
use storage::{Nanos, SECOND};

/// What all evaluations of one engine or query share.
#[derive(Clone, Copy)]
pub struct World<'a> {
    /// The checked rules.
    pub program: &'a Program,
    /// When the server was not listening, [from, to), ascending; the last may end at [`Nanos::MAX`].
    pub outages: &'a [(Nanos, Nanos)],
    /// Windows over one hour move in steps (rules), or not (queries).
    pub stepped: bool,
    /// What a result code means.
    pub hresult: fn(&str) -> Option<&'static str>,
}

/// Whose expression it is and what of the past counts.
#[derive(Clone, Copy)]
pub struct Scope<'a> {
    /// The rest of the world.
    pub world: World<'a>,
    /// The device.
    pub device: &'a DeviceHistory,
    /// Only what arrived up to here counts.
    pub known: Nanos,
    /// Signals that do not hold for ever are unknown before here (verification after a boot).
    pub floor: Option<Nanos>,
    /// The row under a query's stage.
    pub columns: &'a [Value],
}

/// Instances and events bound to slots.
#[derive(Clone, Copy)]
pub enum Env<'e> {
    /// Nothing bound.
    Empty,
    /// An instance of a family.
    Instance(u8, &'e SmolStr, &'e Env<'e>),
    /// An event.
    Event(u8, &'e EventRecord, &'e Env<'e>),
}

impl<'e> Env<'e> {
    /// The instance in a slot.
    pub fn instance(&self, slot: u8) -> Option<&'e SmolStr> {
        match self {
            Env::Empty => None,
            Env::Instance(at, key, _) if *at == slot => Some(key),
            Env::Instance(_, _, rest) | Env::Event(_, _, rest) => rest.instance(slot),
        }
    }

    /// The event in a slot.
    pub fn event(&self, slot: u8) -> Option<&'e EventRecord> {
        match self {
            Env::Empty => None,
            Env::Event(at, event, _) if *at == slot => Some(event),
            Env::Instance(_, _, rest) | Env::Event(_, _, rest) => rest.event(slot),
        }
    }
}

/// A value and how long it holds. When `line` is set the number moves along it instead of standing still.
#[derive(Clone, Debug, PartialEq)]
pub struct Known {
    /// The value at the instant asked.
    pub value: Value,
    /// It holds from here (inclusive).
    pub since: Nanos,
    /// It holds up to here (exclusive), if nothing new arrives.
    pub until: Nanos,
    line: Option<Linear>,
}

impl Known {
    pub(crate) fn new(value: Value, since: Nanos, until: Nanos) -> Known {
        Known {
            value,
            since,
            until,
            line: None,
        }
    }

    pub(crate) fn always(value: Value) -> Known {
        Known::new(value, Nanos::MIN, Nanos::MAX)
    }

    /// Narrows the bounds to those of another value that this one depends on.
    pub(crate) fn within(mut self, since: Nanos, until: Nanos) -> Known {
        self.since = self.since.max(since);
        self.until = self.until.min(until);
        self
    }

    /// The value at another instant of [since, until): a number that grows with time has moved.
    pub fn value_at(&self, at: Nanos) -> Value {
        match self.line {
            Some(line) => Value::Number(line.at(at)),
            None => self.value.clone(),
        }
    }

    /// The truth of a condition; None: unknown.
    pub fn truth(&self) -> Option<bool> {
        match self.value {
            Value::Bool(truth) => Some(truth),
            _ => None,
        }
    }
}

impl From<Held<SmolStr>> for Known {
    fn from(held: Held<SmolStr>) -> Known {
        Known::new(Value::Text(held.value), held.since, held.until)
    }
}

impl<'a> Scope<'a> {
    /// A scope that sees everything that has arrived.
    pub fn new(world: World<'a>, device: &'a DeviceHistory) -> Scope<'a> {
        Scope {
            world,
            device,
            known: Nanos::MAX,
            floor: None,
            columns: &[],
        }
    }

    /// The value of an expression at an instant.
    pub fn eval(&self, expr: &Expr, at: Nanos, env: &Env<'_>) -> Known {
        match &expr.node {
            Node::Literal(value) => Known::always(value.clone()),
            Node::ListOf(items) => self.list(items, at, env),
            Node::Label(label) => self.device.label(label, at, self.known).into(),
            Node::Param(param) => self.param(*param, at),
            Node::Let(id) => self.eval(&self.world.program.lets[id.index()].value, at, &Env::Empty),
            Node::Signal { signal, key } => self.signal(*signal, key, at, env),
            Node::InstanceKey(slot) => Known::always(
                env.instance(*slot)
                    .map_or(Value::Unknown, |key| Value::Text(key.clone())),
            ),
            Node::Column(index) => Known::always(
                self.columns
                    .get(*index as usize)
                    .cloned()
                    .unwrap_or(Value::Unknown),
            ),
            Node::Event { slot, field } => Known::always(
                env.event(*slot)
                    .map_or(Value::Unknown, |event| event_field(event, field)),
            ),
            Node::Watch(watch, field) => self.watch_field(*watch, *field, at),
            Node::Firing(rule) => {
                let held = self.device.firing(*rule, at);
                Known::new(Value::Bool(held.value), held.since, held.until)
            }
            Node::Not(value) => logic::not(self.eval(value, at, env)),
            Node::And(items) => self.all(items, false, at, env),
            Node::Or(items) => self.all(items, true, at, env),
            Node::Compare { op, left, right } => {
                let left = self.eval(left, at, env);
                let right = self.eval(right, at, env);
                logic::compare(*op, left, right, at)
            }
            Node::Matches {
                text,
                pattern,
                regex,
            } => {
                let text = self.eval(text, at, env);
                let pattern = self.eval(pattern, at, env);
                logic::matches(text, pattern, regex.as_ref())
            }
            Node::In {
                value,
                list,
                negated,
            } => logic::is_in(
                self.eval(value, at, env),
                self.eval(list, at, env),
                *negated,
            ),
            Node::IsKnown { value, negated } => {
                let known = self.eval(value, at, env);
                let truth = (known.value != Value::Unknown) != *negated;
                Known::new(Value::Bool(truth), known.since, known.until)
            }
            Node::Arith { op, left, right } => {
                logic::arith(*op, self.eval(left, at, env), self.eval(right, at, env), at)
            }
            Node::Negate(value) => {
                let zero = Known::always(Value::Number(0.0));
                logic::arith(
                    crate::ir::ArithOp::Subtract,
                    zero,
                    self.eval(value, at, env),
                    at,
                )
            }
            Node::Coalesce(first, second) => {
                let first = self.eval(first, at, env);
                if first.value != Value::Unknown {
                    return first;
                }
                self.eval(second, at, env).within(first.since, first.until)
            }
            Node::At { value, time } => self.at_time(value, time, at, env),
            Node::For { value, duration } => self.hold_for(value, *duration, at, env),
            Node::Within {
                event,
                duration,
                negated,
            } => self.happened(event, *duration, *negated, at, env),
            Node::Window {
                func,
                value,
                over,
                anchor,
                counter,
            } => self.window(*func, value, *over, anchor, *counter, at, env),
            Node::CountEvents {
                event,
                over,
                anchor,
            } => self.count_events(event, *over, anchor, at, env),
            Node::Since(value) => self.since(value, at, env),
            Node::SinceEvent(event) => self.since_event(event, at, env),
            Node::LastEvent { event, field } => self.last_event(event, field, at, env),
            Node::Quantify { .. } => self.quantify(&expr.node, at, env),
            Node::Call(function, arguments) => {
                let arguments: Vec<Known> =
                    arguments.iter().map(|a| self.eval(a, at, env)).collect();
                logic::call(*function, &arguments, self.world.hresult, at)
            }
        }
    }

    /// The nanoseconds of a duration for this device, with the bounds between which they hold.
    pub fn duration(&self, duration: Dur, at: Nanos) -> Held<Nanos> {
        match duration {
            Dur::Fixed(nanos) => Held::always(nanos),
            Dur::Param(param) => {
                let known = self.param(param, at);
                let nanos = match known.value {
                    Value::Number(seconds) => (seconds * SECOND as f64) as Nanos,
                    _ => 0,
                };
                Held {
                    value: nanos,
                    since: known.since,
                    until: known.until,
                }
            }
            Dur::Reports(count) => {
                let interval = self.device.interval(at);
                Held {
                    value: (interval.value as f64 * count) as Nanos,
                    ..interval
                }
            }
        }
    }

    fn param(&self, param: crate::ir::ParamId, at: Nanos) -> Known {
        let param = &self.world.program.params[param.index()];
        let mut out = Known::always(param.default.clone());
        for (label, text, value) in &param.overrides {
            let held = self.device.label(label, at, self.known);
            out = out.within(held.since, held.until);
            if held.value == *text {
                out.value = value.clone();
            }
        }
        out
    }

    fn key<'k>(&self, key: &'k Key, at: Nanos, env: &Env<'k>) -> (Option<SmolStr>, Nanos, Nanos) {
        match key {
            Key::Plain => (Some(SmolStr::default()), Nanos::MIN, Nanos::MAX),
            Key::Literal(text) => (Some(text.clone()), Nanos::MIN, Nanos::MAX),
            Key::Slot(slot) => (env.instance(*slot).cloned(), Nanos::MIN, Nanos::MAX),
            Key::Expr(expr) => {
                let known = self.eval(expr, at, env);
                match known.value {
                    Value::Text(text) => (Some(text), known.since, known.until),
                    _ => (None, known.since, known.until),
                }
            }
        }
    }

    /// The series of a signal of an instance; one that is derived, as it was known then.
    fn series(&self, signal: crate::ir::SignalId, key: &str) -> Option<Cow<'a, Series>> {
        let catalog = &self.world.program.catalog;
        let then = self.device.patch_as_known(catalog, key, signal, self.known);
        let now = || {
            let family = catalog.signals[signal.index()].family;
            self.device.series(family, key, signal)
        };
        then.map(Cow::Owned).or_else(|| now().map(Cow::Borrowed))
    }

    fn signal(&self, signal: crate::ir::SignalId, key: &Key, at: Nanos, env: &Env<'_>) -> Known {
        let decl = &self.world.program.catalog.signals[signal.index()];
        let (key, since, until) = self.key(key, at, env);
        let Some(key) = key else {
            return Known::new(Value::Unknown, since, until);
        };
        let Some(series) = self.series(signal, &key) else {
            return Known::new(Value::Unknown, since, until);
        };
        let floor = if decl.holds.is_some() {
            self.floor
        } else {
            None
        };
        let reading = series.at(at, self.known, floor);
        Known::new(reading.value, reading.since, reading.until).within(since, until)
    }

    fn watch_field(&self, watch: crate::ir::WatchId, field: WatchField, at: Nanos) -> Known {
        let found = self.device.watch(watch).map(|log| log.at(at, self.known));
        let (step, since, until) = found.unwrap_or((None, Nanos::MIN, Nanos::MAX));
        let texts = |list: &[SmolStr]| Value::List(list.iter().cloned().map(Value::Text).collect());
        let value = match (field, step) {
            (WatchField::Open, step) => Value::Bool(step.is_some_and(|s| s.phase.is_open())),
            (WatchField::Phase, None) => Value::Text("none".into()),
            (WatchField::Phase, Some(step)) => Value::Text(step.phase.word().into()),
            (_, None) => Value::Unknown,
            (WatchField::Opened, Some(step)) => Value::Time(step.facts.opened),
            (WatchField::Kbs, Some(step)) => texts(&step.facts.kbs),
            (WatchField::Downtime, Some(step)) => {
                step.facts.downtime.map_or(Value::Unknown, |nanos| {
                    Value::Number(nanos as f64 / SECOND as f64)
                })
            }
            (WatchField::Failures, Some(step)) => texts(&step.facts.failures),
            (WatchField::Reason, Some(step)) => Value::Text(step.facts.reason.clone()),
        };
        Known::new(value, since, until)
    }

    fn list(&self, items: &[Expr], at: Nanos, env: &Env<'_>) -> Known {
        let (mut since, mut until) = (Nanos::MIN, Nanos::MAX);
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let known = self.eval(item, at, env);
            since = since.max(known.since);
            until = until.min(known.until);
            values.push(known.value);
        }
        Known::new(Value::List(values.into()), since, until)
    }

    /// Kleene `and` (or, with `deciding` true, `or`): one deciding value decides.
    fn all(&self, items: &[Expr], deciding: bool, at: Nanos, env: &Env<'_>) -> Known {
        let (mut since, mut until) = (Nanos::MIN, Nanos::MAX);
        let mut unknown = false;
        for item in items {
            let known = self.eval(item, at, env);
            match known.truth() {
                Some(truth) if truth == deciding => return known,
                Some(_) => {}
                None => unknown = true,
            }
            since = since.max(known.since);
            until = until.min(known.until);
        }
        let value = if unknown {
            Value::Unknown
        } else {
            Value::Bool(!deciding)
        };
        Known::new(value, since, until)
    }

    fn at_time(&self, value: &Expr, time: &Expr, at: Nanos, env: &Env<'_>) -> Known {
        let time = self.eval(time, at, env);
        match time.value {
            Value::Time(instant) if instant <= at => {
                let then = Scope {
                    known: self.known.min(instant),
                    floor: None,
                    ..*self
                };
                let known = then.eval(value, instant, env);
                Known::new(known.value, time.since.max(instant), time.until)
            }
            Value::Time(instant) => Known::new(Value::Unknown, time.since, time.until.min(instant)),
            _ => Known::new(Value::Unknown, time.since, time.until),
        }
    }
}

/// A field of an event.
pub fn event_field(event: &EventRecord, field: &EventField) -> Value {
    match field {
        EventField::Time => Value::Time(event.time),
        EventField::Named(name) => event.field(name),
    }
}
