//! Admission: reports in, rows out, or a refusal, or nothing because it was known.
//!
//! It corrects clocks, types values, drops what came before and writes labels only where they change. It is a pure
//! function of the store's names and rows and of its own state, and that state is a pure function of the rows:
//! [`Admission::observe`] is the only way in which it changes, live and after a crash.

mod body;
mod check;
mod device;
mod fingerprint;
mod rows;
mod system;
mod types;
mod work;

pub use body::Admitted;
pub use device::clock_candidate;
pub use system::SystemTables;
pub use types::Types;

use crate::core::{Body, Refusal};
use device::DeviceState;
use serde::{Deserialize, Serialize};
use storage::{DeviceId, Nanos, Record, Store, Value};

/// See the module.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Admission {
    /// By device number; [`DeviceId::SERVER`] has an unused one.
    devices: Vec<DeviceState>,
}

impl Admission {
    /// Makes rows of a body that arrives at `arrival`.
    ///
    /// The store learns new names, nothing else changes. [`Refusal::Invalid`] names line and field.
    pub fn admit(
        &self,
        store: &mut Store,
        system: &SystemTables,
        types: &mut Types,
        body: &Body,
        arrival: Nanos,
    ) -> Result<Admitted, Refusal> {
        body::Admitting::new(self, store, system, types, body.manner, arrival).run(&body.lines)
    }

    /// Learns from a record that is now in the log.
    pub fn observe(&mut self, record: &Record, system: &SystemTables) {
        for row in &record.rows {
            if row.device == DeviceId::SERVER || system.is_derived(row.table) {
                continue;
            }
            let corrected = row.time.saturating_add(row.offset).min(record.arrival);
            let device = self.device_mut(row.device);
            device.newest = device.newest.max(row.time);
            if row.table == system.label {
                if let Some((_, Value::Text(value))) = row.cells.first() {
                    device.set_label(&row.instance, corrected, value);
                }
            } else if row.table == system.plain
                && let Some((_, Value::Number(seconds))) =
                    row.cells.iter().find(|(c, _)| *c == system.clock_offset)
            {
                device.offset = device::offset_of_seconds(*seconds);
            }
        }
    }

    fn device(&self, device: DeviceId) -> Option<&DeviceState> {
        self.devices.get(device.0 as usize)
    }

    fn device_mut(&mut self, device: DeviceId) -> &mut DeviceState {
        let at = device.0 as usize;
        if at >= self.devices.len() {
            self.devices.resize_with(at + 1, DeviceState::default);
        }
        &mut self.devices[at]
    }
}
