//! Full disks and damaged files: the core goes on, and its log stays its only truth.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use afterboot::core::{Core, Manner, Opened, Refusal, decision_of_row};
use common::*;
use std::sync::Arc;
use storage::disk::Faults;
use storage::{Disk, Nanos, SECOND, SimDisk, TableKind, Value};

fn open_with(disk: &SimDisk, text: &str, now: Nanos) -> Opened {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Core::open(disk, options(), &rules(text), now).unwrap()
}

fn flush(core: &mut Core) {
    let flushed = core.begin_flush().unwrap().run().unwrap();
    core.finish_flush(flushed).unwrap();
}

fn capacity(disk: &SimDisk, bytes: u64) {
    disk.set_faults(Faults {
        capacity_bytes: Some(bytes),
        ..Faults::default()
    });
}

/// Sends reports until the disk is full; returns the instant of the refusal.
fn fill(core: &mut Core, disk: &SimDisk, mut now: Nanos) -> Nanos {
    capacity(disk, 128 << 10);
    loop {
        now += SECOND;
        let note = "x".repeat(1000);
        let text = format!(r#"{{"device":"a","signals":{{"note":"{now}{note}"}}}}"#);
        match core.ingest(now, &native(&text)) {
            Ok(_) => core.commit().unwrap(),
            Err(Refusal::ReadOnly) => return now,
            Err(other) => panic!("{other}"),
        };
    }
}

fn listening(core: &Core) -> Vec<Value> {
    column(core, TableKind::System, "listening", "value")
}

#[test]
fn a_stall_while_the_disk_is_full_does_not_end_the_outage() {
    let disk = SimDisk::new(1);
    let mut core = open_on(&disk, minute(0)).core;
    let now = fill(&mut core, &disk, minute(1));
    core.commit().unwrap();
    assert_eq!(listening(&core), [Value::Bool(false)]);
    core.not_listening(now + SECOND, now + 10 * SECOND).unwrap();
    core.commit().unwrap();
    assert!(core.is_read_only());
    assert_eq!(
        listening(&core),
        [Value::Bool(false)],
        "it refuses every report still"
    );
}

#[test]
fn an_import_that_fills_the_disk_is_applied_before_the_outage_that_follows() {
    let disk = SimDisk::new(2);
    let mut core = open_on(&disk, minute(0)).core;
    core.commit().unwrap();
    capacity(&disk, 1 << 20);
    let line = |n: i64| {
        let time = stamp(minute(-1000) + n * SECOND);
        format!(r#"{{"device":"a","time":"{time}","signals":{{"pending_reboot":true,"n":{n}}}}}"#)
    };
    let lines: Vec<String> = (0..40_000).map(line).collect();
    let import = body(&lines.join("\n"), Manner::IMPORT);
    assert_eq!(
        core.ingest(minute(1), &import).err(),
        Some(Refusal::ReadOnly)
    );
    core.commit().unwrap();
    let kept = reports(&core);
    assert!(kept > 0 && kept < 40_000, "{kept}");
    let told_live = told(&decisions(&core));
    drop(core);
    disk.set_faults(Faults::default());
    let opened = open_on(&disk, minute(2));
    assert_eq!(opened.warnings, Vec::<String>::new());
    assert_eq!(told(&decisions(&opened.core))[..told_live.len()], told_live);
}

#[test]
fn rules_that_found_no_room_are_wanted_until_they_are_in_force() {
    let disk = SimDisk::new(3);
    let mut core = open_on(&disk, minute(0)).core;
    let now = fill(&mut core, &disk, minute(1));
    core.commit().unwrap();
    drop(core);
    let changed = "rule other\n  when cpu > 1%\n  alert warn \"x\"\n";
    let mut core = open_with(&disk, changed, now + SECOND).core;
    assert_eq!(
        core.rules().program.rules.len(),
        2,
        "no room for the new ones"
    );
    // Room for the mark that it listens again, and for nothing else: then for all.
    let used: u64 = disk
        .list()
        .unwrap()
        .iter()
        .map(|name| disk.bytes(name).unwrap().len() as u64)
        .sum();
    for more in (0..600).map(|n| n * 64) {
        capacity(&disk, used + more);
        let _ = core.tick(now + 2 * SECOND);
    }
    disk.set_faults(Faults::default());
    core.ingest(now + 60 * SECOND, &native(r#"{"device":"b"}"#))
        .unwrap();
    core.commit().unwrap();
    let _ = core.tick(now + 61 * SECOND);
    core.commit().unwrap();
    assert_eq!(core.rules().program.rules.len(), 1);
}

/// A store of two segments with an open alert in each, the first one damaged in its pages, or as a whole.
fn damaged(whole: bool) -> SimDisk {
    let disk = SimDisk::new(4);
    let mut core = open_on(&disk, minute(0)).core;
    for (n, device) in [(1, "a"), (2, "b")] {
        let text = format!(r#"{{"device":"{device}","signals":{{"pending_reboot":true}}}}"#);
        core.ingest(minute(n), &native(&text)).unwrap();
        core.commit().unwrap();
        flush(&mut core);
    }
    drop(core);
    let name = files(&disk, "segment").remove(0);
    let mut bytes = disk.bytes(&name).unwrap();
    let end = if whole { bytes.len() } else { bytes.len() / 2 };
    bytes[64..end].iter_mut().for_each(|byte| *byte ^= 0x55);
    disk.set_bytes(&name, bytes);
    disk
}

/// `subject state` of each decision of a rule that can be read.
fn ledger(core: &Core, rule: &str) -> Vec<String> {
    let snapshot = core.snapshot();
    let records = snapshot.records(1).unwrap().filter_map(Result::ok);
    let columns = &core.system().decision_columns;
    records
        .flat_map(|record| record.rows)
        .filter(|row| row.table == core.system().decision)
        .map(|row| decision_of_row(&row, columns, snapshot.schema()).unwrap())
        .filter(|decision| decision.rule == rule)
        .map(|decision| format!("{} {}", decision.subject, decision.state.word()))
        .collect()
}

fn files(disk: &SimDisk, kind: &str) -> Vec<String> {
    let mut names = disk.list().unwrap();
    names.retain(|name| name.starts_with(kind));
    names
}

#[test]
fn a_damaged_page_and_no_checkpoint_are_no_reason_not_to_start() {
    let disk = damaged(false);
    for name in files(&disk, "checkpoint") {
        disk.set_bytes(&name, b"nothing".to_vec());
    }
    let mut opened = open_on(&disk, minute(3));
    assert!(!opened.warnings.is_empty());
    let text = r#"{"device":"b","signals":{"pending_reboot":false}}"#;
    opened.core.ingest(minute(4), &native(text)).unwrap();
    opened.core.commit().unwrap();
    let told = ledger(&opened.core, "pending");
    assert_eq!(told.last().unwrap(), "b resolved");
}

#[test]
fn rules_changed_over_a_damaged_page_keep_every_alert() {
    for whole in [false, true] {
        let disk = damaged(whole);
        let changed = RULES.replace("5m", "7m");
        let mut opened = open_with(&disk, &changed, minute(3));
        assert!(!opened.damage.is_empty() || !opened.warnings.is_empty());
        opened.core.tick(minute(10)).unwrap();
        for (n, device) in [(11, "a"), (12, "b")] {
            let text = format!(r#"{{"device":"{device}","signals":{{"pending_reboot":false}}}}"#);
            opened.core.ingest(minute(n), &native(&text)).unwrap();
        }
        opened.core.commit().unwrap();
        let told = ledger(&opened.core, "pending");
        assert_eq!(told[told.len() - 2..], ["a resolved", "b resolved"]);
        let long = ledger(&opened.core, "pending_long");
        let fired = long.contains(&"b firing".to_owned());
        assert!(fired, "what came after the damage was looked at: {long:?}");
    }
}

#[test]
fn numbers_of_decisions_go_on_after_what_the_log_holds() {
    let disk = SimDisk::new(5);
    let mut core = open_on(&disk, minute(0)).core;
    let mut send = |n: i64, text: &str| {
        core.ingest(minute(n), &native(text)).unwrap();
        core.commit().unwrap();
        disk.bytes(&files(&disk, "wal")[0]).unwrap()
    };
    let before = send(1, r#"{"device":"a","signals":{"pending_reboot":false}}"#);
    let mut after = send(2, r#"{"device":"a","signals":{"pending_reboot":true}}"#);
    after = {
        let more = send(3, r#"{"device":"a","signals":{"cpu":1}}"#);
        assert_ne!(more, after);
        more
    };
    drop(core);
    let place = before.iter().zip(&after).position(|(a, b)| a != b).unwrap();
    after[place + 12] ^= 1;
    disk.set_bytes(&files(&disk, "wal")[0], after);
    let mut opened = open_on(&disk, minute(4));
    assert_eq!(opened.damage.len(), 1, "{:?}", opened.damage);
    let text = r#"{"device":"b","signals":{"pending_reboot":true}}"#;
    opened.core.ingest(minute(4), &native(text)).unwrap();
    opened.core.commit().unwrap();
    let numbers: Vec<u64> = decisions(&opened.core).iter().map(|d| d.number).collect();
    assert_eq!(numbers, [1, 2]);
    drop(opened);
    let opened = open_on(&disk, minute(5));
    assert_eq!(opened.released, [], "the same numbers again");
}
