//! Native reports: one JSON object, a list of them, or one a line (NDJSON); also replay inputs.
//!
//! A body is decoded whole or refused whole. What is not understood is refused, never dropped: an
//! unknown field, a name given twice, `null`, a number that does not fit a float. The field names and
//! units are those of `docs/http.md`. Called by `POST /api/v1/reports`, `import` and `replay`.

mod document;
mod events;
mod reader;
mod scalar;
mod signals;

use super::{BodyCode, BodyError};
use crate::limits;
use crate::report::Line;
use document::{Document, List};
use reader::Reader;
use serde::de::DeserializeSeed;
use storage::Nanos;

/// Who reads the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The HTTP door: `arrived` is ignored (the owner gives it), `sent` of a line holds only when the
    /// request has no `Afterboot-Sent`, and listening marks are refused.
    Live,
    /// `replay --input` and `import`: `arrived` is the latest time of the line (its `time`, `sent` and
    /// those of its events) unless stated; a line without any time is refused.
    Replay,
}

/// Decodes a body; `sent` is the header `Afterboot-Sent`, for every report in it.
///
/// A body that begins with `[` is a list, and `line` counts its items. Otherwise, if its first line is
/// a whole JSON object, each line is one; if not, the body is one object over several lines.
pub fn decode(body: &[u8], sent: Option<Nanos>, mode: Mode) -> Result<Vec<Line>, BodyError> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let mut reader = Reader::new(sent, mode);
    let first = body.iter().position(|b| !b.is_ascii_whitespace());
    let mut lines = Vec::new();
    match first.map(|at| body[at]) {
        Some(b'[') => {
            let mut json = serde_json::Deserializer::from_slice(body);
            let result = List(&mut reader, &mut lines)
                .deserialize(&mut json)
                .and_then(|()| json.end());
            result.map_err(|error| reader.explain(&error))?;
        }
        Some(_) => each_line(body, &mut reader, &mut lines)?,
        None => {}
    }
    if lines.is_empty() && mode == Mode::Live {
        return Err(BodyError::whole(
            BodyCode::Invalid,
            "the body holds no report",
            r#"the smallest is {"device":"srv-01"}"#,
        ));
    }
    Ok(lines)
}

/// Decodes one line of NDJSON, for readers of long files; None when it is blank.
pub fn decode_line(
    line: &[u8],
    number: u32,
    sent: Option<Nanos>,
    mode: Mode,
) -> Result<Option<Line>, BodyError> {
    if line.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let mut reader = Reader::new(sent, mode);
    reader.line = number;
    match one(line, &mut reader) {
        Ok(line) => Ok(Some(line)),
        Err(error) => Err(reader.explain(&error)),
    }
}

fn each_line(body: &[u8], reader: &mut Reader, lines: &mut Vec<Line>) -> Result<(), BodyError> {
    let mut start = 0;
    while start < body.len() {
        let end = memchr::memchr(b'\n', &body[start..]).map_or(body.len(), |at| start + at);
        reader.line += 1;
        let text = &body[start..end];
        start = end + 1;
        if text.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        match one(text, reader) {
            Ok(line) => lines.push(line),
            Err(error) if error.is_eof() && lines.is_empty() && end < body.len() => {
                reader.restart();
                let whole = one(body, reader).map_err(|error| reader.explain(&error))?;
                lines.push(whole);
                return Ok(());
            }
            Err(error) => return Err(reader.explain(&error)),
        }
        if lines.len() > limits::BODY_REPORTS_MAX {
            return Err(reader.too_many_reports());
        }
    }
    Ok(())
}

fn one(text: &[u8], reader: &mut Reader) -> Result<Line, serde_json::Error> {
    let mut json = serde_json::Deserializer::from_slice(text);
    let line = Document(reader).deserialize(&mut json)?;
    json.end()?;
    Ok(line)
}

#[cfg(test)]
#[path = "native_tests.rs"]
mod tests;
