//! The front half of the language: rule files and queries in, checked programs or errors out.

use query::catalog::Catalog;
use query::check::{self, Source};
use query::diagnostic::{Diagnostic, render};
use query::ir::{Builtin, Dur, EventField, EventKind, Expr, Key, Node, Program, Scope};
use query::ir_query::{AggregateFunc, Query, Stage};
use query::value::{Type, Unit};
use std::fmt::Write;
use std::path::Path;
use storage::{SECOND, TableKind, ValueType};

/// The shipped rules.
const STANDARD: &str = include_str!("../../rules/standard.rules");

fn program(text: &str) -> Program {
    let sources = [Source::new("test.rules", text)];
    let checked = check::program(&sources);
    match checked.program {
        Some(program) => program,
        None => panic!("{}", render(&checked.diagnostics, &sources, false)),
    }
}

fn errors(text: &str) -> Vec<Diagnostic> {
    check::program(&[Source::new("test.rules", text)]).diagnostics
}

/// The checked value of `let x = …`.
fn value(text: &str) -> Expr {
    let program = program(&format!("let x = {text}"));
    program.lets.into_iter().next().expect("one let").value
}

fn query(text: &str) -> Query {
    let program = program(STANDARD);
    match check::query(text, &program.catalog, &program) {
        Ok(query) => query,
        Err(found) => panic!("{}", render(&found, &[Source::new("query", text)], false)),
    }
}

/// A stable short form of an expression's node.
fn form(expr: &Expr) -> String {
    let debug = format!("{:?}", expr.node);
    let mut out = String::new();
    let mut rest = debug.as_str();
    while let Some(at) = rest.find(", span: Span {") {
        out.push_str(&rest[..at]);
        let tail = &rest[at..];
        rest = &tail[tail.find('}').map_or(tail.len(), |end| end + 1)..];
    }
    out.push_str(rest);
    out
}

/// The shape of an expression with its operators in front.
fn shape(expr: &Expr) -> String {
    let joined = |word: &str, items: &[Expr]| {
        let items: Vec<String> = items.iter().map(shape).collect();
        format!("({word} {})", items.join(" "))
    };
    match &expr.node {
        Node::Literal(value) => query::value::print(value, &expr.ty),
        Node::Label(name) => name.to_string(),
        Node::Signal { .. } => "s".to_string(),
        Node::Or(items) => joined("or", items),
        Node::And(items) => joined("and", items),
        Node::ListOf(items) => joined("list", items),
        Node::Not(value) => format!("(not {})", shape(value)),
        Node::Negate(value) => format!("(neg {})", shape(value)),
        Node::Compare { op, left, right } => format!("({op:?} {} {})", shape(left), shape(right)),
        Node::Arith { op, left, right } => format!("({op:?} {} {})", shape(left), shape(right)),
        Node::Coalesce(left, right) => format!("(?? {} {})", shape(left), shape(right)),
        Node::At { value, .. } => format!("(at {})", shape(value)),
        Node::For { value, .. } => format!("(for {})", shape(value)),
        Node::In {
            value,
            list,
            negated,
        } => {
            let word = if *negated { "not-in" } else { "in" };
            format!("({word} {} {})", shape(value), shape(list))
        }
        Node::IsKnown { value, .. } => format!("(known {})", shape(value)),
        Node::Matches { text, pattern, .. } => format!("(~ {} {})", shape(text), shape(pattern)),
        other => format!("{other:?}")
            .split([' ', '('])
            .next()
            .unwrap_or_default()
            .to_string(),
    }
}

#[test]
fn operators_bind_as_the_grammar_says() {
    for (text, expected) in [
        (
            "true or false and not true",
            "(or true (and false (not true)))",
        ),
        ("(true or false) and true", "(and (or true false) true)"),
        ("true or false or true", "(or true false true)"),
        ("true and false for 5m", "(for (and true false))"),
        ("true and (false for 5m)", "(and true (for false))"),
        ("1 + 2 * 3 - 4", "(Subtract (Add 1 (Multiply 2 3)) 4)"),
        ("8 / 4 / 2", "(Divide (Divide 8 4) 2)"),
        ("-1 + 2", "(Add (neg 1) 2)"),
        ("not 1 + 1 = 2", "(not (Equal (Add 1 1) 2))"),
        ("1 != 2", "(NotEqual 1 2)"),
        ("1 < 2", "(Less 1 2)"),
        ("1 <= 2", "(LessEqual 1 2)"),
        ("1 > 2", "(Greater 1 2)"),
        ("1 >= 2", "(GreaterEqual 1 2)"),
        (
            "cpu at last(boot).time ?? 5% > 3%",
            "(Greater (?? (at s) 5.0%) 3.0%)",
        ),
        ("cpu ?? mem ?? 1%", "(?? s (?? s 1.0%))"),
        (
            "class not in [\"a\"] and os in [\"b\", \"c\"]",
            "(and (not-in class (list a)) (in os (list b c)))",
        ),
        (
            "class ~ \"a\" or cpu is known",
            "(or (~ class a) (known s))",
        ),
        ("1.5d", "1d12h"),
        ("250ms", "250ms"),
        ("10MiB/s", "10MiB/s"),
        ("10 / s", "(Divide 10 s)"),
        ("10/s", "10/s"),
        ("2e3", "2000"),
        ("2026-06-09T02:00:00Z", "2026-06-09T02:00:00Z"),
        ("\"a\\\"b\\\\c{d}\"", "a\"b\\c{d}"),
    ] {
        let program = program(&format!("signal s gauge number let x = {text}"));
        assert_eq!(shape(&program.lets[0].value), expected, "{text}");
    }
}

#[test]
fn standard_rules_check() {
    let program = program(STANDARD);
    assert_eq!(program.rules.len(), 10);
    assert_eq!(program.watches.len(), 2);
    assert!(program.offline.is_some());
    assert_eq!(program.suppressions[0].watches.len(), 1);
    assert_eq!(program.suppressions[0].targets.len(), 2);
    let post_patch = &program.watches[0];
    assert_eq!(post_patch.open, Dur::Fixed(86_400 * SECOND));
    assert_eq!(post_patch.back, Some(Dur::Fixed(1_800 * SECOND)));
    assert_eq!(post_patch.cancel.as_ref().map(|c| c.slot), Some(1));
}

#[test]
fn order_follows_use() {
    let program = program(
        "rule a when b.firing alert warn \"\"
         rule b when w.open alert warn \"\"
         rule c when cpu > 5% alert warn \"\"
         watch v on patch.started as p open 1h verify within 5m w.open
         watch w on patch.started as p open 1h verify within 5m w.phase = \"open\"
         suppress b while c.firing max 1h reason \"\"",
    );
    let rules: Vec<u32> = program.rule_order.iter().map(|id| id.0).collect();
    let watches: Vec<u32> = program.watch_order.iter().map(|id| id.0).collect();
    assert_eq!((rules, watches), (vec![2, 1, 0], vec![1, 0]));
}

#[test]
fn units_come_out_right() {
    let plain = Unit::PLAIN;
    for (text, unit) in [
        ("1.5 * avg(cpu over 10m)", Unit::PERCENT),
        ("cpu - 15%", Unit::PERCENT),
        ("disk[\"C:\"].free / disk[\"C:\"].size", plain),
        ("50% * disk[\"C:\"].size", Unit::BYTES),
        (
            "rate(net[\"eth0\"].sent over 5m)",
            Unit {
                per_second: true,
                ..Unit::BYTES
            },
        ),
        ("rate(net[\"eth0\"].sent over 5m) * 60s", Unit::BYTES),
        ("10GiB / 10MiB/s", Unit::DURATION),
        ("last(boot).time - last(patch.started).time", Unit::DURATION),
        ("since(pending_reboot)", Unit::DURATION),
        ("since(patch.started)", Unit::DURATION),
        ("max(disk.used)", Unit::BYTES),
        ("max(cpu over 5m)", Unit::PERCENT),
        ("count(service[state = \"running\"])", plain),
        ("share(service.state = \"running\")", Unit::PERCENT),
        ("count(patch.failed over 1d)", plain),
        ("changes(pending_reboot over 1d)", plain),
        ("uptime ?? 5s", Unit::DURATION),
        ("-cpu", Unit::PERCENT),
    ] {
        assert_eq!(value(text).ty, Type::Number(unit), "{text}");
    }
    assert_eq!(value("last(boot).time + 5m").ty, Type::Time);
    assert_eq!(
        value("list(service[state = \"stopped\"])").ty,
        Type::texts()
    );
}

#[test]
fn a_ratio_meets_percent() {
    // 0..1 against 0..100: the ratio is multiplied, so that evaluation needs no units.
    for text in [
        "any(disk.free / disk.size < 10%)",
        "min(disk.free / disk.size) < 10%",
        "10% > disk[\"C:\"].free / disk[\"C:\"].size",
    ] {
        assert!(form(&value(text)).contains("Number(100.0)"), "{text}");
    }
    assert!(!form(&value("any(disk.free / disk.size < 0.1)")).contains("100.0"));
    let two = program("let share = disk[\"C:\"].free / disk[\"C:\"].size let low = share < 10%");
    assert!(form(&two.lets[1].value).contains("Number(100.0)"));
}

#[test]
fn names_mean_what_the_order_says() {
    let program = program(
        "let mem = cpu
         label team
         rule a each service as cpu when cpu.state = \"x\" and mem > 5% and team = \"t\" alert warn \"{cpu.name}\"
         rule b on patch.failed[kb = \"K\" and class = \"security\"] as f settle 1m
           where class = \"server\" clear patch[f.kb].state = \"installed\" key f.kb alert info \"\"
         rule c when any(service[state = \"x\" and name in [\"A\"]].start = class) alert warn \"\"",
    );
    assert!(matches!(
        program.lets[0].value.node,
        Node::Signal {
            key: Key::Plain,
            ..
        }
    ));
    let a = form(program.rules[0].when.as_ref().expect("when"));
    assert!(
        a.contains("key: Slot(0)") && a.contains("Let(LetId(0))") && a.contains("Label(\"team\")"),
        "{a}"
    );
    let Scope::On { event, settle } = &program.rules[1].scope else {
        panic!("an on rule")
    };
    assert_eq!((event.slot, *settle), (0, Dur::Fixed(60 * SECOND)));
    let filter = form(event.filter.as_ref().expect("filter"));
    assert!(
        filter.contains("Event { slot: 0, field: Named(\"class\") }"),
        "{filter}"
    );
    let place = form(program.rules[1].where_.as_ref().expect("where"));
    assert!(place.contains("Label(\"class\")"), "{place}");
    let clear = form(program.rules[1].clear.as_ref().expect("clear"));
    assert!(
        clear.contains("key: Expr(Expr { node: Event { slot: 0, field: Named(\"kb\") }"),
        "{clear}"
    );
    let c = form(program.rules[2].when.as_ref().expect("when"));
    assert!(
        c.contains("InstanceKey(0)")
            && c.contains("listed: Some(")
            && c.contains("Label(\"class\")"),
        "{c}"
    );
}

#[test]
fn a_rule_may_be_called_like_a_signal() {
    let program = program(
        "rule cpu when cpu > 90% alert warn \"\"
         rule service when any(service.state = \"stopped\") and not cpu.firing alert warn \"\"",
    );
    assert_eq!(
        program.rule_order.iter().map(|id| id.0).collect::<Vec<_>>(),
        [0, 1]
    );
}

#[test]
fn a_text_stands_in_for_unknown_in_messages() {
    program("rule a when pending_reboot alert warn \"{uptime ?? since(boot) ?? \"never\"} {{x}}\"");
    assert!(!errors("let a = uptime ?? \"never\"").is_empty());
}

#[test]
fn the_catalogue_may_stand_beside_the_rules() {
    let sources = [
        Source::new("catalog.rules", include_str!("../../rules/catalog.rules")),
        Source::new("standard.rules", STANDARD),
    ];
    assert!(check::program(&sources).program.is_some());
}

#[test]
fn expressions_lower() {
    let check = |text: &str, part: &str| {
        let found = form(&value(text));
        assert!(found.contains(part), "{text}\n{found}\nlacks {part}");
    };
    check(
        "no heartbeat within 3 reports",
        "event: Heartbeat, filter: None, slot: 0 }, duration: Reports(3.0), negated: true",
    );
    check("boot within 5m", "event: Boot");
    check("cpu > 5% for 5m", "For { value: Expr { node: Compare");
    check("not cpu is known", "Not(Expr { node: IsKnown");
    check("cpu is not known", "negated: true");
    check("last(heartbeat).time", "field: Time");
    check(
        "last(reboot.started).cause ?? \"none\"",
        "Coalesce(Expr { node: LastEvent",
    );
    check("hresult(\"0x80070002\")", "Call(Hresult");
    check("class ~ \"^srv\"", "regex: Some");
    check("cpu at last(boot).time", "At { value: Expr { node: Signal");
    check("avg(cpu over 1d before last(boot).time)", "anchor: Before(");
    check("rate(net[\"e\"].sent over 5m)", "counter: true");
    check(
        "every(service[name in [\"A\", \"B\"]].state = \"running\")",
        "listed: Some(Expr { node: ListOf(",
    );
    check(
        "patch.failed[kb = last(patch.started[kb = \"x\"]).kb] within 1h",
        "slot: 1",
    );
    check("class in [] or pending_reboot", "ListOf([])");
    assert_eq!(value("hresult(\"x\")").ty, Type::Text);
    assert!(matches!(value("abs(-5)").node, Node::Call(Builtin::Abs, _)));
    let last = value("last(patch.failed).code");
    let Node::LastEvent { event, field } = last.node else {
        panic!("last")
    };
    assert!(matches!(event.event, EventKind::Stored(_)));
    assert_eq!(field, EventField::Named("code".into()));
}

#[test]
fn declarations_extend_the_catalogue() {
    let program = program(
        "signal temperature gauge number holds 1h
         signal fan[slot].speed counter number
         signal cpu gauge percent
         event patch.failed { kb text, code text, vendor text }
         event door.opened { who text, badge bool }
         label room
         rule a when temperature > 30 and any(fan.speed < 10) and door.opened[badge] within 5m and patch.failed[vendor = \"x\" and title = \"\"] within 5m alert warn \"{room}\"",
    );
    let id = program.catalog.plain("temperature").expect("declared");
    assert_eq!(program.catalog.signal_decl(id).holds, Some(3_600 * SECOND));
    assert_eq!(
        program.catalog.signals.len(),
        Catalog::builtin().signals.len() + 2
    );
}

#[test]
fn the_built_in_catalogue() {
    let catalog = Catalog::builtin();
    assert_eq!(catalog.labels[..2], ["client", "device"]);
    let uptime = catalog.plain("uptime").expect("uptime");
    assert_eq!(catalog.signal_decl(uptime).ty, Type::DURATION);
    assert_eq!(catalog.signal_decl(uptime).holds, Some(300 * SECOND));
    let start = catalog.signal("service", "start").expect("service.start");
    assert_eq!(catalog.signal_decl(start).holds, None);
    assert_eq!(catalog.event_kind("boot"), Some(EventKind::Boot));
}

#[test]
fn normalised_text_ignores_layout() {
    let one =
        program("rule a # comment\n  when cpu>90%   and (mem > 5%)\n  alert warn \"{ cpu }\"");
    let two = program("rule a when cpu > 90% and (mem>5%) alert warn \"{ cpu }\" # x");
    assert_eq!(
        one.rules[0].text,
        "rule a when cpu > 90% and (mem > 5%) alert warn \"{ cpu }\""
    );
    assert_eq!(one.rules[0].text, two.rules[0].text);
    // The normalised texts of the shipped statements read back as themselves.
    let texts = |program: &Program| -> Vec<String> {
        let rules = program.rules.iter().map(|r| &r.text);
        let watches = program.watches.iter().map(|w| &w.text);
        let suppressions = program.suppressions.iter().map(|s| &s.text);
        rules.chain(watches).chain(suppressions).cloned().collect()
    };
    let first = texts(&program(STANDARD));
    assert_eq!(first.len(), 13);
    let names = "let offline = true
param cpu_limit = 90%
let planned_boot = true
";
    assert_eq!(
        texts(&program(&format!(
            "{names}{}",
            first.join(
                "
"
            )
        ))),
        first
    );
}

#[test]
fn queries_check() {
    for text in [
        "devices where client = \"Acme\" and pending_reboot for 24h | by site: n = count(), names = list(device) | sort n desc",
        "timeline \"srv-01\" from 2026-06-09T01:00Z to 2026-06-09T06:00Z",
        "timeline \"Acme/srv-01\" 2026-06-09T01:00Z..2026-06-09T06:00Z",
        "patch.installed from -30d | by kb: hosts = count(), before = median(p95(cpu over 24h before time)), after = median(p95(cpu over 24h after time))",
        "alerts from -24h where state = \"suppressed\" | by reason, client: n = count()",
        "patches where state = \"staged\" for 3d | by client, kb: n = count()",
        "devices at 2026-06-09T03:10Z where offline | show device, site, post_patch.phase",
        "cpu | last by device",
        "watches from -24h where phase in [\"overdue\", \"unverified\"] | show client, device, kbs, downtime, failures",
        "events from -7d where kind = \"patch.failed\" | by code, kb: hosts = uniq(device) | sort hosts desc",
        "devices | by post_patch.phase: n = count() | sort post_patch.phase | top 3 by n",
        "devices | by site: bad = count(cpu > 90%), all = count(), part = count(cpu > 90%) / count() | where part > 10%",
        "service where state != \"running\" from -1h",
        "decisions | where severity = \"critical\" | top 10",
        "signals where declared | sort name",
        "devices where every(service[start = \"auto\"].state = \"running\") | show device, cpu, top = max(disk.used)",
        "alerts | where time > 2026-01-01T00:00:00Z and host_down.firing",
    ] {
        // `where` comes after the range.
        let text = text.replace(
            "service where state != \"running\" from -1h",
            "service from -1h where state != \"running\"",
        );
        query(&text);
    }
}

#[test]
fn query_rows_and_devices() {
    let patches = query("patches where (state = \"staged\" for 3d) and kb = \"K\"");
    let found = form(patches.where_.as_ref().expect("where"));
    // Under `for` the field is the signal of the row's instance, outside it is the row's column.
    assert!(
        found.contains("For {") && found.contains("key: Slot(0)"),
        "{found}"
    );
    let by = query("devices | by site: n = count(), part = share(cpu > 90%) | sort n desc");
    let Stage::By {
        keys,
        aggregates,
        columns,
        ..
    } = &by.stages[0]
    else {
        panic!("by")
    };
    assert_eq!((keys.len(), aggregates.len(), columns.len()), (1, 2, 2));
    assert_eq!(aggregates[1].func, AggregateFunc::Share);
    assert!(matches!(columns[1].value.node, Node::Column(2)));
    let names: Vec<&str> = by.output.iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["site", "n", "part"]);
}

#[test]
fn undeclared_tables_can_be_asked() {
    let program = program(STANDARD);
    let mut catalog = program.catalog.clone();
    catalog.extend_with(
        TableKind::Signals,
        "cpu",
        &[("usage_user".into(), ValueType::Number)],
    );
    catalog.extend_with(
        TableKind::Signals,
        "device",
        &[("fan".into(), ValueType::Number)],
    );
    catalog.extend_with(
        TableKind::Event,
        "backup.done",
        &[("ok".into(), ValueType::Bool)],
    );
    for text in [
        "cpu from -24h where device = \"srv-01\" | every 5m: avg(usage_user), p95(usage_user)",
        "devices where fan > 100 and cpu.usage_user > 5",
        "backup.done where not ok | by client: n = count()",
        "events where ok",
    ] {
        if let Err(found) = check::query(text, &catalog, &program) {
            panic!("{}", render(&found, &[Source::new("query", text)], false));
        }
    }
    assert!(check::query("backup.done", &program.catalog, &program).is_err());
}

#[test]
fn errors_of_all_files_come_at_once() {
    let sources = [
        Source::new("a.rules", "let a = uptme"),
        Source::new("b.rules", "rule b when a alert warn \"\"\nlet a = cpu"),
    ];
    let lines: Vec<String> = check::program(&sources)
        .diagnostics
        .iter()
        .map(|d| d.line(&sources))
        .collect();
    assert_eq!(
        lines,
        [
            "a.rules:1:9: nothing here is called `uptme` (did you mean `uptime`?)",
            "b.rules:2:5: `a` is declared twice (rename one, or remove it)",
        ]
    );
}

/// Cases of a corpus file: `### title` and the text below it.
fn cases(corpus: &str) -> Vec<(&str, &str)> {
    corpus
        .split("### ")
        .skip(1)
        .map(|case| case.split_once('\n').unwrap_or((case, "")))
        .collect()
}

/// Compares with the kept file; `AFTERBOOT_BLESS=1` writes it.
fn snapshot(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/lang")
        .join(name);
    if std::env::var_os("AFTERBOOT_BLESS").is_some() {
        std::fs::write(&path, text).expect("the snapshot can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "{name} differs; AFTERBOOT_BLESS=1 rewrites it, then read the difference"
    );
}

#[test]
fn wrong_rules_are_explained() {
    let mut out = String::new();
    for (title, text) in cases(include_str!("lang/wrong.rules")) {
        let sources = [Source::new("wrong.rules", text)];
        let checked = check::program(&sources);
        assert!(checked.program.is_none(), "{title} has no error");
        let _ = write!(
            out,
            "### {title}\n{}\n",
            render(&checked.diagnostics, &sources, false)
        );
    }
    snapshot("wrong.rules.txt", &out);
}

#[test]
fn wrong_queries_are_explained() {
    let program = program(STANDARD);
    let mut out = String::new();
    for (title, text) in cases(include_str!("lang/wrong.query")) {
        let text = text.trim_end();
        let sources = [Source::new("query", text)];
        match check::query(text, &program.catalog, &program) {
            Ok(_) => panic!("{title} has no error"),
            Err(found) => {
                let _ = write!(out, "### {title}\n{}\n", render(&found, &sources, false));
            }
        }
    }
    snapshot("wrong.query.txt", &out);
}

#[test]
fn examples_of_the_manual_check() {
    let manual = include_str!("../../docs/language.md");
    let blocks = |kind: &str| -> Vec<String> {
        let open = format!("```{kind}\n");
        let parts = manual.split(open.as_str()).skip(1);
        parts
            .map(|part| part.split("```").next().unwrap_or_default().to_string())
            .collect()
    };
    let (rules, queries) = (blocks("rules"), blocks("query"));
    assert!(rules.len() >= 5 && queries.len() >= 6);
    for text in rules {
        program(&text);
    }
    for text in queries {
        query(&text);
    }
}

#[test]
fn hostile_input_earns_errors() {
    let deep = |open: &str, close: &str, n: usize| {
        format!("let a = {}cpu{}", open.repeat(n), close.repeat(n))
    };
    for text in [
        deep("(", ")", 50_000),
        deep("not ", "", 50_000),
        deep("-", "", 50_000),
        deep("[", "]", 50_000),
        deep("avg(", " over 5m)", 50_000),
        deep("service[", "].state", 50_000),
        deep("x ?? ", "", 50_000),
        deep("x at ", "", 50_000),
        format!("let a = cpu{}", " + cpu".repeat(50_000)),
        format!("let a = true{}", " and true".repeat(50_000)),
        format!("let a = [{}]", "1, ".repeat(50_000)),
        format!("rule a when true alert warn \"{}\"", "{".repeat(50_001)),
        "rule a when \"".repeat(5_000),
        "§".repeat(50_000),
        "x".repeat(2 << 20),
    ] {
        assert!(!errors(&text).is_empty(), "{:.60}", text);
    }
    // Long but honest: chains of lets and of rules in the worst order, and doubling lets.
    let mut chain = String::new();
    let mut rules = String::new();
    let mut doubling = String::from("let d0 = cpu > 5%\n");
    for at in 0..3_000 {
        let _ = writeln!(chain, "let a{at} = a{}", at + 1);
        let _ = writeln!(rules, "rule r{at} when r{}.firing alert warn \"\"", at + 1);
        if at < 40 {
            let _ = writeln!(doubling, "let d{} = d{at} or d{at}", at + 1);
        }
    }
    assert!(
        errors(&format!("{chain}let a3000 = cpu"))
            .iter()
            .all(|d| d.code == "too-large")
    );
    assert!(errors(&format!("{rules}rule r3000 when true alert warn \"\"")).is_empty());
    assert!(errors(&doubling).iter().any(|d| d.code == "too-large"));
    assert!(
        errors(&format!("{chain}let a3000 = a0"))
            .iter()
            .any(|d| d.code == "cycle")
    );
}

#[test]
fn broken_text_never_panics() {
    // Every truncation of the standard rules at a step, and seeded damage of bytes and of tokens.
    let program = program(STANDARD);
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |bound: usize| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        (seed % bound as u64) as usize
    };
    for at in (0..STANDARD.len()).step_by(37) {
        let _ = errors(&STANDARD[..at]);
    }
    let words: Vec<&str> = STANDARD
        .split_inclusive([' ', '(', ')', '[', ']', '.', '"'])
        .collect();
    for _ in 0..120 {
        let mut bytes = STANDARD.as_bytes()[random(3_000)..].to_vec();
        bytes.truncate(600);
        for _ in 0..4 {
            let at = random(bytes.len());
            bytes[at] = random(256) as u8;
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let found = errors(&text);
        let _ = render(&found, &[Source::new("x", text.as_str())], false);
        let salad: String = (0..40).map(|_| words[random(words.len())]).collect();
        let _ = errors(&format!("rule x when {salad}"));
        let _ = check::query(
            &format!("devices where {salad}"),
            &program.catalog,
            &program,
        );
    }
}
