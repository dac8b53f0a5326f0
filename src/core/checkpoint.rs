//! The state of the core as bytes, kept beside the segments so that a start need not read the whole log.

use super::ledger::LedgerState;
use super::{Core, Source};
use crate::admission::Admission;
use serde::{Deserialize, Serialize};
use storage::Nanos;

/// Written first; another number means another layout, and the log is read from its beginning.
const VERSION: u32 = 1;

/// What a checkpoint holds.
#[derive(Serialize, Deserialize)]
pub(super) struct State {
    version: u32,
    pub rules: Vec<(String, String)>,
    pub engine: Vec<u8>,
    pub admission: Admission,
    pub ledger: LedgerState,
    pub last_arrival: Nanos,
    pub listening: bool,
}

impl State {
    /// Reads a checkpoint; None when it is of another layout.
    pub fn read(bytes: &[u8]) -> Option<State> {
        let (version, _) = postcard::take_from_bytes::<u32>(bytes).ok()?;
        if version != VERSION {
            return None;
        }
        postcard::from_bytes(bytes).ok()
    }

    pub fn sources(&self) -> Vec<Source> {
        let source = |(name, text): &(String, String)| Source {
            name: name.clone(),
            text: text.clone(),
        };
        self.rules.iter().map(source).collect()
    }
}

impl Core {
    /// The state after the last record.
    pub(super) fn checkpoint(&self) -> Vec<u8> {
        let state = State {
            version: VERSION,
            rules: self
                .rules
                .sources
                .iter()
                .map(|s| (s.name.clone(), s.text.clone()))
                .collect(),
            engine: self.engine.checkpoint(),
            admission: self.admission.clone(),
            ledger: self.ledger.state(),
            last_arrival: self.last_arrival,
            listening: self.listening,
        };
        postcard::to_stdvec(&state).expect("plain data always serialises")
    }
}
