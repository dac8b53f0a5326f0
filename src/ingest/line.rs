//! Line protocol (Telegraf, InfluxDB clients) to reports.
//!
//! A measurement is a family, its fields are fields, and tags say which device and instance. A line
//! that cannot be read is named and the others are kept, as its senders expect. Consecutive lines of
//! one device with the same time and labels become one report, with one group of samples an
//! instance. Called by `/write`, `/api/v2/write` and `import`.

mod head;
mod scan;

use super::{BodyCode, BodyError, derived_signal};
use crate::limits;
use crate::report::Report;
use head::Head;
use query::catalog::PLAIN_FAMILY;
use scan::{Raw, Scanner};
use serde::Deserialize;
use smol_str::SmolStr;
use storage::{Nanos, SECOND, Value};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// A refused line; `field` is its column.
pub type LineError = BodyError;

/// Which tags mean what.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LineSettings {
    /// The device is named by the first of these tags that a line has.
    ///
    /// `host` comes before `device`, since Telegraf's disk and smart inputs name the machine in
    /// `host` and the disk in `device`.
    pub device: Vec<SmolStr>,
    /// These tags are labels of the device; `client` is its client.
    pub labels: Vec<SmolStr>,
    /// These tags name the instance and the tags in no list are dropped; None: all others name it.
    pub instance: Option<Vec<SmolStr>>,
}

impl Default for LineSettings {
    fn default() -> LineSettings {
        let list = |names: &[&'static str]| names.iter().map(|n| SmolStr::new_static(n)).collect();
        LineSettings {
            device: list(&["host", "hostname", "device", "instance"]),
            labels: list(&[
                "client",
                "site",
                "os",
                "role",
                "class",
                "wave",
                "parent",
                "region",
                "datacenter",
                "env",
            ]),
            instance: None,
        }
    }
}

/// The unit of the timestamps of a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// Nanoseconds.
    #[default]
    Nanosecond,
    /// Microseconds.
    Microsecond,
    /// Milliseconds.
    Millisecond,
    /// Seconds.
    Second,
    /// Minutes.
    Minute,
    /// Hours.
    Hour,
}

impl Precision {
    /// The precision that the parameter `precision` names, in the words of InfluxDB 1 and 2.
    pub fn parse(name: &str) -> Result<Precision, BodyError> {
        Ok(match name {
            "" | "n" | "ns" => Precision::Nanosecond,
            "u" | "us" | "µ" | "µs" => Precision::Microsecond,
            "ms" => Precision::Millisecond,
            "s" => Precision::Second,
            "m" => Precision::Minute,
            "h" => Precision::Hour,
            _ => {
                return Err(BodyError {
                    field: "precision".to_owned(),
                    ..BodyError::whole(
                        BodyCode::Invalid,
                        format!("unknown precision {name:?}"),
                        "one of ns, us, ms, s, m, h",
                    )
                });
            }
        })
    }

    fn nanos(self) -> Nanos {
        match self {
            Precision::Nanosecond => 1,
            Precision::Microsecond => 1_000,
            Precision::Millisecond => 1_000_000,
            Precision::Second => SECOND,
            Precision::Minute => 60 * SECOND,
            Precision::Hour => 3600 * SECOND,
        }
    }
}

/// What became of a body.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LineOutcome {
    /// The valid lines as reports, in the order of the body.
    pub reports: Vec<Report>,
    /// The first refused lines, at most [`limits::LINE_ERRORS_NAMED_MAX`].
    pub errors: Vec<LineError>,
    /// How many lines were refused.
    pub refused: u32,
    /// How many lines were accepted.
    pub accepted: u32,
}

/// Decodes a body. Err refuses it whole: it has more reports or values than the limits allow.
pub fn decode(
    body: &[u8],
    precision: Precision,
    settings: &LineSettings,
) -> Result<LineOutcome, BodyError> {
    let mut assembly = Assembly::new(precision, settings);
    let mut rest = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut line = 1;
    loop {
        let bad = match std::str::from_utf8(rest) {
            Ok(text) => {
                assembly.text(text, line)?;
                return Ok(assembly.outcome);
            }
            Err(error) => error.valid_up_to(),
        };
        let start = memchr::memrchr(b'\n', &rest[..bad]).map_or(0, |at| at + 1);
        if let Ok(text) = std::str::from_utf8(&rest[..start]) {
            assembly.text(text, line)?;
        }
        line += memchr::memchr_iter(b'\n', &rest[..start]).count() as u32;
        let reason = format!("byte {} is not UTF-8", bad - start + 1);
        assembly.refuse(BodyError {
            line,
            ..BodyError::whole(BodyCode::Invalid, reason, "")
        });
        match memchr::memchr(b'\n', &rest[bad..]) {
            None => return Ok(assembly.outcome),
            Some(at) => rest = &rest[bad + at + 1..],
        }
        line += 1;
    }
}

/// Lines on their way to reports.
struct Assembly<'s> {
    settings: &'s LineSettings,
    scale: Nanos,
    outcome: LineOutcome,
    values: usize,
    /// Hashes of the instances in the last report, in its order.
    instances: Vec<u64>,
    fields_guess: usize,
}

impl<'s> Assembly<'s> {
    fn new(precision: Precision, settings: &'s LineSettings) -> Assembly<'s> {
        Assembly {
            settings,
            scale: precision.nanos(),
            outcome: LineOutcome::default(),
            values: 0,
            instances: Vec::new(),
            fields_guess: 8,
        }
    }

    fn refuse(&mut self, error: LineError) {
        self.outcome.refused += 1;
        if self.outcome.errors.len() < limits::LINE_ERRORS_NAMED_MAX {
            self.outcome.errors.push(error);
        }
    }

    fn text(&mut self, text: &str, line: u32) -> Result<(), BodyError> {
        let mut scanner = Scanner::new(text, line);
        let mut head = Head::default();
        while scanner.next_point() {
            match self.point(&mut scanner, &mut head) {
                Ok(()) => self.outcome.accepted += 1,
                Err(error) => {
                    self.refuse(error);
                    scanner.recover();
                }
            }
            self.check_budget()?;
        }
        Ok(())
    }

    fn check_budget(&self) -> Result<(), BodyError> {
        let (bound, what) = if self.values > limits::BODY_VALUES_MAX {
            (limits::BODY_VALUES_MAX, "values")
        } else if self.outcome.reports.len() > limits::BODY_REPORTS_MAX {
            (limits::BODY_REPORTS_MAX, "reports")
        } else {
            return Ok(());
        };
        Err(BodyError::whole(
            BodyCode::TooLarge,
            format!("the body has more than {bound} {what}"),
            "send it in smaller parts",
        ))
    }

    fn point<'a>(
        &mut self,
        scanner: &mut Scanner<'a>,
        head: &mut Head<'a>,
    ) -> Result<(), LineError> {
        let line = scanner.line();
        let start = scanner.at();
        head.read(scanner, self.settings)?;
        let mut fields: Vec<(SmolStr, Value)> = Vec::with_capacity(self.fields_guess);
        let mut marks = 0u64;
        scanner.fields(|name, value| {
            let mark = name_mark(&name);
            if marks & mark != 0 && fields.iter().any(|(other, _)| *other == *name) {
                return Err(format!("the field {name} is given twice"));
            }
            if fields.len() == limits::LINE_FIELDS_MAX {
                return Err(format!("more than {} fields", limits::LINE_FIELDS_MAX));
            }
            marks |= mark;
            let value = match value {
                Raw::Number(number) => Value::Number(number),
                Raw::Bool(flag) => Value::Bool(flag),
                Raw::Text(text) => Value::Text(SmolStr::new(text)),
            };
            fields.push((SmolStr::new(name), value));
            Ok(())
        })?;
        let derived = fields.iter().find_map(|(name, _)| derived_signal(name));
        if let Some(hint) = derived.filter(|_| head.family == PLAIN_FAMILY) {
            return Err(scanner.fault_at(start, "states a derived signal", hint));
        }
        let time = scanner.timestamp(self.scale)?;
        self.values += fields.len() + 1;
        self.fields_guess = fields.len();
        self.place(line, head, fields, time);
        Ok(())
    }

    /// Adds the samples to the last report if they belong there, else begins a new one.
    fn place(
        &mut self,
        line: u32,
        head: &Head<'_>,
        fields: Vec<(SmolStr, Value)>,
        time: Option<Nanos>,
    ) {
        let instance = xxh3_64_with_seed(head.key.as_bytes(), xxh3_64(head.family.as_bytes()));
        if let Some(report) = self.outcome.reports.last_mut()
            && report.time == time
            && self.instances.len() < limits::LINE_INSTANCES_MERGED_MAX
            && head.is_subject_of(report)
        {
            match self.instances.iter().position(|other| *other == instance) {
                None => {
                    report.signals.push(head.samples(fields));
                    self.instances.push(instance);
                    return;
                }
                Some(at) if head.is_instance_of(&report.signals[at]) => {
                    if merge(&mut report.signals[at].fields, &fields) {
                        return;
                    }
                }
                Some(_) => {}
            }
        }
        self.instances.clear();
        self.instances.push(instance);
        let mut report = head.report();
        report.line = line;
        report.time = time;
        report.signals.push(head.samples(fields));
        self.outcome.reports.push(report);
    }
}

/// Adds `new` to `fields` unless a name is there with another value.
fn merge(fields: &mut Vec<(SmolStr, Value)>, new: &[(SmolStr, Value)]) -> bool {
    if fields.len() + new.len() > limits::LINE_FIELDS_MAX {
        return false;
    }
    let before = fields.len();
    for (name, value) in new {
        match fields[..before].iter().find(|(other, _)| other == name) {
            None => fields.push((name.clone(), value.clone())),
            Some((_, known)) if known == value => {}
            Some(_) => {
                fields.truncate(before);
                return false;
            }
        }
    }
    true
}

/// One bit for a name; two names without a common bit differ.
fn name_mark(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let first = bytes.first().copied().unwrap_or(0);
    let last = bytes.last().copied().unwrap_or(0);
    let mix = u32::from(first) ^ (u32::from(last) << 2) ^ ((bytes.len() as u32) * 11);
    1 << (mix & 63)
}

#[cfg(test)]
#[path = "line_tests.rs"]
mod tests;
