//! Deciding a rule on one device: raise, hold, clear, close; and what is visible of its alerts.

use super::alert::{Alert, Muting, Visible};
use super::device::{Device, RuleState, Verdict, Waiting};
use super::evidence;
use super::turn::{Draft, Turn};
use super::{State, hindsight};
use query::eval::{Env, Scope};
use query::history::EventRecord;
use query::ir::{EventKind, OnUnknown, Rule, RuleId, Scope as RuleScope};
use query::value::{Type, Unit, Value};
use smol_str::SmolStr;
use std::collections::{BTreeMap, BTreeSet};
use storage::{DeviceId, Nanos, SECOND};

/// An event that arrived this long after its time is told so.
const LATE: Nanos = 300 * SECOND;

/// One rule on one device being decided.
struct Case<'t, 'a> {
    turn: &'t mut Turn<'a>,
    id: DeviceId,
    device: &'t Device,
    rule_id: RuleId,
    rule: &'a Rule,
    state: RuleState,
    until: Nanos,
}

/// Decides a rule on a device at the instant of the turn. Returns when to look again, and whether `.firing` changed.
pub fn decide(
    turn: &mut Turn<'_>,
    id: DeviceId,
    device: &mut Device,
    rule_id: RuleId,
) -> (Nanos, bool) {
    let rule = &turn.program.rules[rule_id.index()];
    let state = std::mem::take(&mut device.rules[rule_id.index()]);
    let mut case = Case {
        turn,
        id,
        device,
        rule_id,
        rule,
        state,
        until: Nanos::MAX,
    };
    match &rule.scope {
        RuleScope::Device => case.subject(None),
        RuleScope::Each(family) => {
            let now = case.turn.now;
            let keys: Vec<(SmolStr, Nanos)> = device
                .history
                .keys(*family)
                .map(|(key, first)| (key.clone(), first))
                .collect();
            for (key, first) in keys {
                if first <= now {
                    case.subject(Some(&key));
                }
            }
        }
        RuleScope::On { event, .. } => case.events(event.event),
    }
    let (state, until, now) = (case.state, case.until, case.turn.now);
    let firing = state
        .alerts
        .values()
        .any(|alert| alert.visible != Visible::Absorbed);
    device.rules[rule_id.index()] = state;
    let before = device.history.firing(rule_id, now).value;
    if before != firing {
        device.history.set_firing(rule_id, now, firing);
    }
    (until, before != firing)
}

impl Case<'_, '_> {
    fn scope(&self) -> Scope<'_> {
        self.turn.scope(&self.device.history)
    }

    fn draft(&self, state: State) -> Draft {
        Draft {
            rule: self.rule.name.clone(),
            version: self.turn.versions.rules[self.rule_id.index()],
            key: None,
            state,
            severity: self.rule.action.severity,
            message: String::new(),
            reason: None,
            alert: Some(0),
            notify: false,
        }
    }

    /// A condition at the instant; None stands for "always true".
    fn truth(&mut self, expr: Option<&query::ir::Expr>, at: Nanos, env: &Env<'_>) -> Option<bool> {
        let Some(expr) = expr else { return Some(true) };
        let known = self.scope().eval(expr, at, env);
        if at == self.turn.now {
            self.until = self.until.min(known.until);
        }
        known.truth()
    }

    fn when(&mut self, at: Nanos, env: &Env<'_>) -> Option<bool> {
        let rule = self.rule;
        match (self.truth(rule.when.as_ref(), at, env), rule.unknown) {
            (None, OnUnknown::Fire) => Some(true),
            (None, OnUnknown::Clear) => Some(false),
            (truth, _) => truth,
        }
    }

    /// A state rule on the device or one of its instances.
    fn subject(&mut self, instance: Option<&SmolStr>) {
        let empty = Env::Empty;
        let env = instance.map_or(Env::Empty, |key| Env::Instance(0, key, &empty));
        let slot = instance.cloned().unwrap_or_default();
        let now = self.turn.now;
        let rule = self.rule;
        match self.truth(rule.where_.as_ref(), now, &env) {
            Some(false) => {
                self.state.latched.remove(&slot);
                self.close(&slot, "out of scope");
                return;
            }
            None => {
                self.look(&slot, &env);
                return;
            }
            Some(true) => {}
        }
        let truth = self.when(now, &env);
        if rule.action.severity.is_none() {
            self.log(truth, slot, instance, &env);
            return;
        }
        if !self.state.alerts.contains_key(&slot) {
            if truth == Some(true) {
                self.raise(slot, instance.cloned(), None, now, &env);
            }
            return;
        }
        let ends = match (&rule.clear, truth) {
            (_, Some(true)) => false,
            (Some(clear), _) => self.truth(Some(clear), now, &env) == Some(true),
            (None, truth) => truth == Some(false),
        };
        if ends {
            self.resolve(&slot)
        } else {
            self.look(&slot, &env)
        }
    }

    /// A `log` rule writes one line each time its condition becomes true.
    fn log(
        &mut self,
        truth: Option<bool>,
        slot: SmolStr,
        instance: Option<&SmolStr>,
        env: &Env<'_>,
    ) {
        match truth {
            Some(true) if !self.state.latched.contains(&slot) => {
                let key = self.key(instance, self.turn.now, env);
                let message = self.turn.message(
                    &self.rule.action.message,
                    &self.device.history,
                    self.turn.now,
                    env,
                );
                let draft = Draft {
                    key,
                    message,
                    ..self.draft(State::Log)
                };
                self.turn.decide(self.id, &self.device.history, draft);
                self.state.latched.insert(slot);
            }
            Some(false) => {
                self.state.latched.remove(&slot);
            }
            _ => {}
        }
    }

    fn key(&self, instance: Option<&SmolStr>, at: Nanos, env: &Env<'_>) -> Option<SmolStr> {
        match &self.rule.key {
            None => instance.cloned(),
            Some(key) => {
                let known = self.scope().eval(key, at, env);
                Some(query::value::print(&known.value, &key.ty).into())
            }
        }
    }

    fn raise(
        &mut self,
        slot: SmolStr,
        instance: Option<SmolStr>,
        event: Option<EventRecord>,
        at: Nanos,
        env: &Env<'_>,
    ) {
        let now = self.turn.now;
        let mut message =
            self.turn
                .message(&self.rule.action.message, &self.device.history, at, env);
        if let Some(event) = &event {
            message.push_str(&late(event));
        }
        let mut alert = Alert {
            number: 0,
            raised: now,
            key: self.key(instance.as_ref(), at, env),
            instance,
            event,
            message,
            visible: Visible::Firing,
            notified: false,
            mutes: Vec::new(),
            told_by: None,
            absorbed_by: self.absorber_now(),
            mute_end: None,
        };
        let muting = self.muting(&mut alert);
        alert.look(muting, now, |_| true);
        let mut reason = self.reason(&alert, muting);
        if alert.visible == Visible::Firing && self.turn.imported {
            alert.visible = Visible::Suppressed;
            alert.mute_end = Some(now);
            reason = Some("imported".to_string());
        }
        alert.notified = alert.visible == Visible::Firing;
        let draft = Draft {
            key: alert.key.clone(),
            message: alert.message.clone(),
            reason,
            alert: None,
            notify: alert.notified,
            ..self.draft(alert.visible.state())
        };
        alert.number = self.turn.decide(self.id, &self.device.history, draft);
        self.verdict(true, &alert);
        self.state.alerts.insert(slot, alert);
    }

    fn verdict(&mut self, raised: bool, alert: &Alert) {
        let now = self.turn.now;
        if alert.event.is_none() {
            let verdict = Verdict {
                time: now,
                raised,
                alert: alert.number,
                key: alert.key.clone(),
                instance: alert.instance.clone(),
                message: alert.message.clone(),
            };
            hindsight::remember(&mut self.state.verdicts, verdict, now);
        }
    }

    fn resolve(&mut self, slot: &SmolStr) {
        if let Some(alert) = self.state.alerts.remove(slot) {
            let draft = Draft {
                key: alert.key.clone(),
                message: alert.message.clone(),
                alert: Some(alert.number),
                notify: alert.notified,
                ..self.draft(State::Resolved)
            };
            self.turn.decide(self.id, &self.device.history, draft);
            self.verdict(false, &alert);
        }
    }

    fn close(&mut self, slot: &SmolStr, why: &str) {
        if let Some(alert) = self.state.alerts.remove(slot) {
            let draft = Draft {
                key: alert.key.clone(),
                message: alert.message.clone(),
                reason: Some(why.to_string()),
                alert: Some(alert.number),
                notify: alert.notified,
                ..self.draft(State::Closed)
            };
            self.turn.decide(self.id, &self.device.history, draft);
        }
    }

    /// The watch that gave its verdict at this very instant and absorbs what is raised with it.
    fn absorber_now(&self) -> Option<query::ir::WatchId> {
        let mine = |s: &&query::ir::Suppress| s.targets.contains(&self.rule_id);
        self.turn
            .program
            .suppressions
            .iter()
            .filter(mine)
            .flat_map(|s| s.watches.iter().copied())
            .find(|watch| {
                let run = self.device.watches[watch.index()].run.as_ref();
                run.is_some_and(|run| run.alert.is_some() && run.verdict_at == Some(self.turn.now))
            })
    }

    /// What mutes an open alert now; keeps its list of mutes.
    fn muting(&mut self, alert: &mut Alert) -> Muting {
        let now = self.turn.now;
        let mut first = None;
        let mut until = self.until;
        let scope = self.scope();
        for (index, suppress) in self.turn.program.suppressions.iter().enumerate() {
            if !suppress.targets.contains(&self.rule_id) {
                continue;
            }
            let index = index as u32;
            let known = scope.eval(&suppress.while_, now, &Env::Empty);
            until = until.min(known.until);
            if known.truth() != Some(true) {
                alert.mutes.retain(|mute| mute.suppressor != index);
                continue;
            }
            let since = match alert.mutes.iter().find(|mute| mute.suppressor == index) {
                Some(mute) => mute.since,
                None => {
                    alert.mutes.push(super::alert::Mute {
                        suppressor: index,
                        since: now,
                    });
                    now
                }
            };
            let end = since.saturating_add(scope.duration(suppress.max, now).value);
            if now < end {
                until = until.min(end);
                first.get_or_insert(index);
            }
        }
        self.until = until;
        let absorber = alert.absorbed_by.filter(|watch| {
            self.device.watches[watch.index()]
                .run
                .as_ref()
                .is_some_and(|run| run.alert.is_some())
        });
        alert.absorbed_by = absorber;
        match (absorber, first) {
            (Some(watch), _) => Muting::Watch(watch),
            (None, Some(index)) => Muting::Suppressor(index),
            (None, None) => Muting::Nothing,
        }
    }

    fn reason(&self, alert: &Alert, muting: Muting) -> Option<String> {
        match (alert.visible, muting) {
            (Visible::Absorbed, Muting::Watch(watch)) => {
                Some(self.turn.program.watches[watch.index()].name.to_string())
            }
            (Visible::Suppressed, Muting::Suppressor(index)) => {
                let template = &self.turn.program.suppressions[index as usize].reason;
                Some(
                    self.turn
                        .message(template, &self.device.history, self.turn.now, &Env::Empty),
                )
            }
            _ => None,
        }
    }

    /// Looks at what mutes an open alert, and tells it when what is visible changed.
    fn look(&mut self, slot: &SmolStr, env: &Env<'_>) {
        let Some(mut alert) = self.state.alerts.remove(slot) else {
            return;
        };
        let now = self.turn.now;
        let muting = self.muting(&mut alert);
        let mut ripe = Nanos::MAX;
        let changed = {
            let scope = self.turn.scope(&self.device.history);
            let (rule, event) = (self.rule, alert.event.as_ref());
            let newer_event = |end: Nanos| match &rule.scope {
                RuleScope::On { event: on, .. } => {
                    scope.device.events(on.event).is_some_and(|events| {
                        events.all().last().is_some_and(|newest| newest.time > end)
                    })
                }
                _ => false,
            };
            let bare = rule.when.is_none() && event.is_none();
            let ripe = &mut ripe;
            alert.look(muting, now, |end| {
                bare || newer_event(end)
                    || match rule
                        .when
                        .as_ref()
                        .map(|when| evidence::newer(when, &scope, end, now, env))
                    {
                        Some(Ok(())) => true,
                        Some(Err(at)) => {
                            *ripe = at;
                            false
                        }
                        None => false,
                    }
            })
        };
        self.until = self.until.min(ripe);
        if let Some(visible) = changed {
            let notify = visible == Visible::Firing;
            if notify {
                let at = alert.event.as_ref().map_or(now, |event| event.time);
                alert.message =
                    self.turn
                        .message(&self.rule.action.message, &self.device.history, at, env);
                alert
                    .message
                    .push_str(&alert.event.as_ref().map(late).unwrap_or_default());
                alert.notified = true;
            }
            let draft = Draft {
                key: alert.key.clone(),
                message: alert.message.clone(),
                reason: self.reason(&alert, muting),
                alert: Some(alert.number),
                notify,
                ..self.draft(visible.state())
            };
            self.turn.decide(self.id, &self.device.history, draft);
        }
        self.state.alerts.insert(slot.clone(), alert);
    }

    /// An `on` rule: in order of key, decides the events that are due, then looks at the open alert.
    fn events(&mut self, kind: EventKind) {
        let now = self.turn.now;
        let empty = Env::Empty;
        let mut due: BTreeMap<SmolStr, Vec<(EventRecord, Waiting)>> = BTreeMap::new();
        while let Some(first) = self.state.waiting.first().cloned() {
            if first.due > now {
                self.until = self.until.min(first.due);
                break;
            }
            self.state.waiting.remove(&first);
            let event = self
                .device
                .history
                .events(kind)
                .and_then(|events| events.by_number(first.number))
                .cloned();
            if let Some(event) = event {
                let key = self.key(None, event.time, &Env::Event(0, &event, &empty));
                due.entry(key.unwrap_or_default())
                    .or_default()
                    .push((event, first));
            }
        }
        let mut slots: BTreeSet<SmolStr> = self.state.alerts.keys().cloned().collect();
        slots.extend(due.keys().cloned());
        for slot in slots {
            for (event, waiting) in due.remove(&slot).unwrap_or_default() {
                self.event(event, &waiting);
            }
            self.look_at_event(&slot);
        }
    }

    /// Closes, resolves or looks at the open alert of an `on` rule.
    fn look_at_event(&mut self, slot: &SmolStr) {
        let now = self.turn.now;
        let rule = self.rule;
        let event = self
            .state
            .alerts
            .get(slot)
            .and_then(|alert| alert.event.clone());
        let Some(event) = event else { return };
        let empty = Env::Empty;
        let env = Env::Event(0, &event, &empty);
        if self.truth(rule.where_.as_ref(), now, &env) == Some(false) {
            self.close(slot, "out of scope");
        } else if self.truth(rule.clear.as_ref(), now, &env) == Some(true) {
            self.resolve(slot);
        } else {
            self.look(slot, &env);
        }
    }

    /// Decides one event as of its own time.
    fn event(&mut self, event: EventRecord, waiting: &Waiting) {
        let rule = self.rule;
        let RuleScope::On { event: on, .. } = &rule.scope else {
            return;
        };
        let at = event.time;
        let empty = Env::Empty;
        let env = Env::Event(0, &event, &empty);
        if self.scope().matches(on, &event, at, &empty).truth() != Some(true)
            || self.truth(rule.where_.as_ref(), at, &env) != Some(true)
            || self.when(at, &env) != Some(true)
        {
            return;
        }
        let imported = std::mem::replace(&mut self.turn.imported, waiting.imported);
        if rule.clear.is_some() && rule.action.severity.is_some() {
            let key = self.key(None, at, &env);
            let slot = key.unwrap_or_default();
            match self.state.alerts.get_mut(&slot) {
                Some(open) => open.event = Some(event.clone()),
                None => self.raise(slot, None, Some(event.clone()), at, &env),
            }
        } else {
            self.once(&event, at, &env);
        }
        self.turn.imported = imported;
    }

    /// A one-shot: a log line, or an alert with the suppressors of the event's own time.
    fn once(&mut self, event: &EventRecord, at: Nanos, env: &Env<'_>) {
        let history = &self.device.history;
        let mut message = self
            .turn
            .message(&self.rule.action.message, history, at, env);
        message.push_str(&late(event));
        let key = self.key(None, at, env);
        let mut draft = Draft {
            key,
            message,
            ..self.draft(State::Log)
        };
        if self.rule.action.severity.is_some() {
            draft.alert = None;
            let scope = self.scope();
            let muted = self.turn.program.suppressions.iter().find(|suppress| {
                suppress.targets.contains(&self.rule_id)
                    && scope.eval(&suppress.while_, at, &Env::Empty).truth() == Some(true)
                    && scope.duration(suppress.max, at).value > 0
            });
            draft.reason = match muted {
                Some(suppress) => {
                    Some(
                        self.turn
                            .message(&suppress.reason, history, at, &Env::Empty),
                    )
                }
                None if self.turn.imported => Some("imported".to_string()),
                None => None,
            };
            draft.state = if draft.reason.is_some() {
                State::Suppressed
            } else {
                State::Firing
            };
            draft.notify = draft.state == State::Firing;
        }
        self.turn.decide(self.id, history, draft);
    }
}

/// What the message of a late event ends with.
fn late(event: &EventRecord) -> String {
    let late = event.arrival.saturating_sub(event.time);
    if late <= LATE {
        return String::new();
    }
    let seconds = Value::Number(late as f64 / SECOND as f64);
    let duration = Type::Number(Unit {
        measure: query::value::Measure::Duration,
        per_second: false,
    });
    format!(
        " (reported {} late)",
        query::value::print(&seconds, &duration)
    )
}
