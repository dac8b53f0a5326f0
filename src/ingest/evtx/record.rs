//! One record of a log: which of the few kinds that matter it is, and its data.

use super::super::rfc3339;
use crate::limits;
use serde::Deserialize;
use smol_str::SmolStr;
use std::collections::HashMap;
use storage::Nanos;

/// A record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    /// Its number in the log of its computer.
    pub(super) id: u64,
    /// When it was written, by the clock of then.
    pub(super) time: Nanos,
    /// The computer that it names.
    pub(super) computer: SmolStr,
    kind: Kind,
    /// Its data, for the kinds that have a use for them.
    data: HashMap<String, String>,
}

/// What a record is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Windows Update did this to an update.
    Update(&'static str),
    /// Someone asked for a restart or a power-off.
    Restart,
    /// A boot; each record of this kind is written once a boot.
    Boot(BootRecord),
    /// Windows stops in order.
    Stop,
    /// The kernel carries out a restart or power-off.
    Power,
    /// Anything else.
    Other,
}

/// The records that a boot leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BootRecord {
    /// Kernel-General 12: the kernel starts.
    Kernel,
    /// EventLog 6005: the log starts, seconds to minutes later.
    Log,
    /// Kernel-Power 41: the last stop was not in order.
    KernelUnclean,
    /// EventLog 6008: the same, seen by the log.
    LogUnclean,
}

impl Record {
    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// A named value, "" if there is none.
    pub(super) fn data(&self, name: &str) -> &str {
        self.data.get(name).map_or("", String::as_str)
    }
}

fn kind(provider: &str, event: u32) -> Kind {
    match (provider, event) {
        ("Microsoft-Windows-WindowsUpdateClient", 44) => Kind::Update("patch.staged"),
        ("Microsoft-Windows-WindowsUpdateClient", 43) => Kind::Update("patch.started"),
        ("Microsoft-Windows-WindowsUpdateClient", 19) => Kind::Update("patch.installed"),
        ("Microsoft-Windows-WindowsUpdateClient", 20) => Kind::Update("patch.failed"),
        ("User32" | "USER32", 1074) => Kind::Restart,
        ("Microsoft-Windows-Kernel-General", 12) => Kind::Boot(BootRecord::Kernel),
        ("Microsoft-Windows-Kernel-General", 13) => Kind::Stop,
        ("Microsoft-Windows-Kernel-Power", 41) => Kind::Boot(BootRecord::KernelUnclean),
        ("Microsoft-Windows-Kernel-Power", 109) => Kind::Power,
        ("EventLog", 6005) => Kind::Boot(BootRecord::Log),
        ("EventLog", 6006) => Kind::Stop,
        ("EventLog", 6008) => Kind::Boot(BootRecord::LogUnclean),
        _ => Kind::Other,
    }
}

#[derive(Deserialize)]
struct Document {
    #[serde(rename = "Event")]
    event: EventPart,
}

#[derive(Deserialize)]
struct EventPart {
    #[serde(rename = "System")]
    system: System,
    #[serde(rename = "EventData")]
    data: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct System {
    #[serde(rename = "Provider_attributes")]
    provider: Option<Provider>,
    #[serde(rename = "EventID")]
    event: u32,
    #[serde(rename = "TimeCreated_attributes")]
    created: Option<Created>,
    #[serde(rename = "Computer")]
    computer: String,
}

#[derive(Deserialize)]
struct Provider {
    #[serde(rename = "Name")]
    name: Option<String>,
    #[serde(rename = "EventSourceName")]
    source: Option<String>,
}

#[derive(Deserialize)]
struct Created {
    #[serde(rename = "SystemTime")]
    time: String,
}

/// The record that `json` shows; Err says what it lacks.
pub(super) fn read(id: u64, written: evtx::Timestamp, json: &str) -> Result<Record, String> {
    let document: Document =
        serde_json::from_str(json).map_err(|error| format!("unexpected shape: {error}"))?;
    let EventPart { system, data } = document.event;
    let time = match &system.created {
        Some(created) => rfc3339::parse(&created.time),
        None => Nanos::try_from(written.as_nanosecond()).ok(),
    };
    let time = time.ok_or("its time is out of range")?;
    if let Some(fault) = crate::ingest::name_fault(&system.computer) {
        return Err(format!("the name of its computer {fault}"));
    }
    let provider = system.provider.unwrap_or(Provider {
        name: None,
        source: None,
    });
    let of = |name: &Option<String>| kind(name.as_deref().unwrap_or(""), system.event);
    let kind = match of(&provider.name) {
        Kind::Other => of(&provider.source),
        kind => kind,
    };
    Ok(Record {
        id,
        time,
        computer: SmolStr::new(&system.computer),
        kind,
        data: match (kind, data) {
            (Kind::Update(_) | Kind::Restart | Kind::Power, Some(data)) => named(data),
            _ => HashMap::new(),
        },
    })
}

fn named(data: serde_json::Value) -> HashMap<String, String> {
    let serde_json::Value::Object(data) = data else {
        return HashMap::new();
    };
    let one = |value| match value {
        serde_json::Value::String(text) => Some(text),
        serde_json::Value::Number(number) => Some(number.to_string()),
        serde_json::Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    };
    let texts = data
        .into_iter()
        .filter_map(|(name, value)| Some((name, one(value)?)));
    texts.collect()
}

/// The text, cut to what a value may hold, without white space around it.
pub(super) fn bounded(text: &str) -> &str {
    let text = text.trim();
    let mut end = text.len().min(limits::TEXT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
