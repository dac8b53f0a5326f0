//! Looking at the device: is it down, has it booted, is it verified.

use super::*;

impl Case<'_, '_> {
    pub(super) fn truth(&mut self, expr: &Expr) -> Option<bool> {
        let known = self.scope().eval(expr, self.turn.now, &Env::Empty);
        self.until = self.until.min(known.until);
        known.truth()
    }

    pub(super) fn floor(run: &Run) -> Nanos {
        run.boot.unwrap_or_else(|| run.last_opening())
    }

    pub(super) fn verified(&mut self, run: &Run) -> bool {
        let scope = Scope {
            floor: Some(Self::floor(run)),
            ..self.scope()
        };
        let known = scope.eval(&self.watch.verify, self.turn.now, &Env::Empty);
        self.until = self.until.min(known.until);
        known.truth() == Some(true)
    }

    pub(super) fn failures(&self, run: &Run) -> Vec<SmolStr> {
        let scope = Scope {
            floor: Some(Self::floor(run)),
            ..self.scope()
        };
        failures::list(&self.watch.verify, &scope, self.turn.now)
    }

    /// The newest boot later than the last opening, once a report came after it.
    pub(super) fn awaited_boot(&self, run: &Run) -> Option<Nanos> {
        let history = &self.device.history;
        let boot = history.events(EventKind::Boot)?.all().last()?.time;
        let heard_after = history
            .reports()
            .last()
            .is_some_and(|report| report.time >= boot);
        (boot > run.last_opening() && heard_after).then_some(boot)
    }

    pub(super) fn newer_boot(&self, run: &Run) -> Option<Nanos> {
        let boot = self.awaited_boot(run)?;
        run.boot.is_none_or(|known| boot > known).then_some(boot)
    }

    /// From the last report before the boot to the first after it.
    pub(super) fn downtime(&self, boot: Nanos) -> Option<Nanos> {
        let reports = self.device.history.reports();
        let after = reports.partition_point(|report| report.time < boot);
        let before = after.checked_sub(1)?;
        let after = reports.get(after)?.time;
        Some(after.saturating_sub(reports[before].time))
    }

    pub(super) fn restarts(&self) -> impl Iterator<Item = &EventRecord> {
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
    pub(super) fn restart(&self, run: &Run) -> Option<Nanos> {
        let off = Value::Text("power-off".into());
        self.restarts()
            .find(|event| {
                event.time >= run.last_opening()
                    && event.number > run.called_off
                    && event.field("action") != off
            })
            .map(|event| event.time)
    }
}
