//! The values of one row as bytes: how the log and the head hold them.
//!
//! A row's cells are its columns in ascending order. Each starts with a varint of
//! `(column − previous column) << 3 | tag`, counting the column before the first as 0. Whole numbers
//! take a varint, others 8 bytes; a number comes back bit for bit.

use smol_str::SmolStr;

use super::varint::{Reader, put_i64, put_text, put_u64};
use crate::{ColumnId, Nanos, Value, ValueType};

const FLOAT: u64 = 0;
const WHOLE: u64 = 1;
const FALSE: u64 = 2;
const TRUE: u64 = 3;
const TEXT: u64 = 4;
const TIME: u64 = 5;

/// Whole numbers up to here are exact as floats.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

/// Appends one cell. Times are stored relative to the row's time.
#[inline]
pub(crate) fn put_cell(out: &mut Vec<u8>, column_step: u32, row_time: Nanos, value: &Value) {
    let step = u64::from(column_step) << 3;
    match value {
        Value::Number(number) => {
            let whole = *number as i64;
            if number.abs() < WHOLE_MAX && (whole as f64).to_bits() == number.to_bits() {
                put_u64(out, step | WHOLE);
                put_i64(out, whole);
            } else {
                put_u64(out, step | FLOAT);
                out.extend_from_slice(&number.to_le_bytes());
            }
        }
        Value::Bool(false) => put_u64(out, step | FALSE),
        Value::Bool(true) => put_u64(out, step | TRUE),
        Value::Text(text) => {
            put_u64(out, step | TEXT);
            put_text(out, text);
        }
        Value::Time(time) => {
            put_u64(out, step | TIME);
            put_i64(out, time.wrapping_sub(row_time));
        }
    }
}

/// A value that borrows its text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum CellRef<'a> {
    Number(f64),
    Bool(bool),
    Text(&'a str),
    Time(Nanos),
}

impl CellRef<'_> {
    pub(crate) fn to_value(self) -> Value {
        match self {
            CellRef::Number(number) => Value::Number(number),
            CellRef::Bool(bool) => Value::Bool(bool),
            CellRef::Text(text) => Value::Text(SmolStr::new(text)),
            CellRef::Time(time) => Value::Time(time),
        }
    }

    pub(crate) fn value_type(self) -> ValueType {
        match self {
            CellRef::Number(_) => ValueType::Number,
            CellRef::Bool(_) => ValueType::Bool,
            CellRef::Text(_) => ValueType::Text,
            CellRef::Time(_) => ValueType::Time,
        }
    }
}

/// Iterates over the cells in bytes made by [`put_cell`]; ends early on malformed bytes.
pub(crate) struct Cells<'a> {
    reader: Reader<'a>,
    column: u32,
    row_time: Nanos,
}

impl<'a> Cells<'a> {
    pub(crate) fn new(bytes: &'a [u8], row_time: Nanos) -> Cells<'a> {
        Cells {
            reader: Reader::new(bytes),
            column: 0,
            row_time,
        }
    }

    /// Reads on where `reader` stands, one cell at a time, through [`Cells::cell`].
    pub(crate) fn from_reader(reader: Reader<'a>, row_time: Nanos) -> Cells<'a> {
        Cells {
            reader,
            column: 0,
            row_time,
        }
    }

    pub(crate) fn into_reader(self) -> Reader<'a> {
        self.reader
    }

    /// The next cell, `None` if malformed or at the end.
    #[inline]
    pub(crate) fn cell(&mut self) -> Option<(ColumnId, CellRef<'a>)> {
        let head = self.reader.u64()?;
        self.column = self.column.checked_add(u32::try_from(head >> 3).ok()?)?;
        let cell = match head & 7 {
            FLOAT => CellRef::Number(f64::from_le_bytes(self.reader.array()?)),
            WHOLE => CellRef::Number(self.reader.i64()? as f64),
            FALSE => CellRef::Bool(false),
            TRUE => CellRef::Bool(true),
            TEXT => CellRef::Text(self.reader.text()?),
            TIME => CellRef::Time(self.reader.i64()?.wrapping_add(self.row_time)),
            _ => return None,
        };
        Some((ColumnId(self.column), cell))
    }
}

impl<'a> Iterator for Cells<'a> {
    type Item = (ColumnId, CellRef<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.cell()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: Value) {
        let mut out = Vec::new();
        put_cell(&mut out, 3, 1_000, &value);
        let cells: Vec<_> = Cells::new(&out, 1_000)
            .map(|(c, v)| (c, v.to_value()))
            .collect();
        assert_eq!(cells, [(ColumnId(3), value.clone())]);
        if let (Value::Number(a), Value::Number(b)) = (&cells[0].1, &value) {
            assert_eq!(a.to_bits(), b.to_bits());
        }
    }

    #[test]
    fn values_round_trip() {
        for number in [
            0.0,
            -0.0,
            1.0,
            -17.0,
            0.1,
            1e300,
            f64::INFINITY,
            9_007_199_254_740_993.0,
            f64::MIN,
        ] {
            check(Value::Number(number));
        }
        check(Value::Bool(true));
        check(Value::Bool(false));
        check(Value::Text("ein längerer Text als dreiundzwanzig".into()));
        check(Value::Time(i64::MIN));
        check(Value::Time(i64::MAX));
    }
}
