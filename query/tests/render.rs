//! One table in every format, and what must never reach a terminal.

use query::answer::from_json;
use query::render::{Format, render, to_text};
use query::table::{Column, Table};
use query::value::{Measure, Type, Unit, Value};

fn number(measure: Measure) -> Type {
    Type::Number(Unit {
        measure,
        per_second: false,
    })
}

fn text(text: &str) -> Value {
    Value::Text(text.into())
}

fn sample() -> Table {
    let mut table = Table::new(vec![
        Column::new("device", Type::Text),
        Column::new("cpu", number(Measure::Percent)),
        Column::new("uptime", number(Measure::Duration)),
        Column::new("n", number(Measure::Plain)),
        Column::new("since", Type::Time),
        Column::new("kbs", Type::List(Box::new(Type::Text))),
        Column::new("pending", Type::Bool),
    ]);
    table.rows.push(vec![
        text("srv-01"),
        Value::Number(97.0),
        Value::Number(93600.0),
        Value::Number(3.0),
        Value::Time(1_780_970_700_000_000_000),
        Value::List([text("KB1"), text("KB2")].into()),
        Value::Bool(true),
    ]);
    table.rows.push(vec![
        text("a,\"b\"|c"),
        Value::Number(7.5),
        Value::Unknown,
        Value::Number(0.1),
        Value::Unknown,
        Value::List([].into()),
        Value::Unknown,
    ]);
    table.note("range: the last 24 hours");
    table.note("range: the last 24 hours");
    table
}

fn check(format: Format, expected: &str) {
    assert_eq!(to_text(&sample(), format), expected, "{}", format.word());
}

#[test]
fn for_people() {
    check(
        Format::Table,
        "\
device     cpu  uptime    n  since                 kbs       pending
srv-01   97.0%    1d2h    3  2026-06-09T02:05:00Z  KB1, KB2  true
a,\"b\"|c   7.5%          0.1
note: range: the last 24 hours
",
    );
}

#[test]
fn markdown() {
    check(
        Format::Markdown,
        "\
| device | cpu | uptime | n | since | kbs | pending |
| --- | --: | --: | --: | --- | --- | --- |
| srv-01 | 97.0% | 1d2h | 3 | 2026-06-09T02:05:00Z | KB1, KB2 | true |
| a,\"b\"\\|c | 7.5% |  | 0.1 |  |  |  |

note: range: the last 24 hours
",
    );
}

#[test]
fn csv() {
    check(
        Format::Csv,
        "device,cpu,uptime,n,since,kbs,pending\r\n\
         srv-01,97,93600,3,2026-06-09T02:05:00Z,KB1; KB2,true\r\n\
         \"a,\"\"b\"\"|c\",7.5,,0.1,,,\r\n",
    );
}

#[test]
fn ndjson() {
    check(
        Format::Ndjson,
        "{\"device\":\"srv-01\",\"cpu\":97,\"uptime\":93600,\"n\":3,\"since\":\"2026-06-09T02:05:00Z\",\"kbs\":[\"KB1\",\"KB2\"],\"pending\":true}\n\
         {\"device\":\"a,\\\"b\\\"|c\",\"cpu\":7.5,\"uptime\":null,\"n\":0.1,\"since\":null,\"kbs\":[],\"pending\":null}\n",
    );
}

#[test]
fn json() {
    check(
        Format::Json,
        "{\"columns\":[{\"name\":\"device\",\"type\":\"text\"},{\"name\":\"cpu\",\"type\":\"number\",\"unit\":\"percent\"},\
         {\"name\":\"uptime\",\"type\":\"number\",\"unit\":\"seconds\"},{\"name\":\"n\",\"type\":\"number\"},\
         {\"name\":\"since\",\"type\":\"time\"},{\"name\":\"kbs\",\"type\":\"list\"},{\"name\":\"pending\",\"type\":\"bool\"}],\
         \"rows\":[\n\
         [\"srv-01\",97,93600,3,\"2026-06-09T02:05:00Z\",[\"KB1\",\"KB2\"],true],\n\
         [\"a,\\\"b\\\"|c\",7.5,null,0.1,null,[],null]],\"notes\":[\"range: the last 24 hours\"]}\n",
    );
}

#[test]
fn json_reads_back_as_the_same_table() {
    let read = from_json(&to_text(&sample(), Format::Json)).unwrap();
    assert_eq!(
        to_text(&read, Format::Table),
        to_text(&sample(), Format::Table)
    );
    assert_eq!(
        to_text(&read, Format::Json),
        to_text(&sample(), Format::Json)
    );
}

#[test]
fn hostile_json_is_an_error() {
    for body in [
        "",
        "[]",
        "{\"columns\":3}",
        "{\"columns\":[{\"name\":\"a\",\"type\":\"text\"}],\"rows\":[[]],\"notes\":[]}",
    ] {
        assert!(from_json(body).is_err(), "{body}");
    }
}

#[test]
fn stored_text_never_moves_the_cursor() {
    let mut table = Table::new(vec![Column::new("message", Type::Text)]);
    table.rows.push(vec![text("red \u{1b}[31m\nnext\u{202e}")]);
    for format in [Format::Table, Format::Markdown] {
        let printed = to_text(&table, format);
        assert!(
            !printed.contains('\u{1b}') && !printed.contains('\u{202e}'),
            "{printed:?}"
        );
        assert!(
            printed
                .replace("\\\\", "\\")
                .contains("red \\u{1b}[31m\\nnext\\u{202e}"),
            "{printed:?}"
        );
    }
}

#[test]
fn a_narrow_terminal_wraps_and_loses_nothing() {
    let mut table = Table::new(vec![
        Column::new("time", Type::Text),
        Column::new("detail", Type::Text),
    ]);
    table.rows.push(vec![
        text("02:00"),
        text("one two three four five six seven"),
    ]);
    let mut out = Vec::new();
    render(&table, Format::Table, Some(30), &mut out).unwrap();
    let out = String::from_utf8(out).unwrap();
    assert!(out.lines().all(|line| line.len() <= 30), "{out}");
    for word in "one two three four five six seven".split(' ') {
        assert!(out.contains(word), "{out}");
    }
}
