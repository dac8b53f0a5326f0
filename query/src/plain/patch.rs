//! The derived family `patch[kb]`, asked instant by instant.

use super::happened::all;
use crate::catalog::{PATCH_FAMILY, PLAIN_FAMILY};
use crate::eval::Scope;
use crate::history::EventRecord;
use crate::ir::{EventId, EventKind, FamilyId};
use crate::value::Value;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use storage::Nanos;

pub(super) fn is_patch(scope: &Scope<'_>, family: FamilyId) -> bool {
    scope.world.program.catalog.family(PATCH_FAMILY) == Some(family)
}

/// The known events that set a state, of one patch or of all: what happened and the event.
fn events(scope: &Scope<'_>, kb: Option<&str>) -> Vec<(&'static str, EventRecord)> {
    let mut out = Vec::new();
    for (at, decl) in scope.world.program.catalog.events.iter().enumerate() {
        let what = match decl.name.as_str() {
            "patch.missing" => "missing",
            "patch.staged" => "staged",
            "patch.started" => "started",
            "patch.installed" => "installed",
            "patch.failed" => "failed",
            "patch.removed" => "removed",
            _ => continue,
        };
        for event in all(scope, EventKind::Stored(EventId(at as u32))) {
            match event.field("kb") {
                Value::Text(of) if kb.is_none_or(|kb| kb == of) => out.push((what, event)),
                _ => {}
            }
        }
    }
    out.sort_by_key(|(_, event)| (event.time, event.number));
    out
}

/// Every instant at which the state of a patch may turn.
pub(super) fn instants(scope: &Scope<'_>, kb: Option<&str>) -> BTreeSet<Nanos> {
    let mut out: BTreeSet<Nanos> = events(scope, kb)
        .iter()
        .map(|(_, event)| event.time)
        .collect();
    out.extend(all(scope, EventKind::Boot).iter().map(|boot| boot.time));
    if let Some(signal) = scope
        .world
        .program
        .catalog
        .signal(PLAIN_FAMILY, "pending_reboot")
    {
        out.extend(
            super::samples(scope, signal, "")
                .into_iter()
                .map(|(time, _)| time),
        );
    }
    out
}

/// State and code at an instant; None before anything is known of it.
fn state_at(
    scope: &Scope<'_>,
    events: &[(&'static str, EventRecord)],
    at: Nanos,
) -> Option<(&'static str, Value)> {
    let (what, event) = events.iter().rev().find(|(_, event)| event.time <= at)?;
    let state = match *what {
        "started" => "installing",
        "installed" => {
            let booted = all(scope, EventKind::Boot)
                .iter()
                .any(|boot| boot.time > event.time && boot.time <= at);
            let pending = scope
                .world
                .program
                .catalog
                .signal(PLAIN_FAMILY, "pending_reboot");
            let says = pending
                .is_some_and(|signal| super::signal_at(scope, signal, "", at) == Value::Bool(true));
            let required = event.field("reboot_required") == Value::Bool(true);
            if !booted && (required || says) {
                "pending_reboot"
            } else {
                "installed"
            }
        }
        other => other,
    };
    let code = if state == "failed" {
        event.field("code")
    } else {
        Value::Unknown
    };
    Some((state, code))
}

/// The samples of a field of a patch: one at each instant at which its state or code turned.
pub(super) fn samples(scope: &Scope<'_>, kb: &str, field: &str) -> Vec<(Nanos, Value)> {
    let events = events(scope, Some(kb));
    let mut out = Vec::new();
    let mut last: Option<(&'static str, Value)> = None;
    let mut since = Nanos::MIN;
    for instant in instants(scope, Some(kb)) {
        let Some((state, code)) = state_at(scope, &events, instant) else {
            continue;
        };
        if last.as_ref().is_none_or(|(before, _)| *before != state) {
            since = instant;
        }
        if last
            .as_ref()
            .is_some_and(|last| *last == (state, code.clone()))
        {
            continue;
        }
        let title = || {
            scope
                .device
                .patch_title(kb)
                .cloned()
                .map_or(Value::Unknown, Value::Text)
        };
        let value = match field {
            "state" => Value::Text(state.into()),
            "since" => Value::Time(since),
            "code" => code.clone(),
            "title" => title(),
            _ => return Vec::new(),
        };
        out.push((instant, value));
        last = Some((state, code));
    }
    out
}

/// The patches of which something is known at an instant.
pub(super) fn instances(scope: &Scope<'_>, at: Nanos) -> Vec<SmolStr> {
    let mut keys = BTreeSet::new();
    for (_, event) in events(scope, None) {
        if let (true, Value::Text(kb)) = (event.time <= at, event.field("kb")) {
            keys.insert(kb);
        }
    }
    keys.into_iter().collect()
}
