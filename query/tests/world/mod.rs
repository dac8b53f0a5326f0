//! A small catalogue, a device to tell things, and short words for building expressions: what the tests
//! of the evaluators share.
#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "each test file uses its part; tests may panic"
)]

use query::catalog::{
    Catalog, EventDecl, FamilyDecl, PATCH_FAMILY, PLAIN_FAMILY, SignalDecl, SignalKind,
};
use query::eval::{Env, Known, Scope, World};
use query::history::{Changes, DeviceHistory, Interest, Mapping};
use query::ir::*;
use query::span::Span;
use query::value::{Type, Unit, Value};
use smol_str::SmolStr;
use storage::{ColumnId, DeviceId, Nanos, Row, SECOND, TableId, TableKind};

/// One minute.
pub const MINUTE: Nanos = 60 * SECOND;
/// One hour.
pub const HOUR: Nanos = 60 * MINUTE;

/// What a report says.
#[derive(Clone, Debug)]
pub enum Fact {
    /// A sample: family, key, field, value.
    Sample(&'static str, &'static str, &'static str, storage::Value),
    /// An event at a time of its own.
    Event(&'static str, Nanos, Vec<(&'static str, storage::Value)>),
    /// A label.
    Label(&'static str, &'static str),
    /// The reporting interval in seconds.
    Interval(f64),
    /// It came by bulk import.
    Imported,
}

/// A number for a report.
pub fn number(value: f64) -> storage::Value {
    storage::Value::Number(value)
}
/// A text for a report.
pub fn text(value: &str) -> storage::Value {
    storage::Value::Text(value.into())
}
/// A truth for a report.
pub fn truth(value: bool) -> storage::Value {
    storage::Value::Bool(value)
}

const EVENTS: [(&str, &[&str]); 9] = [
    ("patch.scheduled", &["kb"]),
    ("patch.missing", &["kb"]),
    ("patch.staged", &["kb"]),
    ("patch.started", &["kb"]),
    ("patch.installed", &["kb", "reboot_required", "title"]),
    ("patch.failed", &["kb", "code"]),
    ("patch.removed", &["kb"]),
    ("reboot.started", &["planned", "cause"]),
    ("login", &["user", "n"]),
];

fn signals() -> Vec<(&'static str, &'static str, SignalKind, Option<Nanos>)> {
    use SignalKind::*;
    let five = Some(5 * MINUTE);
    vec![
        (PLAIN_FAMILY, "cpu", Gauge, five),
        (PLAIN_FAMILY, "uptime", Counter, five),
        (PLAIN_FAMILY, "sent", Counter, five),
        (PLAIN_FAMILY, "pending_reboot", State, None),
        (PLAIN_FAMILY, "boot_id", State, five),
        (PLAIN_FAMILY, "mode", State, Some(90 * SECOND)),
        ("service", "state", State, five),
        ("service", "start", State, None),
        ("service", "load", Gauge, Some(3 * MINUTE)),
        (PATCH_FAMILY, "state", State, None),
        (PATCH_FAMILY, "since", State, None),
        (PATCH_FAMILY, "code", State, None),
        (PATCH_FAMILY, "title", State, None),
    ]
}

/// The catalogue of the tests.
pub fn catalog() -> Catalog {
    let mut catalog = Catalog::default();
    for (name, key) in [
        (PLAIN_FAMILY, ""),
        ("service", "name"),
        (PATCH_FAMILY, "kb"),
    ] {
        catalog.families.push(FamilyDecl {
            name: name.into(),
            key: key.into(),
        });
    }
    for (family, field, kind, holds) in signals() {
        let family = catalog.family(family).unwrap();
        catalog.signals.push(SignalDecl {
            family,
            field: field.into(),
            kind,
            ty: Type::Any,
            holds,
            declared: true,
        });
    }
    for (name, fields) in EVENTS {
        let fields = fields
            .iter()
            .map(|field| (SmolStr::new(field), Type::Any))
            .collect();
        catalog.events.push(EventDecl {
            name: name.into(),
            fields,
        });
    }
    catalog.labels = ["client", "device", "role", "site"]
        .map(SmolStr::new)
        .to_vec();
    catalog
}

/// A device, all that is known of it, and the program it is asked by.
pub struct Told {
    /// Catalogue, params and lets.
    pub program: Program,
    /// The device.
    pub device: DeviceHistory,
    /// When the server did not listen.
    pub outages: Vec<(Nanos, Nanos)>,
    /// Windows over an hour move in steps.
    pub stepped: bool,
    mapping: Mapping,
}

impl Default for Told {
    fn default() -> Told {
        let program = Program {
            catalog: catalog(),
            ..Program::default()
        };
        let mut mapping = Mapping::new(Interest::everything(&program.catalog));
        for (table, (kind, name, columns)) in tables().into_iter().enumerate() {
            mapping.learn(
                &program.catalog,
                TableId(table as u32),
                kind,
                name,
                columns.into_iter(),
            );
        }
        let device = DeviceHistory::new("acme".into(), "srv-01".into());
        Told {
            program,
            device,
            outages: Vec::new(),
            stepped: true,
            mapping,
        }
    }
}

fn tables() -> Vec<(TableKind, &'static str, Vec<&'static str>)> {
    let mut tables = Vec::new();
    for family in [PLAIN_FAMILY, "service"] {
        let columns = signals()
            .iter()
            .filter(|s| s.0 == family)
            .map(|s| s.1)
            .collect();
        tables.push((TableKind::Signals, family, columns));
    }
    for (name, fields) in EVENTS {
        tables.push((TableKind::Event, name, fields.to_vec()));
    }
    tables.push((TableKind::Event, "boot", vec!["boot_id", "clean"]));
    tables.push((TableKind::System, "report", vec!["interval", "imported"]));
    tables.push((TableKind::System, "label", vec!["text"]));
    tables
}

fn row(table: &str, instance: &str, time: Nanos, cells: &[(&str, storage::Value)]) -> Row {
    let tables = tables();
    let at = tables
        .iter()
        .position(|(_, name, _)| *name == table)
        .unwrap();
    let column =
        |name: &str| ColumnId(tables[at].2.iter().position(|c| *c == name).unwrap() as u32);
    let cells = cells
        .iter()
        .map(|(name, value)| (column(name), value.clone()))
        .collect();
    Row {
        table: TableId(at as u32),
        device: DeviceId(1),
        instance: instance.into(),
        time,
        offset: 0,
        cells,
    }
}

impl Told {
    /// A report that arrives, about a time.
    pub fn tell(&mut self, arrival: Nanos, time: Nanos, facts: &[Fact]) -> Changes {
        let mut report = Vec::new();
        let mut rows = Vec::new();
        for fact in facts {
            match fact {
                Fact::Sample(family, key, field, value) => {
                    rows.push(row(family, key, time, &[(field, value.clone())]));
                }
                Fact::Event(name, time, fields) => rows.push(row(name, "", *time, fields)),
                Fact::Label(label, value) => {
                    rows.push(row("label", label, time, &[("text", text(value))]))
                }
                Fact::Interval(seconds) => report.push(("interval", number(*seconds))),
                Fact::Imported => report.push(("imported", truth(true))),
            }
        }
        rows.insert(0, row("report", "", time, &report));
        self.device
            .apply(&self.program.catalog, &self.mapping, &rows, arrival)
    }

    /// The scope that sees everything.
    pub fn scope(&self) -> Scope<'_> {
        let world = World {
            program: &self.program,
            outages: &self.outages,
            stepped: self.stepped,
            hresult: |code| (code == "0x80240022").then_some("all updates failed"),
        };
        Scope::new(world, &self.device)
    }

    /// What the engine's evaluator says.
    pub fn fast(&self, expr: &Expr, at: Nanos) -> Known {
        self.scope().eval(expr, at, &Env::Empty)
    }

    /// What it is by definition.
    pub fn plain(&self, expr: &Expr, at: Nanos) -> Value {
        query::plain::eval(expr, &self.scope(), at, &Env::Empty)
    }

    /// Both evaluators say this of the expression at the instant.
    #[track_caller]
    pub fn check(&self, expr: &Expr, at: Nanos, expected: Value) {
        assert_eq!(
            self.plain(expr, at),
            expected,
            "plain, {} at {at}",
            show(expr)
        );
        assert_eq!(
            self.fast(expr, at).value,
            expected,
            "fast, {} at {at}",
            show(expr)
        );
    }
}

// ---- short words for expressions

/// An expression of this node.
pub fn node(node: Node) -> Expr {
    Expr {
        node,
        ty: Type::Number(Unit::default()),
        span: Span::default(),
    }
}
fn boxed(expr: Expr) -> Box<Expr> {
    Box::new(expr)
}
/// A number.
pub fn num(value: f64) -> Expr {
    node(Node::Literal(Value::Number(value)))
}
/// A truth.
pub fn yes(value: bool) -> Expr {
    node(Node::Literal(Value::Bool(value)))
}
/// A text.
pub fn txt(value: &str) -> Expr {
    node(Node::Literal(Value::Text(value.into())))
}
/// A time.
pub fn time(value: Nanos) -> Expr {
    node(Node::Literal(Value::Time(value)))
}
/// A signal.
pub fn signal(family: &str, key: Key, field: &str) -> Expr {
    let signal = catalog().signal(family, field).unwrap();
    node(Node::Signal { signal, key })
}
/// A plain signal.
pub fn plain(field: &str) -> Expr {
    signal(PLAIN_FAMILY, Key::Plain, field)
}
/// A field of a service.
pub fn service(key: &str, field: &str) -> Expr {
    signal("service", Key::Literal(key.into()), field)
}
/// A field of a patch.
pub fn patch(key: &str, field: &str) -> Expr {
    signal(PATCH_FAMILY, Key::Literal(key.into()), field)
}
/// A label.
pub fn label(name: &str) -> Expr {
    node(Node::Label(name.into()))
}
/// `not E`
pub fn not(value: Expr) -> Expr {
    node(Node::Not(boxed(value)))
}
/// A comparison.
pub fn compare(left: Expr, op: CompareOp, right: Expr) -> Expr {
    node(Node::Compare {
        op,
        left: boxed(left),
        right: boxed(right),
    })
}
/// `a = b`
pub fn equal(left: Expr, right: Expr) -> Expr {
    compare(left, CompareOp::Equal, right)
}
/// `a > b`
pub fn greater(left: Expr, right: Expr) -> Expr {
    compare(left, CompareOp::Greater, right)
}
/// Arithmetic.
pub fn arith(left: Expr, op: ArithOp, right: Expr) -> Expr {
    node(Node::Arith {
        op,
        left: boxed(left),
        right: boxed(right),
    })
}
/// `x is known`
pub fn known(value: Expr) -> Expr {
    node(Node::IsKnown {
        value: boxed(value),
        negated: false,
    })
}
/// `x ?? y`
pub fn coalesce(first: Expr, second: Expr) -> Expr {
    node(Node::Coalesce(boxed(first), boxed(second)))
}
/// `x at T`
pub fn at(value: Expr, time: Expr) -> Expr {
    node(Node::At {
        value: boxed(value),
        time: boxed(time),
    })
}
/// `E for D`
pub fn hold(value: Expr, duration: Nanos) -> Expr {
    node(Node::For {
        value: boxed(value),
        duration: Dur::Fixed(duration),
    })
}
/// The kind of an event by name.
pub fn kind(name: &str) -> EventKind {
    match name {
        "heartbeat" => EventKind::Heartbeat,
        "boot" => EventKind::Boot,
        name => EventKind::Stored(catalog().event(name).unwrap()),
    }
}
/// An event, of any kind, unfiltered.
pub fn event(name: &str) -> EventMatch {
    EventMatch {
        event: kind(name),
        filter: None,
        slot: 0,
    }
}
/// An event that passes a filter, which sees it in slot 0.
pub fn event_where(name: &str, filter: Expr) -> EventMatch {
    EventMatch {
        filter: Some(boxed(filter)),
        ..event(name)
    }
}
/// Field of the event in a slot.
pub fn field(slot: u8, name: &str) -> Expr {
    let field = if name == "time" {
        EventField::Time
    } else {
        EventField::Named(name.into())
    };
    node(Node::Event { slot, field })
}
/// `EV within D`
pub fn within(event: EventMatch, duration: Nanos) -> Expr {
    node(Node::Within {
        event,
        duration: Dur::Fixed(duration),
        negated: false,
    })
}
/// `no EV within D`
pub fn no_within(event: EventMatch, duration: Nanos) -> Expr {
    node(Node::Within {
        event,
        duration: Dur::Fixed(duration),
        negated: true,
    })
}
/// `last(EV).f`
pub fn last(event: EventMatch, name: &str) -> Expr {
    let field = if name == "time" {
        EventField::Time
    } else {
        EventField::Named(name.into())
    };
    node(Node::LastEvent { event, field })
}
/// `f(x over D)`
pub fn over(func: WindowFunc, value: Expr, over: Nanos) -> Expr {
    window(func, value, over, Anchor::Now, false)
}
/// `f(x over D …)`
pub fn window(func: WindowFunc, value: Expr, over: Nanos, anchor: Anchor, counter: bool) -> Expr {
    node(Node::Window {
        func,
        value: boxed(value),
        over: Dur::Fixed(over),
        anchor,
        counter,
    })
}
/// `count(EV over D)`
pub fn count(event: EventMatch, over: Nanos) -> Expr {
    node(Node::CountEvents {
        event,
        over: Dur::Fixed(over),
        anchor: Anchor::Now,
    })
}
/// `since(E)`
pub fn since(value: Expr) -> Expr {
    node(Node::Since(boxed(value)))
}
/// An aggregate over the services, with the instance in slot 0.
pub fn services(func: Quantifier, filter: Option<Expr>, value: Option<Expr>) -> Expr {
    family("service", func, filter, value, None)
}
/// An aggregate over a family, with the instance in slot 0.
pub fn family(
    name: &str,
    func: Quantifier,
    filter: Option<Expr>,
    value: Option<Expr>,
    listed: Option<Expr>,
) -> Expr {
    let family = catalog().family(name).unwrap();
    let part = |part: Option<Expr>| part.map(boxed);
    node(Node::Quantify {
        func,
        family,
        slot: 0,
        filter: part(filter),
        value: part(value),
        listed: part(listed),
    })
}

// ---- printing

fn name_of(kind: EventKind) -> String {
    match kind {
        EventKind::Heartbeat => "heartbeat".into(),
        EventKind::Boot => "boot".into(),
        EventKind::Stored(event) => EVENTS[event.index()].0.into(),
    }
}

fn show_event(event: &EventMatch) -> String {
    match &event.filter {
        None => name_of(event.event),
        Some(filter) => format!(
            "{}[{} slot {}]",
            name_of(event.event),
            show(filter),
            event.slot
        ),
    }
}

fn show_anchor(anchor: &Anchor) -> String {
    match anchor {
        Anchor::Now => String::new(),
        Anchor::Before(time) => format!(" before {}", show(time)),
        Anchor::After(time) => format!(" after {}", show(time)),
    }
}

fn show_duration(duration: &Dur) -> String {
    match duration {
        Dur::Fixed(nanos) => format!("{}s", *nanos as f64 / 1e9),
        Dur::Param(param) => format!("param{}", param.0),
        Dur::Reports(count) => format!("{count} reports"),
    }
}

/// An expression, about as it is written.
pub fn show(expr: &Expr) -> String {
    let list = |items: &[Expr], with: &str| items.iter().map(show).collect::<Vec<_>>().join(with);
    match &expr.node {
        Node::Literal(value) => format!("{value:?}"),
        Node::ListOf(items) => format!("[{}]", list(items, ", ")),
        Node::Label(label) => label.to_string(),
        Node::Param(param) => format!("param{}", param.0),
        Node::Let(id) => format!("let{}", id.0),
        Node::Signal { signal, key } => {
            let (family, field, ..) = signals()[signal.index()];
            match key {
                Key::Plain => field.into(),
                Key::Literal(key) => format!("{family}[{key}].{field}"),
                Key::Expr(key) => format!("{family}[{}].{field}", show(key)),
                Key::Slot(slot) => format!("{family}[#{slot}].{field}"),
            }
        }
        Node::InstanceKey(slot) => format!("#{slot}.name"),
        Node::Event { slot, field } => format!("@{slot}.{field:?}"),
        Node::Watch(watch, field) => format!("watch{}.{field:?}", watch.0),
        Node::Firing(rule) => format!("rule{}.firing", rule.0),
        Node::Not(value) => format!("not ({})", show(value)),
        Node::And(items) => format!("({})", list(items, " and ")),
        Node::Or(items) => format!("({})", list(items, " or ")),
        Node::Compare { op, left, right } => format!("({} {op:?} {})", show(left), show(right)),
        Node::Matches { text, pattern, .. } => format!("({} ~ {})", show(text), show(pattern)),
        Node::In {
            value,
            list,
            negated,
        } => format!("({} in({negated}) {})", show(value), show(list)),
        Node::IsKnown { value, negated } => format!("({} is known({negated}))", show(value)),
        Node::Arith { op, left, right } => format!("({} {op:?} {})", show(left), show(right)),
        Node::Negate(value) => format!("-({})", show(value)),
        Node::Coalesce(first, second) => format!("({} ?? {})", show(first), show(second)),
        Node::At { value, time } => format!("({} at {})", show(value), show(time)),
        Node::For { value, duration } => {
            format!("({} for {})", show(value), show_duration(duration))
        }
        Node::Within {
            event,
            duration,
            negated,
        } => {
            format!(
                "({}{} within {})",
                if *negated { "no " } else { "" },
                show_event(event),
                show_duration(duration)
            )
        }
        Node::Window {
            func,
            value,
            over,
            anchor,
            counter,
        } => format!(
            "{func:?}{}({} over {}{})",
            if *counter { "#" } else { "" },
            show(value),
            show_duration(over),
            show_anchor(anchor)
        ),
        Node::CountEvents {
            event,
            over,
            anchor,
        } => {
            format!(
                "count({} over {}{})",
                show_event(event),
                show_duration(over),
                show_anchor(anchor)
            )
        }
        Node::Since(value) => format!("since({})", show(value)),
        Node::SinceEvent(event) => format!("since({})", show_event(event)),
        Node::LastEvent { event, field } => format!("last({}).{field:?}", show_event(event)),
        Node::Quantify {
            func,
            family,
            slot,
            filter,
            value,
            listed,
        } => format!(
            "{func:?}(family{}[{}] slot {slot}: {}; listed {})",
            family.0,
            filter.as_ref().map_or(String::new(), |e| show(e)),
            value.as_ref().map_or(String::new(), |e| show(e)),
            listed.as_ref().map_or(String::new(), |e| show(e)),
        ),
        Node::Call(function, arguments) => format!("{function:?}({})", list(arguments, ", ")),
        Node::Column(column) => format!("column{column}"),
    }
}
