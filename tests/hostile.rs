//! Reports that no honest device sends: they are kept, and cost no more than their bounds.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use afterboot::core::{Core, Opened};
use common::*;
use std::sync::Arc;
use storage::{Disk, Nanos, SECOND, SimDisk};

fn open_with(disk: &SimDisk, text: &str, now: Nanos) -> Opened {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    Core::open(disk, options(), &rules(text), now).unwrap()
}

/// Bytes of everything that the core holds.
fn state(core: &mut Core, disk: &SimDisk) -> usize {
    let flushed = core.begin_flush().unwrap().run().unwrap();
    core.finish_flush(flushed).unwrap();
    let mut names = disk.list().unwrap();
    names.retain(|name| name.starts_with("checkpoint"));
    disk.bytes(&names.pop().unwrap()).unwrap().len()
}

const WATCH: &str = "watch w on patch.started as p\n  open 24h\n  back within 30m\n  \
    verify within 10m cpu < 90%\n  idle log \"{device}: {w.kbs}\"\n";

#[test]
fn patches_without_end_do_not_fill_the_memory() {
    let disk = SimDisk::memory();
    let mut core = open_with(&disk, WATCH, minute(0)).core;
    for n in 0..8 {
        let event = |k: i64| {
            let time = stamp(minute(n) + k);
            format!(r#"{{"kind":"patch.started","kb":"KB{n}x{k}","time":"{time}"}}"#)
        };
        let events: Vec<String> = (0..300).map(event).collect();
        let text = format!(r#"{{"device":"a","events":[{}]}}"#, events.join(","));
        core.ingest(minute(n + 1), &native(&text)).unwrap();
        core.commit().unwrap();
    }
    let bytes = state(&mut core, &disk);
    assert!(bytes < 4 << 20, "{bytes} bytes of state for one device");
}

#[test]
fn times_and_uptimes_at_the_ends_of_what_there_is() {
    let mut core = open_with(&SimDisk::memory(), WATCH, minute(0)).core;
    let oldest = "1677-09-21T00:12:44Z";
    for (n, fields) in [
        (1, r#""signals":{"uptime":5}"#.to_owned()),
        (2, r#""signals":{"uptime":-1e300}"#.to_owned()),
        (
            3,
            format!(r#""time":"{oldest}","signals":{{"uptime":1e300}}"#),
        ),
        (
            4,
            format!(r#""events":[{{"kind":"boot","time":"{oldest}"}}]"#),
        ),
        (
            5,
            r#""events":[{"kind":"boot"},{"kind":"patch.started","kb":"K"}]"#.to_owned(),
        ),
        (
            6,
            r#""signals":{"uptime":1},"events":[{"kind":"boot"}]"#.to_owned(),
        ),
    ] {
        let text = format!(r#"{{"device":"a",{fields}}}"#);
        core.ingest(minute(n), &native(&text)).unwrap();
        core.tick(minute(n) + SECOND).unwrap();
        core.commit().unwrap();
    }
}

#[test]
fn names_and_changes_without_end_do_not_fill_the_memory() {
    let rules = "rule low each disk as d\n  when d.free < 1GB\n  alert warn \"{device}\"\n";
    let disk = SimDisk::memory();
    let mut core = open_with(&disk, rules, minute(0)).core;
    for n in 0..20 {
        let line = |k: i64| {
            let number = n * 300 + k;
            let disks: Vec<String> = (0..4)
                .map(|d| format!(r#""x{number}y{d}":{{"free":5}}"#))
                .collect();
            format!(
                r#"{{"device":"a","interval":{},"labels":{{"role":"r{number}"}},"signals":{{"boot_id":"b{number}","disk":{{{}}}}}}}"#,
                number % 50 + 1,
                disks.join(",")
            )
        };
        let lines: Vec<String> = (0..300).map(line).collect();
        core.ingest(minute(n + 1), &native(&lines.join("\n")))
            .unwrap();
        core.commit().unwrap();
    }
    let bytes = state(&mut core, &disk);
    assert!(bytes < 1 << 20, "{bytes} bytes of state for one device");
}

#[test]
fn outages_without_end_do_not_either() {
    let disk = SimDisk::memory();
    let mut core = open_with(&disk, RULES, minute(0)).core;
    for n in 1..4000 {
        core.not_listening(minute(n), minute(n) + SECOND).unwrap();
    }
    core.commit().unwrap();
    let bytes = state(&mut core, &disk);
    assert!(bytes < 32 << 10, "{bytes} bytes of outages");
}

/// Comparing each with each would take minutes.
#[test]
fn a_report_of_very_many_events_is_taken_in() {
    let mut core = open_with(&SimDisk::memory(), RULES, minute(0)).core;
    let event = |k: u64| format!(r#"{{"kind":"login","session":{}}}"#, k % 150_000);
    let events: Vec<String> = (0..150_010).map(event).collect();
    let text = format!(r#"{{"device":"a","events":[{}]}}"#, events.join(","));
    let receipt = core.ingest(minute(1), &native(&text)).unwrap();
    assert_eq!((receipt.events, receipt.known_rows), (150_000, 10));
}
