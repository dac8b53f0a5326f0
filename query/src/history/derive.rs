//! The patch states of a device, derived anew where an event, a boot or `pending_reboot` changed.

use super::*;

impl DeviceHistory {
    pub(super) fn patch_events<'a>(
        &'a self,
        catalog: &'a Catalog,
    ) -> impl Iterator<Item = (&'a str, &'a EventRecord)> {
        catalog
            .events
            .iter()
            .zip(&self.events)
            .flat_map(|(decl, events)| {
                decl.name
                    .strip_prefix("patch.")
                    .into_iter()
                    .flat_map(|kind| events.all().iter().map(move |e| (kind, e)))
            })
    }

    pub(super) fn patch_keys(&self, catalog: &Catalog) -> Vec<SmolStr> {
        let keys = self
            .patch_events(catalog)
            .filter_map(|(_, event)| match event.field("kb") {
                Value::Text(kb) => Some(kb),
                _ => None,
            });
        keys.collect()
    }

    pub(super) fn patch_steps(&self, catalog: &Catalog, kb: &str, known: Nanos) -> Vec<PatchStep> {
        let wanted = Value::Text(kb.into());
        let mut events: Vec<PatchEvent<'_>> = self
            .patch_events(catalog)
            .filter(|(_, event)| event.field("kb") == wanted)
            .collect();
        events.sort_by_key(|(_, event)| (event.time, event.number));
        patches::steps(&events, &self.boots, &self.pending_reboot, known)
    }

    pub(super) fn derive_patch(&mut self, catalog: &Catalog, kb: &SmolStr, changes: &mut Changes) {
        let steps = self.patch_steps(catalog, kb, Nanos::MAX);
        let Some(first) = steps.first().map(|s| s.time) else {
            return;
        };
        let Some(family) = catalog.family(PATCH_FAMILY) else {
            return;
        };
        let title = self.titles.get(kb).cloned();
        for field in ["state", "since", "code", "title"] {
            let Some(signal) = catalog.signal(PATCH_FAMILY, field) else {
                continue;
            };
            let samples = patches::samples(field, &steps, title.as_ref());
            let series = self.series_mut(catalog, family, kb, signal, first);
            let old = series.clone();
            series.replace(samples);
            if old.samples() != series.samples() {
                let differs = old
                    .samples()
                    .iter()
                    .zip(series.samples())
                    .find(|(a, b)| a != b);
                let at = differs.map_or(series.newest().map_or(first, |s| s.time), |(a, b)| {
                    a.time.min(b.time)
                });
                changes.signal(signal, at);
            }
        }
    }
}
