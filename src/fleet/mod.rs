//! The simulated fleet: machines of several clients that live a Patch Tuesday night, for the demo and the benchmarks.
//!
//! Deterministic: the same seed and size give the same bodies on every machine, byte for byte. Nothing here knows a
//! clock or a server; [`wire`] alone carries what it is given.

pub mod fate;
pub mod hosts;
pub mod machine;
mod names;
mod random;
pub mod wire;

use fate::{Fate, NIGHT_SECONDS};
use machine::{Identity, Machine};
use names::{CLIENTS, ROLES, WORKSTATION_SERVICES};
use random::Random;
use storage::{Nanos, SECOND};

/// 2026-06-09T22:00:00Z, the evening after the second Tuesday of June.
pub const EVENING: Nanos = 1_781_042_400 * SECOND;
/// Between two bodies, in seconds.
pub const SLOT_SECONDS: i64 = 15;
/// Slots of one reporting interval.
const SLOTS: i64 = 60 / SLOT_SECONDS;

/// The fleet.
pub struct Fleet {
    /// Its machines.
    pub machines: Vec<Machine>,
    slot: i64,
}

/// The reports that are due at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The instant.
    pub time: Nanos,
    /// NDJSON; may be empty.
    pub body: String,
    /// How many.
    pub reports: usize,
}

impl Fleet {
    /// So many machines, two servers for each workstation.
    pub fn new(size: usize, seed: u64) -> Fleet {
        let servers: Vec<bool> = (0..size).map(|index| index % 3 != 2).collect();
        let fates = fate::assign(&servers, seed);
        let machine = |(index, fate)| {
            let mut random = Random::of(seed, index as u64);
            let wave = index / 3 % 3;
            let server = servers[index];
            let plan = fate::plan(fate, server, wave, &mut random);
            Machine::new(
                identity(index, server, wave, fate, &mut random),
                fate,
                plan,
                random,
            )
        };
        Fleet {
            machines: fates.into_iter().enumerate().map(machine).collect(),
            slot: 0,
        }
    }

    /// When the night of the plans is over.
    pub fn dawn() -> Nanos {
        EVENING + NIGHT_SECONDS * SECOND
    }

    /// The reports of the next instant; each machine reports once a minute, and as soon as it is back.
    pub fn next_batch(&mut self) -> Batch {
        let at = self.slot * SLOT_SECONDS;
        let mut batch = Batch {
            time: EVENING + at * SECOND,
            body: String::new(),
            reports: 0,
        };
        for (index, machine) in self.machines.iter_mut().enumerate() {
            // A rebooted agent counts its minutes from its start.
            let phase = match machine.plan.boot {
                Some(boot) if at >= boot => (boot + SLOT_SECONDS - 1) / SLOT_SECONDS,
                _ => index as i64,
            };
            let due = (self.slot - phase) % SLOTS == 0 || machine.says_goodbye(at);
            if let Some(report) = due.then(|| machine.report(at, EVENING)).flatten() {
                batch.body.push_str(&report);
                batch.body.push('\n');
                batch.reports += 1;
            }
        }
        self.slot += 1;
        batch
    }

    /// How many clients the fleet has.
    pub fn clients(&self) -> usize {
        let mut names: Vec<_> = self
            .machines
            .iter()
            .map(|machine| machine.identity.client)
            .collect();
        names.sort_unstable();
        names.dedup();
        names.len()
    }

    /// The first machine with this fate.
    pub fn example(&self, fate: Fate) -> Option<&Machine> {
        self.machines.iter().find(|machine| machine.fate == fate)
    }
}

fn identity(index: usize, server: bool, wave: usize, fate: Fate, random: &mut Random) -> Identity {
    let (client, sites) = CLIENTS[index / 3 % CLIENTS.len()];
    let site = *random.choose(sites);
    let (role, services) = if server {
        *random.choose(&ROLES)
    } else {
        ("ws", WORKSTATION_SERVICES)
    };
    let wave = match (fate, wave) {
        (Fate::Crashes | Fate::Rests, _) => "none".to_owned(),
        (_, 0) => "test".to_owned(),
        (_, wave) => format!("prod-{wave}"),
    };
    Identity {
        name: format!("{site}-{role}-{:03}", index + 1),
        client,
        labels: [
            ("site", site.to_owned()),
            ("role", role.to_owned()),
            (
                "class",
                if server { "server" } else { "workstation" }.to_owned(),
            ),
            (
                "os",
                if server {
                    "Windows Server 2022"
                } else {
                    "Windows 11"
                }
                .to_owned(),
            ),
            ("wave", wave),
        ],
        services: services.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Instants of the night at which the first machine with this fate reports, and all its lines.
    fn lines(fate: Fate) -> (Machine, Vec<(i64, String)>) {
        let mut fleet = Fleet::new(60, 1);
        let machine = fleet.example(fate).expect("dealt").clone();
        let mut lines = Vec::new();
        for _ in 0..NIGHT_SECONDS / SLOT_SECONDS {
            let batch = fleet.next_batch();
            let own = format!("\"{}\"", machine.identity.name);
            let line = batch
                .body
                .lines()
                .find(|line| line.contains(&format!("\"device\":{own}")));
            lines.extend(line.map(|line| ((batch.time - EVENING) / SECOND, line.to_owned())));
        }
        (machine, lines)
    }

    #[test]
    fn one_seed_one_night() {
        let (mut a, mut b, mut c) = (Fleet::new(20, 7), Fleet::new(20, 7), Fleet::new(20, 8));
        let night = |fleet: &mut Fleet| (0..400).map(|_| fleet.next_batch()).collect::<Vec<_>>();
        let (a, b, c) = (night(&mut a), night(&mut b), night(&mut c));
        assert_eq!(a, b);
        assert_ne!(a, c);
    }

    #[test]
    fn a_machine_that_recovers_tells_its_whole_story_once() {
        let (machine, lines) = lines(Fate::Recovers);
        let told: String = lines.iter().map(|(_, line)| line.as_str()).collect();
        for kind in [
            "patch.staged",
            "patch.started",
            "patch.installed",
            "reboot.started",
        ] {
            let count = told.matches(&format!("\"kind\":\"{kind}\"")).count();
            assert_eq!(count, 1, "{kind} of {:?}", machine.plan);
        }
        let boot = machine.plan.boot.expect("it comes back");
        let first = lines
            .iter()
            .find(|(at, _)| *at >= boot)
            .expect("it reports again");
        assert!(first.0 - boot < SLOT_SECONDS, "as soon as it is back");
        let gap = lines.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
        assert!(
            gap.is_some_and(|gap| gap > 180),
            "long enough to be missed: {gap:?}"
        );
    }

    #[test]
    fn a_machine_that_hangs_announces_its_restart_and_is_silent() {
        let (machine, lines) = lines(Fate::Hangs);
        let (last, line) = lines.last().expect("it reported");
        assert!(line.contains("reboot.started"), "{line}");
        assert!(
            machine
                .plan
                .restart
                .is_some_and(|at| (at..at + 2 * SLOT_SECONDS).contains(last))
        );
    }

    #[test]
    fn a_crash_is_too_short_to_be_missed() {
        let (_, lines) = lines(Fate::Crashes);
        let gap = lines.windows(2).map(|pair| pair[1].0 - pair[0].0).max();
        assert!(gap.is_some_and(|gap| gap < 180), "{gap:?}");
    }
}
