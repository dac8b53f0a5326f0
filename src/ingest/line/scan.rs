//! The grammar of line protocol: one pass over the body, borrowing from it.
//!
//! `measurement[,tag=value…] field=value[,…] [timestamp]`, one point a line, `#` a comment. A
//! backslash before comma, space or equals sign takes its meaning away and stands for itself
//! otherwise; in a quoted text it escapes `"` and `\`. Quoted texts may hold line ends. Source: the
//! InfluxDB line protocol reference. Names are borrowed unless they contain escapes; fields go to a
//! sink as they are read, so that a reader can resolve names without keeping them.

use crate::ingest::{BodyCode, BodyError};
use crate::limits;
use std::borrow::Cow;
use storage::Nanos;

/// The value of a field, as written.
pub(super) enum Raw<'a> {
    /// `1`, `1.5e3`, `1i` or `1u`.
    Number(f64),
    /// `t`, `false` …
    Bool(bool),
    /// `"text"`.
    Text(Cow<'a, str>),
}

/// Tags of a point, in the order written.
pub(super) type Tags<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

/// Reads a body from front to back.
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
    line: u32,
    line_start: usize,
}

/// Bytes that end a run of plain characters in a name.
const STOPS: [bool; 256] = {
    let mut stops = [false; 256];
    let mut byte = 0;
    while byte < 0x20 {
        stops[byte] = true;
        byte += 1;
    }
    stops[0x7f] = true;
    stops[b',' as usize] = true;
    stops[b' ' as usize] = true;
    stops[b'=' as usize] = true;
    stops[b'\\' as usize] = true;
    stops
};

/// The longest quoted text that is looked at; every character escaped, it could still be allowed.
const QUOTED_BYTES_MAX: usize = 2 * limits::TEXT_BYTES_MAX;

impl<'a> Scanner<'a> {
    /// A scanner of `text`, whose first line has the number `line`.
    pub(super) fn new(text: &'a str, line: u32) -> Scanner<'a> {
        Scanner {
            text,
            at: 0,
            line,
            line_start: 0,
        }
    }

    /// The line it stands on.
    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// Where it stands, in bytes of the text.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// A refusal of the line, pointing at where the scanner stands.
    pub(super) fn fault(&self, reason: impl Into<String>, hint: impl Into<String>) -> BodyError {
        self.fault_at(self.at, reason, hint)
    }

    /// The same, pointing at `at`.
    pub(super) fn fault_at(
        &self,
        at: usize,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) -> BodyError {
        let column = self.text[self.line_start..at].chars().count() + 1;
        BodyError {
            line: self.line,
            field: format!("column {column}"),
            ..BodyError::whole(BodyCode::Invalid, reason, hint)
        }
    }

    /// Goes to the next point; false at the end of the text.
    pub(super) fn next_point(&mut self) -> bool {
        loop {
            match self.peek() {
                None => return false,
                Some(b'\n') => self.line_end(),
                Some(b' ' | b'\t' | b'\r') => self.at += 1,
                Some(b'#') => self.recover(),
                Some(_) => return true,
            }
        }
    }

    fn line_end(&mut self) {
        self.at += 1;
        self.line += 1;
        self.line_start = self.at;
    }

    /// Leaves the line it stands on, after an error.
    pub(super) fn recover(&mut self) {
        match memchr::memchr(b'\n', &self.text.as_bytes()[self.at..]) {
            Some(length) => {
                self.at += length;
                self.line_end();
            }
            None => self.at = self.text.len(),
        }
    }

    /// The measurement and, into `tags`, its tags.
    pub(super) fn head(&mut self, tags: &mut Tags<'a>) -> Result<Cow<'a, str>, BodyError> {
        tags.clear();
        let measurement = self.name("measurement", false)?;
        loop {
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b' ') => return Ok(measurement),
                _ => {
                    return Err(self.fault(
                        "no field follows",
                        "a line is `name,tag=value field=1 timestamp`",
                    ));
                }
            }
            let name = self.name("tag", true)?;
            if self.peek() != Some(b'=') {
                return Err(self.fault(format!("expected = after the tag {name}"), ESCAPES));
            }
            self.at += 1;
            let value_at = self.at;
            let value = self.token(true);
            if value.is_empty() {
                return Err(self.fault(format!("the tag {name} has no value"), "leave the tag out"));
            }
            if self.peek() == Some(b'=') {
                return Err(self.fault("unexpected =", ESCAPES));
            }
            if value.len() > limits::TEXT_BYTES_MAX {
                let reason = format!(
                    "the tag {name} has {} bytes, the limit is {}",
                    value.len(),
                    limits::TEXT_BYTES_MAX
                );
                return Err(self.fault_at(value_at, reason, ""));
            }
            if tags.iter().any(|(other, _)| *other == name) {
                return Err(self.fault_at(value_at, format!("the tag {name} is given twice"), ""));
            }
            if tags.len() == limits::LINE_TAGS_MAX {
                let reason = format!("more than {} tags", limits::LINE_TAGS_MAX);
                return Err(self.fault_at(value_at, reason, ""));
            }
            tags.push((name, value));
        }
    }

    /// The fields, each to `sink`, whose complaint refuses the line.
    pub(super) fn fields(
        &mut self,
        mut sink: impl FnMut(Cow<'a, str>, Raw<'a>) -> Result<(), String>,
    ) -> Result<(), BodyError> {
        self.spaces();
        loop {
            let name_at = self.at;
            let name = self.name("field", true)?;
            if self.peek() != Some(b'=') {
                return Err(self.fault(format!("expected = after the field {name}"), ESCAPES));
            }
            self.at += 1;
            let value = self.value()?;
            sink(name, value).map_err(|reason| self.fault_at(name_at, reason, ""))?;
            match self.peek() {
                Some(b',') => self.at += 1,
                None | Some(b' ' | b'\n' | b'\r') => return Ok(()),
                Some(_) => {
                    return Err(self.fault(
                        "expected a comma, a space or the end of the line after the value",
                        "a text is in double quotes, an integer ends in i or u",
                    ));
                }
            }
        }
    }

    /// The timestamp, if there is one, times `scale`; and the end of the line.
    pub(super) fn timestamp(&mut self, scale: Nanos) -> Result<Option<Nanos>, BodyError> {
        self.spaces();
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit() || b == b'-') {
            self.at += 1;
        }
        let digits = &self.text[start..self.at];
        let time = if digits.is_empty() {
            None
        } else {
            let time = digits.parse::<i64>().ok();
            let time = time.and_then(|time| time.checked_mul(scale));
            Some(time.ok_or_else(|| {
                let reason = format!("the timestamp {digits} is out of range");
                self.fault_at(start, reason, "is the precision right?")
            })?)
        };
        self.spaces();
        if self.peek() == Some(b'\r') {
            self.at += 1;
        }
        match self.peek() {
            None => Ok(time),
            Some(b'\n') => {
                self.line_end();
                Ok(time)
            }
            Some(_) if time.is_some() => {
                Err(self.fault("expected the end of the line after the timestamp", ""))
            }
            Some(_) => Err(self.fault("expected a timestamp, a whole number", ESCAPES)),
        }
    }

    fn spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    fn name(&mut self, what: &str, equals_ends: bool) -> Result<Cow<'a, str>, BodyError> {
        let start = self.at;
        let name = self.token(equals_ends);
        if name.is_empty() {
            return Err(self.fault(format!("expected the name of a {what}"), ""));
        }
        if name.len() > limits::NAME_BYTES_MAX {
            let reason = format!(
                "the name of the {what} has {} bytes, the limit is {}",
                name.len(),
                limits::NAME_BYTES_MAX
            );
            return Err(self.fault_at(start, reason, ""));
        }
        Ok(name)
    }

    /// Characters up to a comma, space, control character or, if it ends names here, equals sign.
    fn token(&mut self, equals_ends: bool) -> Cow<'a, str> {
        let bytes = self.text.as_bytes();
        let mut start = self.at;
        let mut unescaped = String::new();
        loop {
            while let Some(&byte) = bytes.get(self.at) {
                if STOPS[usize::from(byte)] {
                    break;
                }
                self.at += 1;
            }
            match (bytes.get(self.at), bytes.get(self.at + 1)) {
                (Some(b'\\'), Some(b',' | b' ' | b'=')) => {
                    unescaped.push_str(&self.text[start..self.at]);
                    start = self.at + 1;
                    self.at += 2;
                }
                (Some(b'\\'), _) => self.at += 1,
                (Some(b'='), _) if !equals_ends => self.at += 1,
                _ => break,
            }
        }
        let last = &self.text[start..self.at];
        if unescaped.is_empty() && (start == 0 || bytes[start - 1] != b'\\') {
            return Cow::Borrowed(last);
        }
        unescaped.push_str(last);
        Cow::Owned(unescaped)
    }

    fn value(&mut self) -> Result<Raw<'a>, BodyError> {
        match self.peek() {
            Some(b'0'..=b'9' | b'-' | b'+' | b'.') => self.number(),
            Some(b'"') => self.quoted().map(Raw::Text),
            Some(b't' | b'T' | b'f' | b'F') => self.flag(),
            _ => Err(self.fault("expected a number, a bool or a text in double quotes", "")),
        }
    }

    fn number(&mut self) -> Result<Raw<'a>, BodyError> {
        let start = self.at;
        let rest = &self.text.as_bytes()[start..];
        let (value, length) = fast_float2::parse_partial::<f64, _>(rest)
            .map_err(|_| self.fault("not a number", "a text is in double quotes"))?;
        self.at += length;
        if let Some(suffix @ (b'i' | b'u')) = self.peek() {
            let digits = &self.text[start..self.at];
            let fits = match suffix {
                b'i' if length < 18 => !digits.contains(['.', 'e', 'E']),
                b'i' => digits.parse::<i64>().is_ok(),
                _ => digits.parse::<u64>().is_ok(),
            };
            if !fits {
                let reason = format!("{digits}{} is not a 64-bit integer", char::from(suffix));
                return Err(self.fault_at(start, reason, ""));
            }
            self.at += 1;
        }
        if !value.is_finite() {
            return Err(self.fault_at(start, "a number must be finite", "leave the field out"));
        }
        Ok(Raw::Number(value))
    }

    fn flag(&mut self) -> Result<Raw<'a>, BodyError> {
        let start = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_alphabetic()) {
            self.at += 1;
        }
        match &self.text[start..self.at] {
            "t" | "T" | "true" | "True" | "TRUE" => Ok(Raw::Bool(true)),
            "f" | "F" | "false" | "False" | "FALSE" => Ok(Raw::Bool(false)),
            word => {
                let reason = format!("{word:?} is neither true nor false");
                Err(self.fault_at(start, reason, "a text is in double quotes"))
            }
        }
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, BodyError> {
        let open = self.at;
        let bytes = self.text.as_bytes();
        let bound = bytes.len().min(open + 1 + QUOTED_BYTES_MAX + 1);
        let mut unescaped = String::new();
        let mut start = open + 1;
        let mut at = start;
        let end = loop {
            match memchr::memchr2(b'"', b'\\', &bytes[at..bound]) {
                None => {
                    let (reason, hint) = if bound == bytes.len() {
                        ("the text is not closed", "it ends with a double quote")
                    } else {
                        (
                            "the text is not closed, or longer than the limit of 1024 bytes",
                            "",
                        )
                    };
                    return Err(self.fault(reason, hint));
                }
                Some(length) => at += length,
            }
            if bytes[at] == b'"' {
                break at;
            }
            if at + 1 < bound && matches!(bytes[at + 1], b'"' | b'\\') {
                unescaped.push_str(&self.text[start..at]);
                start = at + 1;
                at += 2;
            } else {
                at += 1;
            }
        };
        let last = &self.text[start..end];
        let text = if start == open + 1 {
            Cow::Borrowed(last)
        } else {
            unescaped.push_str(last);
            Cow::Owned(unescaped)
        };
        if text.len() > limits::TEXT_BYTES_MAX {
            let fault = crate::ingest::text_fault(&text).unwrap_or_default();
            return Err(self.fault(fault, ""));
        }
        self.at = end + 1;
        for line_end in memchr::memchr_iter(b'\n', &bytes[open..end]) {
            self.line += 1;
            self.line_start = open + line_end + 1;
        }
        Ok(text)
    }
}

const ESCAPES: &str = "comma, space and = inside a name are written \\, \\  and \\=";
