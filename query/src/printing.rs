//! Values as text.
use crate::value::{Measure, Type, Unit, Value};
use storage::Nanos;

/// RFC 3339 without trailing zeros.
pub fn print_time(time: Nanos) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(time)).map_or_else(|_| time.to_string(), |t| t.to_string())
}

/// A value in its unit.
pub fn print_value(value: &Value, ty: &Type) -> String {
    match (value, ty) {
        (Value::Unknown, _) => "unknown".into(),
        (Value::Number(n), Type::Number(Unit { measure: Measure::Percent, .. })) => format!("{n:.1}%"),
        (Value::Number(n), Type::Number(Unit { measure: Measure::Duration, .. })) => format!("{n}s"),
        (Value::Number(n), _) => n.to_string(),
        (Value::Bool(b), _) => b.to_string(),
        (Value::Text(t), _) => t.to_string(),
        (Value::Time(t), _) => print_time(*t),
        (Value::List(items), _) => items.iter().map(|i| print_value(i, &Type::Any)).collect::<Vec<_>>().join(", "),
    }
}
