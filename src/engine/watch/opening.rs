//! Events that open, extend or call off a run.

use super::*;

impl Case<'_, '_> {
    pub(super) fn take_events(&mut self, run: &mut Option<Run>, fresh: &mut [Fresh]) {
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

    pub(super) fn wanted(&self, event: &EventRecord) -> bool {
        let env = Env::Event(0, event, &Env::Empty);
        match &self.watch.where_ {
            None => true,
            Some(expr) => self.scope().eval(expr, event.time, &env).truth() == Some(true),
        }
    }

    /// The window of an event imported so late was over before we knew of it.
    pub(super) fn over(&self, event: &EventRecord) -> bool {
        let window = self.scope().duration(self.watch.open, self.turn.now).value;
        event.time.saturating_add(window) <= self.turn.now
    }

    pub(super) fn open(&mut self, slot: &mut Option<Run>, event: EventRecord) {
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

    pub(super) fn cancel(&mut self, run: &mut Run, event: &EventRecord) {
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
}
