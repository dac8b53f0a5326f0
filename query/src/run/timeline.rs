//! `timeline "srv-01"`: everything about one device in one line of time.
//!
//! Events with what they mean, boots, phases of watches, alerts with state and reason, changed labels, gaps
//! in reporting, changes of the agent's clock.

use super::happened::{self, Item};
use super::pipe::{Pipe, Row};
use super::reader::{One, Reader};
use super::{Ask, RunError, Window};
use crate::diagnostic::nearest;
use crate::eval::{Env, Scope, World};
use crate::history::DeviceHistory;
use crate::ir_query::{Query, Range, Source};
use crate::table::Table;
use crate::value::Value;
use smol_str::SmolStr;
use storage::{DeviceId, Nanos, Schema};

/// Runs a query over the timeline of a device.
pub fn run(
    query: &Query,
    ask: &Ask<'_>,
    window: Window,
    world: World<'_>,
) -> Result<Table, RunError> {
    let Source::Timeline { client, device } = &query.source else {
        return Ok(Table::default());
    };
    find(ask.snapshot.schema(), client.as_deref(), device)?;
    let mut pipe = Pipe::new(query, ask.limits, true);
    let nobody = DeviceHistory::default();
    let mut notes = Vec::new();
    let all = Window {
        from: Nanos::MIN,
        ..window
    };
    let mut reader = Reader::open(query, ask, all)?;
    while let Some(one) = reader.next(world)? {
        let mut items = happened::items(&one, ask, all);
        if query.range == Range::Default && !items.is_empty() && !alive(&one, &items, window) {
            notes.push("nothing happened in the last 1d: the whole history is shown".to_owned());
        } else {
            items.retain(|item| window.holds(item.time));
            notes.extend(super::range_note(&query.range, window));
        }
        for item in items {
            let value = |name: &str| match name {
                "time" => Value::Time(item.time),
                "what" => Value::Text(item.what.as_str().into()),
                "name" => Value::Text(item.name.clone()),
                "severity" => Value::Text(item.severity.clone()),
                "detail" => Value::Text(item.detail.as_str().into()),
                "client" => Value::Text(one.history.client.clone()),
                "device" => Value::Text(one.history.name.clone()),
                _ => Value::Unknown,
            };
            let row = Row {
                values: query
                    .columns
                    .iter()
                    .map(|column| value(&column.name))
                    .collect(),
                time: item.time,
            };
            pipe.push(row, &mut |expr, row| {
                let scope = Scope {
                    world,
                    device: &one.history,
                    known: window.known,
                    floor: None,
                    columns: &row.values,
                };
                scope.eval(expr, row.time, &Env::Empty).value
            })?;
        }
    }
    let mut table = pipe.finish(&mut |expr, row| {
        Scope {
            columns: &row.values,
            ..Scope::new(world, &nobody)
        }
        .eval(expr, row.time, &Env::Empty)
        .value
    });
    notes.extend(reader.notes());
    notes.into_iter().for_each(|note| table.note(note));
    Ok(table)
}

/// Whether the device was heard or anything happened on it in the window; what was only decided about its
/// past in the window (as an import does) is not life.
fn alive(one: &One, items: &[Item], window: Window) -> bool {
    let heard = one
        .history
        .heartbeats()
        .iter()
        .any(|beat| window.holds(*beat));
    heard
        || items
            .iter()
            .any(|item| !item.decided && window.holds(item.time))
}

/// The one device of this name.
fn find(schema: &Schema, client: Option<&str>, name: &str) -> Result<(), RunError> {
    let devices = || {
        schema
            .devices()
            .filter(|(id, _)| *id != DeviceId::SERVER)
            .map(|(_, def)| def)
    };
    let mut clients: Vec<SmolStr> = devices()
        .filter(|def| def.name == name && client.is_none_or(|client| def.client == client))
        .map(|def| def.client)
        .collect();
    clients.sort();
    match clients.len() {
        1 => Ok(()),
        0 => {
            let names: Vec<SmolStr> = devices().map(|def| def.name).collect();
            // A name that other clients have is nearer than any that is spelled alike.
            let elsewhere = devices()
                .find(|def| def.name == name)
                .map(|def| format!("{}/{}", def.client, def.name));
            let near = elsewhere
                .or_else(|| nearest(name, names.iter().map(SmolStr::as_str)).map(str::to_owned));
            let name = client.map_or(name.to_owned(), |client| format!("{client}/{name}"));
            Err(RunError::NoDevice { name, near })
        }
        _ => Err(RunError::Ambiguous {
            name: name.to_owned(),
            choices: clients
                .iter()
                .map(|client| format!("{:?}", format!("{client}/{name}")))
                .collect(),
        }),
    }
}
