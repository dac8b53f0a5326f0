//! Points of the language by hand: small stories told to a device, asked of both evaluators.

mod world;

use query::history::{Phase, RunFacts, WatchStep};
use query::ir::{
    Anchor, ArithOp, CompareOp, Dur, Key, Node, Quantifier, WatchField, WatchId, WindowFunc,
};
use query::value::Value;
use storage::{Nanos, SECOND};
use world::*;

/// Noon of some day; seconds after it.
fn s(seconds: i64) -> Nanos {
    1_000_000 * MINUTE + seconds * SECOND
}
fn says(value: &str) -> Value {
    Value::Text(value.into())
}
fn is(value: f64) -> Value {
    Value::Number(value)
}
const YES: Value = Value::Bool(true);
const NO: Value = Value::Bool(false);
const UNKNOWN: Value = Value::Unknown;

fn cpu(value: f64) -> Fact {
    Fact::Sample("device", "", "cpu", number(value))
}
fn uptime(seconds: f64) -> Fact {
    Fact::Sample("device", "", "uptime", number(seconds))
}
fn boot_id(id: &str) -> Fact {
    Fact::Sample("device", "", "boot_id", text(id))
}
fn pending(value: bool) -> Fact {
    Fact::Sample("device", "", "pending_reboot", truth(value))
}
fn kb(name: &'static str, time: Nanos, more: &[(&'static str, storage::Value)]) -> Fact {
    let mut fields = vec![("kb", text("KB1"))];
    fields.extend(more.iter().cloned());
    Fact::Event(name, time, fields)
}
fn boot(time: Nanos) -> Fact {
    Fact::Event("boot", time, Vec::new())
}
/// A device told these facts, each list by a report of that second.
fn device(reports: &[(i64, &[Fact])]) -> Told {
    let mut told = Told::default();
    for (at, facts) in reports {
        told.tell(s(*at), s(*at), facts);
    }
    told
}
#[track_caller]
fn states(told: &Told, field: &str, expected: &[(i64, Value)]) {
    for (at, value) in expected {
        told.check(&patch("KB1", field), s(*at), value.clone());
    }
}

#[test]
fn a_patch_goes_through_its_states() {
    let told = device(&[
        (0, &[kb("patch.scheduled", s(0), &[])]),
        (10, &[kb("patch.missing", s(10), &[])]),
        (20, &[kb("patch.staged", s(20), &[])]),
        (30, &[kb("patch.staged", s(30), &[])]),
        (40, &[kb("patch.started", s(40), &[])]),
        (50, &[kb("patch.failed", s(50), &[("code", text("0x1"))])]),
        (60, &[kb("patch.removed", s(60), &[])]),
    ]);
    states(
        &told,
        "state",
        &[
            (5, UNKNOWN),
            (10, says("missing")),
            (39, says("staged")),
            (40, says("installing")),
        ],
    );
    states(
        &told,
        "state",
        &[(50, says("failed")), (60, says("removed"))],
    );
    states(
        &told,
        "code",
        &[(45, UNKNOWN), (55, says("0x1")), (65, UNKNOWN)],
    );
    // a repeated state keeps its since
    states(
        &told,
        "since",
        &[(35, Value::Time(s(20))), (45, Value::Time(s(40)))],
    );
}

#[test]
fn installed_waits_for_the_boot_when_it_says_so() {
    let required = kb(
        "patch.installed",
        s(10),
        &[("reboot_required", truth(true))],
    );
    let told = device(&[(10, &[required]), (100, &[boot(s(100))])]);
    states(
        &told,
        "state",
        &[
            (10, says("pending_reboot")),
            (99, says("pending_reboot")),
            (100, says("installed")),
        ],
    );
    states(
        &told,
        "since",
        &[(99, Value::Time(s(10))), (100, Value::Time(s(100)))],
    );
}

#[test]
fn a_boot_at_the_very_instant_of_the_installation_was_not_after_it() {
    let required = kb(
        "patch.installed",
        s(10),
        &[("reboot_required", truth(true))],
    );
    let told = device(&[(10, &[required, boot(s(10))]), (90, &[])]);
    states(
        &told,
        "state",
        &[(10, says("pending_reboot")), (90, says("pending_reboot"))],
    );
}

#[test]
fn installed_waits_while_the_device_says_so_and_no_boot_came() {
    let told = device(&[
        (10, &[kb("patch.installed", s(10), &[])]),
        (20, &[pending(true)]),
        (30, &[pending(false)]),
        (40, &[pending(true)]),
        (50, &[boot(s(50))]),
        (60, &[pending(true)]),
    ]);
    let (waits, done) = (says("pending_reboot"), says("installed"));
    states(
        &told,
        "state",
        &[(10, done.clone()), (20, waits.clone()), (30, done.clone())],
    );
    states(
        &told,
        "state",
        &[(40, waits), (50, done.clone()), (60, done)],
    );
}

#[test]
fn started_without_a_result_is_a_zombie_after_the_boot() {
    let told = device(&[
        (10, &[kb("patch.started", s(10), &[])]),
        (50, &[boot(s(50))]),
        (90, &[]),
    ]);
    states(
        &told,
        "state",
        &[(49, says("installing")), (90, says("installing"))],
    );
}

#[test]
fn a_new_boot_id_is_a_boot_at_report_time_less_uptime() {
    let told = device(&[
        (0, &[boot_id("a"), uptime(500.0)]),
        (60, &[boot_id("a"), uptime(5.0)]),
        (120, &[boot_id("b"), uptime(20.0)]),
    ]);
    let boots = count(event("boot"), HOUR);
    // the first id is no boot, and uptime does not count where both reports have ids
    told.check(&boots, s(119), is(1.0));
    told.check(&boots, s(99), is(0.0));
    told.check(&last(event("boot"), "time"), s(120), Value::Time(s(100)));
    told.check(&last(event("boot"), "boot_id"), s(120), says("b"));
}

#[test]
fn a_fallen_uptime_is_a_boot_when_it_began_after_the_last_report() {
    let told = device(&[
        (0, &[uptime(500.0)]),
        (60, &[uptime(57.0)]),
        (120, &[uptime(118.0)]),
        (200, &[uptime(60.0)]),
    ]);
    // 60 − 57 = 3 s after the report before
    told.check(&count(event("boot"), HOUR), s(60), is(1.0));
    told.check(&count(event("boot"), HOUR), s(200), is(2.0));
    let told = device(&[(0, &[uptime(500.0)]), (60, &[uptime(58.0)])]);
    told.check(&count(event("boot"), HOUR), s(60), is(0.0));
}

#[test]
fn one_boot_is_one_however_it_became_known() {
    let told = device(&[
        (0, &[boot_id("a"), uptime(500.0)]),
        (60, &[boot(s(55))]),
        (120, &[boot_id("b"), uptime(70.0)]),
        (
            180,
            &[Fact::Event("boot", s(170), vec![("boot_id", text("b"))])],
        ),
    ]);
    told.check(&count(event("boot"), HOUR), s(180), is(1.0));
    // the derived time wins
    told.check(&last(event("boot"), "time"), s(180), Value::Time(s(50)));
    // without ids, more than a minute apart: two
    let told = device(&[
        (60, &[boot(s(0))]),
        (70, &[boot(s(61))]),
        (80, &[boot(s(60))]),
    ]);
    told.check(&count(event("boot"), HOUR), s(80), is(2.0));
}

#[test]
fn a_label_holds_from_its_report_and_the_first_also_before() {
    let told = device(&[
        (10, &[Fact::Label("role", "sql")]),
        (20, &[Fact::Label("role", "web"), Fact::Label("site", "B")]),
    ]);
    told.check(&label("role"), s(-1000), says("sql"));
    told.check(&label("role"), s(19), says("sql"));
    told.check(&label("role"), s(20), says("web"));
    // set later: not set before
    told.check(&label("site"), s(19), says(""));
    told.check(&label("site"), s(20), says("B"));
    told.check(&label("client"), s(0), says("acme"));
}

#[test]
fn a_late_report_states_a_label_for_its_own_time() {
    let mut told = device(&[(100, &[Fact::Label("role", "sql")])]);
    told.tell(s(200), s(50), &[Fact::Label("role", "web")]);
    told.check(&label("role"), s(40), says("sql"));
    told.check(&label("role"), s(60), says("web"));
    told.check(&label("role"), s(100), says("sql"));
}

#[test]
fn silence_is_unknown_until_the_device_was_known_for_it() {
    let silent = no_within(event("heartbeat"), 60 * SECOND);
    let told = device(&[(0, &[])]);
    told.check(&silent, s(-1), UNKNOWN);
    told.check(&silent, s(0), NO);
    told.check(&silent, s(59), NO);
    told.check(&silent, s(60), YES);
    told.check(&no_within(event("login"), 60 * SECOND), s(59), UNKNOWN);
    told.check(&no_within(event("login"), 60 * SECOND), s(60), YES);
    // what never was heard of is never silent
    Told::default().check(&silent, s(60), UNKNOWN);
}

#[test]
fn silence_while_nobody_listened_is_unknown() {
    let mut told = device(&[(0, &[])]);
    told.outages = vec![(s(100), s(200))];
    let silent = no_within(event("heartbeat"), 60 * SECOND);
    told.check(&silent, s(99), YES);
    told.check(&silent, s(100), UNKNOWN);
    told.check(&silent, s(259), UNKNOWN);
    told.check(&silent, s(260), YES);
    // another event is not ours to hear live
    told.check(&no_within(event("login"), 60 * SECOND), s(150), YES);
    // heard in spite of it
    told.tell(s(250), s(250), &[]);
    told.check(&silent, s(255), NO);
}

#[test]
fn an_import_is_no_heartbeat() {
    let told = device(&[(0, &[Fact::Imported, cpu(5.0)])]);
    told.check(&count(event("heartbeat"), HOUR), s(10), is(0.0));
    told.check(&no_within(event("heartbeat"), 60 * SECOND), s(600), UNKNOWN);
    told.check(&plain("cpu"), s(10), is(5.0));
}

#[test]
fn reports_are_counted_in_the_devices_own_interval() {
    let told = device(&[(0, &[]), (60, &[Fact::Interval(300.0)])]);
    let silent = node(Node::Within {
        event: event("heartbeat"),
        duration: Dur::Reports(2.0),
        negated: true,
    });
    told.check(&silent, s(59), NO);
    told.check(&silent, s(60 + 599), NO);
    told.check(&silent, s(60 + 600), YES);
    // as known at that instant: two default intervals
    let told = device(&[(0, &[]), (600, &[Fact::Interval(300.0)])]);
    told.check(&silent, s(119), NO);
    told.check(&silent, s(120), YES);
}

#[test]
fn for_looks_at_both_ends_of_its_span() {
    let told = device(&[(0, &[cpu(10.0)]), (100, &[cpu(90.0)]), (200, &[cpu(90.0)])]);
    let held = hold(greater(plain("cpu"), num(50.0)), 60 * SECOND);
    told.check(&held, s(160) - 1, NO);
    told.check(&held, s(160), YES);
    // no sample later than 200: known for 5 min, and then it is not known to be false
    told.check(&held, s(499), YES);
    told.check(&held, s(500), UNKNOWN);
    told.check(&hold(known(plain("cpu")), 60 * SECOND), s(500), NO);
}

#[test]
fn within_is_open_at_its_older_end() {
    let told = device(&[(0, &[]), (100, &[Fact::Event("login", s(100), vec![])])]);
    let seen = within(event("login"), 60 * SECOND);
    told.check(&seen, s(100) - 1, NO);
    told.check(&seen, s(100), YES);
    told.check(&seen, s(160) - 1, YES);
    told.check(&seen, s(160), NO);
    told.check(&count(event("login"), 60 * SECOND), s(160) - 1, is(1.0));
    told.check(&count(event("login"), 60 * SECOND), s(160), is(0.0));
}

#[test]
fn a_sample_holds_up_to_but_not_including() {
    let told = device(&[(0, &[cpu(10.0)])]);
    told.check(&plain("cpu"), s(0) - 1, UNKNOWN);
    told.check(&plain("cpu"), s(0), is(10.0));
    told.check(&plain("cpu"), s(300) - 1, is(10.0));
    told.check(&plain("cpu"), s(300), UNKNOWN);
    let told = device(&[(0, &[pending(true)])]);
    told.check(&plain("pending_reboot"), s(0) + 1000 * HOUR, YES);
}

#[test]
fn of_equal_times_the_last_arrival_reads() {
    let mut told = device(&[(0, &[cpu(10.0)])]);
    told.tell(s(5), s(0), &[cpu(20.0)]);
    told.check(&plain("cpu"), s(6), is(20.0));
    told.check(
        &over(WindowFunc::Count, plain("cpu"), MINUTE),
        s(6),
        is(1.0),
    );
}

#[test]
fn under_a_floor_only_what_was_seen_since_counts() {
    let auto = Fact::Sample("service", "A", "start", text("auto"));
    let up = Fact::Sample("service", "A", "state", text("up"));
    let told = device(&[(0, &[up.clone(), auto]), (60, &[]), (90, &[up])]);
    let mut scope = told.scope();
    scope.floor = Some(s(50));
    let ask = |expr: &query::ir::Expr, at: Nanos| {
        let plain = query::plain::eval(expr, &scope, at, &query::eval::Env::Empty);
        assert_eq!(scope.eval(expr, at, &query::eval::Env::Empty).value, plain);
        plain
    };
    assert_eq!(ask(&service("A", "state"), s(60)), UNKNOWN);
    assert_eq!(ask(&service("A", "state"), s(90)), says("up"));
    // what holds for ever is not asked again
    assert_eq!(ask(&service("A", "start"), s(60)), says("auto"));
    // as it was before the floor
    assert_eq!(
        ask(&at(service("A", "state"), time(s(10))), s(60)),
        says("up")
    );
    assert_eq!(
        ask(
            &over(WindowFunc::Count, service("A", "state"), MINUTE),
            s(55)
        ),
        is(0.0)
    );
}

#[test]
fn at_sees_what_was_known_at_that_instant() {
    let mut told = device(&[(0, &[cpu(10.0)]), (60, &[])]);
    told.tell(
        s(90),
        s(30),
        &[cpu(20.0), Fact::Sample("service", "A", "state", text("up"))],
    );
    told.check(&at(plain("cpu"), time(s(60))), s(100), is(10.0));
    told.check(&at(plain("cpu"), time(s(90))), s(100), is(20.0));
    told.check(&at(plain("cpu"), time(s(200))), s(100), UNKNOWN);
    let services = services(Quantifier::Count, None, None);
    told.check(&at(services.clone(), time(s(60))), s(100), is(0.0));
    told.check(&services, s(60), is(1.0));
}

#[test]
fn a_patch_at_an_instant_is_as_it_was_known() {
    let mut told = device(&[
        (0, &[kb("patch.started", s(0), &[])]),
        (60, &[kb("patch.installed", s(60), &[])]),
    ]);
    told.tell(s(90), s(90), &[kb("patch.failed", s(70), &[])]);
    told.check(&patch("KB1", "state"), s(80), says("failed"));
    told.check(
        &at(patch("KB1", "state"), time(s(80))),
        s(100),
        says("installed"),
    );
}

#[test]
fn a_watch_is_in_the_phase_that_took_effect() {
    let mut told = device(&[(0, &[])]);
    let step = |effective, decided, phase| WatchStep {
        effective: s(effective),
        decided: s(decided),
        phase,
        facts: RunFacts::default(),
    };
    told.device
        .watch_mut(WatchId(0))
        .push(step(10, 10, Phase::Open));
    told.device
        .watch_mut(WatchId(0))
        .push(step(30, 60, Phase::Down));
    let phase = node(Node::Watch(WatchId(0), WatchField::Phase));
    told.check(&phase, s(9), says("none"));
    told.check(&phase, s(29), says("open"));
    told.check(&phase, s(30), says("down"));
    // at 40 nobody knew yet
    told.check(&at(phase, time(s(40))), s(100), says("open"));
}

#[test]
fn windows_over_an_hour_move_in_steps_in_rules() {
    let mut told = device(&[(0, &[cpu(10.0)]), (60, &[cpu(20.0)]), (130, &[cpu(90.0)])]);
    let mean = over(WindowFunc::Avg, plain("cpu"), 2 * HOUR);
    // two hours: steps of two minutes
    told.check(&mean, s(119), is(10.0));
    told.check(&mean, s(150), is(15.0));
    told.stepped = false;
    told.check(&mean, s(150), is(40.0));
}

#[test]
fn a_window_is_open_at_its_older_end() {
    let told = device(&[(0, &[cpu(10.0)]), (60, &[cpu(20.0)])]);
    let mean = over(WindowFunc::Avg, plain("cpu"), MINUTE);
    told.check(&mean, s(60) - 1, is(10.0));
    told.check(&mean, s(60), is(20.0));
    told.check(&mean, s(120), UNKNOWN);
    told.check(
        &over(WindowFunc::Count, plain("cpu"), MINUTE),
        s(120),
        is(0.0),
    );
    let before = window(
        WindowFunc::Sum,
        plain("cpu"),
        HOUR,
        Anchor::Before(Box::new(time(s(30)))),
        false,
    );
    told.check(&before, s(60), is(10.0));
    let after = window(
        WindowFunc::Sum,
        plain("cpu"),
        HOUR,
        Anchor::After(Box::new(time(s(60)))),
        false,
    );
    told.check(&after, s(60), is(20.0));
}

#[test]
fn a_counter_restarts_and_never_counts_across_a_boot() {
    let sent = |value: f64| Fact::Sample("device", "", "sent", number(value));
    let told = device(&[
        (0, &[sent(100.0)]),
        (60, &[sent(150.0)]),
        (120, &[sent(30.0)]),
        (180, &[boot(s(150)), sent(70.0)]),
        (240, &[sent(90.0)]),
    ]);
    let over = |func| window(func, plain("sent"), HOUR, Anchor::Now, true);
    // 50, then 30 from 0; across the boot nothing; 20
    told.check(&over(WindowFunc::Delta), s(240), is(100.0));
    told.check(&over(WindowFunc::Rate), s(240), is(100.0 / 180.0));
    told.check(&over(WindowFunc::Delta), s(0), UNKNOWN);
    let gauge = window(WindowFunc::Delta, plain("sent"), HOUR, Anchor::Now, false);
    told.check(&gauge, s(240), is(-10.0));
}

#[test]
fn changes_skip_what_is_unknown() {
    let mode = |value: &str| Fact::Sample("device", "", "mode", text(value));
    // known for 90 s: unknown from 90 to 600
    let told = device(&[
        (0, &[mode("low")]),
        (600, &[mode("low")]),
        (660, &[mode("high")]),
        (1200, &[mode("low")]),
    ]);
    let changes = over(WindowFunc::Changes, plain("mode"), HOUR);
    told.check(&changes, s(600), is(0.0));
    told.check(&changes, s(660), is(1.0));
    // the last known value counts, however old
    told.check(
        &over(WindowFunc::Changes, plain("mode"), MINUTE),
        s(1200),
        is(1.0),
    );
    told.check(&changes, s(-10), is(0.0));
}

#[test]
fn since_ends_at_unknown() {
    let told = device(&[(0, &[cpu(90.0)]), (200, &[cpu(90.0)]), (600, &[cpu(90.0)])]);
    let long = since(greater(plain("cpu"), num(50.0)));
    told.check(&long, s(499), is(499.0));
    told.check(&long, s(550), UNKNOWN);
    told.check(&long, s(630), is(30.0));
    told.check(&node(Node::SinceEvent(event("boot"))), s(630), UNKNOWN);
    // what was always so counts from when the device is known
    told.check(&since(yes(true)), s(30), is(30.0));
}

#[test]
fn every_over_nothing_is_true_and_a_listed_one_never_seen_is_unknown() {
    let told = device(&[(0, &[Fact::Sample("service", "A", "state", text("up"))])]);
    let up = || Some(equal(signal("service", Key::Slot(0), "state"), txt("up")));
    let named = |names: &[&str]| {
        let list = names
            .iter()
            .map(|name| Value::Text((*name).into()))
            .collect::<Vec<_>>();
        node(Node::Literal(Value::List(list.into())))
    };
    let every = |names: &[&str]| {
        let filter = node(Node::In {
            value: Box::new(node(Node::InstanceKey(0))),
            list: Box::new(named(names)),
            negated: false,
        });
        family(
            "service",
            Quantifier::Every,
            Some(filter),
            up(),
            Some(named(names)),
        )
    };
    told.check(&services(Quantifier::Every, None, up()), s(-1), YES);
    told.check(&every(&["A"]), s(10), YES);
    told.check(&every(&["A", "B"]), s(10), UNKNOWN);
    told.check(&every(&["A"]), s(-1), UNKNOWN);
    // an unknown one is left out of both sides of a share
    told.check(&services(Quantifier::Share, None, up()), s(10), is(100.0));
    told.check(&services(Quantifier::Share, None, up()), s(400), UNKNOWN);
    told.check(&services(Quantifier::Count, None, None), s(400), is(1.0));
}

#[test]
fn unknown_is_neither_true_nor_false() {
    let told = device(&[(0, &[])]);
    let unknown = || greater(plain("cpu"), num(1.0));
    told.check(&node(Node::And(vec![unknown(), yes(false)])), s(0), NO);
    told.check(&node(Node::And(vec![yes(true), unknown()])), s(0), UNKNOWN);
    told.check(&node(Node::Or(vec![unknown(), yes(true)])), s(0), YES);
    told.check(&not(unknown()), s(0), UNKNOWN);
    told.check(&known(plain("cpu")), s(0), NO);
    told.check(&coalesce(plain("cpu"), num(3.0)), s(0), is(3.0));
    told.check(&arith(num(1.0), ArithOp::Divide, num(0.0)), s(0), UNKNOWN);
    told.check(
        &compare(plain("cpu"), CompareOp::NotEqual, num(1.0)),
        s(0),
        UNKNOWN,
    );
}
