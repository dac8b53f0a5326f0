//! One report, or a list of them: the fields at the top of a document, and its labels.

use super::Mode;
use super::events::Events;
use super::reader::Reader;
use super::scalar::{Flag, Interval, Name, Text, Time};
use super::signals::Signals;
use crate::limits;
use crate::report::{Line, Report};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use smol_str::SmolStr;
use std::fmt;

/// A list of reports.
pub(super) struct List<'r>(pub(super) &'r mut Reader, pub(super) &'r mut Vec<Line>);

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of reports")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.line = 1;
        while let Some(line) = items.next_element_seed(Document(self.0))? {
            self.1.push(line);
            self.0.line += 1;
            if self.1.len() > limits::BODY_REPORTS_MAX {
                let fault = self.0.too_many_reports();
                return Err(self.0.refuse_as(fault));
            }
        }
        Ok(())
    }
}

const FIELDS: [&str; 9] = [
    "device",
    "labels",
    "interval",
    "time",
    "signals",
    "events",
    "arrived",
    "sent",
    "listening",
];

/// One report, or a listening mark.
pub(super) struct Document<'r>(pub(super) &'r mut Reader);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = Line;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Line, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = Line;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a report, a JSON object")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Line, A::Error> {
        let reader = self.0;
        reader.begin();
        let mut report = Report {
            line: reader.line,
            ..Report::default()
        };
        let mut seen = 0u16;
        let mut listening = None;
        while let Some(name) = map.next_key_seed(Name)? {
            reader.enter(&name);
            let Some(at) = FIELDS.iter().position(|f| *f == name) else {
                return Err(reader.refuse("unknown field", did_you_mean(&name)));
            };
            if seen & (1 << at) != 0 {
                return Err(reader.refuse("given twice", "which one holds? send one"));
            }
            seen |= 1 << at;
            match FIELDS[at] {
                "device" => {
                    let device = map.next_value_seed(Text(reader, "text"))?;
                    reader.check_name("name of the device", &device)?;
                    report.device = device;
                }
                "labels" => map.next_value_seed(Labels(reader, &mut report))?,
                "interval" => report.interval = Some(map.next_value_seed(Interval(reader))?),
                "time" => report.time = Some(map.next_value_seed(Time(reader))?),
                "arrived" => report.arrived = Some(map.next_value_seed(Time(reader))?),
                "sent" => report.sent = Some(map.next_value_seed(Time(reader))?),
                "signals" => map.next_value_seed(Signals(reader, &mut report.signals))?,
                "events" => map.next_value_seed(Events(reader, &mut report.events))?,
                _ => listening = Some(map.next_value_seed(Flag)?),
            }
            reader.leave();
        }
        match listening {
            Some(listening) => mark(reader, listening, seen, &report),
            None => complete(reader, report),
        }
    }
}

fn did_you_mean(name: &str) -> String {
    let near = FIELDS
        .iter()
        .map(|field| (strsim::damerau_levenshtein(field, name), field))
        .min()
        .filter(|(distance, _)| *distance <= 2);
    match near {
        Some((_, field)) => format!("did you mean `{field}`?"),
        None if name == "client" => "the client is a label: labels.client".to_owned(),
        None => "samples go under `signals`, texts about the device under `labels`".to_owned(),
    }
}

/// A listening mark, once the line is read.
fn mark<E: de::Error>(
    reader: &mut Reader,
    listening: bool,
    seen: u16,
    report: &Report,
) -> Result<Line, E> {
    reader.enter("listening");
    if reader.mode == Mode::Live {
        return Err(reader.refuse("only replay inputs state it", "leave it out"));
    }
    let allowed = 1 << 6 | 1 << 8;
    match report.arrived {
        Some(arrived) if seen & !allowed == 0 => {
            reader.leave();
            Ok(Line::Listening { listening, arrived })
        }
        _ => Err(reader.refuse(
            "stands alone with `arrived`",
            r#"as in {"listening":false,"arrived":"2026-06-09T02:05:00Z"}"#,
        )),
    }
}

/// What a report needs, and what the mode makes of `sent` and `arrived`.
fn complete<E: de::Error>(reader: &mut Reader, mut report: Report) -> Result<Line, E> {
    if report.device.is_empty() {
        reader.enter("device");
        return Err(reader.refuse("missing", "each report names its device"));
    }
    report.sent = reader.sent.or(report.sent);
    if reader.mode == Mode::Live {
        report.arrived = None;
        return Ok(Line::Report(report));
    }
    if report.arrived.is_none() {
        let events = report.events.iter().filter_map(|event| event.time);
        report.arrived = events.chain(report.time).chain(report.sent).max();
    }
    if report.arrived.is_none() {
        reader.enter("arrived");
        return Err(reader.refuse("missing, and so is every time", "state `arrived` or `time`"));
    }
    Ok(Line::Report(report))
}

/// Labels of the device; `client` is its client.
pub(super) struct Labels<'r>(pub(super) &'r mut Reader, pub(super) &'r mut Report);

impl<'de> DeserializeSeed<'de> for Labels<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Labels<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of texts")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Labels(reader, report) = self;
        let mut client = None;
        while let Some(name) = map.next_key_seed(Name)? {
            reader.enter(&name);
            reader.check_name("name of the label", &name)?;
            reader.count_value()?;
            let text = map.next_value_seed(Text(reader, "text"))?;
            match &*name {
                "device" => {
                    return Err(reader.refuse("is no label", "`device` of the report names it"));
                }
                "client" if client.is_some() => {
                    return Err(reader.refuse("given twice", "which one holds? send one"));
                }
                "client" => client = Some(text),
                _ if report.labels.len() == limits::LABELS_MAX => {
                    let reason = format!("more than {} labels", limits::LABELS_MAX);
                    return Err(reader.refuse(reason, ""));
                }
                _ => report.labels.push((SmolStr::new(&*name), text)),
            }
            reader.leave();
        }
        if let Some(client) = client.filter(|client| !client.is_empty()) {
            reader.enter("client");
            reader.check_name("name of the client", &client)?;
            reader.leave();
            report.client = Some(client);
        }
        reader.check_once(report.labels.iter().map(|(name, _)| name.as_str()))
    }
}
