//! The engine: records in log order in, decisions out.
//!
//! A pure function of the log: no clock, no disk, no randomness, no order of a hash map. The caller
//! ([`crate::core`]) feeds each record once, in sequence, and moves time forward between them.
//!
//! One instant is decided so: all that arrived is applied, then watches, then rules, each in file order and
//! within it by client and subject. Only where a line contradicts an earlier one of its device about a state
//! (a body that says true, false, true), the rules about that state are decided in between.
//! Timers that fall on the instant of an arrival see what arrived.

pub mod alert;
pub mod decision;
pub mod deps;
pub mod device;
mod evidence;
mod failures;
mod hindsight;
mod rule;
mod state;
pub mod tables;
mod turn;
pub mod watch;

pub use decision::{Decision, State};
pub use state::RestoreError;

use deps::{Deps, Unit, UnitId};
use device::{Device, Fresh, FreshKind, Waiting};
use query::catalog::SignalKind;
use query::history::Mapping;
use query::ir::{Dur, EventKind, EventMatch, Expr, Node, Program, Scope as RuleScope};
use query::span::Span;
use query::value::Type;
use smol_str::SmolStr;
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use storage::{DeviceId, Nanos, Record, Row, Schema, TableKind};
use turn::{Turn, Versions};

/// Outages of the server that are remembered; every absence looks at them all.
const OUTAGES_MAX: usize = 1024;

/// What the lines of one instant said so far: the last value by device, signal and instance.
type Said = std::collections::BTreeMap<(DeviceId, query::ir::SignalId, SmolStr), storage::Value>;

/// A unit of a device to be decided, in the order of one instant.
type Place = (UnitId, SmolStr, SmolStr, DeviceId);

/// See the module.
pub struct Engine {
    program: Arc<Program>,
    deps: Deps,
    versions: Versions,
    /// The let `offline`, or what it would be.
    offline: Expr,
    mapping: Mapping,
    /// Tables and columns of the schema that the mapping has learned.
    learned: Vec<usize>,
    listening_table: Option<storage::TableId>,
    devices: Vec<Option<Device>>,
    outages: Vec<(Nanos, Nanos)>,
    timers: BinaryHeap<Reverse<(Nanos, DeviceId, UnitId)>>,
    dirty: BTreeSet<Place>,
    decisions: Vec<Decision>,
    decided: u64,
    now: Nanos,
    seq: u64,
}

impl Engine {
    /// An engine that has seen nothing.
    pub fn new(program: Arc<Program>) -> Engine {
        let deps = Deps::of(&program);
        let hash = |text: &str| xxhash_rust::xxh3::xxh3_64(text.as_bytes());
        let versions = Versions {
            rules: program.rules.iter().map(|rule| hash(&rule.text)).collect(),
            watches: program
                .watches
                .iter()
                .map(|watch| hash(&watch.text))
                .collect(),
        };
        Engine {
            offline: offline_of(&program),
            mapping: Mapping::new(deps.interest.clone()),
            deps,
            versions,
            program,
            learned: Vec::new(),
            listening_table: None,
            devices: Vec::new(),
            outages: Vec::new(),
            timers: BinaryHeap::new(),
            dirty: BTreeSet::new(),
            decisions: Vec::new(),
            decided: 0,
            now: Nanos::MIN,
            seq: 0,
        }
    }

    /// Applies records that share one arrival, and decides that instant. Timers due before it run first.
    pub fn apply(&mut self, records: &[Record], schema: &Schema) {
        let Some(arrival) = records.first().map(|record| record.arrival) else {
            return;
        };
        self.learn(schema);
        self.run_before(arrival);
        self.now = self.now.max(arrival);
        let mut said = Said::default();
        let repeated = repeated_devices(records);
        for record in records {
            debug_assert_eq!(record.arrival, arrival, "records of one instant");
            let again = record
                .rows
                .first()
                .is_some_and(|row| repeated.contains(&row.device));
            if again && !self.mapping.is_import(&record.rows) {
                self.decide_before(record, &mut said);
            }
            self.seq = record.seq;
            self.enter(record, schema);
        }
        self.ripen(arrival);
        self.decide(false);
    }

    /// Runs the timers due at or before `to`.
    pub fn advance(&mut self, to: Nanos) {
        while let Some(due) = self.next_due().filter(|due| *due <= to) {
            self.now = self.now.max(due);
            self.ripen(due);
            self.decide(false);
        }
    }

    /// When the next timer is due.
    pub fn next_due(&mut self) -> Option<Nanos> {
        while let Some(Reverse((at, id, unit))) = self.timers.peek().copied() {
            let device = self.devices.get_mut(id.0 as usize).and_then(Option::as_mut);
            let Some(device) = device.filter(|device| device.armed.get(unit as usize) == Some(&at))
            else {
                self.timers.pop();
                continue;
            };
            let due = device.due[unit as usize];
            if due <= at {
                return Some(at);
            }
            // it was put off since: one entry a unit, moved when its turn comes
            self.timers.pop();
            device.armed[unit as usize] = due;
            if due != Nanos::MAX {
                self.timers.push(Reverse((due, id, unit)));
            }
        }
        None
    }

    /// The decisions made since last asked, in their order.
    pub fn take_decisions(&mut self) -> Vec<Decision> {
        std::mem::take(&mut self.decisions)
    }

    /// Number of the last decision made.
    pub fn decided(&self) -> u64 {
        self.decided
    }

    /// The next decision has a greater number than this one.
    pub fn number_after(&mut self, number: u64) {
        self.decided = self.decided.max(number);
    }

    /// The rules it runs.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    /// Last record applied.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    fn run_before(&mut self, arrival: Nanos) {
        if arrival > Nanos::MIN {
            self.advance(arrival - 1);
        }
    }

    /// Where a line says of a state otherwise than an earlier line of its device at this same instant, the rules
    /// about that state are decided before it is applied. Rules about a span of time wait for the whole: half of a
    /// backlog was never what we knew.
    fn decide_before(&mut self, record: &Record, said: &mut Said) {
        let mut rules: BTreeSet<Place> = BTreeSet::new();
        for (device, key, signal, value) in self.mapping.samples(&record.rows) {
            if self.program.catalog.signals[signal.index()].kind != SignalKind::State {
                continue;
            }
            let before = said.insert((device, signal, key.clone()), value.clone());
            if before.is_some_and(|before| before != *value) {
                let units = self.deps.of_signal(signal);
                let here = |place: &&Place| {
                    place.3 == device && units.contains(&place.0) && self.deps.is_momentary(place.0)
                };
                rules.extend(self.dirty.iter().filter(here).cloned());
            }
        }
        for place in rules {
            self.dirty.remove(&place);
            self.decide_place(place, false);
        }
    }

    // ---- applying

    fn learn(&mut self, schema: &Schema) {
        for (index, (id, table)) in schema.tables().enumerate() {
            let columns = table.columns.len();
            if self.learned.get(index) == Some(&columns) {
                continue;
            }
            if self.learned.len() <= index {
                self.learned.resize(index + 1, usize::MAX);
            }
            self.learned[index] = columns;
            let names = table.columns.iter().map(|column| column.name.as_str());
            self.mapping
                .learn(&self.program.catalog, id, table.kind, &table.name, names);
            if table.kind == TableKind::System && table.name == tables::LISTENING {
                self.listening_table = Some(id);
            }
        }
    }

    fn enter(&mut self, record: &Record, schema: &Schema) {
        let Some(first) = record.rows.first() else {
            return;
        };
        if first.device == DeviceId::SERVER {
            self.enter_server(record);
            return;
        }
        let mut rest = record.rows.as_slice();
        while let Some(first) = rest.first() {
            let device = first.device;
            let count = rest.iter().take_while(|row| row.device == device).count();
            let (rows, after) = rest.split_at(count);
            self.enter_rows(device, rows, record.arrival, schema);
            rest = after;
        }
    }

    fn enter_rows(&mut self, id: DeviceId, rows: &[Row], arrival: Nanos, schema: &Schema) {
        let device = self.device(id, schema);
        let mut state = std::mem::take(device);
        let changes = state
            .history
            .apply(&self.program.catalog, &self.mapping, rows, arrival);
        let mut wake: BTreeSet<UnitId> = BTreeSet::new();
        for signal in &changes.signals {
            wake.extend(self.deps.of_signal(*signal));
        }
        if changes.heartbeat {
            wake.extend(self.deps.of_event(EventKind::Heartbeat));
        }
        if changes.labels {
            wake.extend(self.deps.of_labels());
        }
        for (kind, number, _) in &changes.events {
            let units = self.deps.of_event(*kind);
            wake.extend(units);
            for unit in units {
                match self.deps.units[*unit as usize] {
                    Unit::Watch(watch) => {
                        let fresh = &mut state.watches[watch.index()].fresh;
                        let kind = FreshKind::of(*kind);
                        fresh.extend(kind.map(|kind| Fresh {
                            kind,
                            number: *number,
                            imported: changes.imported,
                        }));
                    }
                    Unit::Rule(rule_id) => {
                        let rule = &self.program.rules[rule_id.index()];
                        let RuleScope::On { event, settle } = &rule.scope else {
                            continue;
                        };
                        if event.event == *kind {
                            let settle = match settle {
                                Dur::Fixed(nanos) => *nanos,
                                other => {
                                    let world = query::eval::World {
                                        program: &self.program,
                                        outages: &self.outages,
                                        stepped: true,
                                        hresult: crate::hresult::describe,
                                    };
                                    query::eval::Scope::new(world, &state.history)
                                        .duration(*other, arrival)
                                        .value
                                }
                            };
                            state.rules[rule_id.index()].waiting.insert(Waiting {
                                due: arrival.saturating_add(settle),
                                number: *number,
                                imported: changes.imported,
                            });
                        }
                    }
                }
            }
        }
        let (client, name) = (state.history.client.clone(), state.history.name.clone());
        let late = changes.oldest < arrival;
        if late && state.rules.iter().any(|rule| !rule.verdicts.is_empty()) {
            let mut turn = self.turn(changes.imported);
            hindsight::revise(&mut turn, id, &mut state, changes.oldest);
        }
        if changes.imported {
            state.imported_at = Some(arrival);
        }
        self.devices[id.0 as usize] = Some(state);
        self.dirty.extend(
            wake.into_iter()
                .map(|unit| (unit, client.clone(), name.clone(), id)),
        );
    }

    /// Rows about the server itself: when it listened.
    fn enter_server(&mut self, record: &Record) {
        for row in &record.rows {
            if Some(row.table) != self.listening_table {
                continue;
            }
            let time = row.time.saturating_add(row.offset).min(record.arrival);
            let Some((_, storage::Value::Bool(listening))) = row.cells.first() else {
                continue;
            };
            let open = self
                .outages
                .last()
                .is_some_and(|(_, until)| *until == Nanos::MAX);
            match (listening, open) {
                (true, true) => self.outages.last_mut().expect("one is open").1 = time,
                (false, false) => {
                    self.outages.push((time, Nanos::MAX));
                    if self.outages.len() > OUTAGES_MAX {
                        self.outages.drain(..OUTAGES_MAX / 2);
                    }
                }
                _ => continue,
            }
            self.wake_all(EventKind::Heartbeat);
        }
    }

    fn wake_all(&mut self, kind: EventKind) {
        for (index, device) in self.devices.iter().enumerate() {
            let Some(device) = device else { continue };
            let (client, name) = (&device.history.client, &device.history.name);
            let units = self.deps.of_event(kind).iter();
            self.dirty.extend(
                units.map(|unit| (*unit, client.clone(), name.clone(), DeviceId(index as u32))),
            );
        }
    }

    fn device(&mut self, id: DeviceId, schema: &Schema) -> &mut Device {
        let index = id.0 as usize;
        if self.devices.len() <= index {
            self.devices.resize_with(index + 1, || None);
        }
        let program = &self.program;
        let units = self.deps.units.len();
        self.devices[index].get_or_insert_with(|| {
            let def = schema
                .device_def(id)
                .expect("a row's device is in the schema of its log");
            Device::new(
                def.client.clone(),
                def.name.clone(),
                program.rules.len(),
                program.watches.len(),
                units,
            )
        })
    }

    // ---- deciding

    /// Moves the timers due at `at` to what is to be decided.
    fn ripen(&mut self, at: Nanos) {
        while self.next_due().is_some_and(|due| due <= at) {
            let Some(Reverse((_, id, unit))) = self.timers.pop() else {
                return;
            };
            let Some(device) = self.devices.get_mut(id.0 as usize).and_then(Option::as_mut) else {
                continue;
            };
            (device.armed[unit as usize], device.due[unit as usize]) = (Nanos::MAX, Nanos::MAX);
            self.dirty.insert((
                unit,
                device.history.client.clone(),
                device.history.name.clone(),
                id,
            ));
        }
    }

    fn turn(&mut self, imported: bool) -> Turn<'_> {
        Turn {
            program: &self.program,
            outages: &self.outages,
            now: self.now,
            seq: self.seq,
            imported,
            versions: &self.versions,
            decisions: &mut self.decisions,
            decided: &mut self.decided,
        }
    }

    fn decide(&mut self, imported: bool) {
        while let Some(place) = self.dirty.pop_first() {
            self.decide_place(place, imported);
        }
    }

    fn decide_place(&mut self, (unit, client, name, id): Place, imported: bool) {
        let index = id.0 as usize;
        let Some(mut device) = self.devices.get_mut(index).and_then(Option::take) else {
            return;
        };
        let imported = imported || device.imported_at == Some(self.now);
        let mut turn = Turn {
            program: &self.program,
            outages: &self.outages,
            now: self.now,
            seq: self.seq,
            imported,
            versions: &self.versions,
            decisions: &mut self.decisions,
            decided: &mut self.decided,
        };
        let (until, wakes): (Nanos, &[UnitId]) = match self.deps.units[unit as usize] {
            Unit::Watch(watch) => {
                let (until, changed) =
                    watch::decide(&mut turn, id, &mut device, watch, &self.offline);
                (
                    until,
                    if changed {
                        self.deps.of_watch(watch)
                    } else {
                        &[]
                    },
                )
            }
            Unit::Rule(rule) => {
                let (until, changed) = rule::decide(&mut turn, id, &mut device, rule);
                (
                    until,
                    if changed {
                        self.deps.of_firing(rule)
                    } else {
                        &[]
                    },
                )
            }
        };
        // what was true up to now cannot be due again now
        let due = if until <= self.now {
            self.now.saturating_add(1)
        } else {
            until
        };
        device.due[unit as usize] = due;
        if due < device.armed[unit as usize] {
            device.armed[unit as usize] = due;
            self.timers.push(Reverse((due, id, unit)));
        }
        self.devices[index] = Some(device);
        self.dirty.extend(
            wakes
                .iter()
                .map(|unit| (*unit, client.clone(), name.clone(), id)),
        );
    }
}

/// The devices with more than one record among these.
fn repeated_devices(records: &[Record]) -> BTreeSet<DeviceId> {
    let mut devices: Vec<DeviceId> = records
        .iter()
        .filter_map(|record| record.rows.first().map(|row| row.device))
        .collect();
    devices.sort_unstable();
    devices
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0])
        .collect()
}

/// The let `offline`, or `no heartbeat within 3 reports` where the rules have none.
fn offline_of(program: &Program) -> Expr {
    match program.offline {
        Some(id) => program.lets[id.index()].value.clone(),
        None => Expr {
            node: Node::Within {
                event: EventMatch {
                    event: EventKind::Heartbeat,
                    filter: None,
                    slot: 0,
                },
                duration: Dur::Reports(3.0),
                negated: true,
            },
            ty: Type::Bool,
            span: Span::default(),
        },
    }
}
