//! A watch on one device: none → open → down → verifying → done, or overdue, unverified, idle, cancelled.
//!
//! At one instant events come first, then transitions until none is left; success beats the deadline, a
//! boot beats down beats idle. A phase takes effect at its own time for expressions about earlier
//! instants; lines carry the instant of decision.

mod look;
mod opening;
mod run;
mod tell;

pub use run::{Cause, Opening, Run, WatchAlert};

use super::alert::Visible;
use super::device::{Device, Fresh, WatchState};
use super::turn::{Draft, Turn};
use super::{State, failures};
use query::eval::{Env, Scope};
use query::history::{EventRecord, Phase, RunFacts, WatchStep};
use query::ir::{Action, EventKind, Expr, Severity, Watch, WatchId};
use query::value::Value;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use storage::{DeviceId, Nanos};

/// Transitions at one instant are finite; this bounds them against a rule that undoes itself.
const TRANSITIONS_MAX: usize = 32;
/// Openings that one run remembers; the oldest go first.
const OPENINGS_MAX: usize = 256;
/// Steps of one watch on one device that can be looked back at.
const STEPS_MAX: usize = 256;
/// One watch on one device being decided.
struct Case<'t, 'a> {
    turn: &'t mut Turn<'a>,
    id: DeviceId,
    device: &'t mut Device,
    watch_id: WatchId,
    watch: &'a Watch,
    offline: &'a Expr,
    changed: bool,
    until: Nanos,
}

/// Decides a watch on a device at the instant of the turn. Returns when to look again, and whether it changed.
pub fn decide<'a>(
    turn: &mut Turn<'a>,
    id: DeviceId,
    device: &mut Device,
    watch_id: WatchId,
    offline: &'a Expr,
) -> (Nanos, bool) {
    let watch = &turn.program.watches[watch_id.index()];
    let mut state: WatchState = std::mem::take(&mut device.watches[watch_id.index()]);
    let mut case = Case {
        turn,
        id,
        device,
        watch_id,
        watch,
        offline,
        changed: false,
        until: Nanos::MAX,
    };
    let mut fresh = std::mem::take(&mut state.fresh);
    let mut run = state.run.take();
    case.take_events(&mut run, &mut fresh);
    for _ in 0..TRANSITIONS_MAX {
        case.until = Nanos::MAX;
        let Some(run) = &mut run else { break };
        if !case.transition(run) {
            break;
        }
    }
    let (until, changed) = (case.until, case.changed);
    device.watches[watch_id.index()] = WatchState {
        run,
        fresh: Vec::new(),
    };
    (until, changed)
}

impl Case<'_, '_> {
    fn scope(&self) -> Scope<'_> {
        self.turn.scope(&self.device.history)
    }

    /// One transition, if any is due; otherwise `until` says when to look again.
    fn transition(&mut self, run: &mut Run) -> bool {
        match run.phase {
            Phase::Open => self.while_open(run),
            Phase::Down => self.while_down(run),
            Phase::Verifying => self.while_verifying(run),
            Phase::Overdue => self.while_overdue(run),
            Phase::Unverified => self.while_unverified(run),
            Phase::None | Phase::Done | Phase::Idle | Phase::Cancelled => false,
        }
    }

    fn while_open(&mut self, run: &mut Run) -> bool {
        let now = self.turn.now;
        if let Some(boot) = self.awaited_boot(run) {
            return self.verify(run, Some(boot));
        }
        let ready = match (&self.watch.back, &self.watch.ready) {
            (None, _) => true,
            (_, Some(ready)) => self.truth(ready) == Some(true),
            _ => false,
        };
        if ready {
            return self.verify(run, None);
        }
        match &self.watch.down {
            Some(down) => {
                if self.truth(down) == Some(true) {
                    return self.go_down(run, now, now, Cause::Condition);
                }
            }
            None => {
                if let Some(restart) = self.restart(run) {
                    return self.go_down(run, restart, restart, Cause::Restart);
                }
                if self.truth(self.offline) == Some(true) {
                    return self.go_down(run, now, now, Cause::Offline);
                }
            }
        }
        let window = self.scope().duration(self.watch.open, now).value;
        let deadline = run.last_opening().saturating_add(window);
        if now >= deadline {
            self.enter(run, Phase::Idle, now, "no reboot seen");
            self.close_alert(run);
            return true;
        }
        self.until = self.until.min(deadline);
        false
    }

    fn go_down(&mut self, run: &mut Run, effective: Nanos, since: Nanos, cause: Cause) -> bool {
        run.down = Some((since, cause));
        let reason = match cause {
            Cause::Offline => "nothing heard",
            Cause::Restart => "restart begun",
            Cause::Condition => "down",
        };
        self.enter(run, Phase::Down, effective, reason);
        true
    }

    fn while_down(&mut self, run: &mut Run) -> bool {
        if let Some(boot) = self.awaited_boot(run) {
            return self.verify(run, Some(boot));
        }
        let (since, cause) = run.down.unwrap_or((self.turn.now, Cause::Offline));
        let offline = self.truth(self.offline);
        if cause == Cause::Offline && offline == Some(false) {
            return self.reopen(run, "heard again without a boot");
        }
        let back = self.watch.back.map_or(Nanos::MAX, |back| {
            self.scope().duration(back, self.turn.now).value
        });
        let deadline = since.saturating_add(back);
        if self.turn.now < deadline {
            self.until = self.until.min(deadline);
            return false;
        }
        match offline {
            Some(true) => {
                self.enter(run, Phase::Overdue, self.turn.now, "not back in time");
                true
            }
            Some(false) => self.reopen(run, "the restart was called off"),
            // our own outage: nobody can tell yet
            None => false,
        }
    }

    /// Back to waiting: what announced the restart so far no longer counts.
    fn reopen(&mut self, run: &mut Run, reason: &str) -> bool {
        run.down = None;
        run.called_off = self.restarts().map(|event| event.number).max().unwrap_or(0);
        self.enter(run, Phase::Open, self.turn.now, reason);
        self.close_alert(run);
        true
    }

    fn while_verifying(&mut self, run: &mut Run) -> bool {
        let now = self.turn.now;
        if let Some(boot) = self.newer_boot(run) {
            run.boot = Some(boot);
            run.verify_deadline = self.verify_deadline();
            run.downtime = self.downtime(boot);
            self.note(run, now, "booted again, verifying");
        }
        if self.verified(run) {
            return self.done(run);
        }
        if now >= run.verify_deadline {
            run.failures = self.failures(run);
            self.enter(run, Phase::Unverified, now, "not verified in time");
            return true;
        }
        self.until = self.until.min(run.verify_deadline);
        false
    }

    fn while_overdue(&mut self, run: &mut Run) -> bool {
        if let Some(boot) = self.awaited_boot(run) {
            return self.verify(run, Some(boot));
        }
        let only_offline = run.down.is_some_and(|(_, cause)| cause == Cause::Offline);
        if only_offline && self.truth(self.offline) == Some(false) {
            return self.reopen(run, "heard again without a boot");
        }
        false
    }

    fn while_unverified(&mut self, run: &mut Run) -> bool {
        if let Some(boot) = self.newer_boot(run) {
            run.boot = Some(boot);
            run.downtime = self.downtime(boot);
            self.note(run, self.turn.now, "booted again");
        }
        self.verified(run) && self.done(run)
    }

    fn done(&mut self, run: &mut Run) -> bool {
        run.failures.clear();
        // reports between may have come late; those long gone do not take back what was known
        let downtime = run.boot.and_then(|boot| self.downtime(boot));
        run.downtime = downtime.or(run.downtime);
        self.enter(run, Phase::Done, self.turn.now, "verified");
        self.close_alert(run);
        true
    }

    fn verify(&mut self, run: &mut Run, boot: Option<Nanos>) -> bool {
        run.boot = boot;
        run.verify_deadline = self.verify_deadline();
        run.downtime = boot.and_then(|boot| self.downtime(boot));
        let reason = if boot.is_some() {
            "booted, verifying"
        } else {
            "nothing needs a reboot, verifying"
        };
        self.enter(run, Phase::Verifying, self.turn.now, reason);
        true
    }

    fn verify_deadline(&self) -> Nanos {
        self.turn.now.saturating_add(
            self.scope()
                .duration(self.watch.verify_within, self.turn.now)
                .value,
        )
    }
}
