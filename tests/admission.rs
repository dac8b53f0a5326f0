//! What becomes of a report: kept, dropped because it was known, refused with its place; and when it was.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use afterboot::core::{Manner, Refusal};
use common::*;
use storage::{SECOND, TableKind, Value};

#[test]
fn a_body_sent_twice_is_one_row() {
    let mut core = open();
    let body = native(
        r#"{"device":"a","time":"2026-06-09T00:01:00Z","labels":{"role":"sql"},"signals":{"cpu":1}}"#,
    );
    let first = core.ingest(minute(1), &body).unwrap();
    let second = core.ingest(minute(1) + 10 * SECOND, &body).unwrap();
    core.commit().unwrap();
    assert_eq!((first.reports, first.duplicates), (1, 0));
    assert_eq!((second.reports, second.duplicates), (0, 1));
    assert_eq!(reports(&core), 1);
    assert_eq!(rows(&core, TableKind::Signals, "device").len(), 1);
}

#[test]
fn known_rows_inside_another_report_are_dropped_singly() {
    let mut core = open();
    let event = r#"{"kind":"patch.installed","time":"2026-06-09T00:00:30Z","kb":"KB1"}"#;
    let other = r#"{"kind":"patch.installed","time":"2026-06-09T00:00:30Z","kb":"KB2"}"#;
    core.ingest(
        minute(1),
        &native(&format!(r#"{{"device":"a","events":[{event}]}}"#)),
    )
    .unwrap();
    let receipt = core
        .ingest(
            minute(2),
            &native(&format!(
                r#"{{"device":"a","events":[{event},{other},{other}]}}"#
            )),
        )
        .unwrap();
    core.commit().unwrap();
    assert_eq!(
        (receipt.reports, receipt.events, receipt.known_rows),
        (1, 1, 2)
    );
    assert_eq!(
        reports(&core),
        2,
        "a report without a time is a heartbeat all the same"
    );
    assert_eq!(rows(&core, TableKind::Event, "patch.installed").len(), 2);
}

#[test]
fn another_value_at_the_same_time_is_a_new_version() {
    let mut core = open();
    let report = |cpu: u32| {
        native(&format!(
            r#"{{"device":"a","time":"2026-06-09T00:01:00Z","signals":{{"cpu":{cpu}}}}}"#
        ))
    };
    for (minutes, cpu) in [(1, 1), (2, 2), (3, 1)] {
        core.ingest(minute(minutes), &report(cpu)).unwrap();
    }
    core.commit().unwrap();
    let cpu = column(&core, TableKind::Signals, "device", "cpu");
    assert_eq!(cpu, [Value::Number(1.0), Value::Number(2.0)]);
}

#[test]
fn true_false_true_in_one_body_are_three_transitions() {
    let mut core = open();
    let line = |second: u32, pending: bool| {
        format!(
            r#"{{"device":"a","time":"2026-06-09T00:01:0{second}Z","signals":{{"pending_reboot":{pending}}}}}"#
        )
    };
    let text = format!("{}\n{}\n{}", line(1, true), line(2, false), line(3, true));
    core.ingest(minute(2), &native(&text)).unwrap();
    core.commit().unwrap();
    let told = told(&decisions(&core));
    assert_eq!(
        told,
        [
            "00:02:00 pending firing",
            "00:02:00 pending resolved",
            "00:02:00 pending firing"
        ]
    );
}

#[test]
fn a_wrong_type_refuses_the_whole_body_by_line_and_field() {
    let mut core = open();
    core.ingest(
        minute(1),
        &native(r#"{"device":"a","signals":{"load":1.5}}"#),
    )
    .unwrap();
    let check = |core: &mut afterboot::core::Core, text: &str, expected: &str| match core
        .ingest(minute(2), &native(text))
    {
        Err(Refusal::Invalid(fault)) => assert_eq!(fault.to_string(), expected),
        other => panic!("{other:?}"),
    };
    check(
        &mut core,
        "{\"device\":\"b\"}\n{\"device\":\"c\",\"signals\":{\"load\":\"high\"}}",
        "line 2, signals.load: a number is expected here, the text \"high\" came",
    );
    check(
        &mut core,
        "{\"device\":\"b\",\"signals\":{\"new\":1}}\n{\"device\":\"c\",\"signals\":{\"new\":true}}",
        "line 2, signals.new: a number is expected here, true came",
    );
    core.commit().unwrap();
    assert_eq!(reports(&core), 1);
    assert!(core.store().schema().find_device("default", "b").is_none());
}

#[test]
fn foreign_lines_are_kept_one_by_one() {
    let mut core = open();
    core.ingest(
        minute(1),
        &native(r#"{"device":"a","signals":{"disk":{"C:":{"free":1}}}}"#),
    )
    .unwrap();
    let text = r#"{"device":"a","time":"2026-06-09T00:02:00Z","signals":{"disk":{"C:":{"free":"x"},"D:":{"free":2}}}}"#;
    let receipt = core
        .ingest(minute(2), &body(text, Manner::FOREIGN))
        .unwrap();
    let again = core
        .ingest(minute(3), &body(text, Manner::FOREIGN))
        .unwrap();
    core.commit().unwrap();
    assert_eq!(receipt.samples, 1);
    assert_eq!(receipt.refused[0].field, "signals.disk.C:.free");
    assert_eq!((again.reports, again.duplicates), (0, 1));
    assert_eq!(reports(&core), 2);
}

#[test]
fn a_clock_two_hours_ahead_is_corrected() {
    let check = |sent: &str| {
        let mut core = open();
        let line = |minutes: i64| {
            let time = stamp(minute(minutes + 120));
            let sent = sent.replace("TIME", &time);
            format!(r#"{{"device":"a",{sent}"time":"{time}","signals":{{"cpu":1}}}}"#)
        };
        core.ingest(minute(1), &native(&line(1))).unwrap();
        core.ingest(minute(2) + SECOND, &native(&line(2))).unwrap();
        core.commit().unwrap();
        let offsets = column(&core, TableKind::Signals, "device", "clock_offset");
        assert_eq!(offsets, [Value::Number(-7200.0)], "{sent}");
        let cpu: Vec<_> = rows(&core, TableKind::System, "report")
            .iter()
            .map(|(_, r)| r.time + r.offset)
            .collect();
        assert_eq!(cpu, [minute(1), minute(2)], "{sent}");
    };
    check("");
    check(r#""sent":"TIME","#);
}

#[test]
fn old_times_are_trusted_and_absent_ones_never_shifted() {
    let mut core = open();
    core.ingest(
        minute(60),
        &native(r#"{"device":"a","time":"2026-06-09T00:01:00Z"}"#),
    )
    .unwrap();
    core.ingest(
        minute(61),
        &native(r#"{"device":"b","sent":"2026-06-09T03:01:00Z","signals":{"cpu":1}}"#),
    )
    .unwrap();
    core.commit().unwrap();
    let times: Vec<_> = rows(&core, TableKind::System, "report")
        .iter()
        .map(|(_, r)| (r.time, r.offset))
        .collect();
    assert_eq!(times, [(minute(1), 0), (minute(61), 0)]);
}

#[test]
fn labels_are_written_where_they_change() {
    let mut core = open();
    let line = |minutes: i64, role: &str| {
        let time = stamp(minute(minutes));
        native(&format!(
            r#"{{"device":"a","time":"{time}","labels":{{"role":"{role}","site":""}}}}"#
        ))
    };
    for (minutes, role) in [
        (1, "sql"),
        (2, "sql"),
        (3, "web"),
        (2, "sql"),
        (4, "web"),
        (5, ""),
    ] {
        core.ingest(minute(10), &line(minutes, role)).unwrap();
    }
    core.commit().unwrap();
    let told: Vec<_> = rows(&core, TableKind::System, "label")
        .iter()
        .map(|(_, row)| {
            (
                (row.time - minute(0)) / (60 * SECOND),
                row.instance.clone(),
                row.cells[0].1.clone(),
            )
        })
        .collect();
    let row = |minutes: i64, role: &str| (minutes, "role".into(), Value::Text(role.into()));
    assert_eq!(told, [row(1, "sql"), row(3, "web"), row(5, "")]);
}

#[test]
fn a_repeated_import_changes_nothing() {
    let mut core = open();
    let text = "{\"device\":\"a\",\"time\":\"2017-06-09T00:01:00Z\",\"events\":[{\"kind\":\"patch.started\",\"kb\":\"KB1\"}]}\n\
                {\"device\":\"a\",\"time\":\"2017-06-09T00:02:00Z\",\"events\":[{\"kind\":\"patch.installed\",\"kb\":\"KB1\"}]}";
    let first = core.ingest(minute(1), &body(text, Manner::IMPORT)).unwrap();
    let before = core.last_seq();
    let second = core.ingest(minute(2), &body(text, Manner::IMPORT)).unwrap();
    core.commit().unwrap();
    assert_eq!((first.events, second.events, second.duplicates), (2, 0, 2));
    assert_eq!(core.last_seq(), before);
    let arrivals: Vec<_> = rows(&core, TableKind::System, "report")
        .iter()
        .map(|(at, _)| *at)
        .collect();
    assert_eq!(
        arrivals,
        [minute(1), minute(1)],
        "an import is known at one instant"
    );
}
