//! Checking a report before anything is made of it: names, types, bounds; every fault with its place.
//!
//! Fields that came in the same order before, with values that fit as they are, are recognised at once
//! ([`super::types::Shape`]): that is nearly every report of a fleet.

use super::body::{Admitting, refused};
use super::device::DeviceState;
use super::types::fit;
use crate::core::{Fault, Refusal};
use crate::limits;
use crate::report::Report;
use query::catalog::{PATCH_FAMILY, PLAIN_FAMILY};
use smol_str::SmolStr;
use storage::{ColumnId, TableId, TableKind, Value, ValueType};

/// Values by column.
pub(super) type Cells = Vec<(ColumnId, Value)>;

/// What checking found.
#[derive(Default)]
pub(super) struct Checked {
    /// One for each group of samples, then one for each event.
    pub parts: Vec<Part>,
    /// The first fault of each refused part.
    pub faults: Vec<Fault>,
    /// True when not even a part of the report can be kept.
    pub whole: bool,
}

/// A group of samples or an event.
pub(super) enum Part {
    /// Already as it will be stored.
    Ready(TableId, Cells),
    /// It fits, but has names that must be looked up or made first.
    Fits,
    /// It does not fit.
    Refused,
}

/// The table that values go to.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    pub kind: TableKind,
    pub name: &'a SmolStr,
}

impl<'a> Place<'a> {
    pub fn signals(family: &'a SmolStr) -> Place<'a> {
        Place {
            kind: TableKind::Signals,
            name: family,
        }
    }

    pub fn event(kind: &'a SmolStr) -> Place<'a> {
        Place {
            kind: TableKind::Event,
            name: kind,
        }
    }
}

impl Admitting<'_> {
    /// Everything wrong with a report (the first fault of each part).
    pub(super) fn check(&mut self, report: &Report) -> Checked {
        let mut checked = Checked::default();
        let fault = |field: String, reason: String, hint: &str| Fault {
            line: report.line,
            field,
            reason,
            hint: hint.to_owned(),
        };
        if let Some(reason) = self.label_fault(report) {
            checked.whole = true;
            checked.faults.push(fault("labels".into(), reason, ""));
        }
        for group in &report.signals {
            let path = |field: &str| match (group.family.as_str(), group.key.as_str()) {
                (PLAIN_FAMILY, _) => format!("signals.{field}"),
                (family, "") => format!("signals.{family}.{field}"),
                (family, key) => format!("signals.{family}.{key}.{field}"),
            };
            if group.family == PATCH_FAMILY {
                let hint =
                    "send patch.staged, patch.started, patch.installed or patch.failed as events";
                let reason = "`patch` is derived from events and cannot be reported";
                checked
                    .faults
                    .push(fault("signals.patch".into(), reason.into(), hint));
                checked.parts.push(Part::Refused);
                continue;
            }
            checked.parts.push(
                match self.check_part(Place::signals(&group.family), &group.fields) {
                    Ok(part) => part,
                    Err((field, reason)) => {
                        checked.faults.push(fault(path(&field), reason, ""));
                        Part::Refused
                    }
                },
            );
        }
        for (at, event) in report.events.iter().enumerate() {
            checked.parts.push(
                match self.check_part(Place::event(&event.kind), &event.fields) {
                    Ok(part) => part,
                    Err((field, reason)) => {
                        checked
                            .faults
                            .push(fault(format!("events.{at}.{field}"), reason, ""));
                        Part::Refused
                    }
                },
            );
        }
        checked
    }

    fn label_fault(&self, report: &Report) -> Option<String> {
        if report.labels.is_empty() {
            return None;
        }
        let client = report.client.as_deref().unwrap_or("default");
        let device = self.store.schema().find_device(client, &report.device);
        let state = device.and_then(|id| self.admission.device(id));
        let known = state.map_or(0, DeviceState::labels);
        let is_new = |name: &str| !state.is_some_and(|state| state.has_label(name));
        let new = report
            .labels
            .iter()
            .filter(|(name, _)| is_new(name))
            .count();
        let max = limits::LABELS_MAX;
        (new > 0 && known + new > max)
            .then(|| format!("{} would have more than {max} labels", report.device))
    }

    /// Err: the field and what is wrong with it.
    fn check_part(
        &mut self,
        place: Place<'_>,
        fields: &[(SmolStr, Value)],
    ) -> Result<Part, (SmolStr, String)> {
        if let Some((table, cells)) = self.types.ready(place.kind, place.name, fields) {
            return Ok(Part::Ready(table, cells));
        }
        for (field, value) in fields {
            self.check_value(place, field, value)
                .map_err(|reason| (field.clone(), reason))?;
        }
        Ok(Part::Fits)
    }

    fn check_value(
        &mut self,
        place: Place<'_>,
        field: &SmolStr,
        value: &Value,
    ) -> Result<(), String> {
        let ty = self.type_of(place, field, value);
        let fitted = fit(value, ty)?;
        match self.stored_type(place, field) {
            Some(stored) if stored != fitted.value_type() => Err(format!(
                "it is declared as {ty:?} but stored as {stored:?} already"
            )),
            Some(_) => Ok(()),
            None => {
                let key = (place.kind, place.name.clone(), field.clone());
                self.fresh.entry(key).or_insert(ty);
                Ok(())
            }
        }
    }

    /// Declared, else stored, else that of the first sample.
    fn type_of(&self, place: Place<'_>, field: &SmolStr, value: &Value) -> ValueType {
        self.types
            .declared(place.kind, place.name, field)
            .or_else(|| self.stored_type(place, field))
            .or_else(|| {
                self.fresh
                    .get(&(place.kind, place.name.clone(), field.clone()))
                    .copied()
            })
            .unwrap_or_else(|| value.value_type())
    }

    fn stored_type(&self, place: Place<'_>, field: &str) -> Option<ValueType> {
        let schema = self.store.schema();
        let table = schema.find_table(place.kind, place.name)?;
        let column = schema.find_column(table, field)?;
        Some(
            schema
                .table_def(table)?
                .columns
                .get(column.0 as usize)?
                .value_type,
        )
    }

    /// A checked part as it will be stored; new names are made.
    pub(super) fn cells(
        &mut self,
        report: &Report,
        place: Place<'_>,
        fields: &[(SmolStr, Value)],
        part: Part,
    ) -> Result<(TableId, Cells), Refusal> {
        if let Part::Ready(table, cells) = part {
            return Ok((table, cells));
        }
        let table = self
            .store
            .table(place.kind, place.name)
            .map_err(|e| refused(report, e))?;
        let mut cells = Vec::with_capacity(fields.len());
        let mut shape = Vec::with_capacity(fields.len());
        for (field, value) in fields {
            let ty = self.type_of(place, field, value);
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
            shape.push((field.clone(), column, ty));
            cells.push((column, fitted));
        }
        self.types.learn(place.kind, place.name, table, shape);
        cells.sort_by_key(|(column, _)| *column);
        cells.dedup_by_key(|(column, _)| *column);
        Ok((table, cells))
    }
}
