//! Windows event logs (`.evtx`) to the standard events.
//!
//! The System log of a machine tells its patches (Windows Update client 44, 43, 19, 20), its planned
//! restarts (User32 1074) and its boots (Kernel-General 12, EventLog 6005; unclean: Kernel-Power 41,
//! EventLog 6008). Each becomes one report with one event, in the order of record ids; nothing here
//! depends on the language of that Windows. What a damaged log still holds is read, and what it does
//! not is named. Called by `import`.

mod boots;
mod record;

use super::{BodyCode, BodyError};
use crate::report::{Event, Report};
use boots::Boots;
use evtx::{EvtxParser, ParserSettings};
use record::Record;
use serde::Deserialize;
use smol_str::SmolStr;
use std::collections::BTreeMap;
use std::io::Cursor;
use storage::{Nanos, Value};

/// What is taken from a log.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EvtxSettings {
    /// Updates that are left out; by default the Defender definitions, which come several times a day.
    pub exclude: Vec<SmolStr>,
    /// Takes updates without a KB number (Store apps, drivers, feature updates) under their title.
    pub without_kb: bool,
    /// Names the device, in place of the computer that each record names.
    pub device: Option<SmolStr>,
}

impl Default for EvtxSettings {
    fn default() -> EvtxSettings {
        EvtxSettings {
            exclude: vec![SmolStr::new_static("KB2267602")],
            without_kb: false,
            device: None,
        }
    }
}

/// What became of a log.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EvtxOutcome {
    /// One report an event, in the order of record ids.
    ///
    /// Its time and that of its event are the time of the record. `arrived` is the latest time of all
    /// records up to it: records written after a boot can carry earlier times. `line` is the record id.
    pub reports: Vec<Report>,
    /// Records read.
    pub records: u32,
    /// Records left out, by reason.
    pub skipped: BTreeMap<&'static str, u32>,
    /// Chunks and records that could not be read; what they held is missing from the reports.
    pub errors: Vec<BodyError>,
}

/// Reads a log.
pub fn decode(log: &[u8], settings: &EvtxSettings) -> EvtxOutcome {
    let mut outcome = EvtxOutcome::default();
    let parser = EvtxParser::from_read_seek(Cursor::new(log));
    let mut parser = match parser {
        Ok(parser) => parser.with_configuration(
            ParserSettings::new()
                .separate_json_attributes(true)
                .indent(false)
                .validate_checksums(true),
        ),
        Err(error) => {
            outcome.errors.push(BodyError::whole(
                BodyCode::Invalid,
                format!("not a Windows event log: {}", chain(&error)),
                "export one with `wevtutil epl System system.evtx`",
            ));
            return outcome;
        }
    };
    let chunks_stated = u64::from(parser.header().chunk_count);
    let mut records: Vec<Record> = Vec::new();
    for item in parser.records_json() {
        match item {
            Ok(item) => {
                outcome.records += 1;
                match record::read(item.event_record_id, item.timestamp, &item.data) {
                    Ok(record) => records.push(record),
                    Err(reason) => outcome.errors.push(BodyError {
                        field: format!("record {}", item.event_record_id),
                        ..BodyError::whole(BodyCode::Invalid, reason, "")
                    }),
                }
            }
            Err(error) => outcome.errors.push(BodyError::whole(
                BodyCode::Invalid,
                chain(&error),
                "the other records were read; export the log anew with `wevtutil epl`",
            )),
        }
    }
    outcome
        .errors
        .extend(cut_short(log.len() as u64, chunks_stated));
    records.sort_by_key(|record| record.id);
    records.dedup_by(|a, b| a.id == b.id && a.computer == b.computer);
    tell(&records, settings, &mut outcome);
    outcome
}

/// The header of a log, and each of its chunks, in bytes.
const HEADER_BYTES: u64 = 4096;
const CHUNK_BYTES: u64 = 65536;

fn cut_short(bytes: u64, chunks_stated: u64) -> Option<BodyError> {
    let content = bytes.saturating_sub(HEADER_BYTES);
    let chunks = content / CHUNK_BYTES;
    let reason = if !content.is_multiple_of(CHUNK_BYTES) {
        format!("the file ends inside chunk {chunks}, at byte {bytes}")
    } else if chunks < chunks_stated {
        format!("the file has {chunks} chunks, its header says {chunks_stated}")
    } else {
        return None;
    };
    Some(BodyError::whole(
        BodyCode::Invalid,
        reason,
        "the records before were read; copy the file anew",
    ))
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string().trim_end_matches('.').to_owned();
    let mut next = error.source();
    while let Some(cause) = next {
        text += ": ";
        text += cause.to_string().trim_end_matches('.');
        next = cause.source();
    }
    text
}

/// Turns records, ascending by id, into reports.
fn tell(records: &[Record], settings: &EvtxSettings, outcome: &mut EvtxOutcome) {
    let boots = Boots::find(records);
    let mut arrived = Nanos::MIN;
    for (at, record) in records.iter().enumerate() {
        arrived = arrived.max(record.time);
        let event = match record.kind() {
            record::Kind::Update(kind) => patch_event(kind, record, settings),
            record::Kind::Restart => Ok(restart_event(record, &records[at + 1..])),
            record::Kind::Boot(_) => boots.event(at).ok_or("further records of one boot"),
            record::Kind::Stop | record::Kind::Power | record::Kind::Other => {
                Err("not about patches, restarts or boots")
            }
        };
        let (kind, fields) = match event {
            Ok(event) => event,
            Err(reason) => {
                *outcome.skipped.entry(reason).or_default() += 1;
                continue;
            }
        };
        outcome.reports.push(Report {
            device: settings
                .device
                .clone()
                .unwrap_or_else(|| record.computer.clone()),
            time: Some(record.time),
            arrived: Some(arrived),
            events: vec![Event {
                kind: SmolStr::new_static(kind),
                time: Some(record.time),
                fields: fields
                    .into_iter()
                    .map(|(name, value)| (SmolStr::new_static(name), value))
                    .collect(),
            }],
            line: u32::try_from(record.id).unwrap_or(u32::MAX),
            ..Report::default()
        });
    }
}

/// Kind and fields of an event, or why the record is left out.
type Told = Result<(&'static str, Vec<(&'static str, Value)>), &'static str>;

fn text(value: &str) -> Value {
    Value::Text(SmolStr::new(record::bounded(value)))
}

fn patch_event(kind: &'static str, record: &Record, settings: &EvtxSettings) -> Told {
    let title = record.data("updateTitle");
    let kb = match kb_number(title) {
        Some(kb) if settings.exclude.iter().any(|e| e.eq_ignore_ascii_case(kb)) => {
            return Err("updates excluded by KB");
        }
        Some(kb) => kb,
        None if title.is_empty() => return Err("updates without a title"),
        None if settings.without_kb => title,
        None => return Err("updates without a KB"),
    };
    let mut fields = vec![("kb", text(kb)), ("title", text(title))];
    if kind == "patch.failed" {
        fields.push(("code", text(&code(record.data("errorCode")))));
    }
    Ok((kind, fields))
}

/// The first KB number of six or seven digits in a title.
fn kb_number(title: &str) -> Option<&str> {
    title.match_indices("KB").find_map(|(at, _)| {
        let digits = title[at + 2..].bytes().take_while(u8::is_ascii_digit);
        let length = digits.count();
        (6..=7)
            .contains(&length)
            .then(|| &title[at..at + 2 + length])
    })
}

/// A result code as `0x` and eight upper-case digits; what is no number stays as it is.
fn code(text: &str) -> String {
    match crate::hresult::parse(text) {
        Some(code) => format!("0x{code:08X}"),
        None => text.to_owned(),
    }
}

/// Bit of a shutdown reason that says it was planned.
const REASON_PLANNED: u32 = 0x8000_0000;

fn restart_event(record: &Record, later: &[Record]) -> (&'static str, Vec<(&'static str, Value)>) {
    let mut fields = Vec::new();
    if let Some(reason) = crate::hresult::parse(record.data("param4")) {
        fields.push(("planned", Value::Bool(reason & REASON_PLANNED != 0)));
    }
    let (reason, comment) = (record.data("param3"), record.data("param6"));
    let cause = match (reason, comment) {
        (reason, "") => reason.to_owned(),
        ("", comment) => comment.to_owned(),
        (reason, comment) => format!("{reason}: {comment}"),
    };
    if !cause.is_empty() {
        fields.push(("cause", text(&cause)));
    }
    // The process is followed by the computer in brackets.
    let process = record.data("param1");
    let process = process.rsplit_once(" (").map_or(process, |(path, _)| path);
    let by = match (process, record.data("param7")) {
        (process, "") => process.to_owned(),
        ("", user) => user.to_owned(),
        (process, user) => format!("{process} ({user})"),
    };
    if !by.is_empty() {
        fields.push(("by", text(&by)));
    }
    if let Some(action) = action(record, later) {
        fields.push(("action", text(action)));
    }
    ("reboot.started", fields)
}

/// Restart or power-off. The record itself says it in the words of that Windows; where they are not
/// English, the kernel's own number decides, which it writes when it comes to it.
fn action(record: &Record, later: &[Record]) -> Option<&'static str> {
    let word = record.data("param5");
    if word.eq_ignore_ascii_case("restart") {
        return Some("restart");
    }
    if word.eq_ignore_ascii_case("power off") || word.eq_ignore_ascii_case("shutdown") {
        return Some("power-off");
    }
    let same = later.iter().filter(|r| r.computer == record.computer);
    let until_next = same.take_while(|r| r.kind() != record::Kind::Restart);
    let mut powers =
        until_next.filter(|r| r.kind() == record::Kind::Power && r.time >= record.time);
    match powers.next()?.data("ShutdownActionType") {
        "5" => Some("restart"),
        "4" | "6" => Some("power-off"),
        _ => None,
    }
}

#[cfg(test)]
#[path = "evtx_tests.rs"]
mod tests;
