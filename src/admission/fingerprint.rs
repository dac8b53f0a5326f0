//! What a native report says, as 48 bits: equal for equal content, whatever the order of its names.
//!
//! Everything counts except when it arrived and when it was sent; the device is that of the row it is stored in.

use crate::report::Report;
use smol_str::SmolStr;
use storage::{ColumnId, Nanos, TableId, Value};
use xxhash_rust::xxh3::Xxh3Default;

/// The fingerprint; 48 bits, so that a number column holds it exactly.
pub(super) fn fingerprint(report: &Report) -> f64 {
    let mut to = Xxh3Default::new();
    integer(&mut to, report.interval.unwrap_or(-1));
    integer(&mut to, report.time.unwrap_or(-1));
    let mut labels: Vec<_> = report.labels.iter().collect();
    labels.sort_unstable();
    count(&mut to, labels.len());
    for (name, value) in labels {
        text(&mut to, name);
        text(&mut to, value);
    }
    let mut groups: Vec<_> = report.signals.iter().collect();
    groups.sort_by(|a, b| (&a.family, &a.key).cmp(&(&b.family, &b.key)));
    count(&mut to, groups.len());
    for group in groups {
        text(&mut to, &group.family);
        text(&mut to, &group.key);
        fields(&mut to, &group.fields);
    }
    count(&mut to, report.events.len());
    for event in &report.events {
        text(&mut to, &event.kind);
        integer(&mut to, event.time.unwrap_or(-1));
        fields(&mut to, &event.fields);
    }
    (to.digest() & ((1 << 48) - 1)) as f64
}

/// Equal for equal events of a device, and for hardly any others.
pub(super) fn event_print(table: TableId, time: Nanos, cells: &[(ColumnId, Value)]) -> u64 {
    let mut to = Xxh3Default::new();
    integer(&mut to, i64::from(table.0));
    integer(&mut to, time);
    for (column, cell) in cells {
        integer(&mut to, i64::from(column.0));
        value(&mut to, cell);
    }
    to.digest()
}

fn fields(to: &mut Xxh3Default, fields: &[(SmolStr, Value)]) {
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by(|a, b| a.0.cmp(&b.0));
    count(to, sorted.len());
    for (name, field) in sorted {
        text(to, name);
        value(to, field);
    }
}

fn value(to: &mut Xxh3Default, value: &Value) {
    match value {
        Value::Number(number) => {
            to.update(b"n");
            // Minus zero is zero.
            to.update(&(number + 0.0).to_bits().to_le_bytes());
        }
        Value::Bool(flag) => to.update(if *flag { b"t" } else { b"f" }),
        Value::Text(value) => {
            to.update(b"s");
            text(to, value);
        }
        Value::Time(time) => {
            to.update(b"i");
            integer(to, *time);
        }
    }
}

fn text(to: &mut Xxh3Default, text: &str) {
    count(to, text.len());
    to.update(text.as_bytes());
}

fn count(to: &mut Xxh3Default, count: usize) {
    to.update(&(count as u64).to_le_bytes());
}

fn integer(to: &mut Xxh3Default, value: i64) {
    to.update(&value.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Samples;

    fn report(fields: &[(&str, f64)]) -> Report {
        let fields = fields
            .iter()
            .map(|(n, v)| (SmolStr::new(n), Value::Number(*v)))
            .collect();
        Report {
            device: "d".into(),
            time: Some(7),
            signals: vec![Samples {
                family: "device".into(),
                key: "".into(),
                fields,
            }],
            ..Report::default()
        }
    }

    #[test]
    fn content_counts_and_order_does_not() {
        let first = fingerprint(&report(&[("cpu", 1.0), ("mem", 2.0)]));
        assert_eq!(first, fingerprint(&report(&[("mem", 2.0), ("cpu", 1.0)])));
        assert_ne!(first, fingerprint(&report(&[("mem", 1.0), ("cpu", 2.0)])));
        let again = Report {
            sent: Some(9),
            arrived: Some(10),
            line: 3,
            ..report(&[("cpu", 1.0), ("mem", 2.0)])
        };
        assert_eq!(first, fingerprint(&again));
    }
}
