//! Native reports: what is read and what is refused, as text.

use super::*;
use storage::SECOND;

/// Prints lines one a line, in the order of their parts.
fn print(lines: &[Line]) -> String {
    let mut text = String::new();
    for line in lines {
        match line {
            Line::Listening { listening, arrived } => {
                text += &format!("listening {listening} at {}\n", arrived / SECOND);
            }
            Line::Report(r) => text += &(crate::ingest::tests::print_report(r) + "\n"),
        }
    }
    text.trim_end().to_owned()
}

fn check(mode: Mode, body: &str, expected: &str) {
    let got = match decode(body.as_bytes(), None, mode) {
        Ok(lines) => print(&lines),
        Err(error) => error.to_string(),
    };
    assert_eq!(got, expected.trim(), "{body}");
}

fn live(body: &str, expected: &str) {
    check(Mode::Live, body, expected);
}

#[test]
fn the_report_of_the_manual() {
    live(
        r#"{"device":"srv-01","labels":{"client":"Acme","site":"hq","role":""},"interval":60,
            "time":"1970-01-01T00:05:00Z",
            "signals":{"cpu":12.5,"uptime":86400,"pending_reboot":true,
                       "service":{"MSSQLSERVER":{"state":"running","start":"auto"}}},
            "events":[{"kind":"patch.installed","time":"1970-01-01T00:04:10Z","kb":"KB5034441","reboot_required":true}]}"#,
        r#"1: Acme/srv-01 site="hq" role="" every 60s at 300s | device cpu=12.5 uptime=86400 pending_reboot=true | service["MSSQLSERVER"] state="running" start="auto" | !patch.installed at 250s kb="KB5034441" reboot_required=true"#,
    );
}

#[test]
fn the_shapes_of_a_body() {
    live(r#"{"device":"a"}"#, "1: a");
    live(
        "{\"device\":\"a\"}\n\n  {\"device\":\"b\"}\r\n",
        "1: a\n3: b",
    );
    live("\u{feff}{\"device\":\"a\"}", "1: a");
    live(" [{\"device\":\"a\"},\n{\"device\":\"b\"}] ", "1: a\n2: b");
    live("{\n\"device\":\n\"a\"}\n", "1: a");
    live(
        "",
        "the body holds no report; the smallest is {\"device\":\"srv-01\"}",
    );
    live(
        "[]",
        "the body holds no report; the smallest is {\"device\":\"srv-01\"}",
    );
    live(
        r#"{"device":"a"} {"device":"b"}"#,
        "line 1, column 16: not valid JSON: trailing characters; one report a line",
    );
    live(
        "{\"device\":\"a\"}\n{\"device\":",
        "line 2, column 10 (device): not valid JSON: EOF while parsing a value",
    );
    live(
        "[{\"device\":\"a\"},5]",
        "line 2: expected a report, a JSON object, found integer `5`",
    );
    live(
        "5",
        "line 1: expected a report, a JSON object, found integer `5`",
    );
}

#[test]
fn families() {
    live(
        r#"{"device":"a","signals":{"a":{"b":{"c":1}}}}"#,
        r#"1: a | a["b"] c=1"#,
    );
    live(r#"{"device":"a","signals":{"a":{"b":1}}}"#, "1: a | a b=1");
    live(
        r#"{"device":"a","signals":{"a":{"x":1,"k":{"x":2},"y":"t","empty":{}},"none":{}}}"#,
        r#"1: a | a["k"] x=2 | a x=1 y="t""#,
    );
    live(
        r#"{"device":"a","signals":{"cpu":1,"device":{"mem":2}}}"#,
        "1: a | device cpu=1 mem=2",
    );
    live(
        r#"{"device":"a","signals":{"device":{"k":{"mem":2}}}}"#,
        "line 1, signals.device.k: `device` holds the plain signals and has no keys; name the family after what it is, such as `service` or `disk`",
    );
    live(
        r#"{"device":"a","signals":{"a":{"b":{"c":{"d":1}}}}}"#,
        "line 1, signals.a.b.c: expected a number, bool or text, found an object; signals nest as family, key, field; events have plain fields",
    );
    live(
        r#"{"device":"a","signals":{"patch":{"KB1":{"state":"staged"}}}}"#,
        "line 1, signals.patch: is derived and cannot be reported; `patch` is derived from events; send patch.staged, patch.started, patch.installed or patch.failed",
    );
}

#[test]
fn values() {
    live(
        r#"{"device":"a","signals":{"x":-0.1,"y":18446744073709551615,"z":1e-3,"t":"2026-01-01T00:00:00Z","u":"\u00e9\n"}}"#,
        r#"1: a | device x=-0.1 y=18446744073709552000 z=0.001 t="2026-01-01T00:00:00Z" u="é\n""#,
    );
    // Correctly rounded, as every other door reads it.
    live(
        r#"{"device":"a","signals":{"x":0.30000000000000004,"y":2.225073858507201e-308}}"#,
        &format!(
            "1: a | device x=0.30000000000000004 y={}",
            2.225073858507201e-308
        ),
    );
    live(
        "{\"device\":\"a\"}\n{\"device\":\"a\"}\n{\"device\":\"a\",\"signals\":{\"cpu\":null}}",
        "line 3, signals.cpu: expected a number, bool or text, found null; leave the field out where there is no value",
    );
    live(
        r#"{"device":"a","signals":{"cpu":[1]}}"#,
        "line 1, signals.cpu: expected a number, bool or text, found a list",
    );
    live(
        r#"{"device":"a","signals":{"cpu":NaN}}"#,
        "line 1, column 32 (signals.cpu): not valid JSON: expected value",
    );
    live(
        r#"{"device":"a","signals":{"cpu":1e999}}"#,
        "line 1, column 36 (signals.cpu): not valid JSON: number out of range",
    );
}

#[test]
fn what_would_lose_data_is_refused() {
    live(
        r#"{"device":"a","singals":{}}"#,
        "line 1, singals: unknown field; did you mean `signals`?",
    );
    live(
        r#"{"device":"a","client":"b"}"#,
        "line 1, client: unknown field; the client is a label: labels.client",
    );
    live(
        r#"{"device":"a","cpu":1}"#,
        "line 1, cpu: unknown field; samples go under `signals`, texts about the device under `labels`",
    );
    live(
        r#"{"device":"a","device":"b"}"#,
        "line 1, device: given twice; which one holds? send one",
    );
    live(
        r#"{"device":"a","signals":{"x":1,"x":2}}"#,
        "line 1, signals.x: given twice; which one holds? send one",
    );
    live(
        r#"{"device":"a","signals":{"x":1,"device":{"x":2}}}"#,
        "line 1, signals.x: given twice; which one holds? send one",
    );
    live(
        r#"{"device":"a","signals":{"f":{"k":{"x":1},"k":{"x":1}}}}"#,
        "line 1, signals.f.k: given twice; which one holds? send one",
    );
    live(
        r#"{"device":"a","signals":{"f":{"x":1},"f":{"y":1}}}"#,
        "line 1, signals.f: given twice; which one holds? send one",
    );
    live(
        r#"{"device":"a","labels":{"os":"x","os":"y"}}"#,
        "line 1, labels.os: given twice; which one holds? send one",
    );
    live(
        r#"{"device":"a","labels":{"client":"x","client":"y"}}"#,
        "line 1, labels.client: given twice; which one holds? send one",
    );
    live(
        r#"{"device":"a","events":[{"kind":"boot","x":1,"x":1}]}"#,
        "line 1, events.0.x: given twice; which one holds? send one",
    );
    let many: String = (0..40).map(|n| format!("\"s{n}\":1,")).collect();
    live(
        &format!(r#"{{"device":"a","signals":{{{many}"s7":2}}}}"#),
        "line 1, signals.s7: given twice; which one holds? send one",
    );
}

#[test]
fn device_labels_interval() {
    live(
        "{}",
        "line 1, device: missing; each report names its device",
    );
    live(
        r#"{"device":""}"#,
        "line 1, device: the name of the device is empty",
    );
    live(
        r#"{"device":7}"#,
        "line 1, device: expected text, found integer `7`",
    );
    live(
        r#"{"device":"a\u0007"}"#,
        "line 1, device: the name of the device contains a control character",
    );
    live(
        &format!(r#"{{"device":"{}"}}"#, "x".repeat(129)),
        "line 1, device: the name of the device is 129 bytes long, the limit is 128",
    );
    live(
        r#"{"device":"a","labels":{"site":3}}"#,
        "line 1, labels.site: expected text, found integer `3`",
    );
    live(
        r#"{"device":"a","labels":{"device":"b"}}"#,
        "line 1, labels.device: is no label; `device` of the report names it",
    );
    live(r#"{"device":"a","labels":{"client":""}}"#, "1: a");
    live(
        &format!(
            r#"{{"device":"a","labels":{{"os":"{}"}}}}"#,
            "x".repeat(1025)
        ),
        "line 1, labels.os: the text is 1025 bytes long, the limit is 1024",
    );
    let labels = |n: usize| {
        let all: Vec<String> = (0..n).map(|n| format!("\"l{n}\":\"\"")).collect();
        format!(
            r#"{{"device":"a","labels":{{"client":"c",{}}}}}"#,
            all.join(",")
        )
    };
    assert!(decode(labels(64).as_bytes(), None, Mode::Live).is_ok());
    live(&labels(65), "line 1, labels.l64: more than 64 labels");
    live(r#"{"device":"a","interval":0.5}"#, "1: a every 0.5s");
    live(
        r#"{"device":"a","interval":0}"#,
        "line 1, interval: 0 is out of range; seconds between two reports, at most a year",
    );
    live(
        r#"{"device":"a","interval":"1m"}"#,
        "line 1, interval: expected a number of seconds, found text \"1m\"",
    );
}

#[test]
fn events() {
    live(
        r#"{"device":"a","events":[{"kind":"boot"},{"code":"0x1","kind":"patch.failed","kb":"KB1"}]}"#,
        r#"1: a | !boot | !patch.failed code="0x1" kb="KB1""#,
    );
    live(
        r#"{"device":"a","events":[{"kb":"KB1"}]}"#,
        "line 1, events.0.kind: missing; such as \"patch.installed\"",
    );
    live(
        r#"{"device":"a","events":[{"kind":"boot"},{"kind":"boot","x":{}}]}"#,
        "line 1, events.1.x: expected a number, bool or text, found an object; signals nest as family, key, field; events have plain fields",
    );
    live(
        r#"{"device":"a","events":{"kind":"boot"}}"#,
        "line 1, events: expected a list of events, found an object",
    );
    live(
        r#"{"device":"a","events":[{"kind":"heartbeat"}]}"#,
        "line 1, events.0.kind: is derived and cannot be reported; each report is one",
    );
    live(
        r#"{"device":"a","events":[{"kind":"boot","time":5}]}"#,
        "line 1, events.0.time: expected a time such as \"2026-06-09T02:05:00Z\", found integer `5`",
    );
}

#[test]
fn times() {
    live(
        r#"{"device":"a","time":"1970-01-01T01:00:01+01:00"}"#,
        "1: a at 1s",
    );
    live(
        r#"{"device":"a","time":"yesterday"}"#,
        "line 1, time: \"yesterday\" is not an RFC 3339 time; such as \"2026-06-09T02:05:00Z\"",
    );
    live(
        r#"{"device":"a","time":1780970700}"#,
        "line 1, time: expected a time such as \"2026-06-09T02:05:00Z\", found integer `1780970700`",
    );
}

#[test]
fn sent_and_arrived() {
    let body = r#"{"device":"a","time":"1970-01-01T00:00:02Z","sent":"1970-01-01T00:00:03Z","arrived":"1970-01-01T00:00:09Z"}"#;
    live(body, "1: a at 2s sent 3s");
    check(Mode::Replay, body, "1: a at 2s sent 3s arrived 9s");
    let lines = decode(body.as_bytes(), Some(5 * SECOND), Mode::Live).unwrap();
    assert_eq!(print(&lines), "1: a at 2s sent 5s");
    check(
        Mode::Replay,
        r#"{"device":"a","time":"1970-01-01T00:00:02Z","events":[{"kind":"boot","time":"1970-01-01T00:00:04Z"}]}"#,
        "1: a at 2s arrived 4s | !boot at 4s",
    );
    check(
        Mode::Replay,
        r#"{"device":"a"}"#,
        "line 1, arrived: missing, and so is every time; state `arrived` or `time`",
    );
}

#[test]
fn listening_marks() {
    let mark = r#"{"listening":false,"arrived":"1970-01-01T00:00:09Z"}"#;
    check(Mode::Replay, mark, "listening false at 9");
    live(
        mark,
        "line 1, listening: only replay inputs state it; leave it out",
    );
    check(
        Mode::Replay,
        r#"{"listening":true}"#,
        "line 1, listening: stands alone with `arrived`; as in {\"listening\":false,\"arrived\":\"2026-06-09T02:05:00Z\"}",
    );
    check(
        Mode::Replay,
        r#"{"listening":true,"device":"a","arrived":"1970-01-01T00:00:09Z"}"#,
        "line 1, listening: stands alone with `arrived`; as in {\"listening\":false,\"arrived\":\"2026-06-09T02:05:00Z\"}",
    );
    check(Mode::Replay, "\n", "");
}

#[test]
fn one_line_of_a_long_file() {
    let line = decode_line(b"{\"device\":\"a\"}", 7, None, Mode::Live)
        .unwrap()
        .unwrap();
    assert_eq!(print(&[line]), "7: a");
    assert_eq!(decode_line(b" \r", 8, None, Mode::Live), Ok(None));
    let error = decode_line(b"{", 9, None, Mode::Live).unwrap_err();
    assert_eq!(error.place(), "line 9, column 1");
}

#[test]
fn bounds() {
    let reports = "{\"device\":\"a\"}\n".repeat(limits::BODY_REPORTS_MAX);
    assert_eq!(
        decode(reports.as_bytes(), None, Mode::Live).unwrap().len(),
        limits::BODY_REPORTS_MAX
    );
    live(
        &(reports + "{\"device\":\"a\"}"),
        "line 100001: the body has more than 100000 reports; send it in smaller parts",
    );
    let mut wide = "{\"device\":\"a\",\"signals\":{\"f\":{".to_owned();
    for n in 0..limits::BODY_VALUES_MAX {
        wide += &format!("\"{n}\":1,");
    }
    wide += "\"x\":1}}}";
    let error = decode(wide.as_bytes(), None, Mode::Live).unwrap_err();
    assert_eq!(error.code, BodyCode::TooLarge);
    let deep = "{\"a\":".repeat(100_000);
    assert!(decode(deep.as_bytes(), None, Mode::Live).is_err());
}

#[test]
fn damaged_bodies_never_panic() {
    let body = "{\"device\":\"a\",\"labels\":{\"client\":\"\\u00e9\"},\"interval\":60,\"time\":\"2026-06-09T02:05:00.5Z\",\"signals\":{\"cpu\":12.5,\"s\":{\"k\":{\"f\":true}}},\"events\":[{\"kind\":\"boot\",\"time\":\"2026-06-09T02:05:00Z\"}]}\n{\"device\":\"b\"}".as_bytes();
    let mut read = 0;
    for at in 0..body.len() {
        read += usize::from(decode(&body[..at], None, Mode::Live).is_ok());
        for bit in 0..8 {
            let mut damaged = body.to_vec();
            damaged[at] ^= 1 << bit;
            if let Err(error) = decode(&damaged, None, Mode::Replay) {
                assert!(!error.reason.is_empty() && error.line > 0, "{error}");
            }
        }
    }
    assert_eq!(
        read, 2,
        "only the cuts after the first line leave whole reports"
    );
}
