//! The history of one device as far as it is known: samples, events, reports, labels, and what follows
//! from them (boots, patch states).
//!
//! Fed row by row in the order of the log, by the engine as reports arrive and by queries from a
//! snapshot; both therefore derive the same boots and patch states. Holds no clock: everything here
//! arrived.

mod derive;
mod events;
mod mapping;
mod patches;
mod read;
mod series;
mod watchlog;

pub use events::{EventRecord, Events};
pub use mapping::{EVENTS_KEPT, Interest, Mapping};
pub use series::{Reading, Sample, Series};
pub use watchlog::{Phase, RunFacts, WatchLog, WatchStep};

use crate::catalog::{Catalog, PATCH_FAMILY};
use crate::ir::{EventId, EventKind, FamilyId, RuleId, SignalId, WatchId};
use crate::value::Value;
use events::{BootSource, merge_boot};
use mapping::{ColumnTarget, Target, most};
use patches::{PatchEvent, PatchStep};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use std::collections::BTreeMap;
use storage::{Nanos, Row, SECOND};

/// Reporting interval of a device that never stated one.
pub const INTERVAL_DEFAULT: Nanos = 60 * SECOND;

/// What the device said of a pending reboot stays whole for this long; of older, only the turns.
const PENDING_WHOLE: Nanos = 48 * 3600 * SECOND;
/// After how many samples that is looked after.
const PENDING_THIN: usize = 256;

/// A report as a mark on the time line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReportMark {
    /// Corrected time.
    pub time: Nanos,
    /// Arrival.
    pub arrival: Nanos,
    uptime: Option<f64>,
    boot_id: Option<SmolStr>,
}

/// A label from an instant on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct LabelStep {
    time: Nanos,
    arrival: Nanos,
    text: SmolStr,
}

/// The signals of one instance.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Instance {
    first: Nanos,
    fields: Vec<(SignalId, Series)>,
}

impl Instance {
    /// Time of the first sample that had arrived by `known`.
    fn first_known(&self, known: Nanos) -> Option<Nanos> {
        let samples = self.fields.iter().flat_map(|(_, series)| series.samples());
        let arrived = samples.filter(|sample| sample.arrival <= known);
        arrived.map(|sample| sample.time).min()
    }
}

/// What one record changed.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// A report came (a heartbeat).
    pub heartbeat: bool,
    /// It came by bulk import.
    pub imported: bool,
    /// Labels changed.
    pub labels: bool,
    /// Signals with a new sample, each once.
    pub signals: Vec<SignalId>,
    /// A boot became known, or its time did.
    pub boots: bool,
    /// New events: kind, number, corrected time.
    pub events: Vec<(EventKind, u64, Nanos)>,
    /// The oldest corrected time at which something changed; [`Nanos::MAX`] when nothing did.
    pub oldest: Nanos,
}

impl Changes {
    fn new() -> Changes {
        Changes {
            oldest: Nanos::MAX,
            ..Changes::default()
        }
    }

    fn signal(&mut self, signal: SignalId, time: Nanos) {
        if !self.signals.contains(&signal) {
            self.signals.push(signal);
        }
        self.oldest = self.oldest.min(time);
    }
}

/// By rule, from when on it fired or no longer did.
pub type FiringMarks = Vec<(RuleId, Vec<(Nanos, bool)>)>;

/// Everything known of one device.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct DeviceHistory {
    /// Its client.
    pub client: SmolStr,
    /// Its name.
    pub name: SmolStr,
    families: Vec<BTreeMap<SmolStr, Instance>>,
    events: Vec<Events>,
    boots: Events,
    marks: Vec<ReportMark>,
    heartbeats: Vec<Nanos>,
    /// Start and widest gap of the newest heartbeats that came without a pause over two intervals.
    steady: Option<(Nanos, Nanos)>,
    labels: Vec<(SmolStr, Vec<LabelStep>)>,
    intervals: Vec<(Nanos, Nanos)>,
    /// Time of the first report by arrival, and that arrival.
    first_report: Option<(Nanos, Nanos)>,
    /// Arrival of the first report that was no import.
    heard_since: Option<Nanos>,
    boot_ids: Vec<SmolStr>,
    pending_reboot: Series,
    titles: BTreeMap<SmolStr, SmolStr>,
    event_count: u64,
    newest_arrival: Nanos,
    /// The earliest time that anything said of it has.
    oldest: Option<Nanos>,
    watches: Vec<WatchLog>,
    firing: FiringMarks,
}

impl DeviceHistory {
    /// Nothing known yet.
    pub fn new(client: SmolStr, name: SmolStr) -> DeviceHistory {
        DeviceHistory {
            client,
            name,
            ..DeviceHistory::default()
        }
    }

    /// Applies the rows of one record, all of this device.
    pub fn apply(
        &mut self,
        catalog: &Catalog,
        mapping: &Mapping,
        rows: &[Row],
        arrival: Nanos,
    ) -> Changes {
        let mut changes = Changes::new();
        let bounded = mapping.interest.is_bounded();
        self.newest_arrival = self.newest_arrival.max(arrival);
        let mut report: Option<Nanos> = None;
        let (mut uptime, mut boot_id) = (None, None);
        let mut patches_changed: Vec<SmolStr> = Vec::new();
        let mut pending_changed = false;
        for row in rows {
            let time = row.time.saturating_add(row.offset).min(arrival);
            self.note_oldest(time);
            match mapping.target(row.table) {
                Target::Report { interval, imported } => {
                    report = Some(time);
                    changes.imported = imported.is_some_and(|column| {
                        row.cells
                            .iter()
                            .any(|(c, v)| *c == column && *v == storage::Value::Bool(true))
                    });
                    let stated =
                        interval.and_then(|column| row.cells.iter().find(|(c, _)| *c == column));
                    if let Some((_, storage::Value::Number(seconds))) = stated {
                        let interval = (seconds * SECOND as f64) as Nanos;
                        if self
                            .intervals
                            .last()
                            .map_or(INTERVAL_DEFAULT, |(_, last)| *last)
                            != interval
                        {
                            self.intervals.push((arrival, interval));
                            forget(&mut self.intervals, 0, bounded);
                            changes.labels = true;
                        }
                    }
                    self.first_report.get_or_insert((time, arrival));
                    if !changes.imported {
                        self.heard_since.get_or_insert(arrival);
                    }
                }
                Target::Label => {
                    if let Some((_, storage::Value::Text(text))) = row.cells.first() {
                        let steps = self.set_label(&row.instance, time, arrival, text.clone());
                        // the first stays: it holds before the first report
                        forget(steps, 1, bounded);
                        changes.labels = true;
                        changes.oldest = changes.oldest.min(time);
                    }
                }
                Target::Samples { family, columns } => {
                    for (column, value) in &row.cells {
                        let target = columns.get(column.0 as usize).copied().unwrap_or_default();
                        if target == ColumnTarget::default() {
                            continue;
                        }
                        let value = Value::from(value);
                        match (&target, &value) {
                            (ColumnTarget { uptime: true, .. }, Value::Number(seconds)) => {
                                uptime = Some(*seconds)
                            }
                            (ColumnTarget { boot_id: true, .. }, Value::Text(id)) => {
                                boot_id = Some(id.clone())
                            }
                            (
                                ColumnTarget {
                                    pending_reboot: true,
                                    ..
                                },
                                Value::Bool(_),
                            ) => {
                                let before = self.pending_reboot.at(time, Nanos::MAX, None).value;
                                let late =
                                    self.pending_reboot.newest().is_some_and(|s| s.time > time);
                                // also what says nothing new: a late sample may come before it
                                self.pending_reboot.insert(time, arrival, value.clone());
                                pending_changed |= before != value || late;
                                let kept = self.pending_reboot.samples().len();
                                if kept.is_multiple_of(PENDING_THIN) {
                                    self.pending_reboot
                                        .thin(arrival.saturating_sub(PENDING_WHOLE));
                                }
                            }
                            _ => {}
                        }
                        if let Some(signal) = target.signal
                            && !(bounded && self.is_full(*family, &row.instance))
                        {
                            let keep = mapping.interest.signals[signal.index()].unwrap_or(0);
                            self.insert_sample(
                                catalog,
                                *family,
                                &row.instance,
                                signal,
                                time,
                                arrival,
                                value,
                                keep,
                            );
                            changes.signal(signal, time);
                        }
                    }
                }
                Target::Event {
                    kind,
                    columns,
                    patch,
                } => {
                    let fields: Vec<(SmolStr, Value)> = row
                        .cells
                        .iter()
                        .filter_map(|(column, value)| {
                            columns
                                .get(column.0 as usize)
                                .map(|name| (name.clone(), Value::from(value)))
                        })
                        .collect();
                    if patch.is_some()
                        && let Some((_, Value::Text(kb))) =
                            fields.iter().find(|(name, _)| name == "kb")
                    {
                        if let Some((_, Value::Text(title))) =
                            fields.iter().find(|(name, _)| name == "title")
                            && !(bounded && self.titles.len() >= most::INSTANCES)
                        {
                            self.titles
                                .entry(kb.clone())
                                .or_insert_with(|| title.clone());
                        }
                        patches_changed.push(kb.clone());
                    }
                    self.event_count += 1;
                    let record = EventRecord {
                        time,
                        arrival,
                        number: self.event_count,
                        fields: fields.into(),
                    };
                    changes.oldest = changes.oldest.min(time);
                    match kind {
                        EventKind::Boot => {
                            self.add_boot(record, BootSource::Declared, &mut changes);
                            if bounded {
                                self.boots.bound(most::BOOTS);
                            }
                        }
                        EventKind::Stored(event) => {
                            changes.events.push((*kind, record.number, time));
                            let events = self.events_mut(*event);
                            events.insert(record);
                            events
                                .trim(arrival.saturating_sub(mapping.interest.events), EVENTS_KEPT);
                            if bounded {
                                events.bound(match patch {
                                    Some(_) => most::PATCH_EVENTS,
                                    None => most::EVENTS,
                                });
                            }
                        }
                        EventKind::Heartbeat => {}
                    }
                }
                Target::OtherEvent => self.event_count += 1,
                Target::Nothing => {}
            }
        }
        if let Some(time) = report {
            self.note_report(time, arrival, uptime, boot_id, mapping, &mut changes);
        }
        if pending_changed || changes.boots {
            patches_changed = self.patch_keys(catalog);
        }
        patches_changed.sort();
        patches_changed.dedup();
        let family = catalog.family(PATCH_FAMILY).filter(|_| bounded);
        for kb in patches_changed {
            if family.is_some_and(|family| self.is_full(family, &kb)) {
                continue;
            }
            self.derive_patch(catalog, &kb, &mut changes);
        }
        changes
    }

    /// Whether a family has no place for a further instance of this key.
    fn is_full(&self, family: FamilyId, key: &SmolStr) -> bool {
        let instances = self.families.get(family.index());
        instances.is_some_and(|known| known.len() >= most::INSTANCES && !known.contains_key(key))
    }

    fn note_oldest(&mut self, time: Nanos) {
        self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
    }

    fn set_label(
        &mut self,
        label: &SmolStr,
        time: Nanos,
        arrival: Nanos,
        text: SmolStr,
    ) -> &mut Vec<LabelStep> {
        let at = match self.labels.iter().position(|(name, _)| name == label) {
            Some(at) => at,
            None => {
                self.labels.push((label.clone(), Vec::new()));
                self.labels.len() - 1
            }
        };
        let steps = &mut self.labels[at].1;
        let place = steps.partition_point(|s| s.time <= time);
        steps.insert(
            place,
            LabelStep {
                time,
                arrival,
                text,
            },
        );
        steps
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one sample in full, and how long to keep it"
    )]
    fn insert_sample(
        &mut self,
        catalog: &Catalog,
        family: FamilyId,
        key: &SmolStr,
        signal: SignalId,
        time: Nanos,
        arrival: Nanos,
        value: Value,
        keep: Nanos,
    ) {
        let series = self.series_mut(catalog, family, key, signal, time);
        series.insert(time, arrival, value);
        if keep != Nanos::MAX && series.samples().len() >= 64 {
            let horizon = arrival.saturating_sub(keep);
            // trimming moves the rest down: wait until half of it goes
            if series.samples()[series.samples().len() / 2].time < horizon {
                let pins = self.openings();
                self.series_mut(catalog, family, key, signal, time)
                    .trim(horizon, &pins);
            }
        }
    }

    /// When the watches that are not over yet were opened: what was known then is kept, however long they take.
    fn openings(&self) -> Vec<Nanos> {
        use Phase::{Cancelled, Done, Idle, None};
        let running = |step: &&WatchStep| !matches!(step.phase, None | Done | Idle | Cancelled);
        self.watches
            .iter()
            .filter_map(WatchLog::newest)
            .filter(running)
            .map(|step| step.facts.opened)
            .collect()
    }

    fn series_mut(
        &mut self,
        catalog: &Catalog,
        family: FamilyId,
        key: &SmolStr,
        signal: SignalId,
        time: Nanos,
    ) -> &mut Series {
        if self.families.len() <= family.index() {
            self.families.resize(
                catalog.families.len().max(family.index() + 1),
                BTreeMap::new(),
            );
        }
        let instances = &mut self.families[family.index()];
        if !instances.contains_key(key) {
            instances.insert(
                key.clone(),
                Instance {
                    first: time,
                    fields: Vec::new(),
                },
            );
        }
        let instance = instances.get_mut(key).expect("inserted above");
        instance.first = instance.first.min(time);
        let at = match instance.fields.iter().position(|(id, _)| *id == signal) {
            Some(at) => at,
            None => {
                instance
                    .fields
                    .push((signal, Series::new(catalog.signals[signal.index()].holds)));
                instance.fields.len() - 1
            }
        };
        &mut instance.fields[at].1
    }

    fn events_mut(&mut self, event: EventId) -> &mut Events {
        if self.events.len() <= event.index() {
            self.events.resize(event.index() + 1, Events::default());
        }
        &mut self.events[event.index()]
    }

    fn add_boot(&mut self, record: EventRecord, source: BootSource, changes: &mut Changes) {
        changes.oldest = changes.oldest.min(record.time);
        let time = record.time;
        self.note_oldest(time);
        changes.boots = true;
        let (number, new) = merge_boot(&mut self.boots, record, source);
        if new {
            changes.events.push((EventKind::Boot, number, time));
        }
    }

    /// A report came: a heartbeat, and perhaps a boot seen by its id or its uptime.
    fn note_report(
        &mut self,
        time: Nanos,
        arrival: Nanos,
        uptime: Option<f64>,
        boot_id: Option<SmolStr>,
        mapping: &Mapping,
        changes: &mut Changes,
    ) {
        changes.heartbeat = !changes.imported;
        changes.oldest = changes.oldest.min(time);
        let place = self.marks.partition_point(|m| m.time <= time);
        let before = &self.marks[..place];
        // a line of events alone, from a deployment tool or sent ahead after the boot, hides nothing
        let previous = uptime.and_then(|_| {
            let mut marks = before.iter().rev();
            marks.find_map(|m| Some((m.time, m.uptime?)))
        });
        let no_id_before = || before.iter().all(|m| m.boot_id.is_none());
        let mut booted = false;
        if let Some(id) = &boot_id
            && !self.boot_ids.contains(id)
        {
            booted = !self.boot_ids.is_empty();
            self.boot_ids.push(id.clone());
            forget(&mut self.boot_ids, 0, mapping.interest.is_bounded());
        }
        if !booted && let (Some(uptime), Some((previous, uptime_before))) = (uptime, previous) {
            let start = time.saturating_sub((uptime * SECOND as f64) as Nanos);
            booted = uptime < uptime_before
                && start > previous.saturating_add(2 * SECOND)
                && (boot_id.is_none() || no_id_before());
        }
        if booted {
            let start = uptime.map_or(time, |uptime| {
                let up = (uptime * SECOND as f64) as Nanos;
                time.saturating_sub(up).min(arrival)
            });
            let fields = boot_id
                .iter()
                .map(|id| (SmolStr::new("boot_id"), Value::Text(id.clone())))
                .collect();
            self.event_count += 1;
            let record = EventRecord {
                time: start,
                arrival,
                number: self.event_count,
                fields,
            };
            self.add_boot(record, BootSource::Derived, changes);
        }
        if mapping.interest.is_bounded() {
            self.boots.bound(most::BOOTS);
        }
        self.marks.insert(
            place,
            ReportMark {
                time,
                arrival,
                uptime,
                boot_id,
            },
        );
        if changes.heartbeat {
            let interval = self.interval(arrival).value;
            let gap = self.heartbeats.last().map(|last| arrival - last);
            self.steady = match (self.steady, gap) {
                (Some((start, widest)), Some(gap)) if gap <= interval.saturating_mul(2) => {
                    Some((start, widest.max(gap)))
                }
                _ => Some((arrival, 0)),
            };
            self.heartbeats.push(arrival);
        }
        let horizon = arrival.saturating_sub(mapping.interest.reports);
        if self.heartbeats.len() >= 64 && self.heartbeats[self.heartbeats.len() / 2] < horizon {
            let drop = self
                .heartbeats
                .partition_point(|t| *t < horizon)
                .saturating_sub(1);
            self.heartbeats.drain(..drop);
            let drop = self
                .marks
                .partition_point(|m| m.time < horizon)
                .saturating_sub(1);
            self.marks.drain(..drop);
        }
    }
}

/// Where there is a bound, forgets the older half of the steps past it, save the first `keep`.
fn forget<T>(steps: &mut Vec<T>, keep: usize, bounded: bool) {
    if bounded && steps.len() > most::CHANGES {
        steps.drain(keep..most::CHANGES / 2);
    }
}

/// A value with the instants between which it holds: [since, until).
#[derive(Clone, Debug, PartialEq)]
pub struct Held<T> {
    /// The value.
    pub value: T,
    /// From here on (inclusive).
    pub since: Nanos,
    /// Up to here (exclusive), if nothing new arrives.
    pub until: Nanos,
}

impl<T> Held<T> {
    /// A value that always held.
    pub fn always(value: T) -> Held<T> {
        Held {
            value,
            since: Nanos::MIN,
            until: Nanos::MAX,
        }
    }
}
