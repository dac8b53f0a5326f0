//! Writing to the log: input, the server's own marks, what follows from them; and what happens when there is no room.

use super::{Core, Fault, Refusal, server_row};
use storage::{Error, Nanos, Record, Row, Value};

/// The disk is full.
pub(super) struct Outage {
    pub since: Nanos,
    /// The log says so already; until then time stands still for the engine, since it would take our silence for theirs.
    pub logged: bool,
}

/// Records as they are in the log.
pub(super) fn numbered(
    seqs: std::ops::Range<u64>,
    arrival: Nanos,
    records: Vec<Vec<Row>>,
) -> impl Iterator<Item = Record> {
    seqs.zip(records)
        .map(move |(seq, rows)| Record { seq, arrival, rows })
}

impl Core {
    /// Appends input records as one frame and gives them their numbers.
    pub(super) fn append(
        &mut self,
        arrival: Nanos,
        records: Vec<Vec<Row>>,
    ) -> Result<Vec<Record>, Refusal> {
        let appended = self.store.append(arrival, &records);
        self.appended(arrival, appended, records)
    }

    /// Appends the server's own marks, which may use the reserve for when the disk is full.
    pub(super) fn append_server(
        &mut self,
        arrival: Nanos,
        rows: Vec<Row>,
    ) -> Result<Vec<Record>, Refusal> {
        let records = vec![rows];
        let appended = self.store.append_derived(arrival, &records);
        self.appended(arrival, appended, records)
    }

    pub(super) fn appended(
        &mut self,
        arrival: Nanos,
        appended: Result<std::ops::Range<u64>, Error>,
        records: Vec<Vec<Row>>,
    ) -> Result<Vec<Record>, Refusal> {
        match appended {
            Ok(seqs) => Ok(numbered(seqs, arrival, records).collect()),
            Err(error) => Err(self.not_appended(arrival, error)),
        }
    }

    /// What it means that records are not in the log. Everything in the log before must be applied.
    pub(super) fn not_appended(&mut self, arrival: Nanos, error: Error) -> Refusal {
        match error {
            Error::Full { .. } => {
                self.outage(arrival);
                Refusal::ReadOnly
            }
            error @ (Error::Limit { .. } | Error::BadRow { .. } | Error::TypeDiffers { .. }) => {
                Refusal::Invalid(Fault {
                    line: 0,
                    field: String::new(),
                    reason: error.to_string(),
                    hint: String::new(),
                })
            }
            error => self.fail(&error),
        }
    }

    /// The disk is full since `now`: from here on silence says nothing.
    pub(super) fn outage(&mut self, now: Nanos) {
        if self.outage.is_some() {
            return;
        }
        self.outage = Some(Outage {
            since: now,
            logged: false,
        });
        let logged = self.listening(false, now).is_ok();
        self.outage = Some(Outage { since: now, logged });
    }

    /// Tries whether there is room again.
    pub(super) fn resume(&mut self, now: Nanos) -> Result<(), Refusal> {
        let Some(outage) = &self.outage else {
            return Ok(());
        };
        let (since, logged) = (outage.since, outage.logged);
        if !logged {
            self.listening(false, since)?;
            self.outage = Some(Outage {
                since,
                logged: true,
            });
        }
        let arrival = self.next_arrival(now);
        let cells = vec![(self.system.listening_value, Value::Bool(true))];
        let row = server_row(self.system.listening, "", arrival, cells);
        // Not from the reserve: if this does not fit, neither does a report.
        let records = self.append(arrival, vec![vec![row]])?;
        self.outage = None;
        self.step(&records)?;
        if let Some(rules) = self.wanted_rules.take()
            && let Err(refusal) = self.install(&rules, now)
        {
            // Still wanted: it is tried again with the next return of room.
            self.wanted_rules = Some(rules);
            return Err(refusal);
        }
        Ok(())
    }

    /// Without room decisions wait, unreleased; the records they follow from are durable all the same.
    pub(super) fn store_decisions_or_wait(&mut self) -> Result<(), Refusal> {
        match self.store_decisions() {
            Err(Refusal::ReadOnly) => Ok(()),
            other => other,
        }
    }

    pub(super) fn store_decisions(&mut self) -> Result<(), Refusal> {
        let Some(rows) = self.ledger.unstored_rows(&self.system) else {
            return Ok(());
        };
        self.append_derived(self.last_arrival.max(self.store.last_arrival()), rows)?;
        self.ledger.stored();
        Ok(())
    }

    /// Appends what follows from the log; it changes the ledger and nothing else.
    pub(super) fn append_derived(&mut self, arrival: Nanos, rows: Vec<Row>) -> Result<(), Refusal> {
        let records = [rows];
        let appended = self.store.append_derived(arrival, &records);
        let [rows] = records;
        match appended {
            Ok(seqs) => {
                self.last_arrival = self.last_arrival.max(arrival);
                let record = Record {
                    seq: seqs.start,
                    arrival,
                    rows,
                };
                self.ledger
                    .observe(&record, &self.system, self.store.schema());
                Ok(())
            }
            Err(Error::Full { .. }) => {
                self.outage(arrival);
                Err(Refusal::ReadOnly)
            }
            Err(error) => Err(self.fail(&error)),
        }
    }
}
