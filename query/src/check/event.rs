//! Events in expressions: which kind a path names, and its filter.

use super::Checker;
use super::scope::Thing;
use super::types::broken;
use crate::ast::Path;
use crate::diagnostic::{Diagnostic, nearest};
use crate::ir::{EventMatch, Expr};
use crate::value::Type;
use smol_str::SmolStr;

impl Checker<'_> {
    /// The event that a path names; None after an error.
    pub fn event(&mut self, path: &Path) -> Option<EventMatch> {
        let name = path.dotted();
        if path.parts[0].name.text == "parent" && path.parts.len() > 1 {
            self.not_yet(path.span, "`parent.`", "leave this condition out");
            return None;
        }
        let Some(event) = self.catalog.event_kind(&name) else {
            self.unknown_event(path, &name);
            return None;
        };
        let (last, before) = path.parts.split_last()?;
        if let Some(part) = before.iter().find(|p| p.filter.is_some()) {
            self.report(Diagnostic::error(
                "event",
                part.name.span,
                format!("the filter of `{name}` stands after its whole name"),
                "no filter here",
            ));
        }
        let slot = self.scope.events;
        let filter = last.filter.as_ref().map(|filter| {
            self.scope.events += 1;
            let event = Thing::Event(vec![event], slot);
            let checked = self.inside(event, |c| {
                let value = c.expr(filter);
                if value.ty == Type::Text {
                    let written = c.text(filter.span);
                    c.report(
                        Diagnostic::error(
                            "type",
                            filter.span,
                            "the filter of an event is a condition",
                            "expected a condition",
                        )
                        .hint(format!("name the field: `{name}[kb = {written}]`")),
                    );
                    return broken(filter.span);
                }
                c.want(value, &Type::Bool, "the filter of an event")
            });
            self.scope.events = slot;
            Box::new(checked)
        });
        Some(EventMatch {
            event,
            filter,
            slot,
        })
    }

    pub(super) fn unknown_event(&mut self, path: &Path, name: &str) {
        let names: Vec<SmolStr> = self.catalog.events.iter().map(|e| e.name.clone()).collect();
        let near = nearest(name, names.iter().map(SmolStr::as_str));
        let first = &path.parts[0].name;
        let is_condition = path.parts.len() == 1
            && (self.names.contains_key(&first.text) || self.catalog.plain(&first.text).is_some());
        let mut error = Diagnostic::error(
            "unknown-event",
            path.span,
            format!("`{name}` is not an event"),
            "expected the name of an event",
        );
        if is_condition {
            error = error.hint(format!("it is a condition, which lasts: `{name} for 5m`"));
        } else if let Some(near) = near {
            error = error.hint(format!("did you mean `{near}`?"));
        } else {
            let family = format!("{}.", first.text);
            let siblings: Vec<&str> = names
                .iter()
                .map(SmolStr::as_str)
                .filter(|n| n.starts_with(&family))
                .collect();
            error = error.hint(if siblings.is_empty() {
                format!("declare it: `event {name} {{ field text }}`")
            } else {
                format!("known are {}", siblings.join(", "))
            });
        }
        self.report(error);
    }

    /// Whether a path, as it stands, names an event.
    pub fn names_event(&self, path: &Path) -> bool {
        let (last, before) = match path.parts.split_last() {
            Some(split) => split,
            None => return false,
        };
        let plain = before.iter().all(|p| p.filter.is_none()) && last.name.text != "firing";
        let parent = path.parts[0].name.text == "parent" && path.parts.len() > 1;
        plain
            && (parent || self.catalog.event(&path.dotted()).is_some())
            && !self.shadows_family(&path.parts[0].name.text)
    }

    pub(super) fn event_as_value(&mut self, path: &Path) -> Expr {
        let name = path.dotted();
        self.report(
            Diagnostic::error(
                "event",
                path.span,
                format!("`{name}` is an event, not a value"),
                "expected a value",
            )
            .hint(format!("write `{name} within 1h`, or `last({name}).field`")),
        );
        broken(path.span)
    }
}
