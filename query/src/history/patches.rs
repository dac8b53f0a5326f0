//! The derived family `patch[kb]`: what the events, the boots and `pending_reboot` make of each patch.
//!
//! | event | state |
//! |---|---|
//! | missing, staged, failed, removed | of that name |
//! | started | installing, also after a boot: without a result it stays so |
//! | installed | pending_reboot while no boot came since and it said `reboot_required` or the device says `pending_reboot`; else installed |
//! | scheduled | none of its own |

use super::events::{EventRecord, Events};
use super::series::Series;
use crate::value::Value;
use smol_str::SmolStr;
use storage::Nanos;

/// A state of a patch from an instant on.
#[derive(Clone, Debug, PartialEq)]
pub struct PatchStep {
    /// From here on.
    pub time: Nanos,
    /// When the cause of it was known.
    pub arrival: Nanos,
    /// The state.
    pub state: &'static str,
    /// Result code, of a failure.
    pub code: Value,
}

/// An event of one patch: the last word of its kind, and the event.
pub type PatchEvent<'a> = (&'a str, &'a EventRecord);

/// Kinds of patch events that set a state; the others say nothing of it.
const SETTING: [&str; 6] = [
    "missing",
    "staged",
    "started",
    "installed",
    "failed",
    "removed",
];

/// The steps of one patch from its events in order of time, with what had arrived by `known`; a repeated
/// state is no step, and of equal times the last arrival counts.
pub fn steps(
    events: &[PatchEvent<'_>],
    boots: &Events,
    pending_reboot: &Series,
    known: Nanos,
) -> Vec<PatchStep> {
    let events: Vec<PatchEvent<'_>> = events
        .iter()
        .filter(|(kind, event)| SETTING.contains(kind) && event.arrival <= known)
        .copied()
        .collect();
    let mut steps: Vec<PatchStep> = Vec::new();
    let mut push = |time: Nanos, arrival: Nanos, state: &'static str, code: Value| {
        let step = PatchStep {
            time,
            arrival,
            state,
            code,
        };
        if steps.last().is_some_and(|last| last.time == time) {
            steps.pop();
        }
        match steps.last() {
            Some(last) if last.state == state && last.code == step.code => {}
            _ => steps.push(step),
        }
    };
    for (at, (kind, event)) in events.iter().enumerate() {
        let end = events[at + 1..].first().map_or(Nanos::MAX, |(_, e)| e.time);
        match *kind {
            "missing" => push(event.time, event.arrival, "missing", Value::Unknown),
            "staged" => push(event.time, event.arrival, "staged", Value::Unknown),
            "started" => push(event.time, event.arrival, "installing", Value::Unknown),
            "failed" => push(event.time, event.arrival, "failed", event.field("code")),
            "removed" => push(event.time, event.arrival, "removed", Value::Unknown),
            "installed" => {
                let boot = boots
                    .all()
                    .iter()
                    .find(|boot| boot.time > event.time && boot.arrival <= known);
                let pending_end = boot.map_or(end, |boot| boot.time.min(end));
                let required = event.field("reboot_required") == Value::Bool(true);
                for (time, arrival, pending) in
                    pending_spans(event, required, pending_reboot, pending_end, known)
                {
                    push(
                        time,
                        arrival,
                        if pending {
                            "pending_reboot"
                        } else {
                            "installed"
                        },
                        Value::Unknown,
                    );
                }
                if let Some(boot) = boot
                    && boot.time < end
                {
                    push(
                        boot.time,
                        boot.arrival.max(event.arrival),
                        "installed",
                        Value::Unknown,
                    );
                }
            }
            _ => {}
        }
    }
    steps
}

/// From the installation to `end`: when it waits for a reboot and when not.
fn pending_spans(
    event: &EventRecord,
    required: bool,
    series: &Series,
    end: Nanos,
    known: Nanos,
) -> Vec<(Nanos, Nanos, bool)> {
    if required {
        return vec![(event.time, event.arrival, true)];
    }
    let now = series.at(event.time, known, None).value == Value::Bool(true);
    let mut spans = vec![(event.time, event.arrival, now)];
    for sample in series.range(event.time, end.saturating_sub(1), known) {
        let pending = sample.value == Value::Bool(true);
        if spans.last().is_some_and(|(_, _, last)| *last != pending) {
            spans.push((sample.time, sample.arrival.max(event.arrival), pending));
        }
    }
    spans
}

/// The samples of the field `field` of a patch with these steps.
pub fn samples(
    field: &str,
    steps: &[PatchStep],
    title: Option<&SmolStr>,
) -> Vec<(Nanos, Nanos, Value)> {
    let mut out = Vec::new();
    let mut since = 0;
    let mut state = "";
    for step in steps {
        if step.state != state {
            (since, state) = (step.time, step.state);
        }
        let value = match field {
            "state" => Value::Text(step.state.into()),
            "since" => Value::Time(since),
            "code" => step.code.clone(),
            "title" => title.cloned().map_or(Value::Unknown, Value::Text),
            _ => return out,
        };
        out.push((step.time, step.arrival, value));
    }
    out
}
