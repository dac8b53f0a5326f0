//! The values of one column over the rows of one page.
//!
//! A chunk is which rows have a value, then the values of those rows. The row count is the page's.

use super::cells::CellRef;
use super::texts::Texts;
use super::varint::Reader;
use super::{bools, integers, numbers, texts};
use crate::{Nanos, Value, ValueType};

/// Gathers a column and encodes it.
#[derive(Debug)]
pub(crate) struct ColumnBuilder<'a> {
    present: Vec<bool>,
    values: Gathered<'a>,
}

#[derive(Debug)]
enum Gathered<'a> {
    Numbers(Vec<f64>),
    Bools(Vec<bool>),
    Texts(Vec<&'a str>),
    Times(Vec<Nanos>),
}

impl<'a> ColumnBuilder<'a> {
    pub(crate) fn new(value_type: ValueType) -> ColumnBuilder<'a> {
        ColumnBuilder {
            present: Vec::new(),
            values: match value_type {
                ValueType::Number => Gathered::Numbers(Vec::new()),
                ValueType::Bool => Gathered::Bools(Vec::new()),
                ValueType::Text => Gathered::Texts(Vec::new()),
                ValueType::Time => Gathered::Times(Vec::new()),
            },
        }
    }

    /// Adds the value of a row; rows ascend. A value of another type than the column's is left out:
    /// the log admits none.
    #[inline]
    pub(crate) fn push(&mut self, row: usize, cell: CellRef<'a>) {
        match (&mut self.values, cell) {
            (Gathered::Numbers(values), CellRef::Number(value)) => values.push(value),
            (Gathered::Bools(values), CellRef::Bool(value)) => values.push(value),
            (Gathered::Texts(values), CellRef::Text(value)) => values.push(value),
            (Gathered::Times(values), CellRef::Time(value)) => values.push(value),
            _ => return,
        }
        self.present.resize(row, false);
        self.present.push(true);
    }

    /// The chunk over `row_count` rows; empty if no row has a value.
    pub(crate) fn finish(mut self, row_count: usize) -> Vec<u8> {
        let mut out = Vec::new();
        if self.present.is_empty() {
            return out;
        }
        self.present.resize(row_count, false);
        bools::put(&mut out, &self.present);
        match &self.values {
            Gathered::Numbers(values) => numbers::put(&mut out, values),
            Gathered::Bools(values) => bools::put(&mut out, values),
            Gathered::Texts(values) => texts::put(&mut out, values),
            Gathered::Times(values) => integers::put(&mut out, values),
        }
        out
    }
}

/// A column read back.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    /// Position among the values by row, [`ABSENT`] without one; `None` if every row has one.
    places: Option<Vec<u32>>,
    values: Values,
}

#[derive(Clone, Debug)]
enum Values {
    Numbers(Vec<f64>),
    Bools(Vec<bool>),
    Texts(Texts),
    Times(Vec<Nanos>),
}

const ABSENT: u32 = u32::MAX;

impl Column {
    /// Reads a chunk over `row_count` rows.
    pub(crate) fn decode(bytes: &[u8], value_type: ValueType, row_count: usize) -> Option<Column> {
        let mut reader = Reader::new(bytes);
        let present = bools::get(&mut reader, row_count)?;
        let count = present.iter().filter(|present| **present).count();
        let values = match value_type {
            ValueType::Number => Values::Numbers(numbers::get(&mut reader, count)?),
            ValueType::Bool => Values::Bools(bools::get(&mut reader, count)?),
            ValueType::Text => Values::Texts(texts::get(&mut reader, count)?),
            ValueType::Time => Values::Times(integers::get(&mut reader, count)?),
        };
        let places = (count < row_count).then(|| {
            let mut next = 0;
            let place = |present: bool| {
                if !present {
                    return ABSENT;
                }
                next += 1;
                next - 1
            };
            present.into_iter().map(place).collect()
        });
        reader.is_at_end().then_some(Column { places, values })
    }

    /// The value of a row.
    #[inline]
    pub(crate) fn value(&self, row: usize) -> Option<Value> {
        let place = match &self.places {
            None => row,
            Some(places) if places[row] == ABSENT => return None,
            Some(places) => places[row] as usize,
        };
        Some(match &self.values {
            Values::Numbers(values) => Value::Number(values[place]),
            Values::Bools(values) => Value::Bool(values[place]),
            Values::Texts(values) => Value::Text(values.get(place).clone()),
            Values::Times(values) => Value::Time(values[place]),
        })
    }
}
