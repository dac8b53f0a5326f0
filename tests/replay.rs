//! Replays: the same bytes every time, equal to what live ingestion of the same lines decides.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use afterboot::core::{Body, Core, Manner};
use afterboot::ingest::native::{self, Mode};
use afterboot::replay::{Format, Summary, run};
use common::*;

fn replay(input: &str, to: Option<&str>) -> (String, String, Summary) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let summary = run(
        input.as_bytes(),
        &rules(RULES),
        to.map(at),
        Format::Ndjson,
        &mut out,
        &mut err,
    )
    .unwrap();
    (
        String::from_utf8(out).unwrap(),
        String::from_utf8(err).unwrap(),
        summary,
    )
}

fn line(minutes: i64, device: &str, pending: bool) -> String {
    let time = stamp(minute(minutes));
    format!(
        r#"{{"device":"{device}","time":"{time}","arrived":"{time}","signals":{{"pending_reboot":{pending}}}}}"#
    )
}

fn night() -> Vec<String> {
    let mut lines = Vec::new();
    for step in 0..40 {
        for (number, device) in ["a", "b", "c"].iter().enumerate() {
            lines.push(line(step * 3, device, (step + number as i64) % 4 < 2));
        }
    }
    lines
}

#[test]
fn twice_the_same_bytes() {
    let input = night().join("\n");
    let first = replay(&input, None);
    assert_eq!(first, replay(&input, None));
    assert!(first.0.lines().count() > 20);
    assert_eq!(first.2.decisions as usize, first.0.lines().count());
}

#[test]
fn file_order_does_not_matter_across_arrivals() {
    let mut lines: Vec<String> = night().into_iter().step_by(3).collect();
    let expected = replay(&lines.join("\n"), None).0;
    lines.reverse();
    assert_eq!(replay(&lines.join("\n"), None).0, expected);
}

/// Live: each line at its arrival, committed after every `turn` bodies.
fn live(lines: &[String], turn: usize) -> String {
    let mut core: Core = open_on(&storage::SimDisk::memory(), minute(0) - 1).core;
    let mut told = String::new();
    let mut release = |core: &mut Core| {
        for decision in core.commit().unwrap() {
            told.push_str(&decision.to_line());
            told.push('\n');
        }
    };
    for (at, text) in lines.iter().enumerate() {
        let lines = native::decode(text.as_bytes(), None, Mode::Replay).unwrap();
        let afterboot::report::Line::Report(report) = &lines[0] else {
            panic!("a report")
        };
        let arrived = report.arrived.unwrap();
        core.ingest(
            arrived,
            &Body {
                lines,
                manner: Manner::NATIVE,
                bytes: text.len(),
            },
        )
        .unwrap();
        if at % turn == 0 {
            release(&mut core);
        }
    }
    release(&mut core);
    told
}

#[test]
fn equal_to_live_however_turns_are_cut() {
    // One device, so that no two lines arrive together.
    let lines: Vec<String> = night().into_iter().step_by(3).collect();
    let expected = replay(&lines.join("\n"), None).0;
    assert!(expected.lines().count() > 10);
    for turn in [1, 2, 7, 1000] {
        assert_eq!(live(&lines, turn), expected, "{turn} bodies a turn");
    }
}

#[test]
fn lines_of_one_body_are_lines_of_one_arrival() {
    let stated = |second: i64, pending: bool, arrived: &str| {
        let time = stamp(minute(1) + second * storage::SECOND);
        format!(
            r#"{{"device":"a","time":"{time}",{arrived}"signals":{{"pending_reboot":{pending}}}}}"#
        )
    };
    let lines = |arrived: &str| {
        let on_off = [true, false, true, false, false, true];
        let lines = on_off
            .iter()
            .zip(1..)
            .map(|(on, second)| stated(second, *on, arrived));
        lines.collect::<Vec<_>>().join("\n")
    };
    let mut core = open_on(&storage::SimDisk::memory(), minute(0)).core;
    core.ingest(minute(2), &native(&lines(""))).unwrap();
    let live: Vec<String> = core.commit().unwrap().iter().map(|d| d.to_line()).collect();
    let arrived = format!(r#""arrived":"{}","#, stamp(minute(2)));
    let replayed = replay(&lines(&arrived), None).0;
    assert_eq!(live.len(), 5, "{live:#?}");
    assert_eq!(replayed.lines().collect::<Vec<_>>(), live);
}

#[test]
fn a_line_that_does_not_fit_is_left_out_and_named() {
    let lines = [
        line(1, "a", true),
        "{broken".into(),
        r#"{"device":"b"}"#.into(),
        line(2, "a", false),
    ];
    let wrong =
        r#"{"device":"a","time":"2026-06-09T00:01:30Z","signals":{"pending_reboot":"yes"}}"#;
    let input = format!("{}\n{wrong}\n", lines.join("\n"));
    let (out, err, summary) = replay(&input, None);
    assert_eq!(out.lines().count(), 2);
    assert_eq!((summary.lines, summary.left_out), (2, 3), "{err}");
    let named: Vec<&str> = err
        .lines()
        .map(|line| line.split(':').next().unwrap())
        .collect();
    assert_eq!(
        named,
        ["line 2", "line 3", "line 5, signals.pending_reboot"],
        "{err}"
    );
}

#[test]
fn timers_run_to_the_end_asked_for_and_no_further() {
    let input = line(0, "a", true);
    let count = |to| replay(&input, to).0.lines().count();
    assert_eq!(count(None), 1);
    assert_eq!(count(Some("2026-06-09T00:04:59Z")), 1);
    assert_eq!(count(Some("2026-06-09T00:05:00Z")), 2);
    assert_eq!(count(Some("2026-06-08T00:00:00Z")), 0);
}

#[test]
fn silence_says_nothing_while_we_did_not_listen() {
    let offline = rules("rule silent\n  when no heartbeat within 3m\n  alert warn \"{device}\"\n");
    let heard =
        |minutes: i64| format!(r#"{{"device":"a","arrived":"{}"}}"#, stamp(minute(minutes)));
    let mark = |listening: bool, minutes: i64| {
        format!(
            r#"{{"listening":{listening},"arrived":"{}"}}"#,
            stamp(minute(minutes))
        )
    };
    let fired = |lines: &[String], to: i64| {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let input = lines.join("\n");
        run(
            input.as_bytes(),
            &offline,
            Some(minute(to)),
            Format::Ndjson,
            &mut out,
            &mut err,
        )
        .unwrap();
        assert_eq!(String::from_utf8(err).unwrap(), "");
        let out = String::from_utf8(out).unwrap();
        out.lines()
            .map(|line| line[9..29].to_owned())
            .collect::<Vec<_>>()
    };
    let reports: Vec<String> = (0..=5).map(heard).collect();
    assert_eq!(fired(&reports, 20), ["2026-06-09T00:08:00Z"]);
    let outage = [reports, vec![mark(false, 6), mark(true, 10)]].concat();
    assert_eq!(fired(&outage, 20), ["2026-06-09T00:13:00Z"]);
    assert_eq!(fired(&outage, 12), Vec::<String>::new());
}
