//! The doors in: bytes of a foreign or native format to reports.
//!
//! Every decoder is a pure function of its input: no clock, no disk, no catalogue. It says what was
//! sent, exactly; correcting clocks, dropping repetitions and checking types come after it. A
//! decoder never panics: what it cannot read is a [`BodyError`] that names line, field, reason and
//! what to do. The HTTP doors, `import` and `replay` call these.
//!
//! Names of foreign agents (a Telegraf `cpu.usage_idle`) stay as sent here; the rows that map them
//! to the catalogue belong between these decoders and admission, as data of their own.

pub mod body;
pub mod evtx;
pub mod files;
pub mod line;
pub mod native;
pub mod rfc3339;

use crate::limits;
use std::fmt;

/// Why a body, or one line of it, was refused.
#[derive(Clone, Debug, PartialEq)]
pub struct BodyError {
    /// What kind of refusal; gives the HTTP status.
    pub code: BodyCode,
    /// Line (or item of a JSON list), from 1; 0 when the whole body is meant.
    pub line: u32,
    /// The place inside the line: a field path such as `signals.cpu`, or a column; "" when none.
    pub field: String,
    /// What is wrong.
    pub reason: String,
    /// What to do about it; "" when the reason says it all.
    pub hint: String,
}

/// The kinds of refusal of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyCode {
    /// The content is not what the format asks for: 400.
    Invalid,
    /// Larger than a bound allows: 413.
    TooLarge,
    /// A content encoding that is not read here: 415.
    UnsupportedEncoding,
}

impl BodyCode {
    /// The HTTP status.
    pub fn status(self) -> u16 {
        match self {
            BodyCode::Invalid => 400,
            BodyCode::TooLarge => 413,
            BodyCode::UnsupportedEncoding => 415,
        }
    }

    /// The stable name in JSON errors.
    pub fn name(self) -> &'static str {
        match self {
            BodyCode::Invalid => "invalid_body",
            BodyCode::TooLarge => "body_too_large",
            BodyCode::UnsupportedEncoding => "unsupported_encoding",
        }
    }
}

impl BodyError {
    /// A refusal of the whole body.
    pub fn whole(code: BodyCode, reason: impl Into<String>, hint: impl Into<String>) -> BodyError {
        BodyError {
            code,
            line: 0,
            field: String::new(),
            reason: reason.into(),
            hint: hint.into(),
        }
    }

    /// The place in words, `line 3, signals.cpu`; "" for the whole body.
    pub fn place(&self) -> String {
        match (self.line, self.field.as_str()) {
            (0, field) => field.to_owned(),
            (line, "") => format!("line {line}"),
            (line, field) => format!("line {line}, {field}"),
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = self.place();
        if !place.is_empty() {
            write!(f, "{place}: ")?;
        }
        f.write_str(&self.reason)?;
        if !self.hint.is_empty() {
            write!(f, "; {}", self.hint)?;
        }
        Ok(())
    }
}

impl std::error::Error for BodyError {}

/// What is wrong with a name, if anything: empty, too long, or not printable.
pub(crate) fn name_fault(name: &str) -> Option<String> {
    if name.is_empty() {
        return Some("is empty".to_owned());
    }
    if name.len() > limits::NAME_BYTES_MAX {
        return Some(format!(
            "is {} bytes long, the limit is {}",
            name.len(),
            limits::NAME_BYTES_MAX
        ));
    }
    if name.bytes().any(|b| b < 0x20 || b == 0x7f) {
        return Some("contains a control character".to_owned());
    }
    None
}

/// What is wrong with a text value, if anything.
pub(crate) fn text_fault(text: &str) -> Option<String> {
    (text.len() > limits::TEXT_BYTES_MAX).then(|| {
        format!(
            "the text is {} bytes long, the limit is {}",
            text.len(),
            limits::TEXT_BYTES_MAX
        )
    })
}

/// Families and plain signals that the engine derives; no report may state them.
pub(crate) fn derived_signal(family: &str) -> Option<&'static str> {
    match family {
        "patch" => Some(
            "`patch` is derived from events; send patch.staged, patch.started, patch.installed or patch.failed",
        ),
        "clock_offset" => Some("`clock_offset` is derived; send the header Afterboot-Sent"),
        _ => None,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::report::Report;
    use std::fmt::Write;
    use storage::{SECOND, Value};

    /// A report on one line, for tests that read as text.
    pub(crate) fn print_report(r: &Report) -> String {
        let mut to = format!("{}: ", r.line);
        if let Some(client) = &r.client {
            write!(to, "{client}/").unwrap();
        }
        write!(to, "{}", r.device).unwrap();
        for (name, text) in &r.labels {
            write!(to, " {name}={text:?}").unwrap();
        }
        let seconds = |t: i64| {
            let fraction = format!("{:09}", t.rem_euclid(SECOND));
            let text = format!("{}.{fraction}", t.div_euclid(SECOND));
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        for (word, time) in [
            ("every", r.interval),
            ("at", r.time),
            ("sent", r.sent),
            ("arrived", r.arrived),
        ] {
            if let Some(time) = time {
                write!(to, " {word} {}s", seconds(time)).unwrap();
            }
        }
        let field = |to: &mut String, name: &str, value: &Value| {
            match value {
                Value::Number(n) => write!(to, " {name}={n}"),
                Value::Bool(b) => write!(to, " {name}={b}"),
                Value::Text(t) => write!(to, " {name}={t:?}"),
                Value::Time(t) => write!(to, " {name}={}s", seconds(*t)),
            }
            .unwrap();
        };
        for samples in &r.signals {
            write!(to, " | {}", samples.family).unwrap();
            if !samples.key.is_empty() {
                write!(to, "[{:?}]", samples.key).unwrap();
            }
            for (name, value) in &samples.fields {
                field(&mut to, name, value);
            }
        }
        for event in &r.events {
            write!(to, " | !{}", event.kind).unwrap();
            if let Some(time) = event.time {
                write!(to, " at {}s", seconds(time)).unwrap();
            }
            for (name, value) in &event.fields {
                field(&mut to, name, value);
            }
        }
        to
    }
}
