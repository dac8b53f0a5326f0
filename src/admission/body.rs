//! Turning one body into records: first every line is checked, then nothing can fail any more but a bound of the store.

use super::check::{Checked, Part, Place};
use super::device::{clock_candidate, replaced_offset};
use super::fingerprint::fingerprint;
use super::work::Work;
use super::{Admission, SystemTables, Types};
use crate::core::{Fault, Manner, Receipt, Refusal};
use crate::report::{Line, Report};
use smol_str::SmolStr;
use std::collections::HashMap;
use storage::{DeviceId, Nanos, Row, Store, TableKind, Value, ValueType};

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

        let mut parts = parts.into_iter();
        for (group, part) in report.signals.iter().zip(parts.by_ref()) {
            if group.fields.is_empty() || matches!(part, Part::Refused) {
                continue;
            }
            counted += 1;
            let place = Place::signals(&group.family);
            let (table, cells) = self.cells(report, place, &group.fields, part)?;
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
        for (event, part) in report.events.iter().zip(parts) {
            if matches!(part, Part::Refused) {
                continue;
            }
            counted += 1;
            let place = Place::event(&event.kind);
            let (table, cells) = self.cells(report, place, &event.fields, part)?;
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
