//! The answer of a query: typed columns, rows, and notes that say what the rows do not show.
//!
//! Every row has exactly one value a column. A table never grows past the bytes it was given
//! ([`Table::bytes`] is what the runner compares with its limit). The runner fills it, [`crate::render`]
//! prints it.

use crate::value::{Type, Value};
use smol_str::SmolStr;

/// A named column.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// As it is referred to by later stages and printed as a heading.
    pub name: SmolStr,
    /// Type and unit of its values; unknown values are of every type.
    pub ty: Type,
}

impl Column {
    /// A column of this name and type.
    pub fn new(name: &str, ty: Type) -> Column {
        Column {
            name: name.into(),
            ty,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// In printing order.
    pub columns: Vec<Column>,
    /// Each as long as `columns`.
    pub rows: Vec<Vec<Value>>,
    /// What the rows do not show: the range read, what was left out, what is damaged.
    pub notes: Vec<String>,
}

impl Table {
    /// An empty table of these columns.
    pub fn new(columns: Vec<Column>) -> Table {
        Table {
            columns,
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Position of the column of this name.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// Adds a note, once however often it is given.
    pub fn note(&mut self, text: impl Into<String>) {
        let text = text.into();
        if !self.notes.contains(&text) {
            self.notes.push(text);
        }
    }

    /// Roughly the memory that its rows take.
    pub fn bytes(&self) -> usize {
        self.rows.iter().map(|row| row_bytes(row)).sum()
    }
}

/// Roughly the memory that a row takes.
pub fn row_bytes(row: &[Value]) -> usize {
    24 + row.iter().map(value_bytes).sum::<usize>()
}

/// Roughly the memory that a value takes.
pub fn value_bytes(value: &Value) -> usize {
    let beside = match value {
        Value::Text(text) if text.is_heap_allocated() => text.len(),
        Value::List(items) => items.iter().map(value_bytes).sum(),
        _ => 0,
    };
    size_of::<Value>() + beside
}
