//! Turning one body into records: first every line is checked, then nothing can fail any more but a bound of the store.

use super::check::{Checked, Part, Place};
use super::device::{clock_candidate, replaced_offset};
use super::fingerprint::{event_print, fingerprint};
use super::work::Work;
use super::{Admission, SystemTables, Types};
use crate::core::{Fault, Manner, Receipt, Refusal};
use crate::report::{Line, Report};
use smol_str::SmolStr;
use std::collections::{HashMap, HashSet};
use storage::{ColumnId, DeviceId, Nanos, Row, Store, TableKind, Value, ValueType};

/// Rows of a body, one record a report.
#[derive(Clone, Debug, Default)]
pub struct Admitted {
    /// The rows.
    pub records: Vec<Vec<Row>>,
    /// What became of the body, once the records are durable.
    pub receipt: Receipt,
}

pub(super) struct Admitting<'a> {
    pub(super) admission: &'a Admission,
    pub(super) store: &'a mut Store,
    pub(super) system: &'a SystemTables,
    pub(super) types: &'a mut Types,
    pub(super) manner: Manner,
    pub(super) arrival: Nanos,
    pub(super) work: HashMap<DeviceId, Work>,
    /// Types that this body gives to names nobody knew.
    pub(super) fresh: HashMap<(TableKind, SmolStr, SmolStr), ValueType>,
    pub(super) admitted: Admitted,
}

impl<'a> Admitting<'a> {
    pub fn new(
        admission: &'a Admission,
        store: &'a mut Store,
        system: &'a SystemTables,
        types: &'a mut Types,
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
                    reports.push((line, Checked::default()));
                    continue;
                }
                return Err(Refusal::Invalid(Fault {
                    line: 0,
                    field: "listening".into(),
                    reason: "only a replay input says when the server was listening".into(),
                    hint: "leave the line out".into(),
                }));
            };
            let checked = self.check(report);
            if checked.faults.is_empty() {
                reports.push((line, checked));
                continue;
            }
            if !self.manner.keep_valid_lines {
                let first = checked.faults.into_iter().next();
                return Err(Refusal::Invalid(first.expect("there is at least one")));
            }
            // A foreign report is several lines that happen to share a time: the others are kept.
            let keep = self.manner.in_parts
                && !checked
                    .parts
                    .iter()
                    .all(|part| matches!(part, Part::Refused));
            self.admitted
                .receipt
                .refused
                .extend(checked.faults.iter().cloned());
            if keep && !checked.whole {
                reports.push((line, checked));
            }
        }
        for (line, checked) in reports {
            match line {
                Line::Report(report) => self.admit(report, checked.parts)?,
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

    /// Makes the record of one checked report.
    fn admit(&mut self, report: &Report, parts: Vec<Part>) -> Result<(), Refusal> {
        let arrival = self.arrival;
        let client = report.client.as_deref().unwrap_or("default");
        let device = self
            .store
            .device(client, &report.device)
            .map_err(|e| refused(report, e))?;
        let state = self.admission.device(device);
        let work = self.work.entry(device).or_insert_with(|| Work::of(state));
        let candidate = clock_candidate(report, arrival).filter(|_| self.manner.corrects_clock);
        let replaced = replaced_offset(work.offset, candidate);
        let offset = match self.manner.corrects_clock {
            true => replaced.unwrap_or(work.offset),
            false => 0,
        };
        let stated = report.time.is_some();
        let placed = Placed {
            device,
            stated,
            time: report.time.unwrap_or(arrival),
            // A time that is only the arrival is right by itself.
            report_offset: if stated { offset } else { 0 },
            offset,
        };
        let print = (self.manner.native && stated).then(|| fingerprint(report));
        if print.is_some_and(|print| {
            self.known_report(&placed, self.system.fingerprint, Value::Number(print))
        }) {
            self.admitted.receipt.duplicates += 1;
            return Ok(());
        }
        let mut rows = vec![self.report_row(report, &placed, print)];
        self.label_rows(report, &placed, &mut rows);
        let mut parts = parts.into_iter();
        let samples = self.sample_rows(report, &placed, parts.by_ref(), &mut rows)?;
        let events = self.event_rows(report, &placed, parts, &mut rows)?;
        if !self.manner.native && self.nothing_new(&placed, &samples, &events) {
            self.admitted.receipt.duplicates += 1;
            return Ok(());
        }
        if replaced.is_some() {
            self.add_clock_offset(device, arrival, offset, &mut rows);
        }
        let receipt = &mut self.admitted.receipt;
        receipt.reports += 1;
        receipt.samples += samples.values;
        receipt.events += events.values;
        receipt.known_rows += samples.known + events.known;
        self.keep(device, arrival, rows, offset);
        Ok(())
    }

    fn known_report(&mut self, placed: &Placed, column: ColumnId, value: Value) -> bool {
        self.known(
            placed.device,
            self.system.report,
            "",
            placed.time,
            &[(column, value)],
            false,
        )
    }

    /// True when a foreign report brings no row that was not known; one without any rows when it came before.
    fn nothing_new(&mut self, placed: &Placed, samples: &Kept, events: &Kept) -> bool {
        match samples.rows + events.rows {
            0 => placed.stated && self.known_report(placed, self.system.stated, Value::Bool(true)),
            rows => rows == samples.known + events.known,
        }
    }

    fn sample_rows(
        &mut self,
        report: &Report,
        placed: &Placed,
        parts: impl Iterator<Item = Part>,
        rows: &mut Vec<Row>,
    ) -> Result<Kept, Refusal> {
        let (device, time) = (placed.device, placed.time);
        let mut kept = Kept::default();
        // The groups end first, so that no part of an event is taken.
        for (group, part) in report.signals.iter().zip(parts) {
            if group.fields.is_empty() || matches!(part, Part::Refused) {
                continue;
            }
            kept.rows += 1;
            let (table, cells) =
                self.cells(report, Place::signals(&group.family), &group.fields, part)?;
            if placed.stated && self.known(device, table, &group.key, time, &cells, false) {
                kept.known += 1;
                continue;
            }
            kept.values += cells.len() as u64;
            let instance = group.key.clone();
            rows.push(Row {
                table,
                device,
                instance,
                time,
                offset: placed.report_offset,
                cells,
            });
        }
        Ok(kept)
    }

    fn event_rows(
        &mut self,
        report: &Report,
        placed: &Placed,
        parts: impl Iterator<Item = Part>,
        rows: &mut Vec<Row>,
    ) -> Result<Kept, Refusal> {
        let device = placed.device;
        let mut kept = Kept::default();
        let mut prints = HashSet::new();
        for (event, part) in report.events.iter().zip(parts) {
            if matches!(part, Part::Refused) {
                continue;
            }
            kept.rows += 1;
            let (table, cells) =
                self.cells(report, Place::event(&event.kind), &event.fields, part)?;
            let (time, offset) = match event.time {
                Some(stated) => (stated, placed.offset),
                None => (placed.time, placed.report_offset),
            };
            let stated = placed.stated || event.time.is_some();
            let here = |row: &Row| row.table == table && row.time == time && row.cells == cells;
            // A report may have very many: only what is very likely here is looked for.
            let seen = !prints.insert(event_print(table, time, &cells));
            if (stated && self.known(device, table, "", time, &cells, true))
                || seen && rows.iter().any(here)
            {
                kept.known += 1;
                continue;
            }
            kept.values += 1;
            rows.push(Row {
                table,
                device,
                instance: "".into(),
                time,
                offset,
                cells,
            });
        }
        Ok(kept)
    }
}

/// A report's device and times.
pub(super) struct Placed {
    pub device: DeviceId,
    /// It states its time; otherwise that is the arrival.
    pub stated: bool,
    pub time: Nanos,
    /// Corrects its own time.
    pub report_offset: Nanos,
    /// Corrects every other time in it.
    pub offset: Nanos,
}

/// What became of the samples or events of a report.
#[derive(Default)]
struct Kept {
    rows: u64,
    known: u64,
    values: u64,
}

/// A bound of the store, told as a fault of the line that hit it.
pub(super) fn refused(report: &Report, error: storage::Error) -> Refusal {
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
