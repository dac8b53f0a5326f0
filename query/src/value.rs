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

/// Prints a value (temporary until the printer lands).
pub fn print(value: &Value, _ty: &Type) -> String {
    format!("{value:?}")
}
/// Prints a time.
pub fn print_time(time: Nanos) -> String {
    format!("{time}")
}
