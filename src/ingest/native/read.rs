//! The visitors that turn JSON into [`Line`]s without a tree between them.
//!
//! [`Reader`] carries what they share: the path to where they are, so that an error can say it, and
//! how much of the body's budget is used. A visitor pushes a name before it reads the value and pops
//! it after; an error leaves the path standing at the fault.

use super::{BodyCode, BodyError, Mode};
use crate::ingest::{derived_signal, name_fault, rfc3339, text_fault};
use crate::limits;
use crate::report::{Event, Line, Report, Samples};
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use smol_str::SmolStr;
use std::borrow::Cow;
use std::fmt;
use storage::{Nanos, SECOND, Value};

/// What the visitors of one body share.
pub(super) struct Reader {
    /// The line being read, from 1; of a list, the item.
    pub(super) line: u32,
    sent: Option<Nanos>,
    mode: Mode,
    path: Vec<SmolStr>,
    values: usize,
    fault: Option<BodyError>,
}

impl Reader {
    pub(super) fn new(sent: Option<Nanos>, mode: Mode) -> Reader {
        Reader {
            line: 0,
            sent,
            mode,
            path: Vec::new(),
            values: 0,
            fault: None,
        }
    }

    /// Begins the body anew, as one document.
    pub(super) fn restart(&mut self) {
        *self = Reader::new(self.sent, self.mode);
        self.line = 1;
    }

    /// The refusal behind an error of the JSON reader.
    pub(super) fn explain(&mut self, error: &serde_json::Error) -> BodyError {
        if let Some(fault) = self.fault.take() {
            return fault;
        }
        let text = error.to_string();
        let text = text.rsplit_once(" at line ").map_or(text.as_str(), |t| t.0);
        let mut field = self.path();
        let reason = match text
            .strip_prefix("invalid type: ")
            .or_else(|| text.strip_prefix("invalid value: "))
            .and_then(|rest| rest.rsplit_once(", expected "))
        {
            Some((found, expected)) => format!("expected {expected}, found {}", plain_words(found)),
            None => {
                let column = format!("column {}", error.column());
                field = if field.is_empty() {
                    column
                } else {
                    format!("{column} ({field})")
                };
                format!("not valid JSON: {text}")
            }
        };
        let hint = if reason.ends_with("found null") {
            "leave the field out where there is no value"
        } else if reason.ends_with("trailing characters") {
            "one report a line"
        } else {
            ""
        };
        BodyError {
            code: BodyCode::Invalid,
            line: self.line.max(1),
            field,
            reason,
            hint: hint.to_owned(),
        }
    }

    pub(super) fn too_many_reports(&self) -> BodyError {
        BodyError {
            line: self.line,
            ..BodyError::whole(
                BodyCode::TooLarge,
                format!(
                    "the body has more than {} reports",
                    limits::BODY_REPORTS_MAX
                ),
                "send it in smaller parts",
            )
        }
    }

    fn path(&self) -> String {
        self.path.join(".")
    }

    fn enter(&mut self, name: &str) {
        self.path.push(SmolStr::new(name));
    }

    fn leave(&mut self) {
        self.path.pop();
    }

    /// Refuses what stands at the path.
    fn refuse<E: de::Error>(&mut self, reason: impl Into<String>, hint: impl Into<String>) -> E {
        self.fault = Some(BodyError {
            code: BodyCode::Invalid,
            line: self.line,
            field: self.path(),
            reason: reason.into(),
            hint: hint.into(),
        });
        E::custom("refused")
    }

    fn check_name<E: de::Error>(&mut self, what: &str, name: &str) -> Result<(), E> {
        match name_fault(name) {
            None => Ok(()),
            Some(fault) => Err(self.refuse(format!("the {what} {fault}"), "")),
        }
    }

    fn check_text<E: de::Error>(&mut self, text: &str) -> Result<(), E> {
        match text_fault(text) {
            None => Ok(()),
            Some(fault) => Err(self.refuse(fault, "")),
        }
    }

    fn count_value<E: de::Error>(&mut self) -> Result<(), E> {
        self.values += 1;
        if self.values <= limits::BODY_VALUES_MAX {
            return Ok(());
        }
        let reason = format!("the body has more than {} values", limits::BODY_VALUES_MAX);
        let error = self.refuse(reason, "send it in smaller parts");
        if let Some(fault) = &mut self.fault {
            fault.code = BodyCode::TooLarge;
        }
        Err(error)
    }

    fn check_once<'a, E: de::Error>(
        &mut self,
        names: impl Iterator<Item = &'a str> + Clone,
    ) -> Result<(), E> {
        match twice(names) {
            None => Ok(()),
            Some(name) => {
                self.enter(name);
                Err(self.refuse("given twice", "which one holds? send one"))
            }
        }
    }
}

/// A name that occurs twice, if one does.
fn twice<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    if names.clone().count() <= 12 {
        let mut rest = names;
        while let Some(name) = rest.next() {
            if rest.clone().any(|other| other == name) {
                return Some(name);
            }
        }
        return None;
    }
    let mut sorted: Vec<&str> = names.collect();
    sorted.sort_unstable();
    sorted.windows(2).find(|w| w[0] == w[1]).map(|w| w[0])
}

fn plain_words(found: &str) -> Cow<'_, str> {
    match found {
        "map" => "an object".into(),
        "sequence" => "a list".into(),
        _ => match found.strip_prefix("string ") {
            Some(rest) => {
                let short: String = rest.chars().take(60).collect();
                format!("text {short}").into()
            }
            None => found.into(),
        },
    }
}

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
                self.0.fault = Some(fault);
                return Err(de::Error::custom("refused"));
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
        reader.path.clear();
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
struct Labels<'r>(&'r mut Reader, &'r mut Report);

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

/// All samples of a report.
struct Signals<'r>(&'r mut Reader, &'r mut Vec<Samples>);

impl<'de> DeserializeSeed<'de> for Signals<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Signals<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object of signals")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Signals(reader, to) = self;
        let mut plain = Samples {
            family: SmolStr::new_static(query::catalog::PLAIN_FAMILY),
            ..Samples::default()
        };
        let mut families: Vec<SmolStr> = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            reader.enter(&name);
            reader.check_name("name of the signal", &name)?;
            if let Some(hint) = derived_signal(&name) {
                return Err(reader.refuse("is derived and cannot be reported", hint));
            }
            let name = SmolStr::new(&*name);
            let family = Node::Family {
                name: &name,
                plain: &mut plain,
                to,
            };
            match map.next_value_seed(Scalar(reader, family))? {
                Some(value) => plain.fields.push((name, value)),
                None => families.push(name),
            }
            reader.leave();
        }
        reader.check_once(families.iter().map(SmolStr::as_str))?;
        reader.check_once(plain.fields.iter().map(|(name, _)| name.as_str()))?;
        if !plain.fields.is_empty() {
            to.insert(0, plain);
        }
        Ok(())
    }
}

/// What an object means where a value may also stand.
enum Node<'n> {
    /// Under `signals`: a family, whose samples go to `to` (those of the plain family to `plain`).
    Family {
        name: &'n SmolStr,
        plain: &'n mut Samples,
        to: &'n mut Vec<Samples>,
    },
    /// Under a family: the instance `key`, whose fields go here.
    Instance(&'n mut Vec<(SmolStr, Value)>),
    /// Nothing: values only.
    None,
}

/// A number, bool or text, or an object where the node allows one (then None).
struct Scalar<'r, 'n>(&'r mut Reader, Node<'n>);

impl<'de> DeserializeSeed<'de> for Scalar<'_, '_> {
    type Value = Option<Value>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Option<Value>, D::Error> {
        self.0.count_value()?;
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Scalar<'_, '_> {
    type Value = Option<Value>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, bool or text")
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<Option<Value>, E> {
        Ok(Some(Value::Number(v)))
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<Option<Value>, E> {
        Ok(Some(Value::Number(v as f64)))
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<Option<Value>, E> {
        Ok(Some(Value::Number(v as f64)))
    }
    fn visit_bool<E: de::Error>(self, v: bool) -> Result<Option<Value>, E> {
        Ok(Some(Value::Bool(v)))
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<Option<Value>, E> {
        self.0.check_text(v)?;
        Ok(Some(Value::Text(SmolStr::new(v))))
    }
    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Option<Value>, A::Error> {
        let Scalar(reader, node) = self;
        match node {
            Node::Family { name, plain, to } => read_family(reader, map, name, plain, to)?,
            Node::Instance(fields) => read_fields(reader, map, fields)?,
            Node::None => {
                return Err(reader.refuse(
                    "expected a number, bool or text, found an object",
                    "signals nest as family, key, field; events have plain fields",
                ));
            }
        }
        Ok(None)
    }
}

fn read_family<'de, A: MapAccess<'de>>(
    reader: &mut Reader,
    mut map: A,
    family: &SmolStr,
    plain: &mut Samples,
    to: &mut Vec<Samples>,
) -> Result<(), A::Error> {
    let is_plain = family == query::catalog::PLAIN_FAMILY;
    let begin = to.len();
    let mut own = Vec::new();
    while let Some(name) = map.next_key_seed(Name)? {
        reader.enter(&name);
        reader.check_name("name", &name)?;
        let mut fields = Vec::new();
        match map.next_value_seed(Scalar(reader, Node::Instance(&mut fields)))? {
            Some(value) => own.push((SmolStr::new(&*name), value)),
            None if is_plain => {
                return Err(reader.refuse(
                    "`device` holds the plain signals and has no keys",
                    "name the family after what it is, such as `service` or `disk`",
                ));
            }
            None => to.push(Samples {
                family: family.clone(),
                key: SmolStr::new(&*name),
                fields,
            }),
        }
        reader.leave();
    }
    reader.check_once(to[begin..].iter().map(|samples| samples.key.as_str()))?;
    to.retain(|samples| !samples.fields.is_empty());
    if is_plain {
        plain.fields.append(&mut own);
    } else if !own.is_empty() {
        reader.check_once(own.iter().map(|(name, _)| name.as_str()))?;
        to.push(Samples {
            family: family.clone(),
            key: SmolStr::default(),
            fields: own,
        });
    }
    Ok(())
}

fn read_fields<'de, A: MapAccess<'de>>(
    reader: &mut Reader,
    mut map: A,
    fields: &mut Vec<(SmolStr, Value)>,
) -> Result<(), A::Error> {
    while let Some(name) = map.next_key_seed(Name)? {
        reader.enter(&name);
        reader.check_name("name of the field", &name)?;
        if let Some(value) = map.next_value_seed(Scalar(reader, Node::None))? {
            fields.push((SmolStr::new(&*name), value));
        }
        reader.leave();
    }
    reader.check_once(fields.iter().map(|(name, _)| name.as_str()))
}

/// The events of a report.
struct Events<'r>(&'r mut Reader, &'r mut Vec<Event>);

impl<'de> DeserializeSeed<'de> for Events<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Events<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of events")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let Events(reader, to) = self;
        loop {
            reader.enter(&to.len().to_string());
            let Some(event) = items.next_element_seed(OneEvent(reader))? else {
                reader.leave();
                return Ok(());
            };
            to.push(event);
            reader.leave();
        }
    }
}

struct OneEvent<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for OneEvent<'_> {
    type Value = Event;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Event, D::Error> {
        self.0.count_value()?;
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneEvent<'_> {
    type Value = Event;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event, an object with `kind`")
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Event, A::Error> {
        let reader = self.0;
        let mut event = Event::default();
        while let Some(name) = map.next_key_seed(Name)? {
            reader.enter(&name);
            let again = match &*name {
                "kind" => {
                    let before = std::mem::replace(
                        &mut event.kind,
                        map.next_value_seed(Text(reader, "text"))?,
                    );
                    reader.check_name("kind", &event.kind.clone())?;
                    !before.is_empty()
                }
                "time" => event
                    .time
                    .replace(map.next_value_seed(Time(reader))?)
                    .is_some(),
                _ => {
                    reader.check_name("name of the field", &name)?;
                    if let Some(value) = map.next_value_seed(Scalar(reader, Node::None))? {
                        event.fields.push((SmolStr::new(&*name), value));
                    }
                    false
                }
            };
            if again {
                return Err(reader.refuse("given twice", "which one holds? send one"));
            }
            reader.leave();
        }
        reader.check_once(event.fields.iter().map(|(name, _)| name.as_str()))?;
        if event.kind.is_empty() {
            reader.enter("kind");
            return Err(reader.refuse("missing", "such as \"patch.installed\""));
        }
        if event.kind == "heartbeat" {
            reader.enter("kind");
            return Err(reader.refuse("is derived and cannot be reported", "each report is one"));
        }
        Ok(event)
    }
}

/// A key of an object, borrowed from the body where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Cow<'de, str>, D::Error> {
        from.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }
    fn visit_borrowed_str<E: de::Error>(self, v: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(v))
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(v.to_owned()))
    }
}

/// A text; the second part says what is expected.
struct Text<'r>(&'r mut Reader, &'static str);

impl<'de> DeserializeSeed<'de> for Text<'_> {
    type Value = SmolStr;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<SmolStr, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Text<'_> {
    type Value = SmolStr;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.1)
    }
    fn visit_str<E: de::Error>(self, v: &str) -> Result<SmolStr, E> {
        self.0.check_text(v)?;
        Ok(SmolStr::new(v))
    }
}

/// An RFC 3339 time.
struct Time<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for Time<'_> {
    type Value = Nanos;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Nanos, D::Error> {
        let text = Text(self.0, "a time such as \"2026-06-09T02:05:00Z\"").deserialize(from)?;
        rfc3339::parse(&text).ok_or_else(|| {
            let reason = format!("{text:?} is not an RFC 3339 time");
            self.0.refuse(reason, "such as \"2026-06-09T02:05:00Z\"")
        })
    }
}

/// Seconds between reports.
struct Interval<'r>(&'r mut Reader);

impl<'de> DeserializeSeed<'de> for Interval<'_> {
    type Value = Nanos;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Nanos, D::Error> {
        let seconds = from.deserialize_any(Seconds)?;
        let nanos = (seconds * SECOND as f64).round();
        if nanos >= 1.0 && nanos <= limits::INTERVAL_MAX as f64 {
            return Ok(nanos as Nanos);
        }
        let reason = format!("{seconds} is out of range");
        Err(self
            .0
            .refuse(reason, "seconds between two reports, at most a year"))
    }
}

struct Seconds;

impl Visitor<'_> for Seconds {
    type Value = f64;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number of seconds")
    }
    fn visit_f64<E: de::Error>(self, v: f64) -> Result<f64, E> {
        Ok(v)
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<f64, E> {
        Ok(v as f64)
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<f64, E> {
        Ok(v as f64)
    }
}

/// True or false.
struct Flag;

impl<'de> DeserializeSeed<'de> for Flag {
    type Value = bool;
    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<bool, D::Error> {
        from.deserialize_bool(self)
    }
}

impl Visitor<'_> for Flag {
    type Value = bool;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }
    fn visit_bool<E: de::Error>(self, v: bool) -> Result<bool, E> {
        Ok(v)
    }
}
