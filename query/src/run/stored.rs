//! Rows as they are stored: families, plain signals and events of one kind.

use super::RunError;
use super::reader::{One, is_label};
use super::source::Emit;
use crate::catalog::Catalog;
use crate::ir_query::{Query, Source};
use crate::value::Value;
use smol_str::SmolStr;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use storage::{ColumnId, TableDef, TableId};

/// Rows as they are stored.
pub fn rows(
    one: &One,
    query: &Query,
    catalog: &Catalog,
    key: Option<&SmolStr>,
    emit: &mut Emit<'_>,
) -> Result<(), RunError> {
    let mut slots: HashMap<TableId, Vec<Slot>> = HashMap::new();
    for stored in &one.own {
        let table = stored.row.table;
        let slots = match slots.entry(table) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let Some(def) = one.schema.table_def(table) else {
                    continue;
                };
                new.insert(slots_of(query, def, key, catalog))
            }
        };
        if matches!(query.source, Source::Signal(_)) && stored.row.cells.is_empty() {
            continue;
        }
        let time = stored.corrected();
        let value = |slot: &Slot| match slot {
            Slot::Time => Value::Time(time),
            Slot::Arrived => Value::Time(stored.arrival),
            Slot::Client => Value::Text(one.history.client.clone()),
            Slot::Device => Value::Text(one.history.name.clone()),
            Slot::Key => Value::Text(stored.row.instance.clone()),
            Slot::Kind(kind) => Value::Text(kind.clone()),
            Slot::Label(label) => {
                Value::Text(one.history.label(label, time, one.window.known).value)
            }
            Slot::Cell(column) => {
                let cell = stored.row.cells.iter().find(|(known, _)| known == column);
                cell.map_or(Value::Unknown, |(_, value)| Value::from(value))
            }
            Slot::Nothing => Value::Unknown,
        };
        emit(
            slots.iter().map(value).collect(),
            time,
            Some(&stored.row.instance),
        )?;
    }
    Ok(())
}

/// What a column of the source takes from a stored row.
enum Slot {
    Time,
    Arrived,
    Client,
    Device,
    Key,
    Kind(SmolStr),
    Label(SmolStr),
    Cell(ColumnId),
    Nothing,
}

fn slots_of(query: &Query, def: &TableDef, key: Option<&SmolStr>, catalog: &Catalog) -> Vec<Slot> {
    let plain = if let Source::Signal(signal) = &query.source {
        Some(&catalog.signals[signal.index()].field)
    } else {
        None
    };
    let cell = |name: &str| {
        def.columns
            .iter()
            .position(|column| column.name == name)
            .map(|at| Slot::Cell(ColumnId(at as u32)))
    };
    let slot = |name: &str| match name {
        "time" => Slot::Time,
        "client" => Slot::Client,
        "device" => Slot::Device,
        "value" if plain.is_some() => plain.and_then(|field| cell(field)).unwrap_or(Slot::Nothing),
        name if key.is_some_and(|key| key == name) => Slot::Key,
        name => match cell(name) {
            Some(cell) => cell,
            None if name == "kind" => Slot::Kind(def.name.clone()),
            None if name == "arrived" || name == "arrival" => Slot::Arrived,
            None if is_label(catalog, name) => Slot::Label(name.into()),
            None => Slot::Nothing,
        },
    };
    query
        .columns
        .iter()
        .map(|column| slot(&column.name))
        .collect()
}
