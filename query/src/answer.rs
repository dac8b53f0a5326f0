//! Reads an answer back from the JSON that [`crate::render`] wrote: how the command line and the shell take a
//! server's answer. What is not such an answer is an error; nothing is guessed.

use crate::render::unit_word;
use crate::table::{Column, Table};
use crate::value::{Measure, Type, Unit, Value, parse_time};

/// A JSON answer that is not one.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not a table: {0}")]
pub struct NotATable(String);

/// Reads what [`Format::Json`] wrote: how the command line and the shell take a server's answer.
pub fn from_json(body: &str) -> Result<Table, NotATable> {
    let bad = |what: &str| NotATable(what.to_owned());
    let answer: Answer =
        serde_json::from_str(body).map_err(|error| NotATable(error.to_string()))?;
    let mut table = Table::new(Vec::new());
    for column in answer.columns {
        let ty = type_of_words(&column.r#type, column.unit.as_deref())
            .ok_or_else(|| bad("a column of no known type"))?;
        table.columns.push(Column {
            name: column.name,
            ty,
        });
    }
    for row in answer.rows {
        if row.len() != table.columns.len() {
            return Err(bad("a row of another width than the columns"));
        }
        let values = row
            .into_iter()
            .zip(&table.columns)
            .map(|(value, column)| value_of_json(value, &column.ty));
        table.rows.push(values.collect());
    }
    table.notes = answer.notes;
    Ok(table)
}

#[derive(serde::Deserialize)]
struct Answer {
    columns: Vec<AnswerColumn>,
    rows: Vec<Vec<serde_json::Value>>,
    notes: Vec<String>,
}

#[derive(serde::Deserialize)]
struct AnswerColumn {
    name: smol_str::SmolStr,
    r#type: String,
    unit: Option<String>,
}

fn value_of_json(value: serde_json::Value, ty: &Type) -> Value {
    match (value, ty) {
        (serde_json::Value::Null, _) => Value::Unknown,
        (serde_json::Value::Bool(bool), _) => Value::Bool(bool),
        (serde_json::Value::Number(number), _) => {
            number.as_f64().map_or(Value::Unknown, Value::Number)
        }
        (serde_json::Value::String(text), Type::Time) => {
            parse_time(&text).map_or_else(|| Value::Text(text.into()), Value::Time)
        }
        (serde_json::Value::String(text), _) => Value::Text(text.into()),
        (serde_json::Value::Array(items), ty) => {
            let item = if let Type::List(item) = ty { item } else { ty };
            Value::List(
                items
                    .into_iter()
                    .map(|value| value_of_json(value, item))
                    .collect(),
            )
        }
        (object @ serde_json::Value::Object(_), _) => Value::Text(object.to_string().into()),
    }
}

fn type_of_words(ty: &str, unit: Option<&str>) -> Option<Type> {
    Some(match ty {
        "number" => {
            let units = [
                Measure::Plain,
                Measure::Percent,
                Measure::Bytes,
                Measure::Duration,
            ]
            .into_iter()
            .flat_map(|measure| {
                [false, true].map(|per_second| Unit {
                    measure,
                    per_second,
                })
            });
            Type::Number(units.into_iter().find(|known| unit_word(*known) == unit)?)
        }
        "bool" => Type::Bool,
        "text" => Type::Text,
        "time" => Type::Time,
        "list" => Type::List(Box::new(Type::Any)),
        "any" => Type::Any,
        _ => return None,
    })
}
