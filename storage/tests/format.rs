//! `docs/format.md` shows the files of one small store. They are what this program writes, byte for
//! byte, and what it reads: the store opened from the page alone gives the records of the story.

#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::BTreeMap;
use std::sync::Arc;

use storage::*;

const PAGE: &str = include_str!("../../docs/format.md");

fn options() -> Options {
    Options {
        wal_step_bytes: 64,
        reserve_bytes: 0,
        ..Options::default()
    }
}

/// The story of the page: two records, a flush, a third record.
fn story(disk: &SimDisk) -> Vec<Record> {
    let mut store = Store::open(Arc::new(disk.clone()), options())
        .unwrap()
        .store;
    let table = store.table(TableKind::Signals, "disk").unwrap();
    let used = store.column(table, "used", ValueType::Number).unwrap();
    let full = store.column(table, "full", ValueType::Bool).unwrap();
    let label = store.column(table, "label", ValueType::Text).unwrap();
    let seen = store.column(table, "seen", ValueType::Time).unwrap();
    let device = store.device("acme", "web1").unwrap();
    let row = |time, cells| Row {
        table,
        device,
        instance: "C:".into(),
        time,
        offset: 0,
        cells,
    };
    let first = row(
        1_000,
        vec![
            (used, Value::Number(93.5)),
            (full, Value::Bool(false)),
            (label, Value::Text("system".into())),
        ],
    );
    let second = row(
        2_000,
        vec![(used, Value::Number(94.0)), (seen, Value::Time(1_990))],
    );
    let records = vec![vec![first], vec![second]];
    store.append(2_005, records).unwrap();
    let flushed = store.begin_flush(b"state".to_vec()).unwrap().run().unwrap();
    store.finish_flush(flushed).unwrap();
    let device = store.device("acme", "web2").unwrap();
    let third = Row {
        device,
        ..row(3_000, vec![(full, Value::Bool(true))])
    };
    store.append(3_001, vec![vec![third]]).unwrap();
    store.commit().unwrap();
    let records = store.records(1).unwrap();
    records.map(Result::unwrap).collect()
}

/// The files of the page: blocks that begin with "```hex <name>"; each line is bytes, then two spaces
/// and what they say.
fn files_of_page() -> BTreeMap<String, Vec<u8>> {
    let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut current = None;
    for line in PAGE.lines() {
        if let Some(name) = line.strip_prefix("```hex ") {
            current = Some(name.to_owned());
        } else if line.starts_with("```") {
            current = None;
        } else if let Some(name) = &current {
            let bytes = line.split("  ").next().unwrap_or_default();
            let bytes = bytes
                .split_whitespace()
                .map(|byte| u8::from_str_radix(byte, 16).unwrap());
            files.entry(name.clone()).or_default().extend(bytes);
        }
    }
    files
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x} ")).collect()
}

#[test]
fn the_page_shows_what_is_written() {
    let disk = SimDisk::memory();
    story(&disk);
    let shown = files_of_page();
    for name in disk.list().unwrap() {
        let mut written = disk.bytes(&name).unwrap();
        if name.starts_with("wal-") {
            // The rest is zeros, space taken in advance.
            let length = written.len() - written.iter().rev().take_while(|b| **b == 0).count();
            written.truncate(length.next_multiple_of(8));
        }
        let shown = shown.get(&name).map(|bytes| hex(bytes));
        assert_eq!(shown, Some(hex(&written)), "{name}");
    }
    assert_eq!(shown.len(), disk.list().unwrap().len());
}

#[test]
fn the_page_alone_is_a_store() {
    let told = story(&SimDisk::memory());
    let disk = SimDisk::memory();
    for (name, bytes) in files_of_page() {
        disk.create(&name).unwrap();
        disk.set_bytes(&name, bytes);
    }
    let opened = Store::open(Arc::new(disk), options()).unwrap();
    assert_eq!(opened.damage, []);
    assert_eq!(
        opened.checkpoint,
        Some(Checkpoint {
            seq: 2,
            bytes: b"state".to_vec()
        })
    );
    let records: Vec<Record> = opened
        .store
        .records(1)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(records, told);
    assert_eq!(records.len(), 3);
    assert_eq!(
        opened.store.schema().find_device("acme", "web2"),
        Some(DeviceId(2))
    );
}
