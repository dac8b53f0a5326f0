//! What happened to one device, one line each: what the timeline is made of.
//!
//! Events say what they mean in words; what only shows between rows (a silence, a changed label, a clock that
//! was set) is made a line of its own.

use super::decisions::Decision;
use super::reader::One;
use super::{Ask, Window};
use crate::catalog::{Catalog, PLAIN_FAMILY};
use crate::history::{DeviceHistory, EventRecord, Phase};
use crate::ir::{EventId, EventKind};
use crate::value::{Type, Value, print, print_duration, print_time};
use smol_str::SmolStr;
use storage::Nanos;

/// A silence is told when it is longer than this many reporting intervals.
const SILENCE_INTERVALS: Nanos = 3;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// When.
    pub time: Nanos,
    /// What happened.
    pub what: String,
    /// Of the patch, the rule or the label that it is about.
    pub name: SmolStr,
    /// More of it.
    pub detail: String,
    /// Of an alert.
    pub severity: SmolStr,
    /// Decided here, perhaps long after what it is about.
    pub decided: bool,
}

impl Item {
    fn new(time: Nanos, what: &str, name: &str, detail: String) -> Item {
        Item {
            time,
            what: what.to_owned(),
            name: name.into(),
            detail,
            severity: SmolStr::default(),
            decided: false,
        }
    }
}

/// Everything that happened to a device, in order of time.
pub fn items(one: &One, ask: &Ask<'_>, window: Window) -> Vec<Item> {
    let history = &one.history;
    let catalog = &ask.program.catalog;
    let mut items = Vec::new();
    for (at, decl) in catalog
        .events
        .iter()
        .enumerate()
        .filter(|(_, decl)| decl.name != "boot")
    {
        let Some(events) = history.events(EventKind::Stored(EventId(at as u32))) else {
            continue;
        };
        items.extend(
            events
                .all()
                .iter()
                .map(|event| event_item(&decl.name, &decl.fields, event, ask.hresult)),
        );
    }
    if let Some(boots) = history.events(EventKind::Boot) {
        items.extend(boots.all().iter().map(boot_item));
    }
    items.extend(one.ledger.iter().map(decision_item));
    labels(history, window, &mut items);
    silences(history, window, &mut items);
    clock(history, catalog, &mut items);
    items.retain(|item| item.time <= window.to);
    items.sort_by_key(|item| item.time);
    items
}

fn event_item(
    kind: &str,
    fields: &[(SmolStr, Type)],
    event: &EventRecord,
    hresult: fn(&str) -> Option<&'static str>,
) -> Item {
    let text = |field: &str| match event.field(field) {
        Value::Text(text) => text,
        _ => SmolStr::default(),
    };
    match kind.split_once('.') {
        Some(("patch", step)) => {
            let title = text("title").replace(&format!("({})", text("kb")), "");
            let mut detail = title.trim().to_owned();
            let code = text("code");
            append(&mut detail, ", ", &code);
            append(&mut detail, ": ", hresult(&code).unwrap_or(""));
            if event.field("reboot_required") == Value::Bool(true) {
                append(&mut detail, ", ", "reboot required");
            }
            Item::new(event.time, &format!("patch {step}"), &text("kb"), detail)
        }
        Some(("reboot", "started")) => {
            let action = if text("action") == "power-off" {
                "power-off"
            } else {
                "restart"
            };
            let what = match event.field("planned") {
                Value::Bool(true) => format!("{action} planned"),
                Value::Bool(false) => format!("{action} unplanned"),
                _ => action.to_owned(),
            };
            let mut detail = text("cause").to_string();
            let by = text("by");
            if !by.is_empty() {
                append(&mut detail, ", ", &format!("by {by}"));
            }
            Item::new(event.time, &what, "", detail)
        }
        _ => Item::new(event.time, kind, "", detail(fields, event)),
    }
}

/// The fields of an event as text.
pub fn detail(fields: &[(SmolStr, Type)], event: &EventRecord) -> String {
    let known = event.fields.iter().map(|(name, value)| {
        let ty = fields.iter().find(|(field, _)| field == name);
        let ty = ty.map_or(&Type::Any, |(_, ty)| ty);
        format!("{name} {}", print(value, ty))
    });
    known.collect::<Vec<_>>().join(", ")
}

/// Adds a text, if there is one, with what separates it from a text before it.
fn append(out: &mut String, between: &str, text: &str) {
    if !text.is_empty() {
        if !out.is_empty() {
            out.push_str(between);
        }
        out.push_str(text);
    }
}

fn boot_item(boot: &EventRecord) -> Item {
    match boot.field("clean") {
        Value::Bool(true) => Item::new(boot.time, "boot clean", "", String::new()),
        Value::Bool(false) => {
            let detail = "the shutdown before it was not orderly".to_owned();
            Item::new(boot.time, "boot unclean", "", detail)
        }
        _ => Item::new(boot.time, "boot", "", String::new()),
    }
}

fn decision_item(decision: &Decision) -> Item {
    let state = decision.text("state");
    let what = match state.as_str() {
        "log" => "log".to_owned(),
        state if Phase::parse(state).is_some() => format!("watch {state}"),
        state => format!("alert {state}"),
    };
    let mut detail = decision.text("message").to_string();
    let reason = decision.text("reason");
    if !reason.is_empty() {
        append(&mut detail, " ", &format!("({reason})"));
    }
    Item {
        severity: decision.text("severity"),
        decided: true,
        ..Item::new(decision.time, &what, &decision.rule, detail)
    }
}

fn labels(history: &DeviceHistory, window: Window, items: &mut Vec<Item>) {
    for label in history.label_names() {
        let mut held = history.label(label, Nanos::MIN, window.known);
        while held.until < window.to {
            let next = history.label(label, held.until, window.known);
            if next.value != held.value {
                let shown = |text: &str| {
                    if text.is_empty() {
                        "not set".to_owned()
                    } else {
                        format!("{text:?}")
                    }
                };
                let detail = format!("{} → {}", shown(&held.value), shown(&next.value));
                items.push(Item::new(held.until, "label", label, detail));
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
        let interval = history.interval(begin).value;
        if gap <= interval.saturating_mul(SILENCE_INTERVALS) {
            continue;
        }
        let length = print_duration(gap as f64 / 1e9);
        let detail = match end {
            Some(end) => format!("no report for {length}, until {}", print_time(end)),
            None => format!("no report since, for {length}"),
        };
        items.push(Item::new(begin, "silent", "", detail));
    }
}

fn clock(history: &DeviceHistory, catalog: &Catalog, items: &mut Vec<Item>) {
    let Some(signal) = catalog.signal(PLAIN_FAMILY, "clock_offset") else {
        return;
    };
    let Some(series) = history.series(catalog.signals[signal.index()].family, "", signal) else {
        return;
    };
    let mut before = 0.0;
    for sample in series.samples() {
        let Value::Number(offset) = sample.value else {
            continue;
        };
        if offset != before {
            let size = print_duration(offset.abs());
            let detail = match offset {
                offset if offset < 0.0 => format!("the agent's clock is {size} ahead"),
                offset if offset > 0.0 => format!("the agent's clock is {size} behind"),
                _ => "the agent's clock is right again".to_owned(),
            };
            items.push(Item::new(sample.time, "clock", "", detail));
            before = offset;
        }
    }
}
