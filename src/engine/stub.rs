//! Stands in until the engine lands.
#![allow(missing_docs)]
use super::{Decision, State};
use query::ir::Program;
use std::sync::Arc;
use storage::{DeviceId, Nanos, Record, Schema, TableKind, Value};
#[derive(Default, serde::Serialize, serde::Deserialize)]
pub struct Engine {
    on: std::collections::BTreeMap<DeviceId, (u64, Option<Nanos>)>,
    decided: u64,
    out: Vec<Decision>,
    seq: u64,
}
#[derive(Debug)]
pub struct RestoreError;
impl Engine {
    pub fn new(_: Arc<Program>) -> Engine {
        Engine::default()
    }
    pub fn restore(bytes: &[u8], _: Arc<Program>) -> Result<Engine, RestoreError> {
        postcard::from_bytes(bytes).map_err(|_| RestoreError)
    }
    pub fn checkpoint(&self) -> Vec<u8> {
        postcard::to_stdvec(self).expect("plain")
    }
    fn decide(&mut self, device: DeviceId, time: Nanos, state: State, alert: u64) -> u64 {
        self.decided += 1;
        let number = self.decided;
        self.out.push(Decision {
            number,
            time,
            rule: if alert != 0 && state == State::Firing { "pending_long" } else { "pending" }.into(),
            device,
            client: "Acme".into(),
            subject: device.0.to_string().into(),
            key: None,
            state,
            severity: Some(query::ir::Severity::Warn),
            message: "m".into(),
            reason: None,
            alert: if alert == 0 { number } else { alert },
            notify: true,
            seq: self.seq,
            rule_version: 7,
        });
        number
    }
    pub fn apply(&mut self, records: &[Record], schema: &Schema) {
        let table = schema.find_table(TableKind::Signals, "device").expect("made at open");
        let column = schema.find_column(table, "pending_reboot");
        if let Some(first) = records.first() {
            self.advance(first.arrival - 1);
        }
        for record in records {
            self.seq = record.seq;
            for row in record.rows.iter().filter(|r| r.table == table) {
                let Some((_, Value::Bool(on))) = row.cells.iter().find(|(c, _)| Some(*c) == column) else { continue };
                match (*on, self.on.get(&row.device).copied()) {
                    (true, None) => {
                        let n = self.decide(row.device, record.arrival, State::Firing, 0);
                        self.on.insert(row.device, (n, Some(record.arrival + 300 * storage::SECOND)));
                    }
                    (false, Some((n, _))) => {
                        self.on.remove(&row.device);
                        self.decide(row.device, record.arrival, State::Resolved, n);
                    }
                    _ => {}
                }
            }
        }
    }
    pub fn advance(&mut self, to: Nanos) {
        while let Some(due) = self.next_due().filter(|d| *d <= to) {
            let found = self.on.iter().find(|(_, v)| v.1 == Some(due)).map(|(k, v)| (*k, v.0));
            let Some((device, n)) = found else { return };
            self.on.insert(device, (n, None));
            self.decide(device, due, State::Firing, n);
        }
    }
    pub fn next_due(&self) -> Option<Nanos> {
        self.on.values().filter_map(|v| v.1).min()
    }
    pub fn take_decisions(&mut self) -> Vec<Decision> {
        std::mem::take(&mut self.out)
    }
    pub fn install(&mut self, _: Arc<Program>, _: Nanos) {}
    pub fn decided(&self) -> u64 {
        self.decided
    }
}
