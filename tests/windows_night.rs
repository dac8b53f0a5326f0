//! A real night of a real machine: the System log of a Windows 10, with the heartbeats that an agent would have
//! sent in between. The machine patches itself, restarts as planned, comes back; nobody is paged.

use afterboot::core::RuleSet;
use afterboot::ingest::evtx::{self, EvtxSettings};
use afterboot::replay::{Format, run};
use query::span::Source;
use query::value::print_time;
use serde_json::{Value, json};
use storage::{Nanos, SECOND};

fn at(text: &str) -> Nanos {
    afterboot::ingest::rfc3339::parse(text).expect("a time")
}

fn value(value: &storage::Value) -> Value {
    match value {
        storage::Value::Number(number) => json!(number),
        storage::Value::Bool(flag) => json!(flag),
        storage::Value::Text(text) => json!(text.as_str()),
        storage::Value::Time(time) => json!(print_time(*time)),
    }
}

/// The records of the night as lines of a replay, with a heartbeat a minute while the machine was up.
fn night(silent_from: &str, silent_to: &str, service_after: &str) -> (String, String) {
    let log = include_bytes!("data/windows/win10-1803-system.evtx");
    let outcome = evtx::decode(log, &EvtxSettings::default());
    assert!(outcome.errors.is_empty());
    let (from, to) = (at("2018-07-11T16:00:00Z"), at("2018-07-12T01:30:00Z"));
    let device = outcome.reports[0].device.to_string();
    let mut lines: Vec<(Nanos, Value)> = Vec::new();
    for report in &outcome.reports {
        let arrived = report.arrived.expect("a log states it");
        if arrived < from || arrived > to {
            continue;
        }
        let events: Vec<Value> = report
            .events
            .iter()
            .map(|event| {
                let mut fields: serde_json::Map<String, Value> = event
                    .fields
                    .iter()
                    .map(|(name, v)| (name.to_string(), value(v)))
                    .collect();
                fields.insert("kind".into(), json!(event.kind.as_str()));
                if let Some(time) = event.time {
                    fields.insert("time".into(), json!(print_time(time)));
                }
                Value::Object(fields)
            })
            .collect();
        // the agent forwards what it finds in the log once the machine is up again
        let arrived = if arrived >= at(silent_from) {
            arrived.max(at(silent_to))
        } else {
            arrived
        };
        lines.push((
            arrived,
            json!({"device": device, "arrived": print_time(arrived), "events": events}),
        ));
    }
    let mut beat = from;
    while beat <= to {
        let state = if beat >= at(silent_to) {
            service_after
        } else {
            "running"
        };
        if beat < at(silent_from) || beat >= at(silent_to) {
            let time = print_time(beat);
            lines.push((
                beat,
                json!({"device": device, "arrived": time, "time": time, "interval": 60,
                       "signals": {"service": {"Spooler": {"state": state, "start": "auto"}}}}),
            ));
        }
        beat += 60 * SECOND;
    }
    lines.sort_by_key(|(arrived, _)| *arrived);
    (
        device,
        lines.iter().map(|(_, line)| format!("{line}\n")).collect(),
    )
}

/// What the standard rules decide, as `HH:MM:SS rule state: message (reason)`.
fn told(input: &str) -> Vec<String> {
    let text = include_str!("../rules/standard.rules").to_string();
    let rules = RuleSet::check(vec![Source {
        name: "standard.rules".into(),
        text,
    }])
    .expect("rules");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    run(
        input.as_bytes(),
        &rules,
        None,
        Format::Ndjson,
        &mut out,
        &mut err,
    )
    .expect("a replay");
    assert_eq!(String::from_utf8_lossy(&err), "");
    let text = String::from_utf8(out).expect("text");
    text.lines()
        .map(|line| {
            let line: Value = serde_json::from_str(line).expect("JSON");
            let text = |name: &str| line[name].as_str().unwrap_or_default().to_string();
            let reason = line["reason"]
                .as_str()
                .map(|reason| format!(" ({reason})"))
                .unwrap_or_default();
            let time = text("time");
            format!(
                "{} {} {}: {}{reason}",
                &time[11..19],
                text("rule"),
                text("state"),
                text("message")
            )
            .trim_end_matches(": ")
            .to_string()
        })
        .collect()
}

#[test]
fn a_real_patch_night_is_told_right_and_nothing_pages() {
    let (device, input) = night("2018-07-12T00:41:00Z", "2018-07-12T00:45:00Z", "running");
    let kbs = "KB4338819, KB890830, KB4338832";
    let offline = format!("host_down {{}}: {device} is offline, last heard 2018-07-12T00:40:00Z");
    assert_eq!(
        told(&input),
        [
            "16:24:28 post_patch open".to_string(),
            "00:43:00 post_patch down".to_string(),
            format!(
                "00:43:00 {} (post-patch reboot ({kbs}))",
                offline.replace("{}", "suppressed")
            ),
            "00:45:00 post_patch verifying".to_string(),
            format!("00:45:00 post_patch done: {device}: {kbs} active, down 5m"),
            format!("00:45:00 {}", offline.replace("{}", "resolved")),
            format!("00:47:00 scheduled_reboot log: {device} rebooted as planned"),
        ]
    );
}

#[test]
fn the_same_night_with_a_service_that_stays_down_pages_once() {
    let (device, input) = night("2018-07-12T00:41:00Z", "2018-07-12T00:45:00Z", "stopped");
    let told = told(&input);
    let kbs = "KB4338819, KB890830, KB4338832";
    let firing: Vec<&String> = told
        .iter()
        .filter(|line| line.contains(" firing:") || line.contains(" unverified:"))
        .collect();
    assert_eq!(
        firing,
        [&format!(
            "00:55:00 post_patch unverified: {device}: trigger: post-patch reboot ({kbs}); verification: Spooler stopped"
        )]
    );
    let absorbed =
        format!("00:55:00 service_down absorbed: Spooler is stopped on {device} (post_patch)");
    assert!(told.contains(&absorbed), "{told:#?}");
}

#[test]
fn the_same_night_on_which_the_machine_stays_away_pages_once() {
    let (device, input) = night("2018-07-12T00:41:00Z", "2018-07-12T01:29:00Z", "running");
    let told = told(&input);
    let firing: Vec<&String> = told
        .iter()
        .filter(|line| line.contains(" firing:") || line.contains(" overdue:"))
        .collect();
    // nobody heard of the announced restart before the machine came back: 30 minutes from when it was missed
    assert_eq!(
        firing,
        [&format!(
            "01:13:00 post_patch overdue: Patch deployment failure: {device} did not recover after reboot \
             (KB4338819, KB890830, KB4338832)"
        )]
    );
}
