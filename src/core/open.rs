//! Opening a store: checkpoint, then the log after it, applied exactly as it was live; then what is new at this start.

use super::checkpoint::State;
use super::ledger::Ledger;
use super::{Core, Refusal, RuleSet};
use crate::admission::{Admission, SystemTables, Types};
use crate::engine::{Decision, Engine};
use smol_str::SmolStr;
use std::sync::Arc;
use storage::{Damage, Disk, Error, Nanos, Record, Store};

/// How to open.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Of the store.
    pub store: storage::Options,
    /// Name of the target that notifications go to; None: they are logged as not sent.
    pub target: Option<SmolStr>,
}

/// An opened core.
pub struct Opened {
    /// Ready.
    pub core: Core,
    /// Decisions that were not durable before, in order; they are now.
    pub released: Vec<Arc<Decision>>,
    /// What could not be read, by file and place.
    pub damage: Vec<Damage>,
    /// What is odd but does not keep it from running.
    pub warnings: Vec<String>,
    /// Records read from the log after the checkpoint.
    pub records_replayed: u64,
}

/// Why a store cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store said so.
    #[error(transparent)]
    Store(#[from] Error),
    /// It opened, but what this start has to log could not be made durable.
    #[error("{0}")]
    Refused(Refusal),
}

impl Core {
    /// Opens the store on `disk` at the instant `now` and puts `rules` into force.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: Options,
        rules: &RuleSet,
        now: Nanos,
    ) -> Result<Opened, OpenError> {
        let opened = Store::open(disk, options.store)?;
        let mut store = opened.store;
        let had_records = store.last_seq() > 0;
        let system = SystemTables::of(&mut store)?;
        let mut core = Core {
            store,
            system,
            engine: Engine::new(Arc::default()),
            admission: Admission::default(),
            types: Types::default(),
            rules: RuleSet::default(),
            ledger: Ledger::new(options.target),
            last_arrival: Nanos::MIN,
            listening: true,
            outage: None,
            wanted_rules: None,
            failed: None,
        };
        let from = match &opened.checkpoint {
            Some(checkpoint) if core.restore(&checkpoint.bytes) => checkpoint.seq + 1,
            Some(_) => {
                core.ledger.warn(
                    "the checkpoint cannot be used; the whole log is read instead".to_owned(),
                );
                1
            }
            None => 1,
        };
        let records_replayed = core.replay_log(from)?;
        core.last_arrival = core.last_arrival.max(core.store.last_arrival());
        let released = core
            .begin(had_records, rules, now)
            .map_err(OpenError::Refused)?;
        let warnings = core.ledger.take_warnings();
        Ok(Opened {
            core,
            released,
            damage: opened.damage,
            warnings,
            records_replayed,
        })
    }

    fn restore(&mut self, bytes: &[u8]) -> bool {
        let Some(state) = State::read(bytes) else {
            return false;
        };
        let Ok(rules) = RuleSet::check(state.sources()) else {
            return false;
        };
        let Ok(engine) = Engine::restore(&state.engine, rules.program.clone()) else {
            return false;
        };
        self.engine = engine;
        self.types = Types::of(&rules.program.catalog);
        self.rules = rules;
        self.admission = state.admission;
        self.ledger.restore(state.ledger);
        self.last_arrival = state.last_arrival;
        self.listening = state.listening;
        true
    }

    /// Applies the log from record `from` on, records of one arrival together, as they were live.
    fn replay_log(&mut self, from: u64) -> Result<u64, Error> {
        self.ledger.begin_recovery();
        let mut group: Vec<Record> = Vec::new();
        let mut count = 0;
        let reader = self.store.snapshot();
        for record in reader.records(from)? {
            let record = match record {
                Ok(record) => record,
                Err(Error::Damaged(damage)) => {
                    // The rest counts all the same: refusing to start would serve nothing at all.
                    self.ledger
                        .warn(format!("the log was read without a part of it: {damage}"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            count += 1;
            let derived = record
                .rows
                .iter()
                .all(|row| self.system.is_derived(row.table));
            if derived {
                // It follows from what came before it.
                self.replay_group(&mut group);
                self.ledger
                    .observe(&record, &self.system, self.store.schema());
                // Numbers that the log holds are not given again, whatever was lost that led to them.
                self.engine.number_after(self.ledger.stored_number());
                self.last_arrival = self.last_arrival.max(record.arrival);
                continue;
            }
            if group
                .last()
                .is_some_and(|last| last.arrival != record.arrival)
            {
                self.replay_group(&mut group);
            }
            group.push(record);
        }
        self.replay_group(&mut group);
        self.ledger.end_recovery();
        Ok(count)
    }

    fn replay_group(&mut self, group: &mut Vec<Record>) {
        self.apply(group);
        self.ledger.decided(self.engine.take_decisions());
        group.clear();
    }

    /// Logs what this start brings: decisions the crash cut off, our own absence, the rules.
    fn begin(
        &mut self,
        had_records: bool,
        rules: &RuleSet,
        now: Nanos,
    ) -> Result<Vec<Arc<Decision>>, Refusal> {
        let unless_full = |result: Result<(), Refusal>| match result {
            Err(Refusal::ReadOnly) => Ok(()),
            other => other,
        };
        unless_full(self.store_decisions())?;
        if had_records {
            // The last arrival is the last moment at which it certainly listened.
            unless_full(self.listening(false, self.last_arrival))?;
            if self.outage.is_none() {
                unless_full(self.listening(true, now))?;
            }
        }
        match self.install(rules, now) {
            Ok(_) => {}
            Err(Refusal::ReadOnly) => self.wanted_rules = Some(rules.clone()),
            Err(refusal) => return Err(refusal),
        }
        self.commit()
    }
}
