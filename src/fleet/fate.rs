//! What the night has in store for each machine, and the times of it.
//!
//! A pure function of seed and fleet: [`assign`] deals the fates, [`plan`] gives each its minutes. Times of a plan
//! are seconds of the night. The night is over when everything planned has had its consequences.

use super::SLOT_SECONDS;
use super::names::{QUIET_UPDATE, SERVER_UPDATE, Update, WORKSTATION_UPDATE};
use super::random::Random;

/// How long the night lasts, in seconds.
pub const NIGHT_SECONDS: i64 = 5 * 3600;

const MINUTE: i64 = 60;

/// How a machine fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Patched, rebooted, back, well.
    Recovers,
    /// The same, but its main service takes some minutes to start.
    SlowService,
    /// Patched without a reboot.
    NoReboot,
    /// Reboots and does not come back.
    Hangs,
    /// The same, until somebody presses the button.
    HangsUntilReset,
    /// Comes back without its main service.
    LosesService,
    /// The installer gives up.
    Fails,
    /// Was not to be patched tonight, and restarts all the same.
    Crashes,
    /// Installed, and nobody restarts it.
    Waits,
    /// Not patched tonight.
    Rests,
    /// Switched off all night (workstations).
    Off,
}

/// Deals the fates: `servers` says of each machine whether it is one. Every fate of a server that somebody must look at
/// is dealt at least once while there are servers.
pub fn assign(servers: &[bool], seed: u64) -> Vec<Fate> {
    let mut random = Random::of(seed, u64::MAX);
    let mut order: Vec<usize> = (0..servers.len()).filter(|at| servers[*at]).collect();
    random.shuffle(&mut order);
    let many = order.len() / 50;
    let special = [
        (Fate::Hangs, 1 + many / 2),
        (Fate::LosesService, 1 + many),
        (Fate::Crashes, 1),
        (Fate::Fails, 1),
        (Fate::Waits, 1),
        (Fate::SlowService, 1 + order.len() / 12),
        (Fate::HangsUntilReset, many.min(1)),
        (Fate::NoReboot, order.len() / 10),
        (Fate::Rests, order.len() / 12),
    ];
    let mut special = special
        .into_iter()
        .flat_map(|(fate, count)| std::iter::repeat_n(fate, count));
    let mut fates: Vec<Fate> = servers
        .iter()
        .map(|server| match (server, random.below(10)) {
            (false, 0..3) => Fate::Off,
            (false, 3) => Fate::Rests,
            _ => Fate::Recovers,
        })
        .collect();
    for at in order {
        fates[at] = special.next().unwrap_or(Fate::Recovers);
    }
    fates
}

/// What happens to one machine, in seconds of the night.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// The update it gets.
    pub update: Option<Update>,
    /// Downloaded and ready.
    pub staged: i64,
    /// The installer begins.
    pub started: i64,
    /// The installer ends well, before the reboot.
    pub installed: Option<i64>,
    /// The installer gives up.
    pub failed: Option<i64>,
    /// It says that it restarts, and is silent from then on.
    pub restart: Option<i64>,
    /// It stops without a word.
    pub crash: Option<i64>,
    /// It is up again; None: never.
    pub boot: Option<i64>,
    /// The installer says so only after the boot.
    pub installed_late: Option<i64>,
    /// Its main service runs again; None: never.
    pub service: Option<i64>,
}

impl Plan {
    /// When it falls silent, if ever.
    pub fn silent_from(&self) -> Option<i64> {
        self.restart.or(self.crash)
    }
}

/// The plan of a machine with this fate; `wave` 0 goes first.
pub fn plan(fate: Fate, server: bool, wave: usize, random: &mut Random) -> Plan {
    let opens = match (server, wave) {
        (true, 0) => 12,
        (true, 1) => 80,
        (true, _) => 170,
        (false, _) => 30,
    };
    let spread = if server { 40 } else { 160 };
    let staged = opens * MINUTE + random.between(0, spread * MINUTE);
    let started = staged + random.between(1, 6) * MINUTE;
    let installed = started + random.between(3 * MINUTE, 16 * MINUTE);
    // It says so with a report, and reports leave at their instants only.
    let restart = (installed + random.between(1, 11) * MINUTE) / SLOT_SECONDS * SLOT_SECONDS;
    let boot = restart + random.between(210, 480);
    let update = match (fate, server) {
        (Fate::NoReboot, _) => QUIET_UPDATE,
        (_, true) => SERVER_UPDATE,
        (_, false) => WORKSTATION_UPDATE,
    };
    let late = random.below(2) == 0;
    let patched = Plan {
        update: Some(update),
        staged,
        started,
        installed: (!late).then_some(installed),
        restart: Some(restart),
        boot: Some(boot),
        installed_late: late.then_some(boot + 100),
        service: Some(boot),
        ..Plan::default()
    };
    let crash = random.between(100, 260) * MINUTE;
    match fate {
        Fate::Recovers => patched,
        Fate::SlowService => Plan {
            service: Some(boot + random.between(200, 400)),
            ..patched
        },
        Fate::LosesService => Plan {
            service: None,
            ..patched
        },
        Fate::Hangs => Plan {
            boot: None,
            installed_late: None,
            ..patched
        },
        Fate::HangsUntilReset => {
            let reset = restart + random.between(35, 50) * MINUTE;
            Plan {
                boot: Some(reset),
                installed_late: late.then_some(reset + 100),
                service: Some(reset),
                ..patched
            }
        }
        Fate::NoReboot | Fate::Waits => Plan {
            installed: Some(installed),
            installed_late: None,
            restart: None,
            boot: None,
            ..patched
        },
        Fate::Fails => Plan {
            installed: None,
            installed_late: None,
            failed: Some(installed),
            restart: None,
            boot: None,
            ..patched
        },
        Fate::Crashes => Plan {
            crash: Some(crash),
            boot: Some(crash + 95),
            service: Some(crash + 95),
            ..Plan::default()
        },
        Fate::Rests | Fate::Off => Plan::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fate_that_somebody_must_look_at_is_dealt() {
        for (servers, seed) in [(8, 1), (8, 2), (130, 1)] {
            let fates = assign(&vec![true; servers], seed);
            for fate in [
                Fate::Hangs,
                Fate::LosesService,
                Fate::Crashes,
                Fate::Fails,
                Fate::Waits,
            ] {
                assert!(fates.contains(&fate), "{fate:?} of {servers} servers");
            }
            assert_eq!(fates, assign(&vec![true; servers], seed));
        }
        assert_eq!(assign(&[], 1), []);
    }

    #[test]
    fn the_night_is_long_enough_for_all_consequences() {
        // A reboot may take half an hour before somebody is called, a missing service ten minutes.
        for seed in 0..2_000 {
            for wave in 0..3 {
                let plan = plan(Fate::Hangs, true, wave, &mut Random::new(seed));
                assert!(
                    plan.restart
                        .is_some_and(|at| at + 30 * MINUTE < NIGHT_SECONDS),
                    "{plan:?}"
                );
            }
        }
    }
}
