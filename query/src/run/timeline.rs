//! `timeline "srv-01"`: everything about one device in one line of time.
//!
//! Events with what they mean, boots, phases of watches, alerts with state and reason, changed labels, gaps
//! in reporting, changes of the agent's clock.

use super::decisions::Decision;
use super::pipe::{Pipe, Row};
use super::source::{One, Reader};
use super::{Ask, RunError, Window};
use crate::catalog::{Catalog, PLAIN_FAMILY};
use crate::diagnostic::nearest;
use crate::eval::{Env, Scope, World};
use crate::history::{DeviceHistory, EventRecord, Phase};
use crate::ir::{EventId, EventKind};
use crate::ir_query::{Query, Range, Source};
use crate::table::Table;
use crate::value::{Type, Value, print, print_duration, print_time};
use smol_str::SmolStr;
use storage::{DeviceId, Nanos, Schema};

/// A silence is told when it is longer than this many reporting intervals.
const SILENCE_INTERVALS: Nanos = 3;

/// One line.
#[derive(Clone, Debug, PartialEq)]
struct Item {
    time: Nanos,
    what: String,
    detail: String,
}

/// Runs a query over the timeline of a device.
pub fn run(query: &Query, ask: &Ask<'_>, window: Window, world: World<'_>) -> Result<Table, RunError> {
    let Source::Timeline { client, device } = &query.source else { return Ok(Table::default()) };
    find(ask.snapshot.schema(), client.as_deref(), device)?;
    let mut pipe = Pipe::new(query, ask.limits, true);
    let nobody = DeviceHistory::default();
    let mut notes = Vec::new();
    let all = Window { from: Nanos::MIN, ..window };
    let mut reader = Reader::open(query, ask, all)?;
    while let Some(one) = reader.next(world)? {
        let mut items = items(&one, ask, all);
        items.sort_by_key(|item| item.time);
        let recent = items.iter().any(|item| window.holds(item.time));
        if query.range == Range::Default && !recent && !items.is_empty() {
            notes.push("nothing in the last 1d: the whole history is shown".to_owned());
        } else {
            items.retain(|item| window.holds(item.time));
            notes.push(format!("from {} to {}", print_time(window.from), print_time(window.to)));
        }
        for item in items {
            let value = |name: &str| match name {
                "time" => Value::Time(item.time),
                "what" => Value::Text(item.what.as_str().into()),
                "detail" => Value::Text(item.detail.as_str().into()),
                "client" => Value::Text(one.history.client.clone()),
                "device" => Value::Text(one.history.name.clone()),
                _ => Value::Unknown,
            };
            let row = Row { values: query.columns.iter().map(|column| value(&column.name)).collect(), time: item.time };
            pipe.push(row, &mut |expr, row| {
                let scope = Scope { world, device: &one.history, known: window.known, floor: None, columns: &row.values };
                scope.eval(expr, row.time, &Env::Empty).value
            })?;
        }
    }
    let mut table = pipe.finish(&mut |expr, row| {
        Scope { columns: &row.values, ..Scope::new(world, &nobody) }.eval(expr, row.time, &Env::Empty).value
    });
    notes.extend(reader.notes());
    notes.into_iter().for_each(|note| table.note(note));
    Ok(table)
}

/// The one device of this name.
fn find(schema: &Schema, client: Option<&str>, name: &str) -> Result<(), RunError> {
    let devices = || schema.devices().filter(|(id, _)| *id != DeviceId::SERVER).map(|(_, def)| def);
    let mut clients: Vec<SmolStr> =
        devices().filter(|def| def.name == name && client.is_none_or(|client| def.client == client)).map(|def| def.client).collect();
    clients.sort();
    match clients.len() {
        1 => Ok(()),
        0 => {
            let names: Vec<SmolStr> = devices().map(|def| def.name).collect();
            // A name that other clients have is nearer than any that is spelled alike.
            let elsewhere = devices().find(|def| def.name == name).map(|def| format!("{}/{}", def.client, def.name));
            let near = elsewhere.or_else(|| nearest(name, names.iter().map(SmolStr::as_str)).map(str::to_owned));
            let name = client.map_or(name.to_owned(), |client| format!("{client}/{name}"));
            Err(RunError::NoDevice { name, near })
        }
        _ => Err(RunError::Ambiguous {
            name: name.to_owned(),
            choices: clients.iter().map(|client| format!("{:?}", format!("{client}/{name}"))).collect(),
        }),
    }
}

fn items(one: &One, ask: &Ask<'_>, window: Window) -> Vec<Item> {
    let history = &one.history;
    let catalog = &ask.program.catalog;
    let mut items = Vec::new();
    for (at, decl) in catalog.events.iter().enumerate().filter(|(_, decl)| decl.name != "boot") {
        let Some(events) = history.events(EventKind::Stored(EventId(at as u32))) else { continue };
        items.extend(events.all().iter().map(|event| event_item(&decl.name, &decl.fields, event, ask.hresult)));
    }
    if let Some(boots) = history.events(EventKind::Boot) {
        items.extend(boots.all().iter().map(boot_item));
    }
    items.extend(one.ledger.iter().map(decision_item));
    labels(history, window, &mut items);
    silences(history, window, &mut items);
    clock(history, catalog, &mut items);
    items.retain(|item| item.time <= window.to);
    items
}

fn event_item(kind: &str, fields: &[(SmolStr, Type)], event: &EventRecord, hresult: fn(&str) -> Option<&'static str>) -> Item {
    let text = |field: &str| match event.field(field) {
        Value::Text(text) => text,
        _ => SmolStr::default(),
    };
    let (what, detail) = match kind.split_once('.') {
        Some(("patch", step)) => {
            let mut detail = text("kb").to_string();
            append(&mut detail, ": ", &text("title").replace(&format!(" ({})", text("kb")), ""));
            let code = text("code");
            append(&mut detail, ", code ", &code);
            append(&mut detail, " ", hresult(&code).unwrap_or(""));
            if event.field("reboot_required") == Value::Bool(true) {
                detail.push_str(", reboot required");
            }
            (format!("patch {step}"), detail)
        }
        Some(("reboot", "started")) => {
            let what = match event.field("planned") {
                Value::Bool(true) => "restart planned",
                Value::Bool(false) => "restart unplanned",
                _ => "restart",
            };
            let what = if text("action") == "power-off" { what.replace("restart", "power-off") } else { what.to_owned() };
            let mut detail = text("cause").to_string();
            let by = if detail.is_empty() { "by " } else { ", by " };
            append(&mut detail, by, &text("by"));
            (what, detail)
        }
        _ => {
            let known = event.fields.iter().map(|(name, value)| {
                let ty = fields.iter().find(|(field, _)| field == name).map_or(&Type::Any, |(_, ty)| ty);
                format!("{name} {}", print(value, ty))
            });
            (kind.to_owned(), known.collect::<Vec<_>>().join(", "))
        }
    };
    Item { time: event.time, what, detail }
}

fn append(out: &mut String, before: &str, text: &str) {
    if !text.is_empty() {
        out.push_str(before);
        out.push_str(text);
    }
}

fn boot_item(boot: &EventRecord) -> Item {
    let what = match boot.field("clean") {
        Value::Bool(true) => "boot clean",
        Value::Bool(false) => "boot unclean",
        _ => "boot",
    };
    let detail = match boot.field("clean") {
        Value::Bool(false) => "the shutdown before it was not orderly",
        _ => "",
    };
    Item { time: boot.time, what: what.to_owned(), detail: detail.to_owned() }
}

fn decision_item(decision: &Decision) -> Item {
    let state = decision.text("state");
    let kind = match state.as_str() {
        "log" => String::new(),
        state if Phase::parse(state).is_some() => format!("watch {state}"),
        state => format!("alert {state}"),
    };
    let mut detail = decision.rule.to_string();
    append(&mut detail, " ", &decision.text("key"));
    append(&mut detail, ": ", &decision.text("message"));
    let reason = decision.text("reason");
    if !reason.is_empty() {
        detail.push_str(&format!(" ({reason})"));
    }
    Item { time: decision.time, what: if kind.is_empty() { "log".to_owned() } else { kind }, detail }
}

fn labels(history: &DeviceHistory, window: Window, items: &mut Vec<Item>) {
    for label in history.label_names() {
        let mut held = history.label(label, Nanos::MIN, window.known);
        while held.until < window.to {
            let next = history.label(label, held.until, window.known);
            if next.value != held.value {
                let shown = |text: &str| if text.is_empty() { "not set".to_owned() } else { format!("{text:?}") };
                let detail = format!("{label}: {} → {}", shown(&held.value), shown(&next.value));
                items.push(Item { time: held.until, what: "label".to_owned(), detail });
            }
            held = next;
        }
    }
}

fn silences(history: &DeviceHistory, window: Window, items: &mut Vec<Item>) {
    let beats = history.heartbeats();
    let ends = beats.iter().skip(1).copied().map(Some).chain([None]);
    for (begin, end) in beats.iter().copied().zip(ends) {
        let gap = end.unwrap_or(window.to).saturating_sub(begin);
        if gap <= history.interval(begin).value.saturating_mul(SILENCE_INTERVALS) {
            continue;
        }
        let length = print_duration(gap as f64 / 1e9);
        let detail = match end {
            Some(end) => format!("no report for {length}, until {}", print_time(end)),
            None => format!("no report since, for {length}"),
        };
        items.push(Item { time: begin, what: "silent".to_owned(), detail });
    }
}

fn clock(history: &DeviceHistory, catalog: &Catalog, items: &mut Vec<Item>) {
    let Some(signal) = catalog.signal(PLAIN_FAMILY, "clock_offset") else { return };
    let Some(series) = history.series(catalog.signals[signal.index()].family, "", signal) else { return };
    let mut before = 0.0;
    for sample in series.samples() {
        let Value::Number(offset) = sample.value else { continue };
        if offset != before {
            let size = print_duration(offset.abs());
            let detail = match offset {
                offset if offset < 0.0 => format!("the agent's clock is {size} ahead"),
                offset if offset > 0.0 => format!("the agent's clock is {size} behind"),
                _ => "the agent's clock is right again".to_owned(),
            };
            items.push(Item { time: sample.time, what: "clock".to_owned(), detail });
            before = offset;
        }
    }
}
