//! What the visitors of one body share: where they are, what is used up, and what went wrong.
//!
//! A visitor enters a name before it reads the value and leaves it after; an error leaves the path
//! standing at the fault, so that the refusal can say it.

use super::{BodyCode, BodyError, Mode};
use crate::ingest::{name_fault, text_fault};
use crate::limits;
use serde::de;
use smol_str::SmolStr;
use std::borrow::Cow;
use storage::Nanos;

/// What the visitors of one body share.
pub(super) struct Reader {
    /// The line being read, from 1; of a list, the item.
    pub(super) line: u32,
    /// The clock of the sender, from the request.
    pub(super) sent: Option<Nanos>,
    /// Who reads.
    pub(super) mode: Mode,
    path: Vec<SmolStr>,
    values: usize,
    fault: Option<BodyError>,
}

impl Reader {
    /// A reader at the beginning of a body.
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

    /// The refusal of a body with too many reports.
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

    /// Begins a document.
    pub(super) fn begin(&mut self) {
        self.path.clear();
    }

    fn path(&self) -> String {
        self.path.join(".")
    }

    /// Goes into `name`.
    pub(super) fn enter(&mut self, name: &str) {
        self.path.push(SmolStr::new(name));
    }

    /// Goes out of the name last entered.
    pub(super) fn leave(&mut self) {
        self.path.pop();
    }

    /// Refuses what stands at the path.
    pub(super) fn refuse<E: de::Error>(
        &mut self,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> E {
        self.fault = Some(BodyError {
            code: BodyCode::Invalid,
            line: self.line,
            field: self.path(),
            reason: reason.into(),
            hint: hint.into(),
        });
        E::custom("refused")
    }

    /// Refuses for a reason already made.
    pub(super) fn refuse_as<E: de::Error>(&mut self, fault: BodyError) -> E {
        self.fault = Some(fault);
        E::custom("refused")
    }

    /// Refuses a name that is empty, too long or not printable.
    pub(super) fn check_name<E: de::Error>(&mut self, what: &str, name: &str) -> Result<(), E> {
        match name_fault(name) {
            None => Ok(()),
            Some(fault) => Err(self.refuse(format!("the {what} {fault}"), "")),
        }
    }

    /// Refuses a text that is too long.
    pub(super) fn check_text<E: de::Error>(&mut self, text: &str) -> Result<(), E> {
        match text_fault(text) {
            None => Ok(()),
            Some(fault) => Err(self.refuse(fault, "")),
        }
    }

    /// Counts a value against the budget of the body.
    pub(super) fn count_value<E: de::Error>(&mut self) -> Result<(), E> {
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

    /// Refuses a name given twice.
    pub(super) fn check_once<'a, E: de::Error>(
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
