//! Which type each value must have: declared, else that of its first sample.

use crate::ingest::rfc3339;
use query::catalog::Catalog;
use query::value::Type;
use smol_str::SmolStr;
use std::collections::HashMap;
use storage::{Value, ValueType};

type Fields = HashMap<SmolStr, ValueType>;

/// The declared types of a catalogue, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub struct Types {
    signals: HashMap<SmolStr, Fields>,
    events: HashMap<SmolStr, Fields>,
}

impl Types {
    /// What the catalogue declares; names it only saw in stored data are left to the store.
    pub fn of(catalog: &Catalog) -> Types {
        let mut types = Types::default();
        for signal in catalog.signals.iter().filter(|signal| signal.declared) {
            let family = &catalog.families[signal.family.index()].name;
            if let Some(ty) = stored_type(&signal.ty) {
                types
                    .signals
                    .entry(family.clone())
                    .or_default()
                    .insert(signal.field.clone(), ty);
            }
        }
        for event in &catalog.events {
            let fields = types.events.entry(event.name.clone()).or_default();
            fields.extend(
                event
                    .fields
                    .iter()
                    .filter_map(|(name, ty)| Some((name.clone(), stored_type(ty)?))),
            );
        }
        types
    }

    /// The declared type of a signal.
    pub fn signal(&self, family: &str, field: &str) -> Option<ValueType> {
        self.signals.get(family)?.get(field).copied()
    }

    /// The declared type of a field of an event.
    pub fn event(&self, kind: &str, field: &str) -> Option<ValueType> {
        self.events.get(kind)?.get(field).copied()
    }
}

fn stored_type(ty: &Type) -> Option<ValueType> {
    match ty {
        Type::Number(_) => Some(ValueType::Number),
        Type::Bool => Some(ValueType::Bool),
        Type::Text => Some(ValueType::Text),
        Type::Time => Some(ValueType::Time),
        Type::List(_) | Type::Any => None,
    }
}

/// The value as this type, or what is wrong with it.
pub(super) fn fit(value: &Value, ty: ValueType) -> Result<Value, String> {
    match (value, ty) {
        (Value::Number(number), ValueType::Number) if !number.is_finite() => {
            Err(format!("{number} is not a number that can be kept"))
        }
        (Value::Text(text), ValueType::Time) => rfc3339::parse(text)
            .map(Value::Time)
            .ok_or_else(|| format!("\"{text}\" is not a time like 2026-06-09T02:00:00Z")),
        _ if value.value_type() == ty => Ok(value.clone()),
        _ => Err(format!(
            "{} is expected here, {} came",
            noun(ty),
            shown(value)
        )),
    }
}

fn noun(ty: ValueType) -> &'static str {
    match ty {
        ValueType::Number => "a number",
        ValueType::Bool => "true or false",
        ValueType::Text => "a text",
        ValueType::Time => "a time",
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::Number(number) => format!("the number {number}"),
        Value::Bool(flag) => format!("{flag}"),
        Value::Text(text) => format!("the text {text:?}"),
        Value::Time(_) => "a time".to_owned(),
    }
}
