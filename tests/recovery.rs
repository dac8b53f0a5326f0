//! Crashes, failing syncs and full disks: what was acknowledged is there, nothing is decided twice or lost.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use afterboot::core::{Core, Refusal};
use common::*;
use std::sync::Arc;
use storage::disk::Faults;
use storage::{Disk, Nanos, SECOND, SimDisk};

/// Bodies with the minute at which each is sent.
fn script() -> Vec<(Nanos, String)> {
    let line = |device: &str, minutes: i64, pending: bool| {
        let time = stamp(minute(minutes));
        format!(
            r#"{{"device":"{device}","labels":{{"client":"Acme","role":"sql"}},"time":"{time}","signals":{{"pending_reboot":{pending},"cpu":{minutes}}}}}"#
        )
    };
    vec![
        (minute(1), line("a", 1, true)),
        (
            minute(2),
            format!(
                "{}\n{}\n{}",
                line("a", 1, false),
                line("b", 2, true),
                line("c", 2, true)
            ),
        ),
        (minute(4), line("a", 4, true)),
        (minute(8), line("c", 8, false)),
        (minute(12), line("a", 12, false)),
    ]
}

/// Whether the store is flushed, with a checkpoint, after each body.
#[derive(Clone, Copy, PartialEq)]
enum Flush {
    Never,
    Always,
}

fn flush(core: &mut Core) -> bool {
    let flushed = core.begin_flush().and_then(|job| job.run());
    flushed
        .and_then(|flushed| core.finish_flush(flushed))
        .is_ok()
}

/// One attempt: opens, sends from body `from` on, and says how many are acknowledged.
fn run(disk: &SimDisk, from: usize, opened_at: Nanos, flushing: Flush) -> (usize, Option<Core>) {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let Ok(opened) = Core::open(shared, options(), &rules(RULES), opened_at) else {
        return (from, None);
    };
    assert_eq!(opened.warnings, Vec::<String>::new());
    let mut core = opened.core;
    let mut acknowledged = from;
    for (now, text) in script().into_iter().skip(from) {
        if core.tick(now - SECOND).is_err()
            || core.ingest(now, &native(&text)).is_err()
            || core.commit().is_err()
        {
            return (acknowledged, None);
        }
        acknowledged += 1;
        if flushing == Flush::Always && !flush(&mut core) {
            return (acknowledged, None);
        }
    }
    if core.tick(minute(30)).is_err() || core.commit().is_err() {
        return (acknowledged, None);
    }
    (acknowledged, Some(core))
}

#[test]
fn a_crash_at_any_step_changes_no_decision() {
    crash_at_every_step(Flush::Never);
}

#[test]
fn nor_does_one_amid_flushes_and_checkpoints() {
    crash_at_every_step(Flush::Always);
}

fn crash_at_every_step(flushing: Flush) {
    let (_, calm) = run(&SimDisk::new(1), 0, minute(0), flushing);
    let calm = calm.unwrap();
    let expected = told(&decisions(&calm));
    assert!(expected.len() >= 8, "{expected:?}");
    let mut step = 0;
    loop {
        step += 1;
        let disk = SimDisk::new(step);
        disk.set_faults(Faults {
            crash_at: Some(step),
            ..Faults::default()
        });
        let (acknowledged, finished) = run(&disk, 0, minute(0), flushing);
        let whole = finished.is_some();
        drop(finished);
        let after = disk.crash();
        // The same moment, so that nothing but the crash differs.
        let opened_at = script()
            .get(acknowledged)
            .map_or(minute(30), |(now, _)| now - 2 * SECOND);
        let opened_at = if acknowledged == 0 {
            minute(0)
        } else {
            opened_at
        };
        let (_, core) = run(&after, acknowledged, opened_at, flushing);
        let core = core.unwrap_or_else(|| panic!("step {step}: no second start"));
        assert_eq!(
            reports(&core),
            reports(&calm),
            "step {step}, {acknowledged} acknowledged"
        );
        assert_eq!(
            told(&decisions(&core)),
            expected,
            "step {step}, {acknowledged} acknowledged"
        );
        let numbers: Vec<u64> = decisions(&core).iter().map(|d| d.number).collect();
        assert_eq!(
            numbers,
            (1..=expected.len() as u64).collect::<Vec<_>>(),
            "step {step}"
        );
        if whole {
            break;
        }
    }
    assert!(step > 10, "only {step} steps");
}

#[test]
fn without_its_checkpoint_a_store_is_read_from_the_first_record() {
    let disk = SimDisk::new(8);
    let (_, core) = run(&disk, 0, minute(0), Flush::Always);
    let before = told(&decisions(&core.unwrap()));
    let names = disk.list().unwrap();
    let damaged: Vec<_> = names
        .iter()
        .filter(|name| name.starts_with("checkpoint"))
        .collect();
    assert!(!damaged.is_empty(), "{names:?}");
    for name in damaged {
        let mut bytes = disk.bytes(name).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        disk.set_bytes(name, bytes);
    }
    let opened = open_on(&disk, minute(31));
    assert_eq!(opened.warnings, Vec::<String>::new());
    assert_eq!(opened.damage.len(), 1, "{:?}", opened.damage);
    assert_eq!(opened.released, Vec::new());
    assert_eq!(told(&decisions(&opened.core)), before);
}

#[test]
fn a_restart_stores_and_delivers_nothing_twice() {
    let disk = SimDisk::new(3);
    let (_, core) = run(&disk, 0, minute(0), Flush::Never);
    let before = core.unwrap();
    let pending: Vec<u64> = before.pending().map(|p| p.decision.number).collect();
    let told_before = told(&decisions(&before));
    drop(before);
    let opened = open_on(&disk, minute(31));
    assert_eq!(opened.released, Vec::new());
    assert_eq!(told(&decisions(&opened.core)), told_before);
    assert_eq!(
        opened
            .core
            .pending()
            .map(|p| p.decision.number)
            .collect::<Vec<_>>(),
        pending
    );
    assert!(!pending.is_empty());
}

#[test]
fn a_condition_half_over_at_the_crash_fires_at_its_own_instant() {
    let disk = SimDisk::new(4);
    let mut core = open_on(&disk, minute(0)).core;
    core.ingest(
        minute(1),
        &native(r#"{"device":"a","signals":{"pending_reboot":true}}"#),
    )
    .unwrap();
    core.commit().unwrap();
    drop(core);
    let opened = open_on(&disk, minute(20));
    let told = told(
        &opened
            .released
            .iter()
            .map(|d| (**d).clone())
            .collect::<Vec<_>>(),
    );
    assert_eq!(told, ["00:06:00 pending_long firing"]);
}

#[test]
fn nothing_is_acknowledged_after_a_failed_sync() {
    let disk = SimDisk::new(5);
    let mut core = open_on(&disk, minute(0)).core;
    core.ingest(minute(1), &native(r#"{"device":"a"}"#))
        .unwrap();
    core.commit().unwrap();
    core.ingest(
        minute(2),
        &native(r#"{"device":"a","signals":{"pending_reboot":true}}"#),
    )
    .unwrap();
    disk.set_faults(Faults {
        eio_at: Some(disk.steps() + 1),
        ..Faults::default()
    });
    let failed = |result: Result<(), Refusal>| {
        assert!(matches!(result, Err(Refusal::Failed(_))), "{result:?}")
    };
    // The write or the sync fails, whichever comes first: no decision leaves.
    let mut first = core.commit().map(|_| ());
    if first.is_ok() {
        disk.set_faults(Faults {
            eio_at: Some(disk.steps() + 2),
            ..Faults::default()
        });
        core.ingest(minute(3), &native(r#"{"device":"a"}"#))
            .unwrap();
        first = core.commit().map(|_| ());
    }
    failed(first);
    disk.set_faults(Faults::default());
    failed(core.commit().map(|_| ()));
    failed(
        core.ingest(minute(4), &native(r#"{"device":"a"}"#))
            .map(|_| ()),
    );
    failed(core.tick(minute(9)));
    assert!(core.failure().is_some());
}

#[test]
fn a_full_disk_refuses_and_resumes() {
    let disk = SimDisk::new(6);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut core = Core::open(shared, options(), &rules(RULES), minute(0))
        .unwrap()
        .core;
    disk.set_faults(Faults {
        capacity_bytes: Some(128 << 10),
        ..Faults::default()
    });
    let text = |n: i64| {
        format!(
            r#"{{"device":"a","signals":{{"note":"{}{n}"}}}}"#,
            "x".repeat(1000)
        )
    };
    let mut now = minute(1);
    let mut kept = 0;
    let refusal = loop {
        now += SECOND;
        match core.ingest(now, &native(&text(now))) {
            Ok(_) => kept += 1,
            Err(refusal) => break refusal,
        }
        core.commit().unwrap();
        assert!(kept < 1000);
    };
    assert_eq!(refusal, Refusal::ReadOnly);
    assert!(core.is_read_only());
    core.commit().unwrap();
    disk.set_faults(Faults::default());
    core.ingest(now + 60 * SECOND, &native(&text(0))).unwrap();
    core.commit().unwrap();
    assert!(!core.is_read_only());
    assert_eq!(reports(&core), kept + 1);
    let listening = column(&core, storage::TableKind::System, "listening", "value");
    assert_eq!(
        listening,
        [storage::Value::Bool(false), storage::Value::Bool(true)]
    );
}

#[test]
fn a_restart_declares_nobody_offline() {
    let silent = rules("rule silent\n  when no heartbeat within 3m\n  alert warn \"{device}\"\n");
    let disk = SimDisk::new(7);
    let open = |now| {
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        Core::open(shared, options(), &silent, now).unwrap()
    };
    let mut core = open(minute(0)).core;
    for minutes in 0..6 {
        core.ingest(minute(minutes), &native(r#"{"device":"a"}"#))
            .unwrap();
        core.commit().unwrap();
    }
    drop(core);
    let opened = open(minute(60));
    assert_eq!(opened.released, Vec::new());
    let mut core = opened.core;
    core.tick(minute(62)).unwrap();
    assert_eq!(core.commit().unwrap(), Vec::new());
    // Three minutes of listening later it is known to be silent.
    core.tick(minute(64)).unwrap();
    let told = told(
        &core
            .commit()
            .unwrap()
            .iter()
            .map(|d| (**d).clone())
            .collect::<Vec<_>>(),
    );
    assert_eq!(told, ["01:03:00 silent firing"]);
}
