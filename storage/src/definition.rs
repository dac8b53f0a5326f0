//! One new name with its number, as the log and the catalog hold it.
//!
//! Drawn in `docs/format.md`, "Log". The schema makes and applies definitions.

use smol_str::SmolStr;

use crate::codec::varint::{Reader, put_text, put_u64};
use crate::{ColumnId, DeviceId, TableId, TableKind, ValueType};

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Definition {
    Table(TableId, TableKind, SmolStr),
    Column(TableId, ColumnId, ValueType, SmolStr),
    Device(DeviceId, SmolStr, SmolStr),
}

const TABLE: u8 = 0;
const COLUMN: u8 = 1;
const DEVICE: u8 = 2;

impl Definition {
    /// Appends the definition as the log and the catalog hold it.
    pub(crate) fn put(&self, out: &mut Vec<u8>) {
        match self {
            Definition::Table(id, kind, name) => {
                out.push(TABLE);
                put_u64(out, u64::from(id.0));
                out.push(match kind {
                    TableKind::Signals => 0,
                    TableKind::Event => 1,
                    TableKind::System => 2,
                });
                put_text(out, name);
            }
            Definition::Column(table, id, value_type, name) => {
                out.push(COLUMN);
                put_u64(out, u64::from(table.0));
                put_u64(out, u64::from(id.0));
                out.push(value_type_code(*value_type));
                put_text(out, name);
            }
            Definition::Device(id, client, name) => {
                out.push(DEVICE);
                put_u64(out, u64::from(id.0));
                put_text(out, client);
                put_text(out, name);
            }
        }
    }

    /// Reads one definition.
    pub(crate) fn get(reader: &mut Reader<'_>) -> Option<Definition> {
        Some(match reader.u8()? {
            TABLE => {
                let id = TableId(reader.u32()?);
                let kind = match reader.u8()? {
                    0 => TableKind::Signals,
                    1 => TableKind::Event,
                    2 => TableKind::System,
                    _ => return None,
                };
                Definition::Table(id, kind, reader.text()?.into())
            }
            COLUMN => {
                let table = TableId(reader.u32()?);
                let id = ColumnId(reader.u32()?);
                let value_type = value_type_of(reader.u8()?)?;
                Definition::Column(table, id, value_type, reader.text()?.into())
            }
            DEVICE => {
                let id = DeviceId(reader.u32()?);
                Definition::Device(id, reader.text()?.into(), reader.text()?.into())
            }
            _ => return None,
        })
    }
}

/// The number that stands for a type in files.
pub(crate) fn value_type_code(value_type: ValueType) -> u8 {
    match value_type {
        ValueType::Number => 0,
        ValueType::Bool => 1,
        ValueType::Text => 2,
        ValueType::Time => 3,
    }
}

/// The type that a number in a file stands for.
pub(crate) fn value_type_of(code: u8) -> Option<ValueType> {
    Some(match code {
        0 => ValueType::Number,
        1 => ValueType::Bool,
        2 => ValueType::Text,
        3 => ValueType::Time,
        _ => return None,
    })
}
