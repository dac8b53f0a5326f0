//! Queries as documents: each file of `scripts` holds rules, rows, and questions with their answers.
//!
//! ```text
//! rule …                            rules, up to the first line that begins with {
//! {"device":"Acme/srv-01", …}       a report, as its sender said it, or a decision of the ledger
//! now 2026-06-09T06:00:00Z          the instant of the questions that follow
//! > devices | show device           a question; its answer is what follows, up to an empty line
//! ```
//! `UPDATE=1 cargo test` writes the answers that came into the files, to be read before they are kept.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use query::ir::Program;
use query::render::{Format, to_text};
use query::run::{Ask, Limits, answer};
use query::span::Source;
use query::value::parse_time;
use serde_json::Value as Json;
use std::path::Path;
use std::sync::Arc;
use storage::{
    DeviceId, Disk, Nanos, Options, Row, SECOND, SimDisk, Snapshot, Store, TableKind, Value,
};

/// A store in memory, filled line by line.
struct Filled {
    store: Store,
    arrival: Nanos,
}

impl Filled {
    fn new() -> Filled {
        Filled::on(SimDisk::memory())
    }

    fn on(disk: SimDisk) -> Filled {
        let opened = Store::open(Arc::new(disk), Options::default()).unwrap();
        Filled {
            store: opened.store,
            arrival: 0,
        }
    }

    fn add(&mut self, line: &Json) {
        let (client, device) = line["device"].as_str().unwrap().split_once('/').unwrap();
        let device = self.store.device(client, device).unwrap();
        let time = line["time"].as_str().map(|text| parse_time(text).unwrap());
        let arrival = line["arrived"]
            .as_str()
            .map(|text| parse_time(text).unwrap())
            .or(time)
            .unwrap();
        self.arrival = self.arrival.max(arrival);
        let time = time.unwrap_or(arrival);
        let offset = (line["offset"].as_f64().unwrap_or(0.0) * 1e9) as Nanos;
        let mut rows = Vec::new();
        if line["decision"].is_object() {
            let mut cells = line["decision"].clone();
            let rule = cells.as_object_mut().unwrap().remove("rule").unwrap();
            rows.push(self.row(
                TableKind::System,
                "decision",
                device,
                rule.as_str().unwrap(),
                time,
                0,
                &cells,
            ));
        } else {
            let interval = line["interval"].as_f64().map_or(
                Json::Null,
                |interval| serde_json::json!({ "interval": interval }),
            );
            let mut report = interval;
            if line["imported"].as_bool() == Some(true) {
                report = serde_json::json!({ "imported": true });
            }
            rows.push(self.row(
                TableKind::System,
                "report",
                device,
                "",
                time,
                offset,
                &report,
            ));
            for (label, text) in line["labels"].as_object().into_iter().flatten() {
                rows.push(self.row(
                    TableKind::System,
                    "label",
                    device,
                    label,
                    time,
                    offset,
                    &serde_json::json!({ "value": text }),
                ));
            }
            let mut plain = serde_json::Map::new();
            for (name, value) in line["signals"].as_object().into_iter().flatten() {
                match value {
                    Json::Object(instances) => {
                        for (key, fields) in instances {
                            rows.push(self.row(
                                TableKind::Signals,
                                name,
                                device,
                                key,
                                time,
                                offset,
                                fields,
                            ));
                        }
                    }
                    value => drop(plain.insert(name.clone(), value.clone())),
                }
            }
            if !plain.is_empty() {
                rows.push(self.row(
                    TableKind::Signals,
                    "device",
                    device,
                    "",
                    time,
                    offset,
                    &Json::Object(plain),
                ));
            }
            for event in line["events"].as_array().into_iter().flatten() {
                let mut fields = event.as_object().unwrap().clone();
                let kind = fields.remove("kind").unwrap();
                let time = fields
                    .remove("time")
                    .map_or(time, |time| parse_time(time.as_str().unwrap()).unwrap());
                rows.push(self.row(
                    TableKind::Event,
                    kind.as_str().unwrap(),
                    device,
                    "",
                    time,
                    offset,
                    &Json::Object(fields),
                ));
            }
        }
        self.store.append(self.arrival, vec![rows]).unwrap();
    }

    #[expect(clippy::too_many_arguments, reason = "one row in full")]
    fn row(
        &mut self,
        kind: TableKind,
        table: &str,
        device: DeviceId,
        instance: &str,
        time: Nanos,
        offset: Nanos,
        cells: &Json,
    ) -> Row {
        let table = self.store.table(kind, table).unwrap();
        let mut row = Row {
            table,
            device,
            instance: instance.into(),
            time,
            offset,
            cells: Vec::new(),
        };
        for (name, value) in cells.as_object().into_iter().flatten() {
            let value = match value {
                Json::Number(number) => Value::Number(number.as_f64().unwrap()),
                Json::Bool(bool) => Value::Bool(*bool),
                Json::String(text) => Value::Text(text.as_str().into()),
                value => panic!("{value} is no cell"),
            };
            let column = self.store.column(table, name, value.value_type()).unwrap();
            row.cells.push((column, value));
        }
        row.cells.sort_by_key(|(column, _)| *column);
        row
    }

    fn snapshot(&mut self) -> Snapshot {
        self.store.commit().unwrap();
        self.store.snapshot()
    }
}

/// Runs a script; gives it back with the answers that came.
fn script(path: &Path, text: &str) -> String {
    let name = path.display();
    let mut lines = text.lines().enumerate().peekable();
    let mut rules = String::new();
    let ends_rules = |line: &str| line.starts_with('{') || line.starts_with("now ");
    while let Some((_, line)) = lines.next_if(|(_, line)| !ends_rules(line)) {
        rules.push_str(line);
        rules.push('\n');
    }
    let checked = query::check::program(&[Source::new("script.rules", &rules)]);
    let program = checked
        .program
        .unwrap_or_else(|| panic!("{name}: {:#?}", checked.diagnostics));
    let mut filled = Filled::new();
    let mut now = 0;
    let mut got = rules;
    while let Some((number, line)) = lines.next() {
        got.push_str(line);
        got.push('\n');
        if line.starts_with('{') {
            let line = serde_json::from_str(line);
            filled.add(&line.unwrap_or_else(|error| panic!("{name}:{}: {error}", number + 1)));
        } else if let Some(time) = line.strip_prefix("now ") {
            now = parse_time(time).unwrap();
        } else if let Some(question) = line.strip_prefix("> ") {
            while lines.next_if(|(_, line)| !line.is_empty()).is_some() {}
            got.push_str(&ask(question, &program, &filled.snapshot(), now));
        }
    }
    got
}

fn ask(question: &str, program: &Program, snapshot: &Snapshot, now: Nanos) -> String {
    let limits = Limits {
        rows_max: 20,
        ..Limits::default()
    };
    let ask = Ask {
        program,
        snapshot,
        now,
        limits: &limits,
        hresult,
        cancel: &|| false,
    };
    match answer(question, &ask) {
        Ok(table) => to_text(&table, Format::Table),
        Err(error) => format!("error: {}\n", error.to_string().trim_end()),
    }
}

fn hresult(code: &str) -> Option<&'static str> {
    (code == "0x80070643").then_some("fatal error during installation")
}

#[test]
fn scripts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() >= 4);
    for path in &paths {
        let text = std::fs::read_to_string(path).unwrap();
        let got = script(path, &text);
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(path, &got).unwrap();
        } else {
            let differs = text
                .lines()
                .zip(got.lines())
                .position(|(wanted, got)| wanted != got);
            assert!(
                text == got,
                "{}, line {:?}:\n{got}",
                path.display(),
                differs.map(|at| at + 1)
            );
        }
    }
}

#[test]
fn limits_and_stops_are_said() {
    let mut filled = Filled::new();
    for at in 0..50i64 {
        let time = query::value::print_time(at * SECOND);
        filled.add(&serde_json::json!({ "device": format!("Acme/srv-{:02}", at % 5), "time": time, "signals": { "cpu": at } }));
    }
    let snapshot = filled.snapshot();
    let program = query::check::program(&[]).program.unwrap();
    let run = |question: &str, limits: Limits, stop_after: usize| {
        let looks = std::cell::Cell::new(0);
        let cancel = || {
            looks.set(looks.get() + 1);
            looks.get() > stop_after
        };
        let ask = Ask {
            program: &program,
            snapshot: &snapshot,
            now: 60 * SECOND,
            limits: &limits,
            hresult,
            cancel: &cancel,
        };
        match answer(question, &ask) {
            Ok(table) => table.notes.join("; "),
            Err(error) => error.to_string(),
        }
    };
    let few = Limits {
        rows_max: 3,
        ..Limits::default()
    };
    assert_eq!(
        run("cpu from -1h", few.clone(), 1000),
        "left out: 47 more rows after the first 3; narrow the question or use `top`"
    );
    assert_eq!(
        run("cpu from -1h | sort time", few.clone(), 1000),
        "left out: 47 more rows after the first 3; narrow the question or use `top`"
    );
    assert_eq!(run("cpu from -1h | top 2", few, 1000), "");
    let tiny = Limits {
        bytes_max: 1000,
        ..Limits::default()
    };
    assert!(run("cpu from -1h | sort time", tiny.clone(), 1000).contains("group them with `by`"));
    assert_eq!(
        run(
            "cpu from -1h | by device: n = count()",
            Limits {
                bytes_max: 4000,
                ..tiny
            },
            1000
        ),
        ""
    );
    assert!(run("cpu from -1h", Limits::default(), 2).starts_with("stopped after "));
}

/// Whatever byte of a segment differs: the answer is whole, or it says that it is not.
#[test]
fn damage_is_never_silent() {
    let disk = SimDisk::memory();
    let mut filled = Filled::on(disk.clone());
    for at in 0..40i64 {
        let time = query::value::print_time(at * SECOND);
        let device = format!("Acme/srv-{:02}", at % 4);
        filled.add(&serde_json::json!({ "device": device, "time": time, "labels": { "site": "hq" },
            "signals": { "cpu": at * at }, "events": [{ "kind": "patch.started", "kb": format!("KB{at}") }] }));
    }
    filled.snapshot();
    let flushed = filled.store.begin_flush(Vec::new()).unwrap().run().unwrap();
    filled.store.finish_flush(flushed).unwrap();
    let program = query::check::program(&[]).program.unwrap();
    let question = "cpu from 1970-01-01T00:00:00Z | by site: n = count(), sum(cpu), list(cpu)";
    let whole = ask(question, &program, &filled.snapshot(), 100 * SECOND);
    assert!(whole.contains("39"), "{whole}");
    let segment = disk
        .list()
        .unwrap()
        .into_iter()
        .find(|name| name.starts_with("seg"))
        .unwrap();
    let bytes = disk.bytes(&segment).unwrap();
    let mut told = 0;
    for at in (0..bytes.len()).step_by(13) {
        let copy = disk.crash();
        let mut changed = bytes.clone();
        changed[at] ^= 0x10;
        copy.set_bytes(&segment, changed);
        let Ok(opened) = Store::open(Arc::new(copy), Options::default()) else {
            told += 1;
            continue;
        };
        let got = ask(question, &program, &opened.store.snapshot(), 100 * SECOND);
        if got.contains("answer incomplete: ") || got.starts_with("error: ") {
            told += 1;
        } else {
            assert_eq!(got, whole, "byte {at} of {segment}");
        }
    }
    assert!(told > 10, "{told} damages were told");
}
