//! The engine's state as bytes, and its passage from one rule set to the next.

use super::device::Device;
use super::turn::{Draft, Turn};
use super::{Engine, State};
use query::history::Phase;
use query::ir::{Program, Rule, RuleId, Suppress, Watch, WatchId};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::sync::Arc;
use storage::{DeviceId, Nanos, Record, Schema};

/// Layout of the bytes; another one cannot be restored, only rebuilt from the log.
const VERSION: u32 = 1;

/// Why a checkpoint cannot be used; the state is then rebuilt from the log.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The bytes are not a checkpoint of this version.
    #[error("the checkpoint cannot be read: {0}")]
    Unreadable(#[from] postcard::Error),
    /// Written by another version.
    #[error("the checkpoint has version {0}, this program reads {VERSION}")]
    Version(u32),
    /// Made with other rules.
    #[error("the checkpoint was made with other rules")]
    Rules,
}

#[derive(Serialize, Deserialize)]
struct Saved<D> {
    version: u32,
    rules: u64,
    devices: D,
    outages: Vec<(Nanos, Nanos)>,
    decided: u64,
    now: Nanos,
    seq: u64,
}

/// Tells rule sets apart.
fn fingerprint(program: &Program) -> u64 {
    let mut text = format!("{:?}", program.catalog);
    program
        .rules
        .iter()
        .for_each(|rule| text.push_str(&rule.text));
    program
        .watches
        .iter()
        .for_each(|watch| text.push_str(&watch.text));
    program
        .suppressions
        .iter()
        .for_each(|suppress| text.push_str(&suppress.text));
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

/// By number in the old rule set, the number in the new one of what is unchanged.
struct Kept {
    rules: Vec<Option<RuleId>>,
    watches: Vec<Option<WatchId>>,
    suppressions: Vec<Option<u32>>,
}

impl Kept {
    fn between(old: &Program, new: &Program) -> Kept {
        let place = |at: Option<usize>| at.map(|at| at as u32);
        let rule = |was: &Rule| {
            let same = |now: &Rule| now.name == was.name && now.text == was.text;
            place(new.rules.iter().position(same)).map(RuleId)
        };
        let watch = |was: &Watch| {
            let same = |now: &Watch| now.name == was.name && now.text == was.text;
            place(new.watches.iter().position(same)).map(WatchId)
        };
        let suppression = |was: &Suppress| {
            let same = |now: &Suppress| now.text == was.text;
            place(new.suppressions.iter().position(same))
        };
        Kept {
            rules: old.rules.iter().map(rule).collect(),
            watches: old.watches.iter().map(watch).collect(),
            suppressions: old.suppressions.iter().map(suppression).collect(),
        }
    }
}

impl Engine {
    /// The whole state after the last record applied, without pending decisions.
    pub fn checkpoint(&self) -> Vec<u8> {
        let saved = Saved {
            version: VERSION,
            rules: fingerprint(&self.program),
            devices: &self.devices,
            outages: self.outages.clone(),
            decided: self.decided,
            now: self.now,
            seq: self.seq,
        };
        postcard::to_allocvec(&saved).expect("plain data always serialises")
    }

    /// The engine that wrote these bytes.
    pub fn restore(bytes: &[u8], program: Arc<Program>) -> Result<Engine, RestoreError> {
        let (version, _) = postcard::take_from_bytes::<u32>(bytes)?;
        if version != VERSION {
            return Err(RestoreError::Version(version));
        }
        let saved: Saved<Vec<Option<Device>>> = postcard::from_bytes(bytes)?;
        if saved.rules != fingerprint(&program) {
            return Err(RestoreError::Rules);
        }
        let mut engine = Engine::new(program);
        engine.devices = saved.devices;
        engine.outages = saved.outages;
        engine.decided = saved.decided;
        engine.now = saved.now;
        engine.seq = saved.seq;
        for (index, device) in engine.devices.iter_mut().enumerate() {
            let Some(device) = device else { continue };
            device.armed.clone_from(&device.due);
            for (unit, due) in device
                .due
                .iter()
                .enumerate()
                .filter(|(_, due)| **due != Nanos::MAX)
            {
                engine
                    .timers
                    .push(Reverse((*due, DeviceId(index as u32), unit as u32)));
            }
        }
        Ok(engine)
    }

    /// Puts another rule set in force at `at`. `past` are all records so far, in order: the new set is warmed
    /// up over them aside. What is unchanged keeps its alerts, what changed closes them, and everything is
    /// decided anew.
    pub fn install(
        &mut self,
        program: Arc<Program>,
        at: Nanos,
        past: &mut dyn Iterator<Item = Record>,
        schema: &Schema,
    ) {
        let mut fresh = Engine::new(program);
        fresh.learn(schema);
        for record in past {
            fresh.seq = record.seq;
            fresh.now = fresh.now.max(record.arrival);
            fresh.enter(&record, schema);
            fresh.dirty.clear();
        }
        fresh.now = fresh.now.max(at);
        for device in fresh.devices.iter_mut().flatten() {
            device
                .rules
                .iter_mut()
                .for_each(|rule| rule.waiting.clear());
            device
                .watches
                .iter_mut()
                .for_each(|watch| watch.fresh.clear());
        }
        let old = std::mem::replace(self, Engine::new(Arc::default()));
        fresh.adopt(old);
        *self = fresh;
    }

    /// Takes over from the engine of the rule set before.
    fn adopt(&mut self, mut old: Engine) {
        self.decided = old.decided;
        self.decisions = old.take_decisions();
        self.outages = std::mem::take(&mut old.outages);
        self.now = self.now.max(old.now);
        self.seq = self.seq.max(old.seq);
        let kept = Kept::between(&old.program, &self.program);
        for (index, was) in std::mem::take(&mut old.devices).into_iter().enumerate() {
            let Some(was) = was else { continue };
            if self.devices.len() <= index {
                self.devices.resize_with(index + 1, || None);
            }
            // Nothing readable is known of it any more: its alerts are passed on all the same.
            let mut device = self.devices[index].take().unwrap_or_else(|| {
                Device::new(
                    was.history.client.clone(),
                    was.history.name.clone(),
                    self.program.rules.len(),
                    self.program.watches.len(),
                    self.deps.units.len(),
                )
            });
            self.pass(
                DeviceId(index as u32),
                was,
                &mut device,
                &old.program,
                &kept,
            );
            self.devices[index] = Some(device);
        }
        self.wake_everything();
        self.decide(false);
    }

    fn pass(
        &mut self,
        id: DeviceId,
        mut was: Device,
        device: &mut Device,
        program: &Program,
        Kept {
            rules,
            watches,
            suppressions,
        }: &Kept,
    ) {
        let (logs, firing) = was.history.forget_rules();
        for (log, to) in logs.into_iter().zip(watches) {
            if let Some(to) = to {
                *device.history.watch_mut(*to) = log;
            }
        }
        for (rule, steps) in firing {
            if let Some(to) = rules[rule.index()] {
                for (at, value) in steps {
                    device.history.set_firing(to, at, value);
                }
            }
        }
        for (at, watch) in was.watches.into_iter().enumerate() {
            match watches[at] {
                Some(to) => device.watches[to.index()] = watch,
                None => {
                    let live =
                        |phase| matches!(phase, Phase::Open | Phase::Down | Phase::Verifying);
                    let run = watch
                        .run
                        .filter(|run| run.alert.is_some() || live(run.phase));
                    if let Some(run) = run {
                        let alert = run.alert;
                        let draft = Draft {
                            severity: alert.as_ref().map(|alert| alert.severity),
                            alert: Some(alert.as_ref().map_or(0, |alert| alert.number)),
                            notify: alert.is_some(),
                            message: alert.map_or_else(String::new, |alert| alert.message),
                            ..closed(&program.watches[at].name, None)
                        };
                        self.turn_now().decide(id, &device.history, draft);
                    }
                }
            }
        }
        for (at, mut rule) in was.rules.into_iter().enumerate() {
            let Some(to) = rules[at] else {
                for alert in rule.alerts.into_values() {
                    let draft = Draft {
                        severity: program.rules[at].action.severity,
                        message: alert.message,
                        alert: Some(alert.number),
                        notify: alert.notified,
                        ..closed(&program.rules[at].name, alert.key)
                    };
                    self.turn_now().decide(id, &device.history, draft);
                }
                continue;
            };
            for alert in rule.alerts.values_mut() {
                alert.absorbed_by = alert.absorbed_by.and_then(|watch| watches[watch.index()]);
                alert.told_by = alert.told_by.and_then(|by| suppressions[by as usize]);
                alert.mutes.retain_mut(|mute| {
                    let to = suppressions[mute.suppressor as usize];
                    mute.suppressor = to.unwrap_or(mute.suppressor);
                    to.is_some()
                });
            }
            device.rules[to.index()] = rule;
        }
        device.imported_at = was.imported_at;
    }

    fn turn_now(&mut self) -> Turn<'_> {
        self.turn(false)
    }

    fn wake_everything(&mut self) {
        let units = 0..self.deps.units.len() as u32;
        for (index, device) in self.devices.iter().enumerate() {
            let Some(device) = device else { continue };
            let (client, name) = (&device.history.client, &device.history.name);
            let places = units
                .clone()
                .map(|unit| (unit, client.clone(), name.clone(), DeviceId(index as u32)));
            self.dirty.extend(places);
        }
    }
}

fn closed(name: &str, key: Option<smol_str::SmolStr>) -> Draft {
    Draft {
        rule: name.into(),
        version: 0,
        key,
        state: State::Closed,
        severity: None,
        message: String::new(),
        reason: Some("rule changed".to_string()),
        alert: Some(0),
        notify: false,
    }
}
