//! The columns that the rows of each source have. The runner fills them by name.

use crate::catalog::{Catalog, PATCH_FAMILY};
use crate::ir::FamilyId;
use crate::ir_query::{Column, Source};
use crate::value::Type;
use smol_str::SmolStr;

fn column(name: &str, ty: Type) -> Column {
    Column {
        name: name.into(),
        ty,
        shown: true,
    }
}

fn texts(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| column(name, Type::Text)).collect()
}

fn hidden(name: &str, ty: Type) -> Column {
    Column {
        shown: false,
        ..column(name, ty)
    }
}

/// Adds columns whose names are not taken yet.
fn extend(columns: &mut Vec<Column>, more: impl IntoIterator<Item = (SmolStr, Type)>, shown: bool) {
    for (name, ty) in more {
        match columns.iter_mut().find(|c| c.name == name) {
            None => columns.push(Column { name, ty, shown }),
            Some(known) if known.ty != ty && !known.shown => known.ty = Type::Any,
            Some(_) => {}
        }
    }
}

fn fields(catalog: &Catalog, family: FamilyId) -> Vec<(SmolStr, Type)> {
    catalog
        .fields(family)
        .map(|(_, s)| (s.field.clone(), s.ty.clone()))
        .collect()
}

/// What the rows of a source look like.
///
/// - devices: `client device site os role class last_seen`; hidden `first_seen` and the other labels
/// - alerts: `id raised rule client device key state severity message reason changed ended`; hidden `time`,
///   equal to `raised`, and `subject`
/// - decisions: `time number rule client device subject key state severity message reason`; hidden `alert` (0:
///   none) and `notify`
/// - watches: `opened client device watch phase kbs downtime failures reason`; hidden `time`, equal to `opened`
/// - patches: `client device kb` and the fields of the family `patch`
/// - events: `time kind client device detail` (the fields as text); hidden every field of every event
/// - an event: `time client device` and its fields
/// - a family: `time client device`, the name of its key, its fields
/// - a plain signal: `time client device` and its name
/// - signals: `name family field kind type holds declared` (`holds` is unknown for "forever")
/// - timeline: `time what name detail`; hidden `severity client device`
pub fn source_columns(source: &Source, catalog: &Catalog) -> Vec<Column> {
    let time = || column("time", Type::Time);
    let mut columns = Vec::new();
    match source {
        Source::Devices => {
            columns.extend(texts(&["client", "device", "site", "os", "role", "class"]));
            columns.push(column("last_seen", Type::Time));
            columns.push(hidden("first_seen", Type::Time));
            let labels = catalog
                .labels
                .iter()
                .map(|label| (label.clone(), Type::Text));
            extend(&mut columns, labels, false);
        }
        Source::Alerts => {
            columns.push(column("id", Type::PLAIN));
            columns.push(column("raised", Type::Time));
            columns.extend(texts(&[
                "rule", "client", "device", "key", "state", "severity", "message", "reason",
            ]));
            columns.push(column("changed", Type::Time));
            columns.push(column("ended", Type::Time));
            columns.push(hidden("time", Type::Time));
            columns.push(hidden("subject", Type::Text));
        }
        Source::Decisions => {
            columns.push(time());
            columns.push(column("number", Type::PLAIN));
            columns.extend(texts(&[
                "rule", "client", "device", "subject", "key", "state", "severity", "message",
                "reason",
            ]));
            columns.push(hidden("alert", Type::PLAIN));
            columns.push(hidden("notify", Type::Bool));
        }
        Source::Watches => {
            columns.push(column("opened", Type::Time));
            columns.extend(texts(&["client", "device", "watch", "phase"]));
            columns.push(column("kbs", Type::texts()));
            columns.push(column("downtime", Type::DURATION));
            columns.push(column("failures", Type::texts()));
            columns.push(column("reason", Type::Text));
            columns.push(hidden("time", Type::Time));
        }
        Source::Patches => {
            columns.extend(texts(&["client", "device", "kb"]));
            if let Some(family) = catalog.family(PATCH_FAMILY) {
                extend(&mut columns, fields(catalog, family), true);
            }
        }
        Source::Events => {
            columns.push(time());
            columns.extend(texts(&["kind", "client", "device", "detail"]));
            for event in &catalog.events {
                extend(&mut columns, event.fields.iter().cloned(), false);
            }
        }
        Source::Event(kind) => {
            columns.push(time());
            columns.extend(texts(&["client", "device"]));
            extend(
                &mut columns,
                catalog.event_fields(*kind).iter().cloned(),
                true,
            );
        }
        Source::Family(family) => {
            columns.push(time());
            let key = catalog.family_decl(*family).key.as_str();
            columns.extend(texts(&["client", "device", key]));
            extend(&mut columns, fields(catalog, *family), true);
        }
        Source::Signal(signal) => {
            columns.push(time());
            columns.extend(texts(&["client", "device"]));
            let decl = catalog.signal_decl(*signal);
            extend(&mut columns, [(decl.field.clone(), decl.ty.clone())], true);
        }
        Source::Signals => {
            columns.extend(texts(&["name", "family", "field", "kind", "type"]));
            columns.push(column("holds", Type::DURATION));
            columns.push(column("declared", Type::Bool));
        }
        Source::Timeline { .. } => {
            columns.push(time());
            columns.extend(texts(&["what", "name", "detail"]));
            columns.extend(["severity", "client", "device"].map(|name| hidden(name, Type::Text)));
        }
    }
    columns
}
