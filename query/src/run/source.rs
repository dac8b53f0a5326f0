//! The sources of rows: what one device contributes to each of them.
//!
//! Rows of devices in ascending order of their numbers, each device's in its own order; the pipe merges them
//! by time where the source is one of rows over time.

use super::decisions::{self, Alert, Decision};
use super::pipe::{Pipe, Row};
use super::reader::{One, Reader, is_label};
use super::{Ask, RunError, Window, device, happened, stored};
use crate::catalog::{Catalog, PATCH_FAMILY, PLAIN_FAMILY};
use crate::eval::{Env, Scope, World};
use crate::history::{DeviceHistory, EventRecord, WatchStep};
use crate::ir::{EventId, EventKind, Expr, FamilyId, Program};
use crate::ir_query::{Query, Source};
use crate::table::Table;
use crate::value::Value;
use smol_str::SmolStr;
use storage::{Nanos, Schema, TableKind};

/// Rows between two looks whether to stop.
const ROWS_BETWEEN_LOOKS: usize = 4096;

/// Runs a query over any source but the timeline.
pub fn run(
    query: &Query,
    ask: &Ask<'_>,
    window: Window,
    world: World<'_>,
) -> Result<Table, RunError> {
    let by_time = !matches!(
        query.source,
        Source::Devices | Source::Patches | Source::Signals
    );
    let mut pipe = Pipe::new(query, ask.limits, by_time);
    let nobody = DeviceHistory::default();
    if query.source == Source::Signals {
        signals(
            query,
            &ask.program.catalog,
            ask.snapshot.schema(),
            &mut |values| {
                let row = Row {
                    values,
                    time: window.to,
                };
                pipe.push(row, &mut |expr, row| {
                    over_row(expr, row, world, &nobody, window.known, None)
                })
            },
        )?;
        return Ok(
            pipe.finish(&mut |expr, row| over_row(expr, row, world, &nobody, window.known, None))
        );
    }
    let mut reader = Reader::open(query, ask, window)?;
    while let Some(one) = reader.next(world)? {
        let mut since_look = 0;
        one.rows(query, ask.program, world, &mut |values, time, key| {
            since_look += 1;
            if since_look % ROWS_BETWEEN_LOOKS == 0 && (ask.cancel)() {
                return Err(RunError::Stopped { done: 0, of: 0 });
            }
            let row = Row { values, time };
            pipe.push(row, &mut |expr, row| {
                over_row(expr, row, world, &one.history, window.known, key)
            })
        })
        .map_err(|error| reader.place(error))?;
    }
    let mut table =
        pipe.finish(&mut |expr, row| over_row(expr, row, world, &nobody, window.known, None));
    reader.notes().into_iter().for_each(|note| table.note(note));
    Ok(table)
}

/// What an expression is over a row, for its device, at its instant.
fn over_row(
    expr: &Expr,
    row: &Row,
    world: World<'_>,
    device: &DeviceHistory,
    known: Nanos,
    key: Option<&SmolStr>,
) -> Value {
    let scope = Scope {
        world,
        device,
        known,
        floor: None,
        columns: &row.values,
    };
    match key {
        Some(key) => {
            scope
                .eval(expr, row.time, &Env::Instance(0, key, &Env::Empty))
                .value
        }
        None => scope.eval(expr, row.time, &Env::Empty).value,
    }
}

/// Where a row goes: values of the source's columns, instant, instance.
pub type Emit<'e> = dyn FnMut(Vec<Value>, Nanos, Option<&SmolStr>) -> Result<(), RunError> + 'e;

impl One {
    fn rows(
        &self,
        query: &Query,
        program: &Program,
        world: World<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<(), RunError> {
        let catalog = &program.catalog;
        match &query.source {
            Source::Devices => self.device(query, catalog, emit),
            Source::Alerts => {
                let alerts = decisions::alerts(&self.decisions(), program, self.window.to);
                let open = alerts
                    .iter()
                    .filter(|alert| alert.ended.is_none_or(|ended| ended > self.window.from));
                open.into_iter()
                    .try_for_each(|alert| self.alert(query, alert, emit))
            }
            Source::Decisions => self.decisions().iter().try_for_each(|decision| {
                let values = self.values(query, catalog, decision.time, |name| match name {
                    "time" => Some(Value::Time(decision.time)),
                    "rule" => Some(Value::Text(decision.rule.clone())),
                    name => Some(decision.cells.get(name)),
                });
                emit(values, decision.time, None)
            }),
            Source::Watches => self.watches(query, program, world, emit),
            Source::Patches => self.patches(query, catalog, emit),
            Source::Events => self.events(query, catalog, emit),
            Source::Event(EventKind::Heartbeat) => {
                let beats = self
                    .history
                    .heartbeats()
                    .iter()
                    .filter(|beat| self.window.holds(**beat));
                beats.into_iter().try_for_each(|beat| {
                    let event = EventRecord {
                        time: *beat,
                        arrival: *beat,
                        number: 0,
                        fields: [].into(),
                    };
                    emit(self.event(query, catalog, "heartbeat", &event), *beat, None)
                })
            }
            Source::Event(EventKind::Boot) => self.boots().try_for_each(|boot| {
                emit(self.event(query, catalog, "boot", boot), boot.time, None)
            }),
            Source::Event(EventKind::Stored(_)) => stored::rows(self, query, catalog, None, emit),
            Source::Family(family) if catalog.families[family.index()].name == PATCH_FAMILY => {
                self.patch_steps(query, catalog, *family, emit)
            }
            Source::Family(family) => stored::rows(
                self,
                query,
                catalog,
                Some(&catalog.families[family.index()].key),
                emit,
            ),
            Source::Signal(_) => stored::rows(self, query, catalog, None, emit),
            Source::Signals | Source::Timeline { .. } => Ok(()),
        }
    }

    /// The columns of a row: those that every source has, labels, and what `more` knows.
    fn values(
        &self,
        query: &Query,
        catalog: &Catalog,
        at: Nanos,
        more: impl Fn(&str) -> Option<Value>,
    ) -> Vec<Value> {
        let value = |name: &str| match name {
            "client" => Value::Text(self.history.client.clone()),
            "device" => Value::Text(self.history.name.clone()),
            name => match more(name) {
                Some(value) => value,
                None if is_label(catalog, name) => {
                    Value::Text(self.history.label(name, at, self.window.known).value)
                }
                None => Value::Unknown,
            },
        };
        query
            .columns
            .iter()
            .map(|column| value(&column.name))
            .collect()
    }

    fn decisions(&self) -> Vec<Decision> {
        device::ledger(&self.own, &self.schema, Nanos::MAX)
    }

    fn device(
        &self,
        query: &Query,
        catalog: &Catalog,
        emit: &mut Emit<'_>,
    ) -> Result<(), RunError> {
        let at = self.window.to;
        let Some(first) = self.first_arrival.filter(|first| *first <= at) else {
            return Ok(());
        };
        let heard = self
            .history
            .heartbeats()
            .iter()
            .rev()
            .find(|beat| **beat <= at);
        let values = self.values(query, catalog, at, |name| match name {
            "time" => Some(Value::Time(at)),
            "first_seen" => Some(Value::Time(first)),
            "last_seen" => Some(heard.map_or(Value::Unknown, |heard| Value::Time(*heard))),
            "interval" => Some(Value::Number(self.history.interval(at).value as f64 / 1e9)),
            _ => None,
        });
        emit(values, at, None)
    }

    fn alert(&self, query: &Query, alert: &Alert, emit: &mut Emit<'_>) -> Result<(), RunError> {
        let latest = &alert.latest;
        let value = |name: &str| match name {
            "id" => Value::Number(alert.id as f64),
            "time" | "raised" => Value::Time(alert.raised),
            "changed" => Value::Time(alert.changed),
            "ended" => alert.ended.map_or(Value::Unknown, Value::Time),
            "state" => Value::Text(alert.state.clone()),
            "rule" => Value::Text(latest.rule.clone()),
            "client" => Value::Text(self.history.client.clone()),
            "device" => Value::Text(self.history.name.clone()),
            name => latest.cells.get(name),
        };
        emit(
            query
                .columns
                .iter()
                .map(|column| value(&column.name))
                .collect(),
            alert.raised,
            None,
        )
    }

    fn watches(
        &self,
        query: &Query,
        program: &Program,
        world: World<'_>,
        emit: &mut Emit<'_>,
    ) -> Result<(), RunError> {
        for watch in &program.watches {
            let steps = device::watch_steps(&self.history, watch, &self.ledger, world);
            for run in runs(&steps) {
                let Some(first) = run.first() else { continue };
                let Some(last) = run.iter().rev().find(|step| step.decided <= self.window.to)
                else {
                    continue;
                };
                if device::over(last.phase) && last.decided <= self.window.from {
                    continue;
                }
                let facts = &last.facts;
                let texts =
                    |list: &[SmolStr]| Value::List(list.iter().cloned().map(Value::Text).collect());
                let values =
                    self.values(query, &program.catalog, self.window.to, |name| match name {
                        "time" | "opened" => Some(Value::Time(first.facts.opened)),
                        "watch" | "name" => Some(Value::Text(watch.name.clone())),
                        "phase" | "state" => Some(Value::Text(last.phase.word().into())),
                        "open" => Some(Value::Bool(last.phase.is_open())),
                        "changed" => Some(Value::Time(last.decided)),
                        "kbs" => Some(texts(&facts.kbs)),
                        "downtime" => Some(
                            facts
                                .downtime
                                .map_or(Value::Unknown, |nanos| Value::Number(nanos as f64 / 1e9)),
                        ),
                        "failures" => Some(texts(&facts.failures)),
                        "reason" => Some(Value::Text(facts.reason.clone())),
                        _ => None,
                    });
                emit(values, self.window.to, None)?;
            }
        }
        Ok(())
    }

    fn patches(
        &self,
        query: &Query,
        catalog: &Catalog,
        emit: &mut Emit<'_>,
    ) -> Result<(), RunError> {
        let Some(family) = catalog.family(PATCH_FAMILY) else {
            return Ok(());
        };
        let (at, known) = (self.window.to, self.window.known);
        for (kb, first) in self.history.keys(family).filter(|(_, first)| *first <= at) {
            let field = |field: &str| {
                let signal = catalog.signal(PATCH_FAMILY, field)?;
                let series = self.history.series(family, kb, signal)?;
                Some(series.at(at, known, None).value)
            };
            let values = self.values(query, catalog, at, |name| match name {
                "kb" => Some(Value::Text(kb.clone())),
                "time" => Some(Value::Time(at)),
                "first" => Some(Value::Time(first)),
                name => field(name),
            });
            emit(values, at, Some(kb))?;
        }
        Ok(())
    }

    /// One row a step of each patch, as if its states were stored.
    fn patch_steps(
        &self,
        query: &Query,
        catalog: &Catalog,
        family: FamilyId,
        emit: &mut Emit<'_>,
    ) -> Result<(), RunError> {
        let Some(state) = catalog.signal(PATCH_FAMILY, "state") else {
            return Ok(());
        };
        for (kb, _) in self.history.keys(family) {
            let Some(series) = self.history.series(family, kb, state) else {
                continue;
            };
            for sample in series
                .samples()
                .iter()
                .filter(|sample| self.window.holds(sample.time))
            {
                let field = |field: &str| {
                    let series =
                        self.history
                            .series(family, kb, catalog.signal(PATCH_FAMILY, field)?)?;
                    Some(series.at(sample.time, self.window.known, None).value)
                };
                let key = &catalog.families[family.index()].key;
                let values = self.values(query, catalog, sample.time, |name| match name {
                    "time" => Some(Value::Time(sample.time)),
                    name if name == key || name == "kb" => Some(Value::Text(kb.clone())),
                    name => field(name),
                });
                emit(values, sample.time, Some(kb))?;
            }
        }
        Ok(())
    }

    fn boots(&self) -> impl Iterator<Item = &EventRecord> {
        let boots = self
            .history
            .events(EventKind::Boot)
            .map_or(&[][..], |boots| boots.all());
        boots
            .iter()
            .filter(|boot| self.window.holds(boot.time) && boot.arrival <= self.window.known)
    }

    fn event(
        &self,
        query: &Query,
        catalog: &Catalog,
        kind: &str,
        event: &EventRecord,
    ) -> Vec<Value> {
        self.values(query, catalog, event.time, |name| match name {
            "time" => Some(Value::Time(event.time)),
            "arrived" | "arrival" => Some(Value::Time(event.arrival)),
            "kind" => Some(Value::Text(kind.into())),
            "detail" => Some(Value::Text(self.detail(catalog, kind, event).into())),
            // Not the label of that name.
            field => Some(event.field(field)),
        })
    }

    fn detail(&self, catalog: &Catalog, kind: &str, event: &EventRecord) -> String {
        let decl = catalog.events.iter().find(|decl| decl.name == kind);
        happened::detail(decl.map_or(&[], |decl| &decl.fields), event)
    }

    /// Events of all kinds, boots derived; by time.
    fn events(
        &self,
        query: &Query,
        catalog: &Catalog,
        emit: &mut Emit<'_>,
    ) -> Result<(), RunError> {
        let mut events: Vec<(&str, &EventRecord)> =
            self.boots().map(|boot| ("boot", boot)).collect();
        for (at, decl) in catalog.events.iter().enumerate() {
            if decl.name == "boot" {
                continue;
            }
            let kind = EventKind::Stored(EventId(at as u32));
            let stored = self
                .history
                .events(kind)
                .map_or(&[][..], |events| events.all());
            let mine = stored.iter().filter(|event| self.window.holds(event.time));
            events.extend(mine.map(|event| (decl.name.as_str(), event)));
        }
        events.sort_by_key(|(_, event)| (event.time, event.number));
        events.into_iter().try_for_each(|(kind, event)| {
            emit(self.event(query, catalog, kind, event), event.time, None)
        })
    }
}

/// Steps of a watch, run by run.
fn runs(steps: &[WatchStep]) -> impl Iterator<Item = &[WatchStep]> {
    steps.chunk_by(|a, b| a.facts.opened == b.facts.opened && !device::over(a.phase))
}

/// Every declared or stored signal.
fn signals(
    query: &Query,
    catalog: &Catalog,
    schema: &Schema,
    emit: &mut dyn FnMut(Vec<Value>) -> Result<(), RunError>,
) -> Result<(), RunError> {
    for signal in &catalog.signals {
        let family = &catalog.families[signal.family.index()];
        let plain = family.name == PLAIN_FAMILY;
        let (ty, unit) = crate::render::type_words(&signal.ty);
        let stored = schema
            .find_table(TableKind::Signals, &family.name)
            .and_then(|table| schema.find_column(table, &signal.field));
        let name = if plain {
            signal.field.to_string()
        } else {
            format!("{}.{}", family.name, signal.field)
        };
        let value = |column: &str| match column {
            "name" | "signal" => Value::Text(name.as_str().into()),
            "family" => Value::Text(if plain {
                SmolStr::default()
            } else {
                family.name.clone()
            }),
            "field" => Value::Text(signal.field.clone()),
            "key" => Value::Text(if plain {
                SmolStr::default()
            } else {
                family.key.clone()
            }),
            "kind" => Value::Text(format!("{:?}", signal.kind).to_lowercase().into()),
            "type" => Value::Text(ty.into()),
            "unit" => unit.map_or(Value::Unknown, |unit| Value::Text(unit.into())),
            "holds" => signal
                .holds
                .map_or(Value::Unknown, |holds| Value::Number(holds as f64 / 1e9)),
            "declared" => Value::Bool(signal.declared),
            "stored" => Value::Bool(stored.is_some()),
            _ => Value::Unknown,
        };
        emit(
            query
                .columns
                .iter()
                .map(|column| value(&column.name))
                .collect(),
        )?;
    }
    Ok(())
}
