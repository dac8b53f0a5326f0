//! Turning one body into records: first every line is checked, then nothing can fail any more but a bound of the store.

use super::device::{DeviceState, clock_candidate, replaced_offset, seconds_of_offset};
use super::fingerprint::fingerprint;
use super::types::fit;
use super::{Admission, SystemTables, Types};
use crate::core::{Fault, Manner, Receipt, Refusal};
use crate::limits;
use crate::report::{Line, Report};
use query::catalog::{PATCH_FAMILY, PLAIN_FAMILY};
use smol_str::SmolStr;
use std::collections::HashMap;
use storage::{ColumnId, DeviceId, Nanos, Row, Store, TableId, TableKind, Value, ValueType};

/// Rows of a body, one record a report.
#[derive(Clone, Debug, Default)]
pub struct Admitted {
    /// The rows.
    pub records: Vec<Vec<Row>>,
    /// What became of the body, once the records are durable.
    pub receipt: Receipt,
}

/// What this body has done to one device so far.
struct Work {
    offset: Nanos,
    newest: Nanos,
    /// Labels set by this body.
    labels: Vec<(SmolStr, Nanos, SmolStr)>,
    /// (record, row) of each of its rows in this body.
    rows: Vec<(u32, u32)>,
    /// The same by identity, once one had to be looked up.
    index: Option<Index>,
}

/// (record, row) by table, instance and time.
type Index = HashMap<(TableId, SmolStr, Nanos), Vec<(u32, u32)>>;

/// Where values of a table go: declared or stored types, and columns.
enum Place<'a> {
    Signals(&'a str),
    Event(&'a str),
}

pub(super) struct Admitting<'a> {
    admission: &'a Admission,
    store: &'a mut Store,
    system: &'a SystemTables,
    types: &'a Types,
    manner: Manner,
    arrival: Nanos,
    work: HashMap<DeviceId, Work>,
    /// Types that this body gives to names nobody knew.
    fresh: HashMap<(bool, SmolStr, SmolStr), ValueType>,
    admitted: Admitted,
}

impl<'a> Admitting<'a> {
    pub fn new(
        admission: &'a Admission,
        store: &'a mut Store,
        system: &'a SystemTables,
        types: &'a Types,
        manner: Manner,
        arrival: Nanos,
    ) -> Admitting<'a> {
        Admitting {
            admission,
            store,
            system,
            types,
            manner,
            arrival,
            work: HashMap::new(),
            fresh: HashMap::new(),
            admitted: Admitted {
                receipt: Receipt {
                    arrival,
                    ..Receipt::default()
                },
                ..Admitted::default()
            },
        }
    }

    pub fn run(mut self, lines: &[Line]) -> Result<Admitted, Refusal> {
        let mut reports = Vec::with_capacity(lines.len());
        for line in lines {
            let Line::Report(report) = line else {
                if self.manner == Manner::REPLAY {
                    reports.push((line, Vec::new()));
                    continue;
                }
                return Err(Refusal::Invalid(Fault {
                    line: 0,
                    field: "listening".into(),
                    reason: "only a replay input says when the server was listening".into(),
                    hint: "leave the line out".into(),
                }));
            };
            let faults = self.check(report);
            if faults.is_empty() {
                reports.push((line, Vec::new()));
            } else if self.manner.keep_valid_lines {
                let skip: Vec<Part> = faults.iter().map(|(part, _)| *part).collect();
                self.admitted
                    .receipt
                    .refused
                    .extend(faults.into_iter().map(|(_, fault)| fault));
                // A foreign report is several lines that happen to share a time: the others are kept.
                if self.manner.in_parts && !skip.contains(&Part::Whole) {
                    reports.push((line, skip));
                }
            } else {
                let (_, fault) = faults.into_iter().next().expect("there is at least one");
                return Err(Refusal::Invalid(fault));
            }
        }
        for (line, skip) in reports {
            match line {
                Line::Report(report) => self.admit(report, &skip)?,
                Line::Listening { listening, .. } => self.mark(*listening),
            }
        }
        Ok(self.admitted)
    }

    /// Our own outage begins or ends.
    fn mark(&mut self, listening: bool) {
        let row = Row {
            table: self.system.listening,
            device: DeviceId::SERVER,
            instance: "".into(),
            time: self.arrival,
            offset: 0,
            cells: vec![(self.system.listening_value, Value::Bool(listening))],
        };
        self.admitted.records.push(vec![row]);
    }

    /// Everything wrong with a report (the first fault of each part).
    fn check(&mut self, report: &Report) -> Vec<(Part, Fault)> {
        let mut faults = Vec::new();
        let fault = |field: String, reason: String, hint: &str| Fault {
            line: report.line,
            field,
            reason,
            hint: hint.to_owned(),
        };
        if let Some(reason) = self.label_fault(report) {
            faults.push((Part::Whole, fault("labels".into(), reason, "")));
        }
        for (at, group) in report.signals.iter().enumerate() {
            let path = |field: &str| match (group.family.as_str(), group.key.as_str()) {
                (PLAIN_FAMILY, _) => format!("signals.{field}"),
                (family, "") => format!("signals.{family}.{field}"),
                (family, key) => format!("signals.{family}.{key}.{field}"),
            };
            if group.family == PATCH_FAMILY {
                let hint =
                    "send patch.staged, patch.started, patch.installed or patch.failed as events";
                let reason = "`patch` is derived from events and cannot be reported";
                faults.push((
                    Part::Samples(at),
                    fault("signals.patch".into(), reason.into(), hint),
                ));
                continue;
            }
            for (field, value) in &group.fields {
                if let Err(reason) = self.check_value(Place::Signals(&group.family), field, value) {
                    faults.push((Part::Samples(at), fault(path(field), reason, "")));
                    break;
                }
            }
        }
        for (at, event) in report.events.iter().enumerate() {
            for (field, value) in &event.fields {
                if let Err(reason) = self.check_value(Place::Event(&event.kind), field, value) {
                    faults.push((
                        Part::Event(at),
                        fault(format!("events.{at}.{field}"), reason, ""),
                    ));
                    break;
                }
            }
        }
        faults
    }

    fn label_fault(&self, report: &Report) -> Option<String> {
        let client = report.client.as_deref().unwrap_or("default");
        let state = self
            .store
            .schema()
            .find_device(client, &report.device)
            .and_then(|id| self.admission.device(id));
        let known = state.map_or(0, DeviceState::labels);
        let new = report
            .labels
            .iter()
            .filter(|(name, _)| !state.is_some_and(|s| s.has_label(name)))
            .count();
        (new > 0 && known + new > limits::LABELS_MAX).then(|| {
            format!(
                "{} would have more than {} labels",
                report.device,
                limits::LABELS_MAX
            )
        })
    }

    fn check_value(
        &mut self,
        place: Place<'_>,
        field: &SmolStr,
        value: &Value,
    ) -> Result<(), String> {
        let ty = self.type_of(&place, field, value);
        let fitted = fit(value, ty)?;
        let (is_event, name) = match place {
            Place::Signals(family) => (false, family),
            Place::Event(kind) => (true, kind),
        };
        let kind = if is_event {
            TableKind::Event
        } else {
            TableKind::Signals
        };
        match self.stored_type(kind, name, field) {
            Some(stored) if stored != fitted.value_type() => Err(format!(
                "it is declared as {ty:?} but stored as {stored:?} already"
            )),
            Some(_) => Ok(()),
            None => {
                self.fresh
                    .entry((is_event, name.into(), field.clone()))
                    .or_insert(ty);
                Ok(())
            }
        }
    }

    /// Declared, else stored, else that of the first sample.
    fn type_of(&self, place: &Place<'_>, field: &SmolStr, value: &Value) -> ValueType {
        let (is_event, kind, name, declared) = match place {
            Place::Signals(family) => (
                false,
                TableKind::Signals,
                *family,
                self.types.signal(family, field),
            ),
            Place::Event(event) => (
                true,
                TableKind::Event,
                *event,
                self.types.event(event, field),
            ),
        };
        declared
            .or_else(|| self.stored_type(kind, name, field))
            .or_else(|| {
                self.fresh
                    .get(&(is_event, name.into(), field.clone()))
                    .copied()
            })
            .unwrap_or_else(|| value.value_type())
    }

    fn stored_type(&self, kind: TableKind, name: &str, field: &str) -> Option<ValueType> {
        let schema = self.store.schema();
        let table = schema.find_table(kind, name)?;
        let column = schema.find_column(table, field)?;
        Some(
            schema
                .table_def(table)?
                .columns
                .get(column.0 as usize)?
                .value_type,
        )
    }

    /// Makes the record of one checked report.
    fn admit(&mut self, report: &Report, skip: &[Part]) -> Result<(), Refusal> {
        let arrival = self.arrival;
        let client = report.client.as_deref().unwrap_or("default");
        let device = self
            .store
            .device(client, &report.device)
            .map_err(|e| refused(report, e))?;
        let state = self.admission.device(device);
        let work = self.work.entry(device).or_insert_with(|| Work {
            offset: state.map_or(0, |s| s.offset),
            newest: state.map_or(Nanos::MIN, |s| s.newest),
            labels: Vec::new(),
            rows: Vec::new(),
            index: None,
        });
        let stated = report.time.is_some();
        let candidate = if self.manner.corrects_clock {
            clock_candidate(report, arrival)
        } else {
            None
        };
        let replaced = replaced_offset(work.offset, candidate);
        let offset = if self.manner.corrects_clock {
            replaced.unwrap_or(work.offset)
        } else {
            0
        };
        let time = report.time.unwrap_or(arrival);
        let time_offset = if stated { offset } else { 0 };
        let print = (self.manner.native && stated).then(|| fingerprint(report));

        if let Some(print) = print {
            let cell = (self.system.fingerprint, Value::Number(print));
            if self.known(
                device,
                self.system.report,
                "",
                time,
                std::slice::from_ref(&cell),
                false,
            ) {
                self.admitted.receipt.duplicates += 1;
                return Ok(());
            }
        }

        let mut rows = vec![self.report_row(report, device, time, time_offset, print)];
        let corrected = time.saturating_add(time_offset).min(arrival);
        self.label_rows(report, device, time, time_offset, corrected, &mut rows);
        let (mut counted, mut known, mut samples, mut events) = (0u64, 0u64, 0u64, 0u64);

        for (at, group) in report.signals.iter().enumerate() {
            if group.fields.is_empty() || skip.contains(&Part::Samples(at)) {
                continue;
            }
            counted += 1;
            let table = self
                .store
                .table(TableKind::Signals, &group.family)
                .map_err(|e| refused(report, e))?;
            let cells = self.cells(report, Place::Signals(&group.family), table, &group.fields)?;
            if stated && self.known(device, table, &group.key, time, &cells, false) {
                known += 1;
                continue;
            }
            samples += cells.len() as u64;
            let instance = group.key.clone();
            rows.push(Row {
                table,
                device,
                instance,
                time,
                offset: time_offset,
                cells,
            });
        }
        for (at, event) in report.events.iter().enumerate() {
            if skip.contains(&Part::Event(at)) {
                continue;
            }
            counted += 1;
            let table = self
                .store
                .table(TableKind::Event, &event.kind)
                .map_err(|e| refused(report, e))?;
            let cells = self.cells(report, Place::Event(&event.kind), table, &event.fields)?;
            let (event_time, event_offset) = match event.time {
                Some(stated) => (stated, offset),
                None => (time, time_offset),
            };
            let here =
                |row: &Row| row.table == table && row.time == event_time && row.cells == cells;
            if ((stated || event.time.is_some())
                && self.known(device, table, "", event_time, &cells, true))
                || rows.iter().any(here)
            {
                known += 1;
                continue;
            }
            events += 1;
            rows.push(Row {
                table,
                device,
                instance: "".into(),
                time: event_time,
                offset: event_offset,
                cells,
            });
        }
        if !self.manner.native && counted == 0 && stated {
            let said = [(self.system.stated, Value::Bool(true))];
            known = u64::from(self.known(device, self.system.report, "", time, &said, false));
            counted = 1;
        }
        if !self.manner.native && counted > 0 && known == counted {
            self.admitted.receipt.duplicates += 1;
            return Ok(());
        }
        if replaced.is_some() {
            self.add_clock_offset(device, arrival, offset, &mut rows);
        }
        let receipt = &mut self.admitted.receipt;
        receipt.reports += 1;
        receipt.samples += samples;
        receipt.events += events;
        receipt.known_rows += known;
        self.keep(device, arrival, rows, offset);
        Ok(())
    }

    fn report_row(
        &self,
        report: &Report,
        device: DeviceId,
        time: Nanos,
        offset: Nanos,
        print: Option<f64>,
    ) -> Row {
        let mut cells = vec![(self.system.stated, Value::Bool(report.time.is_some()))];
        if let Some(interval) = report.interval {
            cells.push((
                self.system.interval,
                Value::Number(interval as f64 / storage::SECOND as f64),
            ));
        }
        if let Some(print) = print {
            cells.push((self.system.fingerprint, Value::Number(print)));
        }
        if self.manner.imported {
            cells.push((self.system.imported, Value::Bool(true)));
        }
        cells.sort_unstable_by_key(|(column, _)| *column);
        Row {
            table: self.system.report,
            device,
            instance: "".into(),
            time,
            offset,
            cells,
        }
    }

    /// One row for each label that is not what the report says at its time.
    fn label_rows(
        &mut self,
        report: &Report,
        device: DeviceId,
        time: Nanos,
        offset: Nanos,
        corrected: Nanos,
        rows: &mut Vec<Row>,
    ) {
        let Some(work) = self.work.get(&device) else {
            return;
        };
        let state = self.admission.device(device);
        for (name, value) in &report.labels {
            // Of changes at the same time the later one holds, so look from the newest backwards.
            let stored = state.and_then(|s| s.label_change(name, corrected));
            let fresh = work
                .labels
                .iter()
                .rev()
                .filter(|(n, at, _)| n == name && *at <= corrected);
            let fresh = fresh
                .max_by_key(|(_, at, _)| *at)
                .map(|(_, at, value)| (*at, value));
            let current = match (stored, fresh) {
                (Some(stored), Some(fresh)) if stored.0 > fresh.0 => Some(stored.1),
                (_, Some(fresh)) => Some(fresh.1),
                (stored, None) => stored.map(|s| s.1),
            };
            if current == Some(value) || (current.is_none() && value.is_empty()) {
                continue;
            }
            let cells = vec![(self.system.label_value, Value::Text(value.clone()))];
            rows.push(Row {
                table: self.system.label,
                device,
                instance: name.clone(),
                time,
                offset,
                cells,
            });
        }
    }

    /// `clock_offset` is a plain signal at the arrival; it joins the plain row of that very time where there is one.
    fn add_clock_offset(
        &self,
        device: DeviceId,
        arrival: Nanos,
        offset: Nanos,
        rows: &mut Vec<Row>,
    ) {
        let cell = (
            self.system.clock_offset,
            Value::Number(seconds_of_offset(offset)),
        );
        let plain = self.system.plain;
        match rows
            .iter_mut()
            .find(|row| row.table == plain && row.time == arrival && row.offset == 0)
        {
            Some(row) => {
                row.cells.retain(|(column, _)| *column != cell.0);
                row.cells.push(cell);
                row.cells.sort_unstable_by_key(|(column, _)| *column);
            }
            None => rows.push(Row {
                table: plain,
                device,
                instance: "".into(),
                time: arrival,
                offset: 0,
                cells: vec![cell],
            }),
        }
    }

    fn cells(
        &mut self,
        report: &Report,
        place: Place<'_>,
        table: TableId,
        fields: &[(SmolStr, Value)],
    ) -> Result<Vec<(ColumnId, Value)>, Refusal> {
        let mut cells = Vec::with_capacity(fields.len());
        for (field, value) in fields {
            let ty = self.type_of(&place, field, value);
            let column = self
                .store
                .column(table, field, ty)
                .map_err(|e| refused(report, e))?;
            let fitted = fit(value, ty).map_err(|reason| {
                Refusal::Invalid(Fault {
                    line: report.line,
                    field: field.to_string(),
                    reason,
                    hint: String::new(),
                })
            })?;
            cells.push((column, fitted));
        }
        cells.sort_by_key(|(column, _)| *column);
        cells.dedup_by_key(|(column, _)| *column);
        Ok(cells)
    }

    /// True when a row of this identity with these cells is in the store or earlier in this body. An event is known
    /// only if all its fields are the same, samples also as part of a larger row.
    fn known(
        &mut self,
        device: DeviceId,
        table: TableId,
        instance: &str,
        time: Nanos,
        cells: &[(ColumnId, Value)],
        whole: bool,
    ) -> bool {
        let Some(work) = self.work.get_mut(&device) else {
            return false;
        };
        if time > work.newest {
            return false;
        }
        let same = |row: &Row| match whole {
            true => row.cells == cells,
            false => cells.iter().all(|cell| row.cells.contains(cell)),
        };
        let records = &self.admitted.records;
        let index = work.index.get_or_insert_with(|| {
            let mut index = Index::new();
            for at in &work.rows {
                let row = &records[at.0 as usize][at.1 as usize];
                index
                    .entry((row.table, row.instance.clone(), row.time))
                    .or_default()
                    .push(*at);
            }
            index
        });
        let here = index.get(&(table, SmolStr::new(instance), time));
        if here.is_some_and(|at| {
            at.iter()
                .any(|at| same(&records[at.0 as usize][at.1 as usize]))
        }) {
            return true;
        }
        let stored_newest = self
            .admission
            .device(device)
            .map_or(Nanos::MIN, |s| s.newest);
        time <= stored_newest
            && match self.store.find(table, device, instance, time) {
                Ok(found) => found.iter().any(|stored| same(&stored.row)),
                // Better kept twice than lost: a row known already changes nothing for its readers.
                Err(_) => false,
            }
    }

    /// Adds the record and what later reports of this body must know of it.
    fn keep(&mut self, device: DeviceId, arrival: Nanos, rows: Vec<Row>, offset: Nanos) {
        let record = self.admitted.records.len() as u32;
        if let Some(work) = self.work.get_mut(&device) {
            if self.manner.corrects_clock {
                work.offset = offset;
            }
            for (at, row) in rows.iter().enumerate() {
                work.newest = work.newest.max(row.time);
                let place = (record, at as u32);
                work.rows.push(place);
                if let Some(index) = &mut work.index {
                    index
                        .entry((row.table, row.instance.clone(), row.time))
                        .or_default()
                        .push(place);
                }
                if row.table == self.system.label
                    && let Some((_, Value::Text(value))) = row.cells.first()
                {
                    let corrected = row.time.saturating_add(row.offset).min(arrival);
                    work.labels
                        .push((row.instance.clone(), corrected, value.clone()));
                }
            }
        }
        self.admitted.records.push(rows);
    }
}

/// A part of a report that can be refused by itself where valid lines are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Whole,
    Samples(usize),
    Event(usize),
}

/// A bound of the store, told as a fault of the line that hit it.
fn refused(report: &Report, error: storage::Error) -> Refusal {
    match error {
        storage::Error::Full { .. } => Refusal::ReadOnly,
        error => Refusal::Invalid(Fault {
            line: report.line,
            field: String::new(),
            reason: error.to_string(),
            hint: String::new(),
        }),
    }
}
