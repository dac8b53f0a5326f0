//! Line protocol: what is read, what is refused, and how lines become reports, as text.

use super::*;
use crate::ingest::tests::print_report;

const TELEGRAF: &str = include_str!("../../tests/data/lineproto/telegraf-metrics.lp");

fn print(outcome: &LineOutcome) -> String {
    let reports = outcome.reports.iter().map(print_report);
    let errors = outcome.errors.iter().map(|e| format!("error {e}"));
    reports.chain(errors).collect::<Vec<_>>().join("\n")
}

fn check(body: &str, expected: &str) {
    let outcome = decode(
        body.as_bytes(),
        Precision::Nanosecond,
        &LineSettings::default(),
    )
    .unwrap();
    assert_eq!(print(&outcome), expected, "{body}");
}

/// The first line is refused, the second is kept.
fn refused(line: &str, expected: &str) {
    let body = format!("{line}\ncpu,host=ok v=1");
    let outcome = decode(
        body.as_bytes(),
        Precision::Nanosecond,
        &LineSettings::default(),
    )
    .unwrap();
    assert_eq!(
        print(&outcome),
        format!("2: ok | cpu v=1\nerror line 1, {expected}"),
        "{line}"
    );
    assert_eq!((outcome.accepted, outcome.refused), (1, 1));
}

#[test]
fn fields() {
    check(
        r#"m,host=a f=1.5,i=-3i,u=18446744073709551615u,t=t,T=TRUE,no=False,s="x y",e="",p=+1e2,d=.5 5000000000"#,
        r#"1: a at 5s | m f=1.5 i=-3 u=18446744073709552000 t=true T=true no=false s="x y" e="" p=100 d=0.5"#,
    );
    check(
        r#"m,host=a s="a \"quoted\" \\ back\slash, = #",x=1"#,
        r#"1: a | m s="a \"quoted\" \\ back\\slash, = #" x=1"#,
    );
    check(
        "m,host=a s=\"two\nlines\" 1\nm,host=b x=1",
        "1: a at 0.000000001s | m s=\"two\\nlines\"\n3: b | m x=1",
    );
}

#[test]
fn names_and_escapes() {
    check(
        r"my\ m\,x=y,host=a\ b\=c\,d\z f\ i\,e\=ld=1",
        r#"1: a b=c,d\z | my m,x=y f i,e=ld=1"#,
    );
    check(r"m,host=a\\z v=1", r"1: a\\z | m v=1");
    check("température,host=é ü=1", "1: é | température ü=1");
}

#[test]
fn lines() {
    check("", "");
    check("\n \n# a comment\r\n\r\n", "");
    check(
        "m,host=a v=1 1000000000\r\nm,host=b v=2  2000000000 \r\n",
        "1: a at 1s | m v=1\n2: b at 2s | m v=2",
    );
    check("  m,host=a   v=1   -1000000000", "1: a at -1s | m v=1");
}

#[test]
fn precisions() {
    for (name, seconds) in [
        ("ns", 1e-9),
        ("n", 1e-9),
        ("us", 1e-6),
        ("u", 1e-6),
        ("ms", 1e-3),
        ("s", 1.0),
        ("m", 60.0),
        ("h", 3600.0),
        ("", 1e-9),
    ] {
        let precision = Precision::parse(name).unwrap();
        let outcome = decode(b"m,host=a v=1 7200", precision, &LineSettings::default()).unwrap();
        assert_eq!(
            outcome.reports[0].time,
            Some((7200.0 * seconds * 1e9) as Nanos),
            "{name}"
        );
    }
    let error = Precision::parse("min").unwrap_err();
    assert_eq!(
        error.to_string(),
        "precision: unknown precision \"min\"; one of ns, us, ms, s, m, h"
    );
    let outcome = decode(
        b"m,host=a v=1 9000000000000",
        Precision::Hour,
        &LineSettings::default(),
    );
    assert_eq!(
        print(&outcome.unwrap()),
        "error line 1, column 14: the timestamp 9000000000000 is out of range; is the precision right?"
    );
}

#[test]
fn tags() {
    check("cpu,cpu=cpu0,host=a v=1", "1: a | cpu[\"cpu0\"] v=1");
    check(
        "disk,path=/,host=a,device=sda v=1",
        "1: a | disk[\"device=sda,path=/\"] v=1",
    );
    check(
        r"disk,b=x\,y\=z,host=a,a=\z v=1",
        r#"1: a | disk["a=\\\\z,b=x\\,y\\=z"] v=1"#,
    );
    check("m,device=d v=1", "1: d | m v=1");
    check("m,instance=i,hostname=h v=1", "1: h | m[\"i\"] v=1");
    check(
        "m,client=Acme,site=hq,wave=test,host=a v=1",
        "1: Acme/a site=\"hq\" wave=\"test\" | m v=1",
    );
    check(
        "device,host=a cpu=5,uptime=3i",
        "1: a | device cpu=5 uptime=3",
    );
}

#[test]
fn lists_are_settings() {
    let settings: LineSettings = serde_json::from_str(
        r#"{"device":["machine"],"labels":["team","client"],"instance":["disk"]}"#,
    )
    .unwrap();
    let body = b"m,machine=a,host=x,team=t,client=c,disk=d,site=s v=1\nm,host=a v=1";
    let outcome = decode(body, Precision::Nanosecond, &settings).unwrap();
    assert_eq!(
        print(&outcome),
        "1: c/a team=\"t\" | m[\"d\"] v=1\nerror line 2, column 1: no tag names the device; one of the tags machine does"
    );
    assert!(serde_json::from_str::<LineSettings>(r#"{"devices":[]}"#).is_err());
}

#[test]
fn consecutive_lines_of_one_device_and_time_are_one_report() {
    check(
        "cpu,host=a,cpu=c0 v=1 1\ncpu,host=a,cpu=c1 v=2 1\nmem,host=a v=3 1",
        "1: a at 0.000000001s | cpu[\"c0\"] v=1 | cpu[\"c1\"] v=2 | mem v=3",
    );
    check(
        "system,host=a x=1\nmem,host=a m=1\nsystem,host=a y=2",
        "1: a | system x=1 y=2 | mem m=1",
    );
    check("m,host=a x=1,y=2\nm,host=a y=2,x=1", "1: a | m x=1 y=2");
    // Another time, device, label or value is another report.
    check(
        "m,host=a x=1 1000000000\nm,host=a x=1 2000000000",
        "1: a at 1s | m x=1\n2: a at 2s | m x=1",
    );
    check(
        "m,host=a x=1\nm,host=b x=1\nm,host=a y=1",
        "1: a | m x=1\n2: b | m x=1\n3: a | m y=1",
    );
    check(
        "m,host=a,site=s x=1\nm,host=a y=1",
        "1: a site=\"s\" | m x=1\n2: a | m y=1",
    );
    check(
        "m,host=a x=t\nm,host=a z=1,x=f\nm,host=a x=t",
        "1: a | m x=true\n2: a | m z=1 x=false\n3: a | m x=true",
    );
}

#[test]
fn refused_lines_are_named_and_the_others_kept() {
    refused(
        "cpu v=1",
        "column 1: no tag names the device; one of the tags host, hostname, device, instance does",
    );
    refused(
        "cpu,host=a",
        "column 11: no field follows; a line is `name,tag=value field=1 timestamp`",
    );
    refused(
        ",host=a v=1",
        "column 1: expected the name of a measurement",
    );
    refused(
        "cpu,host v=1",
        "column 9: expected = after the tag host; comma, space and = inside a name are written \\, \\  and \\=",
    );
    refused(
        "cpu,host= v=1",
        "column 10: the tag host has no value; leave the tag out",
    );
    refused(
        "cpu,host=a=b v=1",
        "column 11: unexpected =; comma, space and = inside a name are written \\, \\  and \\=",
    );
    refused(
        "cpu,host=a,host=b v=1",
        "column 17: the tag host is given twice",
    );
    refused(
        "cpu,host=a v",
        "column 13: expected = after the field v; comma, space and = inside a name are written \\, \\  and \\=",
    );
    refused(
        "cpu,host=a v=1,v=2",
        "column 16: the field v is given twice",
    );
    refused(
        "cpu,host=a v=",
        "column 14: expected a number, a bool or a text in double quotes",
    );
    refused(
        "cpu,host=a v=NaN",
        "column 14: expected a number, a bool or a text in double quotes",
    );
    refused(
        "cpu,host=a v=-inf",
        "column 14: a number must be finite; leave the field out",
    );
    refused(
        "cpu,host=a v=1e999",
        "column 14: a number must be finite; leave the field out",
    );
    refused(
        "cpu,host=a v=1.5i",
        "column 14: 1.5i is not a 64-bit integer",
    );
    refused(
        "cpu,host=a v=9223372036854775808i",
        "column 14: 9223372036854775808i is not a 64-bit integer",
    );
    refused("cpu,host=a v=-1u", "column 14: -1u is not a 64-bit integer");
    refused(
        "cpu,host=a v=1x",
        "column 15: expected a comma, a space or the end of the line after the value; a text is in double quotes, an integer ends in i or u",
    );
    refused(
        "cpu,host=a v=tru",
        "column 14: \"tru\" is neither true nor false; a text is in double quotes",
    );
    refused(
        "cpu,host=a v=-",
        "column 14: not a number; a text is in double quotes",
    );
    refused(
        "cpu,host=a v=\"x",
        "column 14: the text is not closed; it ends with a double quote",
    );
    refused(
        "cpu,host=a v=1 soon",
        "column 16: expected a timestamp, a whole number; comma, space and = inside a name are written \\, \\  and \\=",
    );
    refused(
        "cpu,host=a v=1 1 2",
        "column 18: expected the end of the line after the timestamp",
    );
    refused(
        "cpu,host=a v=1 99999999999999999999",
        "column 16: the timestamp 99999999999999999999 is out of range; is the precision right?",
    );
    refused(
        "cpu,host=a v=1 1-2",
        "column 16: the timestamp 1-2 is out of range; is the precision right?",
    );
    refused(
        "cpu,host=a\u{1} v=1",
        "column 11: no field follows; a line is `name,tag=value field=1 timestamp`",
    );
    refused(
        "é,host=a\t v=1",
        "column 9: no field follows; a line is `name,tag=value field=1 timestamp`",
    );
    refused(
        "patch,host=a,kb=KB1 state=\"x\"",
        "column 1: the measurement is derived and cannot be reported; `patch` is derived from events; send patch.staged, patch.started, patch.installed or patch.failed",
    );
    refused(
        "device,host=a clock_offset=1",
        "column 1: states a derived signal; `clock_offset` is derived; send the header Afterboot-Sent",
    );
    refused(
        "device,host=a,cpu=c v=1",
        "column 1: `device` holds the plain signals and has no instances; leave out what names one: c",
    );
}

#[test]
fn places_after_a_text_of_two_lines() {
    check(
        "m,host=a s=\"two\nlines\",x=no! 1\nm,host=b x=1",
        "3: b | m x=1\nerror line 2, column 10: expected a number, a bool or a text in double quotes",
    );
}

#[test]
fn limits_of_a_line() {
    let long = |n: usize| "x".repeat(n);
    check(
        &format!("m,host={} v=1", long(128)),
        &format!("1: {} | m v=1", long(128)),
    );
    refused(
        &format!("m,host={} v=1", long(129)),
        "column 1: the name of the device has 129 bytes, the limit is 128",
    );
    refused(
        &format!("{},host=a v=1", long(129)),
        "column 1: the name of the measurement has 129 bytes, the limit is 128",
    );
    refused(
        &format!("m,host=a {}=1", long(129)),
        "column 10: the name of the field has 129 bytes, the limit is 128",
    );
    refused(
        &format!("m,host=a,site={} v=1", long(1025)),
        "column 15: the tag site has 1025 bytes, the limit is 1024",
    );
    refused(
        &format!("m,host=a,b={0},c={0} v=1", long(600)),
        "column 1: the key has 1205 bytes, the limit is 1024",
    );
    refused(
        &format!("m,host=a v=\"{}\"", long(1025)),
        "column 12: the text is 1025 bytes long, the limit is 1024",
    );
    refused(
        &format!("m,host=a v=\"{}\"", long(9000)),
        "column 12: the text is not closed, or longer than the limit of 1024 bytes",
    );
    let fields: Vec<String> = (0..1025).map(|n| format!("f{n}=1")).collect();
    refused(
        &format!("m,host=a {}", fields.join(",")),
        "column 7092: more than 1024 fields",
    );
    let tags: Vec<String> = (0..64).map(|n| format!("t{n}=1")).collect();
    refused(
        &format!("m,host=a,{} v=1", tags.join(",")),
        "column 382: more than 64 tags",
    );
}

#[test]
fn limits_of_a_body() {
    let line = "m,host=a a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1 ";
    let body = |n: usize| (0..n).map(|n| format!("{line}{n}\n")).collect::<String>();
    let decode = |body: &str| {
        decode(
            body.as_bytes(),
            Precision::Nanosecond,
            &LineSettings::default(),
        )
    };
    assert!(decode(&body(100_000)).is_ok());
    let error = decode(&body(100_001)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the body has more than 1000000 values; send it in smaller parts"
    );
    assert_eq!(error.code.status(), 413);
    let wrong = decode(&"x\n".repeat(1_000)).unwrap();
    assert_eq!((wrong.errors.len(), wrong.refused), (100, 1_000));
}

#[test]
fn what_is_not_utf8_costs_its_line_only() {
    let body = b"m,host=a v=1\nm,host=\xff v=1\n\nm,host=b v=\"\xc3\"\nm,host=c v=1\n\xe2\x82";
    let outcome = decode(body, Precision::Nanosecond, &LineSettings::default()).unwrap();
    assert_eq!(
        print(&outcome),
        "1: a | m v=1\n5: c | m v=1\nerror line 2: byte 8 is not UTF-8\nerror line 4: byte 13 is not UTF-8\nerror line 6: byte 1 is not UTF-8"
    );
}

#[test]
fn every_real_telegraf_line_is_read() {
    let outcome = decode(
        TELEGRAF.as_bytes(),
        Precision::Nanosecond,
        &LineSettings::default(),
    )
    .unwrap();
    assert_eq!((outcome.accepted, outcome.refused), (1000, 0));
    assert!(
        outcome
            .reports
            .iter()
            .all(|r| r.device == "host-01" && r.time.is_some())
    );
    assert_eq!(outcome.reports.len(), 69);
    let samples = |family: &str, key: &str, field: &str| {
        let all = outcome.reports.iter().flat_map(|r| &r.signals);
        let of = all.filter(|s| s.family == family && s.key == key);
        of.filter(|s| s.fields.iter().any(|(name, _)| name == field))
            .count()
    };
    assert_eq!(samples("cpu", "cpu-total", "usage_idle"), 28);
    assert_eq!(samples("net", "en0", "bytes_recv"), 16);
    assert_eq!(
        samples(
            "disk",
            "device=disk1s1,fstype=apfs,mode=ro,path=/",
            "used_percent"
        ),
        23
    );
    // No instance stands twice in a report.
    for report in &outcome.reports {
        let mut names: Vec<_> = report.signals.iter().map(|s| (&s.family, &s.key)).collect();
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

#[test]
fn damaged_bodies_never_panic() {
    let lines: String = TELEGRAF
        .lines()
        .step_by(97)
        .map(|l| format!("{l}\n"))
        .collect();
    let body =
        lines + "m\\ x,host=a\\,b,cpu=é v=\"a\\\"b\nc\",w=t,n=-1.5e3,u=7u 1700000000000000000\n";
    let settings = LineSettings::default();
    for at in 0..body.len() {
        let _ = decode(&body.as_bytes()[..at], Precision::Second, &settings);
        for flip in [1, 0x10, 0x80] {
            let mut damaged = body.clone().into_bytes();
            damaged[at] ^= flip;
            let outcome = decode(&damaged, Precision::Nanosecond, &settings).unwrap();
            assert!(
                outcome.accepted > 0 && outcome.refused < 4,
                "byte {at} ^ {flip}"
            );
        }
    }
}
