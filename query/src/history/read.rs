//! Reading a history: what was so at an instant, and between which instants.

use super::*;

impl DeviceHistory {
    /// When its first report arrived; None: never heard (a bulk import is no word from the device).
    pub fn known_since(&self) -> Option<Nanos> {
        self.heard_since
    }

    /// The earliest time that anything said of it has; [`Nanos::MAX`] when nothing was said.
    pub fn oldest(&self) -> Nanos {
        self.oldest.unwrap_or(Nanos::MAX)
    }

    /// A label at an instant, with the bounds between which that holds.
    pub fn label(&self, label: &str, at: Nanos, known: Nanos) -> Held<SmolStr> {
        match label {
            "client" => return Held::always(self.client.clone()),
            "device" => return Held::always(self.name.clone()),
            _ => {}
        }
        let Some((_, steps)) = self.labels.iter().find(|(name, _)| name == label) else {
            return Held::always(SmolStr::default());
        };
        let end = steps.partition_point(|s| s.time <= at);
        let next = steps.get(end).map_or(Nanos::MAX, |s| s.time);
        if let Some(step) = steps[..end].iter().rev().find(|s| s.arrival <= known) {
            return Held {
                value: step.text.clone(),
                since: step.time,
                until: next,
            };
        }
        // before the first report it has the labels of that one
        match self.first_report {
            Some((first, arrival)) if at < first => {
                let told = steps
                    .iter()
                    .rev()
                    .find(|s| s.time == first && s.arrival == arrival && arrival <= known);
                Held {
                    value: told.map_or(SmolStr::default(), |step| step.text.clone()),
                    since: Nanos::MIN,
                    until: next.min(first),
                }
            }
            first => Held {
                value: SmolStr::default(),
                since: first.map_or(Nanos::MIN, |(time, _)| time),
                until: next,
            },
        }
    }

    /// The labels that were ever set.
    pub fn label_names(&self) -> impl Iterator<Item = &SmolStr> {
        self.labels.iter().map(|(name, _)| name)
    }

    /// Time and arrival of the report that arrived first.
    pub fn first_report(&self) -> Option<(Nanos, Nanos)> {
        self.first_report
    }

    /// The steps of a label by time (equal times in order of arrival): (time, arrival, text).
    pub fn label_steps(&self, label: &str) -> impl Iterator<Item = (Nanos, Nanos, &SmolStr)> {
        let found = self.labels.iter().find(|(name, _)| name == label);
        let steps = found.map_or(&[][..], |(_, steps)| steps);
        steps
            .iter()
            .map(|step| (step.time, step.arrival, &step.text))
    }

    /// The stated reporting intervals: from which arrival on, and the interval.
    pub fn intervals(&self) -> &[(Nanos, Nanos)] {
        &self.intervals
    }

    /// From when on a rule fired, or no longer did.
    pub fn firing_steps(&self, rule: RuleId) -> &[(Nanos, bool)] {
        let found = self.firing.iter().find(|(id, _)| *id == rule);
        found.map_or(&[][..], |(_, steps)| steps)
    }

    /// The title of a patch, as first told.
    pub fn patch_title(&self, kb: &str) -> Option<&SmolStr> {
        self.titles.get(kb)
    }

    /// The reporting interval as known at an instant.
    pub fn interval(&self, at: Nanos) -> Held<Nanos> {
        let end = self
            .intervals
            .partition_point(|(arrival, _)| *arrival <= at);
        let until = self
            .intervals
            .get(end)
            .map_or(Nanos::MAX, |(arrival, _)| *arrival);
        match self.intervals[..end].last() {
            Some((arrival, interval)) => Held {
                value: *interval,
                since: *arrival,
                until,
            },
            None => Held {
                value: INTERVAL_DEFAULT,
                since: Nanos::MIN,
                until,
            },
        }
    }

    /// The series of a signal of an instance.
    pub fn series(&self, family: FamilyId, key: &str, signal: SignalId) -> Option<&Series> {
        let instance = self.families.get(family.index())?.get(key)?;
        instance
            .fields
            .iter()
            .find(|(id, _)| *id == signal)
            .map(|(_, series)| series)
    }

    /// Whether something arrived after `known`: what was derived with it must be asked as it was known.
    fn hides(&self, known: Nanos) -> bool {
        known < self.newest_arrival
    }

    /// A field of a patch as it was known when everything up to `known` had arrived; None: as it is now.
    pub fn patch_as_known(
        &self,
        catalog: &Catalog,
        kb: &str,
        signal: SignalId,
        known: Nanos,
    ) -> Option<Series> {
        let decl = &catalog.signals[signal.index()];
        if !self.hides(known) || catalog.families[decl.family.index()].name != PATCH_FAMILY {
            return None;
        }
        let steps = self.patch_steps(catalog, kb, known);
        let mut series = Series::new(decl.holds);
        series.replace(patches::samples(&decl.field, &steps, self.titles.get(kb)));
        Some(series)
    }

    /// The keys of a family with the time of their first sample among those known, in order of key.
    pub fn keys_as_known<'a>(
        &'a self,
        catalog: &'a Catalog,
        family: FamilyId,
        known: Nanos,
    ) -> impl Iterator<Item = (&'a SmolStr, Nanos)> {
        let hides = self.hides(known);
        let patch = catalog.families[family.index()].name == PATCH_FAMILY;
        let instances = self.families.get(family.index()).into_iter().flatten();
        instances.filter_map(move |(key, instance)| {
            let first = match (hides, patch) {
                (false, _) => Some(instance.first),
                (true, true) => self
                    .patch_steps(catalog, key, known)
                    .first()
                    .map(|s| s.time),
                (true, false) => instance.first_known(known),
            };
            first.map(|first| (key, first))
        })
    }

    /// The keys of a family with the time of their first sample, in order.
    pub fn keys(&self, family: FamilyId) -> impl Iterator<Item = (&SmolStr, Nanos)> {
        self.families
            .get(family.index())
            .into_iter()
            .flatten()
            .map(|(key, instance)| (key, instance.first))
    }

    /// Events of a kind other than heartbeat.
    pub fn events(&self, kind: EventKind) -> Option<&Events> {
        match kind {
            EventKind::Heartbeat => None,
            EventKind::Boot => Some(&self.boots),
            EventKind::Stored(event) => self.events.get(event.index()),
        }
    }

    /// Since when heartbeats have come, up to the newest, with no gap over `span`; None: not known in one look.
    pub fn steady_since(&self, span: Nanos) -> Option<Nanos> {
        self.steady
            .filter(|(_, widest)| *widest <= span)
            .map(|(start, _)| start)
    }

    /// Arrivals of its reports, ascending.
    pub fn heartbeats(&self) -> &[Nanos] {
        &self.heartbeats
    }

    /// Its reports by corrected time.
    pub fn reports(&self) -> &[ReportMark] {
        &self.marks
    }

    /// The log of a watch.
    pub fn watch(&self, watch: WatchId) -> Option<&WatchLog> {
        self.watches.get(watch.index())
    }

    /// The log of a watch, to add to.
    pub fn watch_mut(&mut self, watch: WatchId) -> &mut WatchLog {
        if self.watches.len() <= watch.index() {
            self.watches.resize(watch.index() + 1, WatchLog::default());
        }
        &mut self.watches[watch.index()]
    }

    /// Whether an unabsorbed alert of this rule is open, with the bounds between which that holds.
    pub fn firing(&self, rule: RuleId, at: Nanos) -> Held<bool> {
        let Some((_, steps)) = self.firing.iter().find(|(id, _)| *id == rule) else {
            return Held::always(false);
        };
        let end = steps.partition_point(|(time, _)| *time <= at);
        let until = steps.get(end).map_or(Nanos::MAX, |(time, _)| *time);
        match steps[..end].last() {
            Some((time, value)) => Held {
                value: *value,
                since: *time,
                until,
            },
            None => Held {
                value: false,
                since: Nanos::MIN,
                until,
            },
        }
    }

    /// Notes that a rule fires, or no longer does, from `at` on.
    pub fn set_firing(&mut self, rule: RuleId, at: Nanos, value: bool) {
        let index = match self.firing.iter().position(|(id, _)| *id == rule) {
            Some(index) => index,
            None => {
                self.firing.push((rule, Vec::new()));
                self.firing.len() - 1
            }
        };
        let steps = &mut self.firing[index].1;
        if steps.last().is_none_or(|(_, last)| *last != value) {
            steps.push((at, value));
        }
        if steps.len() > 256 {
            steps.drain(..128);
        }
    }

    /// Forgets what belongs to a rule set: watch logs and firing marks.
    pub fn forget_rules(&mut self) -> (Vec<WatchLog>, FiringMarks) {
        (
            std::mem::take(&mut self.watches),
            std::mem::take(&mut self.firing),
        )
    }
}
