//! Which type each value must have: declared, else that of its first sample.

use super::check::Cells;
use crate::ingest::rfc3339;
use query::catalog::Catalog;
use query::value::Type;
use smol_str::SmolStr;
use std::collections::HashMap;
use storage::{ColumnId, TableId, TableKind, Value, ValueType};

type Fields = HashMap<SmolStr, ValueType>;

/// Fields in the order in which they came last, with where they go. Small, and for nearly every report the right one.
#[derive(Clone, Debug)]
pub(super) struct Shape {
    table: TableId,
    fields: Vec<(SmolStr, ColumnId, ValueType)>,
    /// True when the columns rise strictly, as a row wants them.
    ascending: bool,
}

/// The types that a rule set declares, ready to be looked up, and the shapes last seen under it.
#[derive(Clone, Debug, Default)]
pub struct Types {
    declared: HashMap<TableKind, HashMap<SmolStr, Fields>>,
    shapes: HashMap<TableKind, HashMap<SmolStr, Shape>>,
}

impl Types {
    /// What the catalogue declares; names it only saw in stored data are left to the store.
    pub fn of(catalog: &Catalog) -> Types {
        let mut types = Types::default();
        let signals = types.declared.entry(TableKind::Signals).or_default();
        for signal in catalog.signals.iter().filter(|signal| signal.declared) {
            let family = &catalog.families[signal.family.index()].name;
            if let Some(ty) = stored_type(&signal.ty) {
                signals
                    .entry(family.clone())
                    .or_default()
                    .insert(signal.field.clone(), ty);
            }
        }
        let events = types.declared.entry(TableKind::Event).or_default();
        for event in &catalog.events {
            let fields = event.fields.iter();
            events
                .entry(event.name.clone())
                .or_default()
                .extend(fields.filter_map(|(name, ty)| Some((name.clone(), stored_type(ty)?))));
        }
        types
    }

    /// The declared type of a field.
    pub fn declared(&self, kind: TableKind, name: &str, field: &str) -> Option<ValueType> {
        self.declared.get(&kind)?.get(name)?.get(field).copied()
    }

    /// The cells of fields that have the shape last seen and values that fit as they are.
    pub(super) fn ready(
        &self,
        kind: TableKind,
        name: &str,
        fields: &[(SmolStr, Value)],
    ) -> Option<(TableId, Cells)> {
        let shape = self.shapes.get(&kind)?.get(name)?;
        if shape.fields.len() != fields.len() {
            return None;
        }
        let mut cells = Vec::with_capacity(fields.len());
        for ((name, column, ty), (field, value)) in shape.fields.iter().zip(fields) {
            let fits =
                value.value_type() == *ty && !matches!(value, Value::Number(n) if !n.is_finite());
            if name != field || !fits {
                return None;
            }
            cells.push((*column, value.clone()));
        }
        if !shape.ascending {
            cells.sort_by_key(|(column, _)| *column);
            cells.dedup_by_key(|(column, _)| *column);
        }
        Some((shape.table, cells))
    }

    /// Remembers a shape.
    pub(super) fn learn(
        &mut self,
        kind: TableKind,
        name: &SmolStr,
        table: TableId,
        fields: Vec<(SmolStr, ColumnId, ValueType)>,
    ) {
        let ascending = fields.is_sorted_by(|a, b| a.1 < b.1);
        let shape = Shape {
            table,
            fields,
            ascending,
        };
        self.shapes
            .entry(kind)
            .or_default()
            .insert(name.clone(), shape);
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
