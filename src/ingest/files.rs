//! Files by their extension, for `import`.
//!
//! `.evtx` is a Windows event log, `.lp` line protocol, `.ndjson` and `.json` native reports; `.gz`
//! after any of them means packed. Pure: the caller reads the file and decides what errors mean.

use super::evtx::{self, EvtxSettings};
use super::line::{self, LineSettings, Precision};
use super::native::{self, Mode};
use super::{BodyCode, BodyError};
use crate::limits;
use crate::report::Line;
use flate2::read::MultiGzDecoder;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;

/// How files are read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileSettings {
    /// For `.evtx`.
    pub evtx: EvtxSettings,
    /// For `.lp`.
    pub line: LineSettings,
    /// For `.lp`: the unit of its timestamps.
    pub precision: Precision,
}

/// What a file held.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileContent {
    /// Reports (and listening marks of a replay input), in order. Those of event logs and native
    /// files state when they arrived; those of line protocol do not.
    pub lines: Vec<Line>,
    /// What was left out on purpose, by reason.
    pub skipped: BTreeMap<&'static str, u32>,
    /// What could not be read, the first ones; the rest of the file was read all the same.
    pub errors: Vec<BodyError>,
    /// How many parts could not be read.
    pub refused: u32,
}

/// The formats that `import` reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Windows event log.
    Evtx,
    /// Line protocol.
    LineProtocol,
    /// Native reports, or a replay input.
    Native,
}

/// The format of the file called `name`, and whether it is packed with gzip.
pub fn format(name: &str) -> Result<(Format, bool), BodyError> {
    let lower = name.to_ascii_lowercase();
    let (stem, packed) = match lower.strip_suffix(".gz") {
        Some(stem) => (stem, true),
        None => (lower.as_str(), false),
    };
    let format = match stem.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "evtx" => Format::Evtx,
        "lp" => Format::LineProtocol,
        "ndjson" | "jsonl" | "json" => Format::Native,
        _ => {
            return Err(BodyError {
                field: name.to_owned(),
                ..BodyError::whole(
                    BodyCode::Invalid,
                    "the name does not say the format",
                    "it ends in .evtx, .lp or .ndjson, each also with .gz",
                )
            });
        }
    };
    Ok((format, packed))
}

/// Decodes the file called `name`. Err: nothing of it can be used.
pub fn decode(name: &str, bytes: &[u8], settings: &FileSettings) -> Result<FileContent, BodyError> {
    let (format, packed) = format(name)?;
    let bytes = if packed {
        Cow::Owned(unpack(bytes)?)
    } else {
        Cow::Borrowed(bytes)
    };
    match format {
        Format::Native => native_lines(&bytes),
        Format::LineProtocol => {
            let outcome = line::decode(&bytes, settings.precision, &settings.line)?;
            Ok(FileContent {
                lines: outcome.reports.into_iter().map(Line::Report).collect(),
                errors: outcome.errors,
                refused: outcome.refused,
                skipped: BTreeMap::new(),
            })
        }
        Format::Evtx => {
            let outcome = evtx::decode(&bytes, &settings.evtx);
            if outcome.records == 0
                && let Some(error) = outcome.errors.first()
            {
                return Err(error.clone());
            }
            Ok(FileContent {
                lines: outcome.reports.into_iter().map(Line::Report).collect(),
                refused: outcome.errors.len() as u32,
                errors: outcome.errors,
                skipped: outcome.skipped,
            })
        }
    }
}

/// A native file keeps its good lines; one that is a single document is read as one body.
fn native_lines(bytes: &[u8]) -> Result<FileContent, BodyError> {
    let first = bytes.iter().find(|b| !b.is_ascii_whitespace());
    if first == Some(&b'[') {
        return Ok(FileContent {
            lines: native::decode(bytes, None, Mode::Replay)?,
            ..FileContent::default()
        });
    }
    let mut content = FileContent::default();
    let mut number = 0;
    for text in bytes.split(|b| *b == b'\n') {
        number += 1;
        match native::decode_line(text, number, None, Mode::Replay) {
            Ok(line) => content.lines.extend(line),
            Err(error) => {
                content.refused += 1;
                if content.errors.len() < limits::LINE_ERRORS_NAMED_MAX {
                    content.errors.push(error);
                }
            }
        }
    }
    if content.lines.is_empty() && content.refused > 0 {
        // No line is a report: perhaps the file is one object over several lines.
        let lines = native::decode(bytes, None, Mode::Replay)?;
        return Ok(FileContent {
            lines,
            ..FileContent::default()
        });
    }
    Ok(content)
}

fn unpack(bytes: &[u8]) -> Result<Vec<u8>, BodyError> {
    let mut content = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(limits::IMPORT_BYTES_MAX + 1)
        .read_to_end(&mut content)
        .map_err(|error| {
            let reason = format!("not valid gzip: {error}");
            BodyError::whole(BodyCode::Invalid, reason, "is the download complete?")
        })?;
    if content.len() as u64 <= limits::IMPORT_BYTES_MAX {
        return Ok(content);
    }
    Err(BodyError::whole(
        BodyCode::TooLarge,
        format!(
            "the file unpacks to more than {} bytes",
            limits::IMPORT_BYTES_MAX
        ),
        "split it",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::tests::print_report;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn check(name: &str, bytes: &[u8], expected: &str) {
        let got = match decode(name, bytes, &FileSettings::default()) {
            Err(error) => format!("refused: {error}"),
            Ok(content) => {
                let lines = content.lines.iter().map(|line| match line {
                    Line::Report(report) => print_report(report),
                    Line::Listening { listening, .. } => format!("listening {listening}"),
                });
                let errors = content.errors.iter().map(|error| format!("error {error}"));
                lines.chain(errors).collect::<Vec<_>>().join("\n")
            }
        };
        assert_eq!(got, expected, "{name}");
    }

    const REPORT: &str = r#"{"device":"a","time":"1970-01-01T00:00:01Z"}"#;

    #[test]
    fn by_extension() {
        check(
            "x/y.lp",
            b"m,host=a v=1 1\nm v=1",
            "1: a at 0.000000001s | m v=1\nerror line 2, column 1: no tag names the device; one of the tags host, hostname, device, instance does",
        );
        check("Y.NDJSON", REPORT.as_bytes(), "1: a at 1s arrived 1s");
        check(
            "y.json",
            format!("[{REPORT},{REPORT}]").as_bytes(),
            "1: a at 1s arrived 1s\n2: a at 1s arrived 1s",
        );
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(REPORT.as_bytes()).unwrap();
        let packed = packed.finish().unwrap();
        check("y.ndjson.gz", &packed, "1: a at 1s arrived 1s");
        check(
            "y.ndjson.gz",
            &packed[..20],
            "refused: not valid gzip: incomplete deflate stream; is the download complete?",
        );
        check(
            "y.evtx",
            b"x",
            "refused: not a Windows event log: An error occurred while trying to deserialize evtx stream: failed to read EVTX file header block: failed to fill whole buffer; export one with `wevtutil epl System system.evtx`",
        );
        for name in ["y.csv", "y", "y.gz"] {
            check(
                name,
                b"",
                &format!(
                    "refused: {name}: the name does not say the format; it ends in .evtx, .lp or .ndjson, each also with .gz"
                ),
            );
        }
    }

    #[test]
    fn a_native_file_keeps_its_good_lines() {
        check(
            "y.ndjson",
            format!("{REPORT}\nnonsense\n\n{REPORT}\n").as_bytes(),
            "1: a at 1s arrived 1s\n4: a at 1s arrived 1s\nerror line 2, column 2: not valid JSON: expected ident",
        );
        check(
            "y.json",
            REPORT.replace(',', ",\n").as_bytes(),
            "1: a at 1s arrived 1s",
        );
        check(
            "y.json",
            b"nonsense",
            "refused: line 1, column 2: not valid JSON: expected ident",
        );
    }
}
