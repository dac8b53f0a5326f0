//! The source of a query: one of the fixed ones, an event, a family or a plain signal.

use super::Checker;
use crate::ast::{self};
use crate::catalog::PLAIN_FAMILY;
use crate::diagnostic::{Diagnostic, nearest};
use crate::ir_query::Source;

/// Sources that are not families or events.
pub(super) const SOURCES: [&str; 9] = [
    "devices",
    "alerts",
    "decisions",
    "watches",
    "patches",
    "events",
    "signals",
    "timeline",
    "gates",
];

impl Checker<'_> {
    pub(super) fn source(&mut self, query: &ast::Query) -> Option<Source> {
        let path = &query.source;
        let name = path.dotted();
        if let Some(filter) = path.parts.iter().find_map(|p| p.filter.as_ref()) {
            let written = self.text(filter.span);
            self.report(
                Diagnostic::error(
                    "source",
                    filter.span,
                    "a source has no brackets",
                    "not here",
                )
                .hint(format!("write `{name} where {written}`")),
            );
            return None;
        }
        Some(match name.as_str() {
            "devices" => Source::Devices,
            "alerts" => Source::Alerts,
            "decisions" => Source::Decisions,
            "watches" => Source::Watches,
            "patches" => Source::Patches,
            "events" => Source::Events,
            "signals" => Source::Signals,
            "timeline" => {
                let text = &query.text.as_ref()?.0;
                let (client, device) = match text.split_once('/') {
                    Some((client, device)) => (Some(client.into()), device.into()),
                    None => (None, text.clone()),
                };
                Source::Timeline { client, device }
            }
            "gates" => {
                self.not_yet(
                    path.span,
                    "the source `gates`",
                    "ask `devices` or `watches`",
                );
                return None;
            }
            "patch" => {
                self.report(
                    Diagnostic::error(
                        "source",
                        path.span,
                        "`patch` is not a source",
                        "derived from events",
                    )
                    .hint("ask `patches` for their states, or an event such as `patch.installed`"),
                );
                return None;
            }
            _ => return self.stored_source(path, &name),
        })
    }

    /// An event, a family or a plain signal, declared or only stored.
    pub(super) fn stored_source(&mut self, path: &ast::Path, name: &str) -> Option<Source> {
        if let Some(kind) = self.catalog.event_kind(name) {
            return Some(Source::Event(kind));
        }
        if path.parts.len() == 1 {
            if let Some(family) = self.catalog.family(name).filter(|_| name != PLAIN_FAMILY) {
                return Some(Source::Family(family));
            }
            if let Some(signal) = self.catalog.plain(name) {
                return Some(Source::Signal(signal));
            }
        }
        let mut known: Vec<&str> = SOURCES.to_vec();
        known.extend(
            self.catalog
                .families
                .iter()
                .map(|f| f.name.as_str())
                .filter(|n| *n != PLAIN_FAMILY),
        );
        known.extend(self.catalog.events.iter().map(|e| e.name.as_str()));
        if let Some(family) = self.catalog.family(PLAIN_FAMILY) {
            known.extend(self.catalog.fields(family).map(|(_, s)| s.field.as_str()));
        }
        let near = nearest(name, known).map(str::to_string);
        let field =
            path.parts.len() == 2 && self.catalog.family(&path.parts[0].name.text).is_some();
        let error = Diagnostic::error(
            "unknown-name",
            path.span,
            format!("`{name}` is not a source"),
            "expected a source",
        );
        self.report(match near {
            Some(near) => error.hint(format!("did you mean `{near}`?")),
            None if field => {
                let family = &path.parts[0].name.text;
                error.hint(format!(
                    "ask the family: `{family} | show time, device, {}`",
                    path.parts[1].name.text
                ))
            }
            None => error.hint(format!(
                "sources are {}; any event, any family, any signal",
                SOURCES.join(", ")
            )),
        });
        None
    }
}
