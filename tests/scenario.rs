//! Nights as documents: `scenarios/NAME.ndjson` replayed under the standard rules must print
//! `scenarios/NAME.expected.ndjson`, line by line.
//!
//! `AFTERBOOT_BLESS=1` writes what is printed in the place of what is expected; read the diff.

use afterboot::core::RuleSet;
use afterboot::replay::{Format, run};
use query::span::Source;
use std::path::Path;

/// Name of the night, and to when all timers run.
const NIGHTS: &[(&str, &str)] = &[
    ("backlog-after-the-boot", "2026-06-09T00:30:00Z"),
    ("backlog-at-once", "2026-06-09T00:20:00Z"),
    ("boots-again-after-unverified", "2026-06-09T02:00:00Z"),
    ("clean-night", "2026-06-09T02:00:00Z"),
    ("events-ahead-of-uptime", "2026-06-09T00:20:00Z"),
    ("failures-in-order-of-key", "2026-06-09T00:20:00Z"),
    ("installed-after-boot", "2026-06-09T10:00:00Z"),
    ("one-of-two-patches-fails", "2026-06-09T00:38:00Z"),
    ("reboots-after-five-days", "2026-06-14T00:30:00Z"),
    ("service-does-not-start", "2026-06-09T02:00:00Z"),
];

fn printed(input: &str, to: &str) -> String {
    let text = include_str!("../rules/standard.rules").to_string();
    let rules = RuleSet::check(vec![Source {
        name: "standard.rules".into(),
        text,
    }])
    .expect("the standard rules check");
    let to = afterboot::ingest::rfc3339::parse(to).expect("a time");
    let (mut out, mut err) = (Vec::new(), Vec::new());
    run(
        input.as_bytes(),
        &rules,
        Some(to),
        Format::Ndjson,
        &mut out,
        &mut err,
    )
    .expect("the replay runs");
    assert_eq!(String::from_utf8_lossy(&err), "", "no line is left out");
    String::from_utf8(out).expect("text")
}

#[test]
fn every_night_is_told_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut wrong = Vec::new();
    for (name, to) in NIGHTS {
        let read = |file: &str| {
            std::fs::read_to_string(folder.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
        };
        let got = printed(&read(&format!("{name}.ndjson")), to);
        let expected_file = format!("{name}.expected.ndjson");
        if std::env::var_os("AFTERBOOT_BLESS").is_some() {
            std::fs::write(folder.join(&expected_file), &got).expect("written");
            continue;
        }
        let values = |text: &str| -> Vec<serde_json::Value> {
            text.lines()
                .map(|line| serde_json::from_str(line).expect("a line of JSON"))
                .collect()
        };
        let expected = read(&expected_file);
        if values(&got) != values(&expected) {
            wrong.push(format!("{name}: expected\n{expected}\ngot\n{got}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
