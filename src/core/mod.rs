//! The core: store, admission and engine in step, without threads and without a clock of its own.
//!
//! What always holds: an input record is in the log before anything decided from it; decisions are in the log before
//! they are released; nothing is acknowledged or released before the sync that covers it, and nothing at all after a
//! sync that failed. The engine, the admission state and the list of open deliveries are functions of the log alone,
//! so that [`Core::open`] after a crash finds what an uncrashed run would have.
//!
//! Called by the owner thread ([`crate::owner`]) and by [`crate::replay`].

pub mod body;
mod checkpoint;
mod ledger;
mod log;
mod open;
pub mod rules;

pub use body::{Body, Fault, Manner, Receipt, Refusal};
pub use ledger::{DecisionColumns, Pending, decision_of_row};
pub use open::{OpenError, Opened, Options};
pub use rules::{RuleSet, Source};

use crate::admission::{Admission, SystemTables, Types};
use crate::engine::{Decision, Engine};
use crate::outbox::Attempt;
use ledger::Ledger;
use log::{Outage, numbered};
use std::sync::Arc;
use storage::{
    DeviceId, Error, FlushJob, Flushed, Nanos, Record, Row, Snapshot, Store, TableId, Value,
};

/// Records of one frame of a bulk import; its frames share one instant.
const FRAME_RECORDS_MAX: usize = 10_000;

/// See the module.
pub struct Core {
    store: Store,
    system: SystemTables,
    engine: Engine,
    admission: Admission,
    types: Types,
    rules: RuleSet,
    ledger: Ledger,
    last_arrival: Nanos,
    /// What the last `listening` row says.
    listening: bool,
    outage: Option<Outage>,
    /// Rules that could not be logged at the start for want of room.
    wanted_rules: Option<RuleSet>,
    failed: Option<String>,
}

impl Core {
    /// Takes in a body that came at `now`. It is not durable before [`Core::commit`].
    pub fn ingest(&mut self, now: Nanos, body: &Body) -> Result<Receipt, Refusal> {
        self.resume(now)?;
        self.ingest_exact(self.next_arrival(now), body)
    }

    /// The same at an arrival known beforehand; it must not fall, and all of one arrival must come in one body.
    pub fn ingest_exact(&mut self, arrival: Nanos, body: &Body) -> Result<Receipt, Refusal> {
        self.check_alive()?;
        let admitted = self.admission.admit(
            &mut self.store,
            &self.system,
            &mut self.types,
            body,
            arrival,
        )?;
        let mut records = admitted.records;
        let mut group = Vec::with_capacity(records.len());
        let mut appended = Ok(());
        while !records.is_empty() && appended.is_ok() {
            // Only an import is ever so long: any other body is one frame, kept or lost as a whole.
            let frame_records = if body.manner.imports() {
                FRAME_RECORDS_MAX
            } else {
                usize::MAX
            };
            let rest = records.split_off(records.len().min(frame_records));
            let frame = std::mem::replace(&mut records, rest);
            match self.store.append(arrival, &frame) {
                Ok(seqs) => group.extend(numbered(seqs, arrival, frame)),
                Err(error) => appended = Err(error),
            }
        }
        // What is in the log is applied, even where the rest found no room; and before anything that says so.
        self.step(&group)?;
        appended.map_err(|error| self.not_appended(arrival, error))?;
        Ok(admitted.receipt)
    }

    /// Runs what is due at or before `now`.
    pub fn tick(&mut self, now: Nanos) -> Result<(), Refusal> {
        self.check_alive()?;
        self.resume(now).ok();
        if self.outage.as_ref().is_some_and(|outage| !outage.logged) {
            return Ok(());
        }
        while self.engine.next_due().is_some_and(|due| due <= now) {
            let due_before = self.engine.next_due();
            let arrival = self.next_arrival(now);
            let tick = server_row(self.system.tick, "", arrival, Vec::new());
            let records = self.append_server(arrival, vec![tick])?;
            self.step(&records)?;
            if self.engine.next_due() == due_before {
                break;
            }
        }
        Ok(())
    }

    /// Runs what is due at or before `to` with a tick at exactly that instant (replay).
    pub fn advance_exact(&mut self, to: Nanos) -> Result<(), Refusal> {
        let arrival = to.max(self.last_arrival);
        let tick = server_row(self.system.tick, "", arrival, Vec::new());
        let records = self.append_server(arrival, vec![tick])?;
        self.step(&records)
    }

    /// The server was not listening from `since` (at the earliest since the last arrival) until `until`.
    pub fn not_listening(&mut self, since: Nanos, until: Nanos) -> Result<(), Refusal> {
        if self.outage.is_some() {
            // It refuses everything before, during and after: only room on the disk ends that.
            return Ok(());
        }
        self.listening(false, since)?;
        self.listening(true, until)
    }

    /// Logs that listening begins or ends at `at`, or just after the last arrival if that is later.
    pub fn listening(&mut self, listening: bool, at: Nanos) -> Result<(), Refusal> {
        self.check_alive()?;
        if self.listening == listening {
            return Ok(());
        }
        let arrival = self.next_arrival(at);
        let cells = vec![(self.system.listening_value, Value::Bool(listening))];
        let records = self.append_server(
            arrival,
            vec![server_row(self.system.listening, "", arrival, cells)],
        )?;
        self.step(&records)
    }

    /// Puts a rule set into force from `now` on. True when it differs from the one in force.
    pub fn install(&mut self, rules: &RuleSet, now: Nanos) -> Result<bool, Refusal> {
        self.check_alive()?;
        if self.rules.same_text(rules) {
            return Ok(false);
        }
        // The new set is warmed up over what is durable: that must be all there is.
        self.store_decisions_or_wait()?;
        if let Err(error) = self.store.commit() {
            return Err(self.fail(&error));
        }
        let arrival = self.next_arrival(now);
        let row = |source: &Source| {
            let cells = vec![(
                self.system.rules_value,
                Value::Text(source.text.as_str().into()),
            )];
            server_row(self.system.rules, &source.name, arrival, cells)
        };
        let mut rows: Vec<Row> = rules.sources.iter().map(row).collect();
        if rows.is_empty() {
            rows.push(server_row(self.system.rules, "", arrival, Vec::new()));
        }
        let records = self.append(arrival, vec![rows])?;
        self.step(&records)?;
        Ok(true)
    }

    /// Logs a delivery attempt.
    pub fn delivery(&mut self, attempt: &Attempt, now: Nanos) -> Result<(), Refusal> {
        self.check_alive()?;
        let row = self.ledger.attempt_row(&self.system, attempt);
        let arrival = self.last_arrival.max(now);
        self.append_derived(arrival, vec![row])
    }

    /// Makes everything durable and hands out the decisions that may now leave, in order.
    pub fn commit(&mut self) -> Result<Vec<Arc<Decision>>, Refusal> {
        self.check_alive()?;
        self.store_decisions_or_wait()?;
        if let Err(error) = self.store.commit() {
            return Err(self.fail(&error));
        }
        Ok(self.ledger.release())
    }

    /// When the engine must be woken; None: not before something arrives.
    pub fn next_due(&mut self) -> Option<Nanos> {
        self.engine.next_due()
    }

    /// The rules in force.
    pub fn rules(&self) -> &RuleSet {
        &self.rules
    }

    /// Notifications that have not been delivered nor given up, by number.
    pub fn pending(&self) -> impl Iterator<Item = &Pending> {
        self.ledger.pending()
    }

    /// Counts every change of [`Core::pending`].
    pub fn pending_version(&self) -> u64 {
        self.ledger.pending_version()
    }

    /// The store as of the last commit.
    pub fn snapshot(&self) -> Snapshot {
        self.store.snapshot()
    }

    /// The store, to look at.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Numbers of the system tables.
    pub fn system(&self) -> &SystemTables {
        &self.system
    }

    /// Sequence number of the last record.
    pub fn last_seq(&self) -> u64 {
        self.store.last_seq()
    }

    /// Number of the last decision in the log.
    pub fn last_decision(&self) -> u64 {
        self.ledger.stored_number()
    }

    /// The last arrival given.
    pub fn last_arrival(&self) -> Nanos {
        self.last_arrival
    }

    /// True while the disk is full.
    pub fn is_read_only(&self) -> bool {
        self.outage.is_some()
    }

    /// Why nothing is accepted any more.
    pub fn failure(&self) -> Option<&str> {
        self.failed.as_deref()
    }

    /// True when the head is large enough to be written to segments.
    pub fn wants_flush(&self) -> bool {
        self.failed.is_none() && self.ledger.is_stored() && self.store.wants_flush()
    }

    /// Begins a flush: run the job on any thread and hand it to [`Core::finish_flush`]. Only right after a commit.
    pub fn begin_flush(&mut self) -> Result<FlushJob, Error> {
        if !self.ledger.is_stored() {
            return Err(Error::Full {
                what: "decisions wait to be stored",
            });
        }
        let mut checkpoint = self.checkpoint();
        if checkpoint.len() > storage::limits::CHECKPOINT_BYTES_MAX {
            // A longer start is better than a store that takes no more because nothing can be flushed.
            tracing::warn!(
                "the state has {} bytes, too many to be kept with a flush: the next start reads the whole log",
                checkpoint.len()
            );
            checkpoint.clear();
        }
        self.store.begin_flush(checkpoint)
    }

    /// Puts the segments of a finished job in the place of the head.
    pub fn finish_flush(&mut self, done: Flushed) -> Result<(), Error> {
        self.store.finish_flush(done)
    }

    fn next_arrival(&self, now: Nanos) -> Nanos {
        now.max(self.last_arrival.saturating_add(1))
    }

    fn check_alive(&self) -> Result<(), Refusal> {
        match &self.failed {
            Some(why) => Err(Refusal::Failed(why.clone())),
            None => Ok(()),
        }
    }

    fn fail(&mut self, error: &Error) -> Refusal {
        let why = self.failed.get_or_insert_with(|| error.to_string());
        Refusal::Failed(why.clone())
    }

    /// Applies records that are in the log, all of one instant, and stores what the engine decides.
    fn step(&mut self, group: &[Record]) -> Result<(), Refusal> {
        self.apply(group);
        self.ledger.decided(self.engine.take_decisions());
        self.store_decisions_or_wait()
    }

    /// The part of [`Core::step`] that recovery repeats.
    fn apply(&mut self, group: &[Record]) {
        let Some(last) = group.last() else { return };
        self.last_arrival = self.last_arrival.max(last.arrival);
        self.engine.apply(group, self.store.schema());
        for record in group {
            self.admission.observe(record, &self.system);
            self.observe_server(record);
        }
        if self
            .engine
            .next_due()
            .is_some_and(|due| due <= last.arrival)
        {
            self.engine.advance(last.arrival);
        }
    }

    /// Rule sets and listening marks change the core, too.
    fn observe_server(&mut self, record: &Record) {
        let mut sources = Vec::new();
        let mut installs = false;
        for row in record
            .rows
            .iter()
            .filter(|row| row.device == DeviceId::SERVER)
        {
            installs |= row.table == self.system.rules;
            match row.cells.first() {
                Some((_, Value::Bool(listening))) if row.table == self.system.listening => {
                    self.listening = *listening
                }
                Some((_, Value::Text(text))) if row.table == self.system.rules => {
                    sources.push(Source {
                        name: row.instance.to_string(),
                        text: text.to_string(),
                    });
                }
                _ => {}
            }
        }
        if !installs {
            return;
        }
        match RuleSet::check(sources) {
            Ok(rules) => {
                self.types = Types::of(&rules.program.catalog);
                let mut unread = None;
                // What cannot be read is left out; what comes after it still counts.
                let mut past = self
                    .store
                    .records(1)
                    .map_err(|error| unread = Some(error))
                    .into_iter()
                    .flatten()
                    .filter_map(|past| past.map_err(|error| unread = Some(error)).ok())
                    .take_while(|past| past.seq < record.seq);
                let past: &mut dyn Iterator<Item = Record> = &mut past;
                self.engine.install(
                    rules.program.clone(),
                    record.arrival,
                    past,
                    self.store.schema(),
                );
                if let Some(error) = unread {
                    self.ledger.warn(format!(
                        "the new rules were warmed up over a part of the log only: {error}"
                    ));
                }
                self.rules = rules;
            }
            Err(error) => self.ledger.warn(format!(
                "record {}: its rule set no longer checks and is passed over: {}",
                record.seq,
                error.to_string().lines().next().unwrap_or_default()
            )),
        }
    }
}

fn server_row(
    table: TableId,
    instance: &str,
    time: Nanos,
    cells: Vec<(storage::ColumnId, Value)>,
) -> Row {
    Row {
        table,
        device: DeviceId::SERVER,
        instance: instance.into(),
        time,
        offset: 0,
        cells,
    }
}
