//! Random histories and expressions, read off a tape of bytes: a shorter tape, or smaller bytes, gives a
//! simpler case, so that proptest shrinks what it finds.

use crate::world::*;
use query::history::{Phase, RunFacts, WatchStep};
use query::ir::*;
use query::value::{Type, Value};
use storage::{Nanos, SECOND};

/// When the stories begin: a multiple of every step of a window.
pub const START: Nanos = 720_000 * SECOND;

/// Bytes to decide by; 0 for ever at its end.
pub struct Tape<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Tape<'a> {
    pub fn new(bytes: &'a [u8]) -> Tape<'a> {
        Tape { bytes, at: 0 }
    }

    fn byte(&mut self) -> usize {
        self.at += 1;
        self.bytes.get(self.at - 1).copied().unwrap_or(0).into()
    }

    fn below(&mut self, limit: usize) -> usize {
        self.byte() % limit
    }

    /// True once in `times`.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    fn pick<T: Clone>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())].clone()
    }

    fn span(&mut self) -> Nanos {
        self.pick(&[60, 30, 90, 120, 180, 300, 600, 900, 45, 1800]) * SECOND
    }
}

const SERVICES: [&str; 3] = ["A", "B", "C"];
const PATCHES: [&str; 2] = ["KB1", "KB2"];
const ROLES: [&str; 3] = ["A", "B", "sql"];

fn fact(tape: &mut Tape<'_>, time: Nanos, what: usize) -> Fact {
    let fields = |tape: &mut Tape<'_>| vec![("kb", text(tape.pick(&PATCHES)))];
    match what {
        0 | 1 => Fact::Sample(
            "device",
            "",
            "cpu",
            number(tape.pick(&[10.0, 50.0, 90.0, 95.5])),
        ),
        2 => Fact::Sample(
            "device",
            "",
            "sent",
            number(tape.pick(&[100.0, 200.0, 350.0, 0.0])),
        ),
        3 => Fact::Sample("device", "", "pending_reboot", truth(tape.once_in(2))),
        4 => Fact::Sample("device", "", "mode", text(tape.pick(&["low", "high"]))),
        5 | 6 => Fact::Sample(
            "service",
            tape.pick(&SERVICES),
            "state",
            text(tape.pick(&["up", "down"])),
        ),
        7 => Fact::Sample(
            "service",
            tape.pick(&SERVICES),
            "start",
            text(tape.pick(&["auto", "manual"])),
        ),
        8 => Fact::Sample(
            "service",
            tape.pick(&SERVICES),
            "load",
            number(tape.pick(&[1.0, 2.0, 4.0])),
        ),
        9 => Fact::Sample(
            "device",
            "",
            "uptime",
            number(tape.pick(&[10.0, 60.0, 600.0, 3600.0])),
        ),
        10 => Fact::Sample(
            "device",
            "",
            "boot_id",
            text(tape.pick(&["b1", "b2", "b3"])),
        ),
        11 => Fact::Label(tape.pick(&["role", "site"]), tape.pick(&ROLES)),
        12 => Fact::Interval(tape.pick(&[60.0, 30.0, 120.0])),
        13 => {
            let mut told = fields(tape);
            let name = tape.pick(&[
                "installed",
                "started",
                "missing",
                "staged",
                "failed",
                "removed",
                "scheduled",
            ]);
            match name {
                "installed" => told.push(("reboot_required", truth(tape.once_in(2)))),
                "failed" => told.push(("code", text(tape.pick(&["0x1", "0x80240022"])))),
                _ => {}
            }
            let name = EVENT_OF
                .iter()
                .find(|(short, _)| *short == name)
                .map_or("login", |(_, long)| *long);
            Fact::Event(name, time - tape.pick(&[0, 0, 30, 60, 300]) * SECOND, told)
        }
        14 => match tape.below(3) {
            0 => Fact::Event("boot", time - tape.pick(&[0, 20, 90]) * SECOND, Vec::new()),
            1 => Fact::Event(
                "boot",
                time - tape.pick(&[0, 90]) * SECOND,
                vec![("boot_id", text(tape.pick(&["b2", "b3"])))],
            ),
            _ => Fact::Event(
                "reboot.started",
                time,
                vec![("planned", truth(tape.once_in(2)))],
            ),
        },
        _ => Fact::Event(
            "login",
            time - tape.pick(&[0, 0, 30, 120]) * SECOND,
            vec![
                ("user", text(tape.pick(&SERVICES))),
                ("n", number(tape.below(4) as f64)),
            ],
        ),
    }
}

const EVENT_OF: [(&str, &str); 7] = [
    ("installed", "patch.installed"),
    ("started", "patch.started"),
    ("missing", "patch.missing"),
    ("staged", "patch.staged"),
    ("failed", "patch.failed"),
    ("removed", "patch.removed"),
    ("scheduled", "patch.scheduled"),
];

/// A device with a random past; also the instant at which the last of it arrived, and what was told.
pub fn story(tape: &mut Tape<'_>) -> (Told, Nanos, String) {
    let mut told = Told::default();
    let mut script = String::new();
    let mut arrival = START;
    // a story has a theme or two, so that what belongs together meets
    let themes = [tape.below(16), tape.below(16), 13];
    for _ in 0..tape.below(14) {
        arrival += match tape.below(12) {
            11 => 1,
            10 => 1800 * SECOND,
            gap => [60, 60, 30, 90, 0, 120, 300, 59, 60, 600][gap] * SECOND,
        };
        let late = tape.pick(&[0, 0, 0, 0, 30, 60, 300, 900, 1]) * SECOND;
        let time = arrival - late;
        let mut facts = Vec::new();
        for _ in 0..tape.below(5) {
            let what = if tape.once_in(3) {
                tape.below(16)
            } else {
                tape.pick(&themes)
            };
            facts.push(fact(tape, time, what));
        }
        if tape.once_in(24) {
            facts.push(Fact::Imported);
        }
        script.push_str(&format!(
            "  tell {} about {}: {facts:?}\n",
            clock(arrival),
            clock(time)
        ));
        told.tell(arrival, time, &facts);
    }
    let last = arrival;
    let mut decided = START;
    for _ in 0..tape.below(5) {
        use Phase::*;
        decided += tape.pick(&[0, 30, 60, 300]) * SECOND;
        let step = WatchStep {
            effective: decided - tape.pick(&[0, 0, 30, 120]) * SECOND,
            decided,
            phase: tape.pick(&[Open, Down, Verifying, Done, Overdue, Cancelled]),
            facts: RunFacts {
                opened: decided - 60 * SECOND,
                kbs: PATCHES[..tape.below(3)]
                    .iter()
                    .map(|kb| (*kb).into())
                    .collect(),
                downtime: tape.once_in(2).then_some(90 * SECOND),
                ..RunFacts::default()
            },
        };
        script.push_str(&format!(
            "  watch {:?} eff {} dec {}\n",
            step.phase,
            clock(step.effective),
            clock(decided)
        ));
        told.device.watch_mut(WatchId(0)).push(step);
    }
    let mut fired = START;
    for at in 0..tape.below(4) {
        fired += tape.span();
        told.device.set_firing(RuleId(0), fired, at % 2 == 0);
        script.push_str(&format!("  firing {} {}\n", at % 2 == 0, clock(fired)));
    }
    let mut end = START;
    for _ in 0..tape.below(3) {
        let from = end + tape.span();
        end = from + tape.span();
        told.outages.push((from, end));
        script.push_str(&format!("  outage {} to {}\n", clock(from), clock(end)));
    }
    told.program.params = vec![
        Param {
            name: "limit".into(),
            default: Value::Number(50.0),
            overrides: vec![("role".into(), "sql".into(), Value::Number(90.0))],
            ty: Type::Any,
        },
        Param {
            name: "patience".into(),
            default: Value::Number(60.0),
            overrides: vec![
                ("role".into(), "A".into(), Value::Number(120.0)),
                ("site".into(), "B".into(), Value::Number(300.0)),
            ],
            ty: Type::Any,
        },
    ];
    told.program.lets = vec![
        Let {
            name: "offline".into(),
            value: no_reports(2.0),
        },
        Let {
            name: "all_up".into(),
            value: services(
                Quantifier::Every,
                Some(equal(signal("service", Key::Slot(0), "start"), txt("auto"))),
                Some(equal(signal("service", Key::Slot(0), "state"), txt("up"))),
            ),
        },
        Let {
            name: "mean".into(),
            value: over(WindowFunc::Avg, plain("cpu"), 300 * SECOND),
        },
    ];
    told.stepped = !tape.once_in(4);
    (told, last, script)
}

fn no_reports(count: f64) -> Expr {
    node(Node::Within {
        event: event("heartbeat"),
        duration: Dur::Reports(count),
        negated: true,
    })
}

/// A time as seconds after the start.
pub fn clock(time: Nanos) -> String {
    format!("{}", (time - START) as f64 / 1e9)
}

/// What may be named where the expression stands, and how deep it may still go.
#[derive(Clone, Default)]
struct Place {
    /// Slots that hold a service.
    services: Vec<u8>,
    /// Slots that hold a login.
    logins: Vec<u8>,
    next_slot: u8,
    depth: usize,
    /// How often it may still look into the past.
    past: usize,
    /// Inside a window: keys stand still there.
    window: bool,
}

impl Place {
    fn deeper(&self) -> Place {
        Place {
            depth: self.depth.saturating_sub(1),
            ..self.clone()
        }
    }
    fn earlier(&self) -> Place {
        Place {
            past: self.past.saturating_sub(1),
            ..self.deeper()
        }
    }
    fn in_window(&self) -> Place {
        Place {
            window: true,
            ..self.earlier()
        }
    }
    fn with_service(&self) -> Place {
        let mut inner = self.deeper();
        inner.services.push(self.next_slot);
        inner.next_slot += 1;
        inner
    }
    fn with_login(&self) -> Place {
        let mut inner = self.deeper();
        inner.logins.push(self.next_slot);
        inner.next_slot += 1;
        inner
    }
}

/// A random expression; with `bound`, a service is in instance slot 0 and a login in event slot 1.
pub fn expression(tape: &mut Tape<'_>, bound: bool) -> Expr {
    let depth = 2 + tape.below(3);
    let mut place = Place {
        depth,
        past: 2,
        ..Place::default()
    };
    if bound {
        place = Place {
            services: vec![0],
            logins: vec![1],
            next_slot: 2,
            ..place
        };
    }
    match tape.below(9) {
        8 => leaf(tape),
        0..=4 => truth_of(tape, &place),
        5 => number_of(tape, &place),
        6 => moving_of(tape, &place),
        _ => match tape.below(3) {
            0 => text_of(tape, &place),
            1 => time_of(tape, &place),
            _ => list_of(tape, &place),
        },
    }
}

/// Something that is read off the history as it is.
fn leaf(tape: &mut Tape<'_>) -> Expr {
    match tape.below(8) {
        0 => service(tape.pick(&SERVICES), "state"),
        1 => plain("cpu"),
        2 => label("role"),
        3 => patch("KB1", "code"),
        4 => patch("KB1", "since"),
        5 => count(event("boot"), HOUR),
        6 => over(WindowFunc::Count, patch("KB1", "state"), HOUR),
        _ => patch("KB1", "state"),
    }
}

fn boxed(expr: Expr) -> Box<Expr> {
    Box::new(expr)
}

fn duration(tape: &mut Tape<'_>) -> Dur {
    match tape.below(8) {
        6 => Dur::Param(ParamId(1)),
        7 => Dur::Reports(tape.pick(&[2.0, 3.0, 1.0])),
        _ => Dur::Fixed(tape.span()),
    }
}

fn window_duration(tape: &mut Tape<'_>) -> Dur {
    if tape.once_in(6) {
        Dur::Fixed(2 * HOUR)
    } else {
        duration(tape)
    }
}

fn anchor(tape: &mut Tape<'_>, place: &Place) -> Anchor {
    match tape.below(6) {
        4 => Anchor::Before(boxed(time_of(tape, &place.earlier()))),
        5 => Anchor::After(boxed(time_of(tape, &place.earlier()))),
        _ => Anchor::Now,
    }
}

fn event_of(tape: &mut Tape<'_>, place: &Place) -> EventMatch {
    let plain = EventMatch {
        slot: place.next_slot,
        ..event("login")
    };
    match tape.below(9) {
        0 | 1 => plain,
        2 => EventMatch {
            event: kind("heartbeat"),
            ..plain
        },
        3 => EventMatch {
            event: kind("boot"),
            ..plain
        },
        4 => EventMatch {
            event: kind("patch.installed"),
            ..plain
        },
        5 if place.depth > 0 => {
            let filter = truth_of(
                tape,
                &Place {
                    logins: Vec::new(),
                    ..place.with_login()
                },
            );
            EventMatch {
                event: kind("heartbeat"),
                filter: Some(boxed(filter)),
                ..plain
            }
        }
        _ if place.depth > 0 => EventMatch {
            filter: Some(boxed(truth_of(tape, &place.with_login()))),
            ..plain
        },
        _ => plain,
    }
}

fn key_of(tape: &mut Tape<'_>, place: &Place) -> Key {
    match tape.below(5) {
        0 | 1 => Key::Literal(tape.pick(&SERVICES).into()),
        2 if !place.window => Key::Expr(boxed(label("role"))),
        3 if !place.logins.is_empty() => Key::Expr(boxed(field(tape.pick(&place.logins), "user"))),
        _ if !place.services.is_empty() => Key::Slot(tape.pick(&place.services)),
        _ => Key::Literal("A".into()),
    }
}

fn compare_op(tape: &mut Tape<'_>) -> CompareOp {
    use CompareOp::*;
    tape.pick(&[Equal, Greater, Less, GreaterEqual, LessEqual, NotEqual])
}

fn quantify(
    tape: &mut Tape<'_>,
    place: &Place,
    func: Quantifier,
    value: impl FnOnce(&mut Tape<'_>, &Place) -> Option<Expr>,
) -> Expr {
    let inner = place.with_service();
    let mut listed = None;
    let mut filter = tape.once_in(2).then(|| truth_of(tape, &inner));
    if tape.once_in(4) {
        let list = list_of(tape, place);
        let named = node(Node::In {
            value: boxed(node(Node::InstanceKey(place.next_slot))),
            list: boxed(list.clone()),
            negated: false,
        });
        filter = Some(match filter {
            Some(filter) => node(Node::And(vec![named, filter])),
            None => named,
        });
        listed = Some(list);
    }
    let value = value(tape, &inner);
    let mut out = family("service", func, filter, value, listed);
    if let Node::Quantify { slot, .. } = &mut out.node {
        *slot = place.next_slot;
    }
    out
}

fn truth_of(tape: &mut Tape<'_>, place: &Place) -> Expr {
    if place.depth == 0 {
        return match tape.below(8) {
            0 | 1 => plain("pending_reboot"),
            2 | 3 => greater(plain("cpu"), num(50.0)),
            4 | 5 => equal(signal("service", key_of(tape, place), "state"), txt("up")),
            6 => node(Node::Let(LetId(tape.below(2) as u32))),
            _ => yes(tape.once_in(2)),
        };
    }
    let inner = place.deeper();
    match tape.below(26) {
        0 => plain("pending_reboot"),
        1 => compare(
            number_of(tape, &inner),
            compare_op(tape),
            num(tape.pick(&[50.0, 0.0, 1.0, 2.0, 90.0, 100.0])),
        ),
        2 => compare(
            number_of(tape, &inner),
            compare_op(tape),
            number_of(tape, &inner),
        ),
        3 => compare(
            text_of(tape, &inner),
            tape.pick(&[CompareOp::Equal, CompareOp::NotEqual]),
            txt("up"),
        ),
        4 => compare(
            text_of(tape, &inner),
            tape.pick(&[CompareOp::Equal, CompareOp::NotEqual]),
            text_of(tape, &inner),
        ),
        5 => not(truth_of(tape, &inner)),
        6 => node(Node::And(vec![
            truth_of(tape, &inner),
            truth_of(tape, &inner),
        ])),
        7 => node(Node::Or(vec![
            truth_of(tape, &inner),
            truth_of(tape, &inner),
        ])),
        8 => {
            let value = match tape.below(4) {
                0 => truth_of(tape, &inner),
                1 => number_of(tape, &inner),
                2 => moving_of(tape, &inner),
                _ => text_of(tape, &inner),
            };
            node(Node::IsKnown {
                value: boxed(value),
                negated: tape.once_in(2),
            })
        }
        9 => node(Node::In {
            value: boxed(text_of(tape, &inner)),
            list: boxed(list_of(tape, &inner)),
            negated: tape.once_in(2),
        }),
        10 => coalesce(truth_of(tape, &inner), truth_of(tape, &inner)),
        11 => at(
            truth_of(tape, &place.earlier()),
            time_of(tape, &place.earlier()),
        ),
        12 => compare(
            time_of(tape, &inner),
            compare_op(tape),
            time_of(tape, &inner),
        ),
        13 => node(Node::Matches {
            text: boxed(text_of(tape, &inner)),
            pattern: boxed(txt(tape.pick(&["u", "^d", "B"]))),
            regex: None,
        }),
        14 => node(Node::Watch(WatchId(0), WatchField::Open)),
        15 => node(Node::Firing(RuleId(0))),
        16 | 17 if place.past > 0 => node(Node::For {
            value: boxed(truth_of(tape, &place.earlier())),
            duration: duration(tape),
        }),
        18 => node(Node::Within {
            event: event_of(tape, place),
            duration: duration(tape),
            negated: false,
        }),
        19 => node(Node::Within {
            event: event_of(tape, place),
            duration: duration(tape),
            negated: true,
        }),
        20 | 21 => {
            let func = tape.pick(&[Quantifier::Any, Quantifier::Every]);
            quantify(tape, place, func, |tape, inner| Some(truth_of(tape, inner)))
        }
        22 | 23 if place.past > 0 => {
            let limit = num(tape.pick(&[60.0, 120.0, 30.0, 0.0, 90.5, 300.0]));
            compare(moving_of(tape, place), compare_op(tape), limit)
        }
        // no sums here: two numbers that grow alike would differ by rounding only
        24 => compare(
            since_of(tape, &inner),
            compare_op(tape),
            since_of(tape, &inner),
        ),
        _ => node(Node::Let(LetId(tape.below(2) as u32))),
    }
}

fn number_of(tape: &mut Tape<'_>, place: &Place) -> Expr {
    if place.depth == 0 {
        return match tape.below(4) {
            0 | 1 => plain("cpu"),
            2 => signal("service", key_of(tape, place), "load"),
            _ => num(tape.below(4) as f64),
        };
    }
    let inner = place.deeper();
    match tape.below(16) {
        0 => plain("cpu"),
        1 => signal("service", key_of(tape, place), "load"),
        2 => arith(
            number_of(tape, &inner),
            tape.pick(&[
                ArithOp::Add,
                ArithOp::Subtract,
                ArithOp::Multiply,
                ArithOp::Divide,
            ]),
            number_of(tape, &inner),
        ),
        3 => node(Node::Param(ParamId(tape.below(2) as u32))),
        4 => coalesce(number_of(tape, &inner), number_of(tape, &inner)),
        5..=7 if place.past > 0 => window_of(tape, place),
        8 => node(Node::CountEvents {
            event: event_of(tape, place),
            over: window_duration(tape),
            anchor: anchor(tape, place),
        }),
        9 => at(
            number_of(tape, &place.earlier()),
            time_of(tape, &place.earlier()),
        ),
        10 => match tape.below(3) {
            0 => quantify(tape, place, Quantifier::Count, |_, _| None),
            1 => quantify(tape, place, Quantifier::Count, |tape, inner| {
                Some(truth_of(tape, inner))
            }),
            _ => quantify(tape, place, Quantifier::Share, |tape, inner| {
                Some(truth_of(tape, inner))
            }),
        },
        11 => {
            let func = tape.pick(&[
                Quantifier::Max,
                Quantifier::Min,
                Quantifier::Avg,
                Quantifier::Sum,
            ]);
            quantify(tape, place, func, |tape, inner| {
                Some(number_of(tape, inner))
            })
        }
        12 => arith(
            time_of(tape, &inner),
            ArithOp::Subtract,
            time_of(tape, &inner),
        ),
        13 => last(event_of(tape, place), "n"),
        14 => match tape.below(3) {
            0 => node(Node::Negate(boxed(number_of(tape, &inner)))),
            1 => node(Node::Call(Builtin::Abs, vec![number_of(tape, &inner)])),
            _ => node(Node::Watch(WatchId(0), WatchField::Downtime)),
        },
        _ => node(Node::Let(LetId(2))),
    }
}

fn window_of(tape: &mut Tape<'_>, place: &Place) -> Expr {
    use WindowFunc::*;
    let func = tape.pick(&[
        Avg,
        Changes,
        Count,
        Rate,
        Delta,
        Min,
        Max,
        Sum,
        First,
        Last,
        Percentile(0.5),
        Percentile(0.95),
        Stddev,
    ]);
    let inner = place.in_window();
    let mut counter = false;
    let value = match func {
        Changes if tape.once_in(2) => text_of(tape, &inner),
        Changes => truth_of(tape, &inner),
        Rate | Delta if tape.once_in(2) => {
            counter = true;
            plain("sent")
        }
        _ => number_of(tape, &inner),
    };
    node(Node::Window {
        func,
        value: boxed(value),
        over: window_duration(tape),
        anchor: anchor(tape, place),
        counter,
    })
}

fn since_of(tape: &mut Tape<'_>, place: &Place) -> Expr {
    if tape.once_in(2) || place.past == 0 {
        node(Node::SinceEvent(event_of(tape, place)))
    } else {
        since(truth_of(tape, &place.earlier()))
    }
}

/// A number that grows with time.
fn moving_of(tape: &mut Tape<'_>, place: &Place) -> Expr {
    let base = since_of(tape, place);
    match tape.below(8) {
        4 => arith(base, ArithOp::Add, num(tape.pick(&[30.0, 60.0]))),
        5 => arith(num(tape.pick(&[300.0, 60.0])), ArithOp::Subtract, base),
        6 => arith(base, ArithOp::Multiply, num(tape.pick(&[2.0, 0.5, -1.0]))),
        7 => match tape.below(3) {
            0 => coalesce(base, num(45.0)),
            1 => node(Node::Call(Builtin::Round, vec![base])),
            _ => node(Node::Call(
                Builtin::Abs,
                vec![arith(num(90.0), ArithOp::Subtract, base)],
            )),
        },
        3 if place.past > 0 => {
            let func = tape.pick(&[Quantifier::Max, Quantifier::Min]);
            quantify(tape, place, func, |tape, inner| {
                Some(since(truth_of(tape, &inner.earlier())))
            })
        }
        _ => base,
    }
}

fn text_of(tape: &mut Tape<'_>, place: &Place) -> Expr {
    let inner = place.deeper();
    match tape.below(if place.depth == 0 { 8 } else { 12 }) {
        0 | 1 => signal("service", key_of(tape, place), "state"),
        2 => plain("mode"),
        3 => label(tape.pick(&["role", "site"])),
        4 => patch(tape.pick(&PATCHES), tape.pick(&["state", "state", "code"])),
        5 if !place.services.is_empty() => node(Node::InstanceKey(tape.pick(&place.services))),
        6 if !place.logins.is_empty() => field(tape.pick(&place.logins), "user"),
        5..=7 => node(Node::Watch(WatchId(0), WatchField::Phase)),
        8 => coalesce(text_of(tape, &inner), text_of(tape, &inner)),
        9 => at(
            text_of(tape, &place.earlier()),
            time_of(tape, &place.earlier()),
        ),
        10 => last(event_of(tape, place), "user"),
        _ => node(Node::Call(Builtin::Upper, vec![text_of(tape, &inner)])),
    }
}

fn time_of(tape: &mut Tape<'_>, place: &Place) -> Expr {
    match tape.below(if place.depth == 0 { 4 } else { 7 }) {
        0 => time(START + tape.span()),
        1 => node(Node::Watch(WatchId(0), WatchField::Opened)),
        2 if !place.logins.is_empty() => field(tape.pick(&place.logins), "time"),
        2 | 3 => patch(tape.pick(&PATCHES), "since"),
        4 => arith(
            time_of(tape, &place.deeper()),
            tape.pick(&[ArithOp::Add, ArithOp::Subtract]),
            num(60.0),
        ),
        5 => coalesce(
            time_of(tape, &place.deeper()),
            time_of(tape, &place.deeper()),
        ),
        _ => last(event_of(tape, place), "time"),
    }
}

fn list_of(tape: &mut Tape<'_>, place: &Place) -> Expr {
    match tape.below(if place.depth == 0 { 3 } else { 5 }) {
        0 => node(Node::Literal(Value::List(
            ["A", "C", "up"]
                .map(|t| Value::Text(t.into()))
                .to_vec()
                .into(),
        ))),
        1 => node(Node::Watch(WatchId(0), WatchField::Kbs)),
        2 => node(Node::ListOf(vec![txt("B"), label("role")])),
        3 => node(Node::ListOf(vec![
            text_of(tape, &place.deeper()),
            txt("down"),
        ])),
        _ => quantify(tape, place, Quantifier::List, |tape, inner| {
            Some(truth_of(tape, inner))
        }),
    }
}
