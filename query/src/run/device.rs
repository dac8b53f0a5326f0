//! One device as a query sees it: its history filled from stored rows, and what the ledger says of it.

use super::decisions::{DECISION, Decision};
use super::plan::LISTENING;
use super::scan::Cells;
use crate::catalog::Catalog;
use crate::eval::{Env, Scope, World};
use crate::history::{DeviceHistory, EventRecord, Mapping, Phase, RunFacts, WatchStep};
use crate::ir::{EventKind, RuleId, Watch, WatchId};
use crate::value::Value;
use smol_str::SmolStr;
use std::collections::BTreeSet;
use storage::{Nanos, Row, Schema, Select, Snapshot, StoredRow, TableKind};

/// Fills the history of a device from its rows in the order of their records, leaving out what arrived
/// after `known`.
pub fn fill(
    device: &mut DeviceHistory,
    rows: &[StoredRow],
    catalog: &Catalog,
    mapping: &Mapping,
    known: Nanos,
) {
    let mut at = 0;
    while at < rows.len() && rows[at].arrival <= known {
        let end = at
            + rows[at..]
                .iter()
                .take_while(|row| row.seq == rows[at].seq)
                .count();
        let record: Vec<Row> = rows[at..end]
            .iter()
            .map(|stored| stored.row.clone())
            .collect();
        device.apply(catalog, mapping, &record, rows[at].arrival);
        at = end;
    }
}

/// The decisions among the rows of a device that were made by `known`, in order of their numbers.
pub fn ledger(rows: &[StoredRow], schema: &Schema, known: Nanos) -> Vec<Decision> {
    let Some(table) = schema.find_table(TableKind::System, DECISION) else {
        return Vec::new();
    };
    let Some(def) = schema.table_def(table) else {
        return Vec::new();
    };
    let mine = rows
        .iter()
        .filter(|row| row.row.table == table && row.row.time <= known);
    let mut decisions: Vec<Decision> = mine.map(|row| Decision::read(row, def)).collect();
    decisions.sort_by_key(|decision| (decision.time, decision.number()));
    decisions
}

/// Tells the history what watches did and which rules fired.
pub fn replay_ledger(device: &mut DeviceHistory, decisions: &[Decision], world: World<'_>) {
    for (at, watch) in world.program.watches.iter().enumerate() {
        let steps = watch_steps(device, watch, decisions, world);
        if !steps.is_empty() {
            let log = device.watch_mut(WatchId(at as u32));
            steps.into_iter().for_each(|step| log.push(step));
        }
    }
    for (at, rule) in world.program.rules.iter().enumerate() {
        let mut open: BTreeSet<u64> = BTreeSet::new();
        for decision in decisions
            .iter()
            .filter(|decision| decision.rule == rule.name)
        {
            let Some(alert) = decision.alert() else {
                continue;
            };
            match decision.text("state").as_str() {
                "firing" | "suppressed" => open.insert(alert),
                "absorbed" | "resolved" | "closed" => open.remove(&alert),
                _ => continue,
            };
            device.set_firing(RuleId(at as u32), decision.time, !open.is_empty());
        }
    }
}

/// What a watch did on a device, in order.
pub fn watch_steps(
    device: &DeviceHistory,
    watch: &Watch,
    decisions: &[Decision],
    world: World<'_>,
) -> Vec<WatchStep> {
    let mut steps: Vec<WatchStep> = Vec::new();
    let mut facts = RunFacts::default();
    for decision in decisions
        .iter()
        .filter(|decision| decision.rule == watch.name)
    {
        let Some(phase) = Phase::parse(&decision.text("state")) else {
            continue;
        };
        let running = steps.last().is_some_and(|step| !over(step.phase));
        if !running {
            facts = RunFacts {
                opened: opened(device, watch, decision.time, world),
                ..RunFacts::default()
            };
        }
        facts.kbs = kbs(device, watch, facts.opened, decision.time, world);
        facts.reason = decision.text("reason");
        facts.downtime = match decision.cells.get("downtime") {
            Value::Number(seconds) => Some((seconds * 1e9) as Nanos),
            _ => downtime(device, facts.opened, decision.time),
        };
        facts.failures = match decision.cells.get("failures") {
            Value::Text(text) => text
                .split(", ")
                .filter(|text| !text.is_empty())
                .map(SmolStr::new)
                .collect(),
            _ => Vec::new(),
        };
        let effective = if phase == Phase::Open && !running {
            facts.opened
        } else {
            decision.time
        };
        steps.push(WatchStep {
            effective,
            decided: decision.time,
            phase,
            facts: facts.clone(),
        });
    }
    steps
}

/// Whether a run that is in this phase is over; overdue and unverified ones may still be put right.
pub fn over(phase: Phase) -> bool {
    matches!(
        phase,
        Phase::None | Phase::Done | Phase::Idle | Phase::Cancelled
    )
}

/// The events that open or extend a run, up to `until`, oldest first.
fn openings<'h>(
    device: &'h DeviceHistory,
    watch: &Watch,
    from: Nanos,
    until: Nanos,
    world: World<'_>,
) -> Vec<&'h EventRecord> {
    let scope = Scope::new(world, device);
    let mut found: Vec<&EventRecord> = Vec::new();
    for on in &watch.on {
        let Some(events) = device.events(on.event) else {
            continue;
        };
        for event in events
            .newest_first(from, until, Nanos::MAX)
            .filter(|event| event.arrival <= until)
        {
            let env = Env::Event(on.slot, event, &Env::Empty);
            let matches = |filter: &crate::ir::Expr| {
                scope.eval(filter, event.time, &env).truth() == Some(true)
            };
            if on.filter.as_deref().is_none_or(matches) {
                found.push(event);
            }
        }
    }
    found.sort_by_key(|event| (event.time, event.number));
    found
}

fn opened(device: &DeviceHistory, watch: &Watch, decided: Nanos, world: World<'_>) -> Nanos {
    openings(device, watch, Nanos::MIN, decided, world)
        .last()
        .map_or(decided, |event| event.time)
}

fn kbs(
    device: &DeviceHistory,
    watch: &Watch,
    opened: Nanos,
    decided: Nanos,
    world: World<'_>,
) -> Vec<SmolStr> {
    let mut kbs: Vec<SmolStr> = Vec::new();
    for event in openings(device, watch, opened.saturating_sub(1), decided, world) {
        if let Value::Text(kb) = event.field("kb")
            && !kbs.contains(&kb)
        {
            kbs.push(kb);
        }
    }
    kbs
}

/// From the last report before the newest boot of the run to the first after it.
fn downtime(device: &DeviceHistory, opened: Nanos, decided: Nanos) -> Option<Nanos> {
    let boots = device.events(EventKind::Boot)?;
    let boot = boots.newest_first(opened, decided, decided).next()?.time;
    let after = device
        .reports()
        .iter()
        .find(|mark| mark.time >= boot && mark.arrival <= decided)?
        .time;
    let before = device
        .reports()
        .iter()
        .rev()
        .find(|mark| mark.time < boot)?
        .time;
    Some(after.saturating_sub(before))
}

/// When the server was not listening, as its own rows tell: [from, to).
pub fn outages(snapshot: &Snapshot) -> Result<Vec<(Nanos, Nanos)>, storage::Error> {
    let schema = snapshot.schema();
    let Some(table) = schema.find_table(TableKind::System, LISTENING) else {
        return Ok(Vec::new());
    };
    let Some(def) = schema.table_def(table) else {
        return Ok(Vec::new());
    };
    let mut outages: Vec<(Nanos, Nanos)> = Vec::new();
    for row in snapshot.scan(&Select::table(table))? {
        let row = row?;
        let open = outages.last().is_some_and(|(_, to)| *to == Nanos::MAX);
        match (Cells::read(&row.row, def).get("value"), open) {
            (Value::Bool(false), false) => outages.push((row.row.time, Nanos::MAX)),
            (Value::Bool(true), true) => {
                if let Some(last) = outages.last_mut() {
                    last.1 = row.row.time;
                }
            }
            _ => {}
        }
    }
    Ok(outages)
}
