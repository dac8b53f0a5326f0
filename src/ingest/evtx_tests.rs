//! Event logs: two real machines told as text, and logs that are damaged.

use super::*;
use crate::ingest::tests::print_report;
use std::fmt::Write;

const WIN10_1703: &[u8] = include_bytes!("../../tests/data/windows/win10-1703-system.evtx");
const WIN10_1803: &[u8] = include_bytes!("../../tests/data/windows/win10-1803-system.evtx");

fn everything() -> EvtxSettings {
    EvtxSettings {
        exclude: Vec::new(),
        without_kb: true,
        device: None,
    }
}

fn field<'r>(report: &'r Report, name: &str) -> Option<&'r Value> {
    let fields = report.events[0].fields.iter();
    fields
        .filter(|(n, _)| n == name)
        .map(|(_, value)| value)
        .next()
}

fn kb(report: &Report) -> &str {
    match field(report, "kb") {
        Some(Value::Text(kb)) => kb,
        _ => "",
    }
}

fn count(outcome: &EvtxOutcome, kind: &str) -> usize {
    outcome
        .reports
        .iter()
        .filter(|r| r.events[0].kind == kind)
        .count()
}

/// Time, kind and fields of the reports that pass, one a line.
fn story(outcome: &EvtxOutcome, passes: impl Fn(&Report) -> bool) -> String {
    let mut text = String::new();
    for report in outcome.reports.iter().filter(|r| passes(r)) {
        let event = &report.events[0];
        let time = jiff::Timestamp::from_nanosecond(event.time.unwrap().into()).unwrap();
        write!(text, "{} {}", time.strftime("%F %T"), event.kind).unwrap();
        for (name, value) in event.fields.iter().filter(|(name, _)| name != "title") {
            match value {
                Value::Text(value) => write!(text, " {name}={value:?}").unwrap(),
                Value::Bool(value) => write!(text, " {name}={value}").unwrap(),
                other => panic!("{other:?}"),
            }
        }
        text.push('\n');
    }
    text
}

fn check(got: &str, expected: &str) {
    let lines = |text: &str| {
        text.lines()
            .map(|l| l.trim().to_owned())
            .filter(|l| !l.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(lines(got), lines(expected));
}

#[test]
fn every_update_record_of_1703() {
    let all = decode(WIN10_1703, &everything());
    assert_eq!(all.errors, []);
    assert_eq!(all.records, 1881);
    assert_eq!(count(&all, "patch.staged"), 137);
    assert_eq!(count(&all, "patch.started"), 119);
    assert_eq!(count(&all, "patch.installed"), 116);
    assert_eq!(count(&all, "patch.failed"), 5);
    assert_eq!(count(&all, "reboot.started"), 2);
    assert_eq!(count(&all, "boot"), 3);
    let sum: u32 = all.skipped.values().sum();
    assert_eq!(sum as usize + all.reports.len(), 1881);
}

#[test]
fn three_updates_of_1703_started_and_never_ended() {
    let outcome = decode(WIN10_1703, &EvtxSettings::default());
    for zombie in ["KB4022725", "KB4038788", "KB4041676"] {
        let of = |kind: &str| {
            outcome
                .reports
                .iter()
                .filter(|r| kb(r) == zombie && r.events[0].kind == kind)
                .count()
        };
        assert!(of("patch.started") > 0, "{zombie}");
        assert_eq!(of("patch.installed") + of("patch.failed"), 0, "{zombie}");
    }
    check(
        &story(&outcome, |r| {
            !r.events[0].kind.starts_with("patch.") || kb(r) == "KB4025342"
        }),
        r#"
        2017-07-12 17:16:05 boot
        2017-07-12 17:17:44 reboot.started planned=true cause="Operating System: Upgrade (Planned)" by="C:\\Windows\\system32\\winlogon.exe (NT AUTHORITY\\SYSTEM)" action="restart"
        2017-07-12 17:18:03 boot clean=true
        2017-07-12 17:20:04 reboot.started planned=true cause="No title for this reason could be found: The Windows Installer initiated a system restart to complete or continue the configuration of 'VMware Tools'." by="msiexec.exe (NT AUTHORITY\\SYSTEM)" action="restart"
        2017-07-12 17:20:28 boot clean=true
        2017-07-20 08:35:29 patch.staged kb="KB4025342"
        2017-07-23 07:25:41 patch.started kb="KB4025342"
        2017-07-23 07:25:41 patch.failed kb="KB4025342" code="0x80248007"
        2017-07-24 08:40:28 patch.started kb="KB4025342"
        2017-07-24 08:40:28 patch.failed kb="KB4025342" code="0x80248007"
        2017-07-27 10:33:46 patch.started kb="KB4025342"
        2017-07-27 10:33:46 patch.failed kb="KB4025342" code="0x80248007"
        2017-07-31 05:14:05 patch.started kb="KB4025342"
        2017-07-31 05:14:05 patch.failed kb="KB4025342" code="0x80248007"
        "#,
    );
}

#[test]
fn the_patch_night_of_1803() {
    let outcome = decode(WIN10_1803, &EvtxSettings::default());
    assert_eq!(outcome.errors, []);
    let night = |r: &Report| kb(r) == "KB4338819" || (kb(r).is_empty() && r.line > 300);
    check(
        &story(&outcome, night),
        r#"
        2018-07-11 16:20:16 patch.staged kb="KB4338819"
        2018-07-11 16:24:28 patch.started kb="KB4338819"
        2018-07-12 00:41:00 reboot.started planned=true cause="Operating System: Service pack (Planned)" by="c:\\windows\\system32\\svchost.exe (NT AUTHORITY\\SYSTEM)" action="restart"
        2018-07-12 00:41:50 boot clean=true
        2018-07-12 00:44:15 patch.installed kb="KB4338819"
        2018-07-12 20:40:52 patch.staged kb="KB4338819"
        2018-07-12 20:55:20 patch.staged kb="KB4338819"
        2018-07-12 22:53:16 patch.staged kb="KB4338819"
        2018-07-12 22:55:40 patch.started kb="KB4338819"
        2018-07-12 22:56:23 patch.installed kb="KB4338819"
        "#,
    );
    let boot = outcome.reports.iter().find(|r| r.line == 376).unwrap();
    assert_eq!(
        print_report(boot),
        "376: DESKTOP-1N4R894 at 1531356110.9447303s arrived 1531356119.8784378s | !boot at 1531356110.9447303s clean=true"
    );
}

#[test]
fn what_is_left_out_is_counted() {
    let outcome = decode(WIN10_1803, &EvtxSettings::default());
    let skipped: Vec<(&str, u32)> = outcome.skipped.iter().map(|(k, n)| (*k, *n)).collect();
    assert_eq!(
        skipped,
        [
            ("further records of one boot", 3),
            ("not about patches, restarts or boots", 748),
            ("updates excluded by KB", 159),
            ("updates without a KB", 225),
        ]
    );
    assert!(outcome.reports.iter().all(|r| kb(r) != "KB2267602"));
    let store_app = decode(WIN10_1803, &everything());
    check(
        &story(&store_app, |r| r.events[0].kind == "patch.failed"),
        r#"
        2018-07-12 20:51:29 patch.failed kb="9NBLGGH3FL3T-Microsoft.VCLibs.120.00.Universal" code="0x8024001E"
        2018-07-12 20:51:29 patch.failed kb="9WZDNCRFJ3PS-Microsoft.RemoteDesktop" code="0x8024001E"
        "#,
    );
}

#[test]
fn arrivals_never_fall() {
    for log in [WIN10_1703, WIN10_1803] {
        let outcome = decode(log, &everything());
        assert!(
            outcome
                .reports
                .windows(2)
                .all(|w| w[0].arrived <= w[1].arrived && w[0].line < w[1].line)
        );
        assert!(
            outcome
                .reports
                .iter()
                .all(|r| r.arrived >= r.time && r.time == r.events[0].time)
        );
    }
}

#[test]
fn the_device_can_be_named() {
    let settings = EvtxSettings {
        device: Some("pc-7".into()),
        ..EvtxSettings::default()
    };
    let outcome = decode(WIN10_1703, &settings);
    assert!(outcome.reports.iter().all(|r| r.device == "pc-7"));
    let named = decode(WIN10_1703, &EvtxSettings::default());
    assert_eq!(named.reports[0].device, "WIN-P4SIAA0SQCO");
    assert_eq!(named.reports[10].device, "DESKTOP-2KGM189");
}

#[test]
fn kb_numbers() {
    for (title, expected) in [
        ("2018-07 Cumulative Update (KB4338819)", Some("KB4338819")),
        ("Tool x64 - July 2018 (KB890830)", Some("KB890830")),
        ("KB12 and KB123456", Some("KB123456")),
        ("KB12345678", None),
        ("9NBLGGH5PNB1-Microsoft.OneConnect", None),
        ("", None),
    ] {
        assert_eq!(kb_number(title), expected, "{title}");
    }
}

fn record(id: u64, seconds: i64, kind: (&str, u32), data: &str) -> Record {
    let time = jiff::Timestamp::from_second(seconds).unwrap();
    let json = format!(
        r#"{{"Event":{{"System":{{"Provider_attributes":{{"Name":"{}"}},"EventID":{},"TimeCreated_attributes":{{"SystemTime":"{time}"}},"Computer":"pc"}},"EventData":{data}}}}}"#,
        kind.0, kind.1
    );
    record::read(id, time, &json).unwrap()
}

const KERNEL: (&str, u32) = ("Microsoft-Windows-Kernel-General", 12);
const LOG: (&str, u32) = ("EventLog", 6005);
const STOP: (&str, u32) = ("EventLog", 6006);
const LOG_UNCLEAN: (&str, u32) = ("EventLog", 6008);
const POWER_UNCLEAN: (&str, u32) = ("Microsoft-Windows-Kernel-Power", 41);

fn boots(records: &[(i64, (&str, u32))], expected: &str) {
    let numbered = records.iter().enumerate();
    let records: Vec<Record> = numbered
        .map(|(id, (time, kind))| record(id as u64, *time, *kind, "null"))
        .collect();
    let mut outcome = EvtxOutcome::default();
    tell(&records, &EvtxSettings::default(), &mut outcome);
    let seconds = |r: &Report| r.time.unwrap() / storage::SECOND;
    let of = |r: &Report| {
        format!(
            "{}{}",
            seconds(r),
            match field(r, "clean") {
                Some(Value::Bool(true)) => " clean",
                Some(Value::Bool(false)) => " unclean",
                _ => "",
            }
        )
    };
    let got: Vec<String> = outcome.reports.iter().map(of).collect();
    assert_eq!(got.join(", "), expected);
}

#[test]
fn the_records_of_a_boot_are_one_boot() {
    boots(&[(100, KERNEL)], "100");
    boots(&[(10, STOP), (400, LOG), (100, KERNEL)], "100 clean");
    boots(
        &[
            (400, LOG_UNCLEAN),
            (400, LOG),
            (100, KERNEL),
            (101, POWER_UNCLEAN),
        ],
        "100 unclean",
    );
    boots(&[(400, LOG), (500, STOP), (600, LOG)], "400, 600 clean");
    boots(&[(400, LOG), (600, LOG)], "400, 600");
    boots(&[(100, KERNEL), (200, STOP), (300, LOG)], "100, 300 clean");
    boots(&[(100, LOG), (300, KERNEL), (330, LOG)], "100, 300");
    boots(
        &[
            (100, KERNEL),
            (130, LOG),
            (200, KERNEL),
            (230, LOG_UNCLEAN),
            (230, LOG),
        ],
        "100, 200 unclean",
    );
    boots(
        &[(100, POWER_UNCLEAN), (300, POWER_UNCLEAN)],
        "100 unclean, 300 unclean",
    );
    boots(
        &[(90, STOP), (100, KERNEL), (130, LOG), (130, LOG_UNCLEAN)],
        "100 unclean",
    );
}

fn restart(data: &str, later: &[(&str, u32, &str)], expected: &str) {
    let mut records = vec![record(1, 100, ("User32", 1074), data)];
    for (at, (provider, event, data)) in later.iter().enumerate() {
        records.push(record(2 + at as u64, 110, (provider, *event), data));
    }
    let (_, fields) = restart_event(&records[0], &records[1..]);
    let texts = fields.iter().map(|(name, value)| match value {
        Value::Text(text) => format!("{name}={text}"),
        Value::Bool(flag) => format!("{name}={flag}"),
        other => panic!("{other:?}"),
    });
    assert_eq!(texts.collect::<Vec<_>>().join("; "), expected);
}

#[test]
fn restarts_in_any_language() {
    restart(
        r#"{"param1":"C:\\Windows\\Explorer.EXE (PC)","param3":"Anderer Grund (nicht geplant)","param4":"0x0","param5":"power off","param6":"","param7":"PC\\anna"}"#,
        &[],
        "planned=false; cause=Anderer Grund (nicht geplant); by=C:\\Windows\\Explorer.EXE (PC\\anna); action=power-off",
    );
    let german = r#"{"param1":"a.exe (PC)","param3":"Betriebssystem: Service Pack (geplant)","param4":"0x80020010","param5":"Neustart","param6":"","param7":""}"#;
    let power = (
        "Microsoft-Windows-Kernel-Power",
        109,
        r#"{"ShutdownActionType":5}"#,
    );
    restart(
        german,
        &[power],
        "planned=true; cause=Betriebssystem: Service Pack (geplant); by=a.exe; action=restart",
    );
    let off = (
        "Microsoft-Windows-Kernel-Power",
        109,
        r#"{"ShutdownActionType":6}"#,
    );
    restart(
        german,
        &[off, power],
        "planned=true; cause=Betriebssystem: Service Pack (geplant); by=a.exe; action=power-off",
    );
    restart(
        german,
        &[("User32", 1074, "null"), power],
        "planned=true; cause=Betriebssystem: Service Pack (geplant); by=a.exe",
    );
    restart(r#"{"param4":"?"}"#, &[], "");
}

fn errors(log: &[u8]) -> String {
    let outcome = decode(log, &EvtxSettings::default());
    outcome.errors.iter().map(|e| format!("{e}\n")).collect()
}

#[test]
fn damaged_logs_are_read_as_far_as_they_go() {
    let whole = decode(WIN10_1703, &EvtxSettings::default());
    assert!(errors(b"").starts_with("not a Windows event log: "));
    assert!(errors(b"device,report").starts_with("not a Windows event log: "));

    let cut = &WIN10_1703[..4096 + 5 * 65536 + 1000];
    assert_eq!(
        errors(cut),
        "the file ends inside chunk 5, at byte 332776; the records before were read; copy the file anew\n"
    );
    let before = decode(cut, &EvtxSettings::default());
    assert!(!before.reports.is_empty() && before.records < whole.records);
    assert_eq!(before.reports, whole.reports[..before.reports.len()]);

    assert_eq!(
        errors(&WIN10_1803[..4096 + 65536]),
        "the file has 1 chunks, its header says 4; the records before were read; copy the file anew\n"
    );

    let mut flipped = WIN10_1703.to_vec();
    flipped[4096 + 2 * 65536 + 9000] ^= 4;
    assert!(
        errors(&flipped).starts_with("Failed to parse chunk number 2: chunk data CRC32 invalid"),
        "{}",
        errors(&flipped)
    );
    let rest = decode(&flipped, &EvtxSettings::default());
    assert!(rest.records > 1500 && rest.records < 1881);
}

#[test]
fn damaged_logs_never_panic() {
    // A small file: the header and one chunk. Checksums are not rewritten, so most damage stops there.
    let small = &WIN10_1803[..4096 + 65536];
    for at in (0..small.len())
        .step_by(1499)
        .chain(0..160)
        .chain(4096..4240)
    {
        let mut damaged = small.to_vec();
        damaged[at] ^= 0x41;
        decode(&damaged, &EvtxSettings::default());
    }
    for end in (0..small.len()).step_by(2741) {
        let outcome = decode(&small[..end], &EvtxSettings::default());
        assert!(!outcome.errors.is_empty(), "{end}");
    }
}
