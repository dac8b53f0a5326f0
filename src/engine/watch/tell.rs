//! Telling: phases, the alert of a run, and what its verdict absorbs.

use super::*;

impl Case<'_, '_> {
    pub(super) fn outcome(&self, phase: Phase) -> Option<&Action> {
        match phase {
            Phase::Done => self.watch.done.as_ref(),
            Phase::Idle => self.watch.idle.as_ref(),
            Phase::Overdue => self.watch.overdue.as_ref(),
            Phase::Unverified => self.watch.unverified.as_ref(),
            _ => None,
        }
    }

    /// Notes new facts without a change of phase.
    pub(super) fn note(&mut self, run: &Run, effective: Nanos, reason: &str) {
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

    pub(super) fn enter(&mut self, run: &mut Run, phase: Phase, effective: Nanos, reason: &str) {
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
    pub(super) fn close_alert(&mut self, run: &mut Run) {
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

    pub(super) fn draft(&self, state: State) -> Draft {
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
    pub(super) fn absorb(&mut self) {
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
