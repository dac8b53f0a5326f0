//! Reads the devices of a query one after the other: the rows of its source, and a history as far as the plan
//! wants one.
//!
//! Holds one device at a time. Counts what it had to leave out.

use super::decisions::{DECISION, Decision};
use super::needs::{Needs, used_columns};
use super::plan;
use super::scan::{Lockstep, bitmap};
use super::{Ask, RunError, Window, device};
use crate::catalog::{Catalog, PATCH_FAMILY, PLAIN_FAMILY};
use crate::eval::World;
use crate::history::{DeviceHistory, Mapping};
use crate::ir::EventKind;
use crate::ir_query::{Query, Source};
use storage::{DeviceId, Nanos, Schema, Select, StoredRow, TableId, TableKind, Versions};

/// Reads devices one after the other.
pub struct Reader<'a> {
    ask: &'a Ask<'a>,
    window: Window,
    needs: Needs,
    /// Rows of the source itself.
    own: Lockstep,
    /// Rows that fill histories.
    past: Lockstep,
    mapping: Mapping,
    /// Devices to look at, ascending.
    devices: Vec<DeviceId>,
    done: usize,
    /// Every device of these, also without rows of the source.
    every: bool,
    /// Devices that were not yet heard at the instant of the question.
    unheard: usize,
}

/// One device and its rows.
pub struct One {
    /// Its past, as far as the query needs it.
    pub history: DeviceHistory,
    /// Rows of the source.
    pub own: Vec<StoredRow>,
    /// When the first of it arrived, also by import.
    pub first_arrival: Option<Nanos>,
    /// The ledger, when asked for.
    pub ledger: Vec<Decision>,
    /// Over which time.
    pub window: Window,
    /// The names of tables and columns.
    pub schema: Schema,
}

impl<'a> Reader<'a> {
    /// Plans and begins the scans.
    pub fn open(query: &Query, ask: &'a Ask<'a>, window: Window) -> Result<Reader<'a>, RunError> {
        let catalog = &ask.program.catalog;
        let schema = ask.snapshot.schema();
        let mut needs = Needs::of(query, ask.program);
        let used = query
            .columns
            .iter()
            .zip(used_columns(query))
            .filter(|(_, used)| *used);
        needs.labels |= used
            .into_iter()
            .any(|(column, _)| is_label(catalog, &column.name));
        needs.history |= needs.labels || needs.ledger;
        let confined = plan::confined(query);
        let wanted = |client: &str, name: &str| {
            confined.client.as_deref().is_none_or(|only| only == client)
                && confined.device.as_deref().is_none_or(|only| only == name)
        };
        let all = confined == plan::Confined::default();
        let devices: Vec<DeviceId> = schema
            .devices()
            .filter(|(_, def)| wanted(&def.client, &def.name))
            .map(|(id, _)| id)
            .collect();
        let chosen = (!all).then(|| bitmap(devices.iter().copied()));
        let (mut past, mapping) = plan::history(&needs, schema, catalog, window.from);
        if !needs.history {
            past.clear();
        }
        past.iter_mut()
            .for_each(|select| select.devices.clone_from(&chosen));
        let mut own = own_selects(query, catalog, schema, window);
        own.iter_mut()
            .for_each(|select| select.devices.clone_from(&chosen));
        let every = own.is_empty();
        let (own, past) = (
            Lockstep::new(ask.snapshot, &own)?,
            Lockstep::new(ask.snapshot, &past)?,
        );
        Ok(Reader {
            ask,
            window,
            needs,
            own,
            past,
            mapping,
            devices,
            done: 0,
            every,
            unheard: 0,
        })
    }

    /// The next device that can contribute rows.
    pub fn next(&mut self, world: World<'_>) -> Result<Option<One>, RunError> {
        loop {
            if (self.ask.cancel)() {
                return Err(RunError::Stopped {
                    done: self.done,
                    of: self.devices.len(),
                });
            }
            let id = if self.every { None } else { self.own.peek() };
            let id = match id {
                Some(id) => {
                    self.done = self.devices.partition_point(|device| *device <= id);
                    id
                }
                None if self.every && self.done < self.devices.len() => {
                    self.done += 1;
                    self.devices[self.done - 1]
                }
                None => return Ok(None),
            };
            if self.every && id == DeviceId::SERVER {
                continue;
            }
            return self.load(id, world).map(Some);
        }
    }

    fn load(&mut self, id: DeviceId, world: World<'_>) -> Result<One, RunError> {
        let schema = self.ask.snapshot.schema();
        let def = schema.device_def(id);
        let (client, name) = def.map(|def| (def.client, def.name)).unwrap_or_default();
        let mut history = DeviceHistory::new(client, name);
        let mut own = self.own.device(id)?;
        own.retain(|row| row.arrival <= self.window.known);
        let mut ledger = Vec::new();
        let mut first_arrival = None;
        if self.needs.history {
            let past = self.past.device(id)?;
            device::fill(
                &mut history,
                &past,
                &self.ask.program.catalog,
                &self.mapping,
                self.window.known,
            );
            first_arrival = past
                .first()
                .map(|row| row.arrival)
                .filter(|first| *first <= self.window.known);
            if first_arrival.is_none() && !past.is_empty() {
                self.unheard += 1;
            }
            if self.needs.ledger {
                ledger = device::ledger(&past, schema, self.window.known);
                device::replay_ledger(&mut history, &ledger, world);
            }
        }
        Ok(One {
            history,
            own,
            first_arrival,
            ledger,
            window: self.window,
            schema: schema.clone(),
        })
    }

    /// A stop with the place where it happened.
    pub fn place(&self, error: RunError) -> RunError {
        match error {
            RunError::Stopped { .. } => RunError::Stopped {
                done: self.done,
                of: self.devices.len(),
            },
            error => error,
        }
    }

    /// What the rows do not show.
    pub fn notes(&self) -> Vec<String> {
        let mut damage = self.own.damage();
        damage.extend(self.past.damage());
        damage.dedup();
        let mut notes: Vec<String> = damage
            .into_iter()
            .map(|damage| format!("answer incomplete: {damage}"))
            .collect();
        if self.unheard > 0 && self.window.known < Nanos::MAX {
            let devices = if self.unheard == 1 {
                "1 device that had".to_owned()
            } else {
                format!("{} devices that had", self.unheard)
            };
            notes.push(format!("left out: {devices} not been heard of by then"));
        }
        notes
    }
}

/// Whether a name is a label that has a history; client and device are the identity.
pub fn is_label(catalog: &Catalog, name: &str) -> bool {
    name != "client" && name != "device" && catalog.labels.iter().any(|label| label == name)
}

/// The tables that hold the rows of a source; none where rows are derived from the past.
fn own_selects(query: &Query, catalog: &Catalog, schema: &Schema, window: Window) -> Vec<Select> {
    let (from, to) = (window.from.saturating_add(1), window.to.saturating_add(1));
    let over = |table: TableId| Select {
        from,
        to,
        versions: Versions::Latest,
        ..Select::table(table)
    };
    let named = |kind: TableKind, name: &str| schema.find_table(kind, name);
    let never = || {
        vec![Select {
            from: Nanos::MAX,
            to: Nanos::MIN,
            ..Select::table(TableId(u32::MAX))
        }]
    };
    let one = |table: Option<TableId>| table.map_or_else(never, |table| vec![over(table)]);
    match &query.source {
        Source::Devices
        | Source::Watches
        | Source::Patches
        | Source::Events
        | Source::Signals
        | Source::Timeline { .. } => Vec::new(),
        Source::Alerts => {
            let ledger = named(TableKind::System, DECISION);
            ledger.map_or_else(never, |table| {
                vec![Select {
                    from: Nanos::MIN,
                    ..over(table)
                }]
            })
        }
        Source::Decisions => one(named(TableKind::System, DECISION)),
        Source::Event(EventKind::Boot | EventKind::Heartbeat) => Vec::new(),
        Source::Event(EventKind::Stored(event)) => {
            one(named(TableKind::Event, &catalog.events[event.index()].name))
        }
        Source::Family(family) if catalog.families[family.index()].name == PATCH_FAMILY => {
            Vec::new()
        }
        Source::Family(family) => one(named(
            TableKind::Signals,
            &catalog.families[family.index()].name,
        )),
        Source::Signal(signal) => {
            let signal = &catalog.signals[signal.index()];
            let table = named(TableKind::Signals, PLAIN_FAMILY);
            let column = table.and_then(|table| schema.find_column(table, &signal.field));
            match (table, column) {
                (Some(table), Some(column)) => vec![Select {
                    columns: Some(vec![column]),
                    ..over(table)
                }],
                _ => never(),
            }
        }
    }
}
