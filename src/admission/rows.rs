//! The rows that a report brings besides its samples and events: the report itself, changed labels, the clock's offset.

use super::body::{Admitting, Placed};
use super::device::seconds_of_offset;
use crate::report::Report;
use storage::{DeviceId, Nanos, Row, Value};

impl Admitting<'_> {
    pub(super) fn report_row(&self, report: &Report, placed: &Placed, print: Option<f64>) -> Row {
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
            device: placed.device,
            instance: "".into(),
            time: placed.time,
            offset: placed.report_offset,
            cells,
        }
    }

    /// One row for each label that is not what the report says at its time.
    pub(super) fn label_rows(&mut self, report: &Report, placed: &Placed, rows: &mut Vec<Row>) {
        let (device, time, offset) = (placed.device, placed.time, placed.report_offset);
        let corrected = time.saturating_add(offset).min(self.arrival);
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
    pub(super) fn add_clock_offset(
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
}
