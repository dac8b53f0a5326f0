//! What the tests of the core share: a store in memory, bodies from text, and what the store holds.
#![allow(dead_code, reason = "each test binary uses its own part")]

use afterboot::core::{Body, Core, Manner, Opened, Options, RuleSet, Source, decision_of_row};
use afterboot::engine::Decision;
use afterboot::ingest::native::{self, Mode};
use afterboot::ingest::rfc3339;
use std::sync::Arc;
use storage::{Disk, Nanos, Row, SimDisk, TableKind, Value};

pub const RULES: &str = "rule pending\n  when pending_reboot\n  alert warn \"{device} waits for a reboot\"\n\n\
    rule pending_long\n  when pending_reboot for 5m\n  alert critical \"{device} still waits\"\n";

pub fn at(text: &str) -> Nanos {
    rfc3339::parse(text).expect(text)
}

/// 2026-06-09, so long after midnight.
pub fn minute(minutes: i64) -> Nanos {
    at("2026-06-09T00:00:00Z") + minutes * 60 * storage::SECOND
}

pub fn rules(text: &str) -> RuleSet {
    let source = Source {
        name: "test.rules".into(),
        text: text.into(),
    };
    RuleSet::check(vec![source]).unwrap()
}

pub fn native(text: &str) -> Body {
    body(text, Manner::NATIVE)
}

pub fn body(text: &str, manner: Manner) -> Body {
    let lines = native::decode(text.as_bytes(), None, Mode::Live).unwrap();
    Body {
        lines,
        manner,
        bytes: text.len(),
    }
}

pub fn open_on(disk: &SimDisk, now: Nanos) -> Opened {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Core::open(disk, options(), &rules(RULES), now).unwrap()
}

/// A small log, so that a disk in memory is quickly made.
pub fn options() -> Options {
    let store = storage::Options {
        wal_step_bytes: 64 << 10,
        reserve_bytes: 16 << 10,
        ..storage::Options::default()
    };
    Options {
        store,
        target: Some("webhook".into()),
    }
}

pub fn open() -> Core {
    open_on(&SimDisk::memory(), minute(0)).core
}

/// Every row of a table that is durable, in the order of the log.
pub fn rows(core: &Core, kind: TableKind, table: &str) -> Vec<(Nanos, Row)> {
    let snapshot = core.snapshot();
    let Some(table) = snapshot.schema().find_table(kind, table) else {
        return Vec::new();
    };
    let records = snapshot.records(1).unwrap();
    let rows = records.flat_map(|record| {
        let record = record.unwrap();
        record
            .rows
            .into_iter()
            .map(move |row| (record.arrival, row))
    });
    rows.filter(|(_, row)| row.table == table).collect()
}

pub fn reports(core: &Core) -> usize {
    rows(core, TableKind::System, "report").len()
}

/// One cell of each row of a table.
pub fn column(core: &Core, kind: TableKind, table: &str, name: &str) -> Vec<Value> {
    let snapshot = core.snapshot();
    let Some(id) = snapshot.schema().find_table(kind, table) else {
        return Vec::new();
    };
    let Some(column) = snapshot.schema().find_column(id, name) else {
        return Vec::new();
    };
    let rows = rows(core, kind, table).into_iter();
    rows.filter_map(|(_, row)| {
        row.cells
            .into_iter()
            .find(|(c, _)| *c == column)
            .map(|(_, v)| v)
    })
    .collect()
}

/// The ledger as stored.
pub fn decisions(core: &Core) -> Vec<Decision> {
    let rows = rows(core, TableKind::System, "decision").into_iter();
    rows.map(|(_, row)| {
        decision_of_row(&row, &core.system().decision_columns, core.store().schema()).unwrap()
    })
    .collect()
}

/// `12:05:00 rule state` of each decision, seconds cut off to whole ones.
pub fn told(decisions: &[Decision]) -> Vec<String> {
    let word = |d: &Decision| {
        let seconds = (d.time - minute(0)).div_euclid(storage::SECOND);
        format!(
            "{:02}:{:02}:{:02} {} {}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60,
            d.rule,
            d.state.word()
        )
    };
    decisions.iter().map(word).collect()
}

/// RFC 3339.
pub fn stamp(time: Nanos) -> String {
    jiff::Timestamp::from_nanosecond(time.into())
        .unwrap()
        .to_string()
}
