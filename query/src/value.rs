//! Values at run time, their types and units, and how they print in messages.
//!
//! Durations are seconds, percents 0..100, bytes plain numbers, times nanoseconds since 1970.

use smol_str::SmolStr;
use std::sync::Arc;
use storage::Nanos;

/// A value of the language; unknown is one of them.
#[derive(Clone, Debug, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub enum Value {
    /// Nothing is known.
    #[default]
    Unknown,
    /// A number in the unit of its type.
    Number(f64),
    /// True or false.
    Bool(bool),
    /// Text.
    Text(SmolStr),
    /// An instant.
    Time(Nanos),
    /// A list.
    List(Arc<[Value]>),
}

impl From<&storage::Value> for Value {
    fn from(value: &storage::Value) -> Value {
        match value {
            storage::Value::Number(number) => Value::Number(*number),
            storage::Value::Bool(flag) => Value::Bool(*flag),
            storage::Value::Text(text) => Value::Text(text.clone()),
            storage::Value::Time(time) => Value::Time(*time),
        }
    }
}

/// What a number measures.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub enum Measure {
    /// A plain number.
    #[default]
    Plain,
    /// 0..100.
    Percent,
    /// Bytes.
    Bytes,
    /// Seconds.
    Duration,
}

/// A measure, perhaps per second.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Default, serde::Serialize, serde::Deserialize,
)]
pub struct Unit {
    /// What is measured.
    pub measure: Measure,
    /// Per second of it.
    pub per_second: bool,
}

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum Type {
    /// A number in a unit.
    Number(Unit),
    /// True or false.
    Bool,
    /// Text.
    Text,
    /// An instant.
    Time,
    /// A list of one type.
    List(Box<Type>),
    /// Not fixed (an empty list, a column of mixed rows).
    Any,
}

impl Unit {
    /// A plain number.
    pub const PLAIN: Unit = Unit {
        measure: Measure::Plain,
        per_second: false,
    };
    /// Percent.
    pub const PERCENT: Unit = Unit {
        measure: Measure::Percent,
        per_second: false,
    };
    /// Bytes.
    pub const BYTES: Unit = Unit {
        measure: Measure::Bytes,
        per_second: false,
    };
    /// Seconds.
    pub const DURATION: Unit = Unit {
        measure: Measure::Duration,
        per_second: false,
    };

    /// The word for it in messages about types.
    pub fn word(self) -> &'static str {
        match (self.measure, self.per_second) {
            (Measure::Plain, false) => "number",
            (Measure::Percent, false) => "percent",
            (Measure::Bytes, false) => "bytes",
            (Measure::Duration, false) => "duration",
            (Measure::Plain, true) => "number per second",
            (Measure::Percent, true) => "percent per second",
            (Measure::Bytes, true) => "bytes per second",
            (Measure::Duration, true) => "duration per second",
        }
    }
}

impl Type {
    /// A plain number.
    pub const PLAIN: Type = Type::Number(Unit::PLAIN);
    /// Percent.
    pub const PERCENT: Type = Type::Number(Unit::PERCENT);
    /// Seconds.
    pub const DURATION: Type = Type::Number(Unit::DURATION);

    /// A list of texts.
    pub fn texts() -> Type {
        Type::List(Box::new(Type::Text))
    }

    /// The word with its article where it has one: `a percent`, `bytes`.
    pub fn phrase(&self) -> String {
        match self {
            Type::Number(unit) if unit.measure == Measure::Bytes => self.word(),
            Type::Any => self.word(),
            _ => format!("a {}", self.word()),
        }
    }

    /// The word for it in messages about types.
    pub fn word(&self) -> String {
        match self {
            Type::Number(unit) => unit.word().to_string(),
            Type::Bool => "bool".to_string(),
            Type::Text => "text".to_string(),
            Type::Time => "time".to_string(),
            Type::List(item) if **item == Type::Any => "list".to_string(),
            Type::List(item) => format!("list of {}", item.word()),
            Type::Any => "anything".to_string(),
        }
    }
}

/// A value as a message shows it.
pub fn print(value: &Value, ty: &Type) -> String {
    match value {
        Value::Unknown => "unknown".to_string(),
        Value::Bool(yes) => yes.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Time(time) => print_time(*time),
        Value::Number(number) => match ty {
            Type::Number(unit) => print_number(*number, *unit),
            _ => shortest(*number),
        },
        Value::List(items) => {
            let item_type = match ty {
                Type::List(item) => item,
                _ => &Type::Any,
            };
            let texts: Vec<String> = items.iter().map(|item| print(item, item_type)).collect();
            texts.join(", ")
        }
    }
}

fn print_number(number: f64, unit: Unit) -> String {
    let mut text = match unit.measure {
        Measure::Plain => shortest(number),
        Measure::Percent => format!("{}%", zeroless(format!("{number:.1}"))),
        Measure::Bytes => print_bytes(number),
        Measure::Duration => print_duration(number),
    };
    if unit.per_second {
        text.push_str("/s");
    }
    text
}

/// No `-0`.
fn zeroless(text: String) -> String {
    match text.strip_prefix('-') {
        Some(rest) if rest.chars().all(|c| c == '0' || c == '.') => rest.to_string(),
        _ => text,
    }
}

/// The shortest text that reads back as the same number; scientific only where plain digits would be long.
fn shortest(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && size.is_finite() && !(1e-7..1e17).contains(&size) {
        format!("{number:e}")
    } else {
        zeroless(format!("{number}"))
    }
}

/// Seconds in at most two neighbouring units, rounded down in the smaller: `1d2h`, `5m`, `1m30s`, `0s`. Under a second: `250ms`.
pub fn print_duration(seconds: f64) -> String {
    if !seconds.is_finite() {
        return shortest(seconds);
    }
    let sign = if seconds < 0.0 { "-" } else { "" };
    // Whole nanoseconds, so that 0.1 + 0.2 prints as 300ms.
    let nanos = (seconds.abs() * 1e9).round() as u128;
    const UNITS: [(&str, u128); 8] = [
        ("d", 86_400_000_000_000),
        ("h", 3_600_000_000_000),
        ("m", 60_000_000_000),
        ("s", 1_000_000_000),
        ("ms", 1_000_000),
        ("us", 1_000),
        ("ns", 1),
        ("", u128::MAX),
    ];
    let Some(first) = UNITS[..7].iter().position(|(_, size)| nanos >= *size) else {
        return "0s".to_string();
    };
    let (name, size) = UNITS[first];
    let mut text = format!("{sign}{}{name}", nanos / size);
    let (next_name, next_size) = UNITS[first + 1];
    let next = (nanos % size) / next_size;
    if next > 0 {
        text.push_str(&format!("{next}{next_name}"));
    }
    text
}

/// Binary units, at most one decimal: `512B`, `1.5GiB`.
fn print_bytes(bytes: f64) -> String {
    const UNITS: [&str; 6] = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];
    let mut value = bytes;
    let mut at = 0;
    while value.abs() >= 1023.95 && at + 1 < UNITS.len() {
        value /= 1024.0;
        at += 1;
    }
    let text = zeroless(format!("{value:.1}"));
    format!("{}{}", text.strip_suffix(".0").unwrap_or(&text), UNITS[at])
}

/// RFC 3339 in UTC without trailing zeros of the fraction: `2026-06-09T01:10:00Z`, `…00.25Z`.
pub fn print_time(time: Nanos) -> String {
    match jiff::Timestamp::from_nanosecond(i128::from(time)) {
        Ok(stamp) => stamp.to_string(),
        // Every i64 of nanoseconds lies between the years 1677 and 2262.
        Err(_) => time.to_string(),
    }
}

/// RFC 3339; seconds may be left out (`2026-06-09T01:00Z`). None when it is no time or lies outside 1677..2262.
pub fn parse_time(text: &str) -> Option<Nanos> {
    let full: jiff::Timestamp = text.parse().ok().or_else(|| {
        let at = text.find('T')? + 6;
        let (minutes, zone) = text.split_at_checked(at)?;
        format!("{minutes}:00{zone}").parse().ok()
    })?;
    Nanos::try_from(full.as_nanosecond()).ok()
}

/// A time of the command line or of a query parameter: RFC 3339, `now`, or relative to now like `-24h`.
pub fn parse_time_or_relative(text: &str, now: Nanos) -> Option<Nanos> {
    if text == "now" {
        return Some(now);
    }
    let (sign, rest) = match text.split_at_checked(1)? {
        ("-", rest) => (-1.0, rest),
        ("+", rest) => (1.0, rest),
        _ => return parse_time(text),
    };
    let split = rest.find(|c: char| c.is_ascii_alphabetic())?;
    let (digits, word) = rest.split_at(split);
    let (factor, unit) = crate::lex::suffix(word)?;
    let seconds = digits.parse::<f64>().ok()? * factor * sign;
    (unit == Unit::DURATION && seconds.is_finite())
        .then(|| now.saturating_add((seconds * 1e9).round() as Nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value, ty: Type, expected: &str) {
        assert_eq!(print(&value, &ty), expected);
    }

    fn number(number: f64, unit: Unit, expected: &str) {
        check(Value::Number(number), Type::Number(unit), expected);
    }

    #[test]
    fn numbers_print_by_unit() {
        number(97.0, Unit::PERCENT, "97.0%");
        number(-0.01, Unit::PERCENT, "0.0%");
        number(12.25, Unit::PLAIN, "12.25");
        number(3.0, Unit::PLAIN, "3");
        number(1e300, Unit::PLAIN, "1e300");
        number(512.0, Unit::BYTES, "512B");
        number(1.5 * 1024f64.powi(3), Unit::BYTES, "1.5GiB");
        number(
            1024.0,
            Unit {
                per_second: true,
                ..Unit::BYTES
            },
            "1KiB/s",
        );
    }

    #[test]
    fn durations_print_in_two_units() {
        for (seconds, expected) in [
            (0.0, "0s"),
            (300.0, "5m"),
            (93_600.0, "1d2h"),
            (93_659.0, "1d2h"),
            (90.0, "1m30s"),
            (86_400.0 + 59.0, "1d"),
            (0.25, "250ms"),
            (1.5, "1s500ms"),
            (0.1 + 0.2, "300ms"),
            (-90.0, "-1m30s"),
        ] {
            number(seconds, Unit::DURATION, expected);
        }
    }

    #[test]
    fn times_and_lists_print() {
        let time = parse_time("2026-06-09T01:10:00Z").unwrap();
        check(Value::Time(time), Type::Time, "2026-06-09T01:10:00Z");
        check(
            Value::Time(time + 250_000_000),
            Type::Time,
            "2026-06-09T01:10:00.25Z",
        );
        assert_eq!(parse_time("2026-06-09T01:10Z"), Some(time));
        assert_eq!(parse_time("2026-06-09T03:10+02:00"), Some(time));
        assert_eq!(parse_time("2026-06-09"), None);
        check(
            Value::List([Value::Text("KB1".into()), Value::Text("KB2".into())].into()),
            Type::texts(),
            "KB1, KB2",
        );
        check(Value::Unknown, Type::Bool, "unknown");
    }

    #[test]
    fn relative_times() {
        assert_eq!(parse_time_or_relative("-24h", 0), Some(-86_400_000_000_000));
        assert_eq!(parse_time_or_relative("now", 7), Some(7));
        assert_eq!(parse_time_or_relative("-24q", 0), None);
        assert_eq!(parse_time_or_relative("", 0), None);
        assert_eq!(parse_time_or_relative("-5%", 0), None);
    }
}
