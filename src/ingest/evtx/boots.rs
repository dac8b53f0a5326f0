//! Which records are which boot.
//!
//! One boot leaves up to four records, minutes apart and not in the order of their times. Each kind
//! comes once a boot, and the kernel's is the first in time; so, by time, a kind that was already
//! there begins another boot. The first record of a boot tells it; the others are left out. A boot
//! was clean if an orderly stop came before it, unclean if a record says so, else that is not known.

use super::record::{BootRecord, Kind, Record};
use smol_str::SmolStr;
use std::collections::HashMap;
use storage::Value;

/// The boots of a log.
pub(super) struct Boots {
    /// Whether each was clean, by the position of the record that tells it.
    clean: HashMap<usize, Option<bool>>,
}

/// The latest boot of a computer.
#[derive(Default)]
struct Latest {
    /// Position of the record that tells it.
    at: Option<usize>,
    kinds: Vec<BootRecord>,
    /// It has stopped in order since.
    stopped: bool,
}

impl Boots {
    /// Finds the boots in `records`.
    pub(super) fn find(records: &[Record]) -> Boots {
        let relevant = |at: &usize| matches!(records[*at].kind(), Kind::Boot(_) | Kind::Stop);
        let mut by_time: Vec<usize> = (0..records.len()).filter(relevant).collect();
        by_time.sort_by_key(|at| (records[*at].time, records[*at].id));
        let mut clean = HashMap::new();
        let mut computers: HashMap<&SmolStr, Latest> = HashMap::new();
        for at in by_time {
            let latest = computers.entry(&records[at].computer).or_default();
            let Kind::Boot(kind) = records[at].kind() else {
                latest.stopped = true;
                continue;
            };
            let same =
                kind != BootRecord::Kernel && !latest.stopped && !latest.kinds.contains(&kind);
            let teller = match latest.at {
                Some(teller) if same => {
                    latest.kinds.push(kind);
                    teller
                }
                _ => {
                    clean.insert(at, latest.stopped.then_some(true));
                    *latest = Latest {
                        at: Some(at),
                        kinds: vec![kind],
                        stopped: false,
                    };
                    at
                }
            };
            if matches!(kind, BootRecord::KernelUnclean | BootRecord::LogUnclean) {
                clean.insert(teller, Some(false));
            }
        }
        Boots { clean }
    }

    /// The boot that the record at this position tells.
    pub(super) fn event(&self, at: usize) -> Option<(&'static str, Vec<(&'static str, Value)>)> {
        let clean = self.clean.get(&at)?;
        let fields = clean.map(|clean| ("clean", Value::Bool(clean)));
        Some(("boot", fields.into_iter().collect()))
    }
}
