//! A watch on one device: none → open → down → verifying → done, or overdue, unverified, idle, cancelled.
//!
//! At one instant events come first, then transitions until none is left; success beats the deadline, a
//! boot beats down beats idle. A phase takes effect at its own time for expressions about earlier
//! instants; lines carry the instant of decision.

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

/// One opening event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// The event.
    pub event: EventRecord,
    /// Its KB.
    pub kb: Option<SmolStr>,
}

/// Why a device counts as down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// Only because nothing is heard.
    Offline,
    /// A restart was announced.
    Restart,
    /// The watch's own `down when`.
    Condition,
}

/// The alert of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WatchAlert {
    /// Number of the decision that raised it.
    pub number: u64,
    /// Its severity.
    pub severity: Severity,
    /// Its message.
    pub message: String,
}

/// One run of a watch on a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Phase now.
    pub phase: Phase,
    /// Openings, in order of time.
    pub openings: Vec<Opening>,
    /// Time of the first opening.
    pub opened: Nanos,
    /// Down since when and why.
    pub down: Option<(Nanos, Cause)>,
    /// Restart announcements up to this number were called off.
    pub called_off: u64,
    /// Time of the boot being verified; None while none was awaited.
    pub boot: Option<Nanos>,
    /// When verification must be true.
    pub verify_deadline: Nanos,
    /// Downtime, failures and reason as told.
    pub downtime: Option<Nanos>,
    /// Keys that were not true at the verdict.
    pub failures: Vec<SmolStr>,
    /// Its alert, while open.
    pub alert: Option<WatchAlert>,
    /// When it became overdue or unverified.
    pub verdict_at: Option<Nanos>,
}

impl Run {
    fn new(opening: Opening) -> Run {
        Run {
            phase: Phase::Open,
            opened: opening.event.time,
            openings: vec![opening],
            down: None,
            called_off: 0,
            boot: None,
            verify_deadline: Nanos::MAX,
            downtime: None,
            failures: Vec::new(),
            alert: None,
            verdict_at: None,
        }
    }

    fn last_opening(&self) -> Nanos {
        self.openings
            .last()
            .map_or(self.opened, |opening| opening.event.time)
    }

    fn kbs(&self) -> Vec<SmolStr> {
        let mut kbs: Vec<SmolStr> = Vec::new();
        for kb in self
            .openings
            .iter()
            .filter_map(|opening| opening.kb.as_ref())
        {
            if !kbs.contains(kb) {
                kbs.push(kb.clone());
            }
        }
        kbs
    }

    fn facts(&self, reason: &str) -> RunFacts {
        RunFacts {
            opened: self.opened,
            kbs: self.kbs(),
            downtime: self.downtime,
            failures: self.failures.clone(),
            reason: reason.into(),
        }
    }
}

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

    // ---- events

    fn take_events(&mut self, run: &mut Option<Run>, fresh: &mut [Fresh]) {
        let mut events: Vec<(EventKind, EventRecord, bool)> = fresh
            .iter()
            .filter_map(|fresh| {
                let kind = fresh.kind.kind();
                let event = self
                    .device
                    .history
                    .events(kind)?
                    .by_number(fresh.number)?
                    .clone();
                Some((kind, event, fresh.imported))
            })
            .collect();
        events.sort_by_key(|(_, event, _)| (event.time, event.number));
        for (kind, event, imported) in events {
            let opens = self.watch.on.iter().any(|on| {
                on.event == kind
                    && self
                        .scope()
                        .matches(on, &event, event.time, &Env::Empty)
                        .truth()
                        == Some(true)
            });
            if opens && self.wanted(&event) && !(imported && self.over(&event)) {
                self.open(run, event.clone());
            }
            if let Some(run) = run
                && self
                    .watch
                    .cancel
                    .as_ref()
                    .is_some_and(|cancel| cancel.event == kind)
            {
                self.cancel(run, &event);
            }
        }
    }

    fn wanted(&self, event: &EventRecord) -> bool {
        let env = Env::Event(0, event, &Env::Empty);
        match &self.watch.where_ {
            None => true,
            Some(expr) => self.scope().eval(expr, event.time, &env).truth() == Some(true),
        }
    }

    /// The window of an event imported so late was over before we knew of it.
    fn over(&self, event: &EventRecord) -> bool {
        let window = self.scope().duration(self.watch.open, self.turn.now).value;
        event.time.saturating_add(window) <= self.turn.now
    }

    fn open(&mut self, slot: &mut Option<Run>, event: EventRecord) {
        let kb = match event.field("kb") {
            Value::Text(kb) => Some(kb),
            _ => None,
        };
        let time = event.time;
        let opening = Opening { event, kb };
        let extends = slot.as_ref().is_some_and(|run| {
            matches!(
                run.phase,
                Phase::Open | Phase::Down | Phase::Verifying | Phase::Overdue
            )
        });
        let Some(run) = slot.as_mut().filter(|_| extends) else {
            let old = slot.take();
            let mut run = Run::new(opening);
            // restarts announced before belong to the past
            run.alert = old.and_then(|old| old.alert);
            self.enter(&mut run, Phase::Open, time, "waiting for the reboot");
            self.close_alert(&mut run);
            *slot = Some(run);
            return;
        };
        if run.openings.len() >= OPENINGS_MAX {
            run.openings.remove(0);
        }
        let place = run
            .openings
            .partition_point(|known| known.event.time <= time);
        run.openings.insert(place, opening);
        run.opened = run.opened.min(time);
        if run.phase == Phase::Verifying
            && run.boot.is_none_or(|boot| time > boot)
            && run.boot.is_some()
        {
            run.boot = None;
            self.enter(run, Phase::Open, time, "another patch wants a reboot");
            self.close_alert(run);
        } else {
            self.note(run, time, "another patch joined");
        }
    }

    fn cancel(&mut self, run: &mut Run, event: &EventRecord) {
        if !matches!(
            run.phase,
            Phase::Open | Phase::Down | Phase::Verifying | Phase::Overdue
        ) {
            return;
        }
        let Some(cancel) = &self.watch.cancel else {
            return;
        };
        let before = run.openings.len();
        let keep: Vec<bool> = run
            .openings
            .iter()
            .map(|opening| {
                let env = Env::Event(0, &opening.event, &Env::Empty);
                let hit = self
                    .scope()
                    .matches(cancel, event, self.turn.now, &env)
                    .truth()
                    == Some(true);
                !(hit && event.time >= opening.event.time)
            })
            .collect();
        let mut kept = keep.iter();
        run.openings
            .retain(|_| kept.next().copied().unwrap_or(true));
        if run.openings.len() == before {
            return;
        }
        if let Some(first) = run.openings.first() {
            run.opened = first.event.time;
        }
        if run.openings.is_empty() {
            self.enter(run, Phase::Cancelled, self.turn.now, "called off");
            self.close_alert(run);
        } else {
            self.note(run, self.turn.now, "a patch was called off");
        }
    }

    // ---- transitions

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

    // ---- looking

    fn truth(&mut self, expr: &Expr) -> Option<bool> {
        let known = self.scope().eval(expr, self.turn.now, &Env::Empty);
        self.until = self.until.min(known.until);
        known.truth()
    }

    fn floor(run: &Run) -> Nanos {
        run.boot.unwrap_or_else(|| run.last_opening())
    }

    fn verified(&mut self, run: &Run) -> bool {
        let scope = Scope {
            floor: Some(Self::floor(run)),
            ..self.scope()
        };
        let known = scope.eval(&self.watch.verify, self.turn.now, &Env::Empty);
        self.until = self.until.min(known.until);
        known.truth() == Some(true)
    }

    fn failures(&self, run: &Run) -> Vec<SmolStr> {
        let scope = Scope {
            floor: Some(Self::floor(run)),
            ..self.scope()
        };
        failures::list(&self.watch.verify, &scope, self.turn.now)
    }

    /// The newest boot later than the last opening, once a report came after it.
    fn awaited_boot(&self, run: &Run) -> Option<Nanos> {
        let history = &self.device.history;
        let boot = history.events(EventKind::Boot)?.all().last()?.time;
        let heard_after = history
            .reports()
            .last()
            .is_some_and(|report| report.time >= boot);
        (boot > run.last_opening() && heard_after).then_some(boot)
    }

    fn newer_boot(&self, run: &Run) -> Option<Nanos> {
        let boot = self.awaited_boot(run)?;
        run.boot.is_none_or(|known| boot > known).then_some(boot)
    }

    /// From the last report before the boot to the first after it.
    fn downtime(&self, boot: Nanos) -> Option<Nanos> {
        let reports = self.device.history.reports();
        let after = reports.partition_point(|report| report.time < boot);
        let before = after.checked_sub(1)?;
        let after = reports.get(after)?.time;
        Some(after.saturating_sub(reports[before].time))
    }

    fn restarts(&self) -> impl Iterator<Item = &EventRecord> {
        let kind = self
            .turn
            .program
            .catalog
            .event("reboot.started")
            .map(EventKind::Stored);
        kind.and_then(|kind| self.device.history.events(kind))
            .into_iter()
            .flat_map(|events| events.all())
    }

    /// The time of the first restart announced since the last opening and not called off.
    fn restart(&self, run: &Run) -> Option<Nanos> {
        let off = Value::Text("power-off".into());
        self.restarts()
            .find(|event| {
                event.time >= run.last_opening()
                    && event.number > run.called_off
                    && event.field("action") != off
            })
            .map(|event| event.time)
    }

    // ---- telling

    fn outcome(&self, phase: Phase) -> Option<&Action> {
        match phase {
            Phase::Done => self.watch.done.as_ref(),
            Phase::Idle => self.watch.idle.as_ref(),
            Phase::Overdue => self.watch.overdue.as_ref(),
            Phase::Unverified => self.watch.unverified.as_ref(),
            _ => None,
        }
    }

    /// Notes new facts without a change of phase.
    fn note(&mut self, run: &Run, effective: Nanos, reason: &str) {
        let step = WatchStep {
            effective,
            decided: self.turn.now,
            phase: run.phase,
            facts: run.facts(reason),
        };
        let log = self.device.history.watch_mut(self.watch_id);
        log.push(step);
        log.bound(STEPS_MAX);
        self.changed = true;
    }

    fn enter(&mut self, run: &mut Run, phase: Phase, effective: Nanos, reason: &str) {
        run.phase = phase;
        self.note(run, effective, reason);
        let action = self.outcome(phase).cloned();
        let message = action.as_ref().map_or_else(String::new, |action| {
            self.turn.message(
                &action.message,
                &self.device.history,
                self.turn.now,
                &Env::Empty,
            )
        });
        let severity = action.and_then(|action| action.severity);
        let raises = severity.is_some();
        let open = run.alert.as_ref().map(|alert| alert.number);
        let draft = Draft {
            severity,
            message: message.clone(),
            alert: if raises {
                open
            } else {
                Some(open.unwrap_or(0))
            },
            notify: raises,
            ..self.draft(state_of(phase))
        };
        let number = self.turn.decide(self.id, &self.device.history, draft);
        if let Some(severity) = severity {
            run.alert = Some(WatchAlert {
                number: open.unwrap_or(number),
                severity,
                message,
            });
            if matches!(phase, Phase::Overdue | Phase::Unverified) {
                run.verdict_at = Some(self.turn.now);
                self.absorb();
            }
        }
    }

    /// Ends the alert of a run that is well again, or no longer matters.
    fn close_alert(&mut self, run: &mut Run) {
        if let Some(alert) = run.alert.take() {
            let draft = Draft {
                severity: Some(alert.severity),
                message: alert.message,
                alert: Some(alert.number),
                notify: true,
                ..self.draft(State::Resolved)
            };
            self.turn.decide(self.id, &self.device.history, draft);
        }
    }

    fn draft(&self, state: State) -> Draft {
        Draft {
            rule: self.watch.name.clone(),
            version: self.turn.versions.watches[self.watch_id.index()],
            key: None,
            state,
            severity: None,
            message: String::new(),
            reason: None,
            alert: Some(0),
            notify: false,
        }
    }

    /// The alerts that suppressors naming this watch were muting are told by its verdict.
    fn absorb(&mut self) {
        let naming: Vec<(u32, &query::ir::Suppress)> = (0u32..)
            .zip(&self.turn.program.suppressions)
            .filter(|(_, suppress)| suppress.watches.contains(&self.watch_id))
            .collect();
        for (_, suppress) in &naming {
            for rule in &suppress.targets {
                for alert in self.device.rules[rule.index()].alerts.values_mut() {
                    let told_by_watch = alert
                        .told_by
                        .is_some_and(|by| naming.iter().any(|(index, _)| *index == by));
                    if alert.visible == Visible::Suppressed
                        && told_by_watch
                        && alert.mute_end.is_none()
                    {
                        alert.absorbed_by = Some(self.watch_id);
                    }
                }
            }
        }
    }
}

fn state_of(phase: Phase) -> State {
    match phase {
        Phase::None | Phase::Open => State::Open,
        Phase::Down => State::Down,
        Phase::Verifying => State::Verifying,
        Phase::Done => State::Done,
        Phase::Overdue => State::Overdue,
        Phase::Unverified => State::Unverified,
        Phase::Idle => State::Idle,
        Phase::Cancelled => State::Cancelled,
    }
}
