//! What random search against the plain evaluator once found, each kept small under its own name.

mod world;

use query::eval::Env;
use query::ir::{Anchor, ArithOp, Builtin, CompareOp, Expr, Key, Node, Quantifier, WindowFunc};
use query::value::Value;
use storage::{Nanos, SECOND};
use world::*;

fn s(seconds: i64) -> Nanos {
    720_000 * SECOND + seconds * SECOND
}
fn says(value: &str) -> Value {
    Value::Text(value.into())
}
fn is(value: f64) -> Value {
    Value::Number(value)
}
const YES: Value = Value::Bool(true);
const NO: Value = Value::Bool(false);

fn cpu(value: f64) -> Fact {
    Fact::Sample("device", "", "cpu", number(value))
}
fn pending(value: bool) -> Fact {
    Fact::Sample("device", "", "pending_reboot", truth(value))
}
fn up(key: &'static str) -> Fact {
    Fact::Sample("service", key, "state", text("up"))
}
fn login(seconds: i64) -> Fact {
    Fact::Event("login", s(seconds), vec![("user", text("ann"))])
}
fn device(reports: &[(i64, &[Fact])]) -> Told {
    let mut told = Told::default();
    for (at, facts) in reports {
        told.tell(s(*at), s(*at), facts);
    }
    told
}

/// The bounds that the engine's evaluator gives at one second do not reach another, where it is different.
#[track_caller]
fn differs(told: &Told, expr: &Expr, at: i64, elsewhere: i64) {
    let known = told.fast(expr, s(at));
    assert_eq!(known.value, told.plain(expr, s(at)), "{}", show(expr));
    assert_ne!(
        known.value,
        told.plain(expr, s(elsewhere)),
        "no difference to tell: {}",
        show(expr)
    );
    let inside = known.since <= s(elsewhere) && s(elsewhere) < known.until;
    assert!(
        !inside,
        "{} at {at} reaches {elsewhere}: {known:?}",
        show(expr)
    );
}

/// The bounds do reach another second, and the number has moved by then.
#[track_caller]
fn moves(told: &Told, expr: &Expr, at: i64, elsewhere: i64) {
    let known = told.fast(expr, s(at));
    assert!(
        known.since <= s(elsewhere) && s(elsewhere) < known.until,
        "{} {known:?}",
        show(expr)
    );
    assert_eq!(
        known.value_at(s(elsewhere)),
        told.plain(expr, s(elsewhere)),
        "{}",
        show(expr)
    );
}

#[test]
fn a_filter_on_a_heartbeat_counts() {
    let told = device(&[(0, &[]), (60, &[pending(true)])]);
    let heard = |value| {
        within(
            event_where("heartbeat", equal(plain("pending_reboot"), yes(value))),
            MINUTE,
        )
    };
    told.check(&heard(true), s(30), NO);
    told.check(&heard(true), s(60), YES);
    told.check(&heard(false), s(60), NO);
}

#[test]
fn an_absence_ends_where_its_filter_turns() {
    let told = device(&[(0, &[login(0), cpu(90.0)]), (60, &[cpu(10.0)])]);
    let busy = event_where("login", greater(plain("cpu"), num(50.0)));
    differs(&told, &within(busy.clone(), 10 * MINUTE), 70, 30);
    differs(&told, &count(busy.clone(), 10 * MINUTE), 30, 70);
    differs(&told, &last(busy, "user"), 70, 30);
}

#[test]
fn a_count_before_an_unknown_time_waits_for_the_time() {
    let told = device(&[(0, &[]), (60, &[login(60)])]);
    let anchor = Anchor::Before(Box::new(last(event("login"), "time")));
    let counted = node(Node::CountEvents {
        event: event("heartbeat"),
        over: query::ir::Dur::Fixed(HOUR),
        anchor,
    });
    differs(&told, &counted, 30, 60);
}

#[test]
fn counted_heartbeats_do_not_crawl() {
    let told = device(&[(0, &[]), (60, &[]), (120, &[])]);
    let counted = count(event("heartbeat"), HOUR);
    assert_eq!(told.fast(&counted, s(300)).since, s(120));
    told.check(&hold(greater(counted, num(2.0)), MINUTE), s(300), YES);
}

#[test]
fn a_moving_number_meets_another_for_an_instant_without_crawling() {
    let told = device(&[(0, &[login(0)])]);
    let exactly = compare(
        node(Node::SinceEvent(event("login"))),
        CompareOp::NotEqual,
        num(60.0),
    );
    told.check(&hold(exactly.clone(), MINUTE), s(60), NO);
    told.check(&hold(exactly, MINUTE), s(121), YES);
}

#[test]
fn a_window_before_a_time_was_shorter_before_that_time() {
    let told = device(&[
        (0, &[cpu(1.0), login(0)]),
        (30, &[cpu(2.0), login(30)]),
        (60, &[]),
    ]);
    let anchor = || Anchor::Before(Box::new(time(s(60))));
    differs(
        &told,
        &window(WindowFunc::Sum, plain("cpu"), HOUR, anchor(), false),
        70,
        10,
    );
    differs(
        &told,
        &window(WindowFunc::Sum, plain("cpu"), HOUR, anchor(), false),
        10,
        40,
    );
    differs(
        &told,
        &window(WindowFunc::Changes, plain("cpu"), HOUR, anchor(), false),
        70,
        10,
    );
    differs(
        &told,
        &window(WindowFunc::Changes, plain("cpu"), HOUR, anchor(), false),
        10,
        40,
    );
    let over = query::ir::Dur::Fixed(HOUR);
    let counted = node(Node::CountEvents {
        event: event("login"),
        over,
        anchor: anchor(),
    });
    differs(&told, &counted, 70, 10);
    differs(&told, &counted, 10, 40);
}

#[test]
fn an_instance_exists_once_it_was_heard_of() {
    let mut told = device(&[(0, &[]), (60, &[])]);
    told.tell(s(90), s(30), &[up("A")]);
    let any = services(Quantifier::Any, None, Some(yes(true)));
    told.check(&at(any.clone(), time(s(60))), s(100), NO);
    told.check(&at(any, time(s(90))), s(100), YES);
}

#[test]
fn what_was_so_for_ever_moves_for_ever() {
    // true before anything was known; shifted by the span of the window it still is
    let told = device(&[(0, &[])]);
    let never = equal(over(WindowFunc::Changes, plain("cpu"), MINUTE), num(0.0));
    told.check(&since(hold(never, MINUTE)), s(30), is(30.0));
    told.check(&since(yes(true)), s(-30), is(0.0));
    differs(&told, &since(yes(true)), -30, 30);
}

#[test]
fn steps_of_a_window_end_where_the_history_does() {
    let told = device(&[(0, &[])]);
    let none = not(known(over(WindowFunc::Min, plain("cpu"), 2 * HOUR)));
    told.check(&since(none), s(90), is(90.0));
}

#[test]
fn a_run_under_a_floor_begins_at_a_sample_above_it() {
    let mut told = device(&[(120, &[up("A")])]);
    told.tell(s(130), s(-120), &[up("A")]);
    let mut scope = told.scope();
    scope.floor = Some(s(0));
    let known = scope.eval(&service("A", "state"), s(120), &Env::Empty);
    assert_eq!((known.value, known.since), (says("up"), s(120)));
}

#[test]
fn equal_times_are_all_mended_by_a_late_sample() {
    let mut told = device(&[(0, &[cpu(1.0)])]);
    told.tell(s(61), s(60), &[cpu(3.0)]);
    told.tell(s(62), s(60), &[cpu(1.0)]);
    told.tell(s(63), s(30), &[cpu(2.0)]);
    differs(&told, &plain("cpu"), 70, 40);
}

#[test]
fn a_late_word_on_pending_reboot_ends_at_the_next() {
    let installed = Fact::Event("patch.installed", s(0), vec![("kb", text("KB1"))]);
    let mut told = device(&[(0, &[installed, pending(true)]), (60, &[pending(true)])]);
    told.tell(s(70), s(30), &[pending(false)]);
    told.check(&patch("KB1", "state"), s(40), says("installed"));
    told.check(&patch("KB1", "state"), s(60), says("pending_reboot"));
}

#[test]
fn an_older_boot_that_moves_moves_its_patches() {
    let installed = Fact::Event(
        "patch.installed",
        s(0),
        vec![("kb", text("KB1")), ("reboot_required", truth(true))],
    );
    let identity = |id: &str, uptime: f64| {
        [
            Fact::Sample("device", "", "boot_id", text(id)),
            Fact::Sample("device", "", "uptime", number(uptime)),
        ]
    };
    let boot = |at: i64| Fact::Event("boot", s(at), Vec::new());
    let mut told = device(&[
        (0, &[installed, boot(100), boot(900)]),
        (1, &identity("a", 5.0)),
    ]);
    told.tell(s(100), s(100), &[boot(100)]);
    told.tell(s(900), s(900), &[boot(900)]);
    told.check(&patch("KB1", "state"), s(100), says("installed"));
    // the first of the two boots turns out to be a little earlier
    told.tell(s(950), s(150), &identity("b", 70.0));
    told.check(&patch("KB1", "state"), s(79), says("pending_reboot"));
    told.check(&patch("KB1", "state"), s(80), says("installed"));
}

#[test]
fn a_state_overtaken_at_its_own_instant_never_was() {
    let told = device(&[
        (
            0,
            &[Fact::Event("patch.staged", s(0), vec![("kb", text("KB1"))])],
        ),
        (
            60,
            &[
                Fact::Event("patch.missing", s(60), vec![("kb", text("KB1"))]),
                Fact::Event("patch.staged", s(60), vec![("kb", text("KB1"))]),
            ],
        ),
    ]);
    told.check(&patch("KB1", "since"), s(60), Value::Time(s(0)));
    told.check(
        &over(WindowFunc::Count, patch("KB1", "state"), HOUR),
        s(60),
        is(1.0),
    );
}

#[test]
fn a_let_does_not_see_what_is_bound_around_it() {
    let mut told = device(&[(0, &[up("A")]), (60, &[up("B")])]);
    let all_up = services(
        Quantifier::Every,
        None,
        Some(equal(signal("service", Key::Slot(0), "state"), txt("up"))),
    );
    told.program.lets.push(query::ir::Let {
        name: "all_up".into(),
        value: all_up,
    });
    let counted = over(
        WindowFunc::Count,
        node(Node::Let(query::ir::LetId(0))),
        HOUR,
    );
    let key = "A".into();
    let env = Env::Instance(0, &key, &Env::Empty);
    assert_eq!(told.scope().eval(&counted, s(60), &env).value, is(2.0));
    assert_eq!(
        query::plain::eval(&counted, &told.scope(), s(60), &env),
        is(2.0)
    );
}

#[test]
fn a_boot_belongs_to_its_id_before_its_neighbour() {
    let boot = |at: i64, id: Option<&str>| {
        let id = id.map(|id| ("boot_id", text(id)));
        Fact::Event("boot", s(at), id.into_iter().collect())
    };
    let told = device(&[(
        100,
        &[boot(0, None), boot(90, Some("c")), boot(40, Some("c"))],
    )]);
    told.check(&count(event("boot"), HOUR), s(100), is(2.0));
    // of two neighbours the nearer
    let mut told = device(&[(100, &[boot(0, Some("a")), boot(90, Some("b"))])]);
    told.tell(
        s(110),
        s(110),
        &[Fact::Event("boot", s(50), vec![("clean", truth(false))])],
    );
    told.check(&last(event("boot"), "clean"), s(110), NO);
}

#[test]
fn the_most_of_numbers_that_grow_grows() {
    let told = device(&[(0, &[up("A")])]);
    let long = since(equal(signal("service", Key::Slot(0), "state"), txt("up")));
    moves(
        &told,
        &services(Quantifier::Max, None, Some(long.clone())),
        10,
        20,
    );
    let sum = || services(Quantifier::Sum, None, Some(long.clone()));
    moves(&told, &arith(sum(), ArithOp::Add, num(1.0)), 20, 10);
    moves(
        &told,
        &arith(
            sum(),
            ArithOp::Subtract,
            node(Node::Negate(Box::new(sum()))),
        ),
        20,
        10,
    );
}

#[test]
fn functions_of_numbers_that_grow_say_how_long_they_hold() {
    let told = device(&[(0, &[login(0)])]);
    let left = || {
        arith(
            num(60.0),
            ArithOp::Subtract,
            node(Node::SinceEvent(event("login"))),
        )
    };
    let call = |function| node(Node::Call(function, vec![left()]));
    for at in [10, 59, 60, 61, 200] {
        let known = told.fast(&call(Builtin::Abs), s(at));
        assert!(known.since <= s(at) && s(at) < known.until, "{known:?}");
    }
    differs(&told, &call(Builtin::Abs), 10, 70);
    moves(&told, &call(Builtin::Abs), 10, 20);
    moves(&told, &call(Builtin::Abs), 70, 80);
    differs(&told, &call(Builtin::Round), 10, 11);
    differs(&told, &call(Builtin::Round), 11, 10);
    told.check(
        &hold(greater(call(Builtin::Round), num(30.0)), 10 * SECOND),
        s(20),
        YES,
    );
}
