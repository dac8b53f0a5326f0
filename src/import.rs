//! `import`: old logs and reports into a store, or into a running server, at one instant and once.
//!
//! An import happens now: its rows keep their own old times, and all of them become known at the same moment, so that
//! no rule judges a history half read. What it raises is listed as suppressed, reason "imported", unless it is told
//! to notify. Importing the same file again changes nothing.

use crate::core::{Body, Core, Manner, Receipt, Refusal};
use crate::ingest::BodyError;
use crate::ingest::files::{self, FileContent, FileSettings, Format};
use crate::report::{Line, Report};
use query::value::print_time;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use storage::{Nanos, Value};

/// Bytes of one body sent to a server.
const BODY_BYTES: usize = 4 << 20;

/// What became of the files.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// Files read.
    pub files: u64,
    /// Reports kept.
    pub reports: u64,
    /// Sample values kept.
    pub samples: u64,
    /// Events kept.
    pub events: u64,
    /// Reports known already.
    pub duplicates: u64,
    /// Left out on purpose, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// What could not be read or did not fit, the first ones, by file and place.
    pub refused: Vec<String>,
    /// How many that were.
    pub refused_count: u64,
}

/// Decoded files, ready to be kept.
#[derive(Clone, Debug, Default)]
pub struct Import {
    /// Bodies by format: all of one format become known at one instant.
    native: Vec<Line>,
    foreign: Vec<Line>,
    summary: Summary,
}

impl Import {
    /// Decodes one more file. Err: nothing of it can be used; the import goes on without it.
    pub fn add(
        &mut self,
        name: &str,
        bytes: &[u8],
        settings: &FileSettings,
    ) -> Result<(), BodyError> {
        let content = files::decode(name, bytes, settings)?;
        let (format, _) = files::format(name)?;
        self.add_content(name, format, content);
        Ok(())
    }

    fn add_content(&mut self, name: &str, format: Format, content: FileContent) {
        let summary = &mut self.summary;
        summary.files += 1;
        for (reason, count) in content.skipped {
            *summary.skipped.entry(reason.to_owned()).or_default() += u64::from(count);
        }
        summary.refused_count += u64::from(content.refused);
        summary.refused.extend(
            content
                .errors
                .iter()
                .map(|error| format!("{name}: {error}")),
        );
        let to = if format == Format::LineProtocol {
            &mut self.foreign
        } else {
            &mut self.native
        };
        for line in content.lines {
            match line {
                Line::Report(mut report) => {
                    // Without a time of its own it would be new every time.
                    report.time = report.time.or(report.arrived);
                    to.push(Line::Report(report));
                }
                Line::Listening { .. } => {
                    *summary
                        .skipped
                        .entry("listening mark of a replay input".to_owned())
                        .or_default() += 1;
                }
            }
        }
    }

    /// How many reports there are.
    pub fn reports(&self) -> usize {
        self.native.len() + self.foreign.len()
    }

    /// The bodies to be kept, native ones first.
    pub fn bodies(self, notify: bool) -> (Vec<Body>, Summary) {
        let manner = |manner: Manner| if notify { manner.notifying() } else { manner };
        let body = |lines: Vec<Line>, kind| Body {
            bytes: lines.len() * 64,
            lines,
            manner: manner(kind),
        };
        let bodies = [
            body(self.native, Manner::IMPORT),
            body(self.foreign, Manner::IMPORT_FOREIGN),
        ];
        (
            bodies
                .into_iter()
                .filter(|body| !body.lines.is_empty())
                .collect(),
            self.summary,
        )
    }

    /// Keeps everything in an open store at the instant `now`. Durable when it returns.
    pub fn into_store(self, core: &mut Core, now: Nanos, notify: bool) -> Result<Summary, Refusal> {
        let (bodies, mut summary) = self.bodies(notify);
        for body in bodies {
            let receipt = core.ingest(now, &body)?;
            core.tick(now)?;
            core.commit()?;
            summary.count(&receipt);
        }
        Ok(summary)
    }

    /// Bodies of NDJSON for `POST /api/v1/reports?import=…` of a server, each of a few megabytes.
    pub fn posts(self) -> (Vec<String>, Summary) {
        let mut posts = vec![String::new()];
        for line in self.native.iter().chain(&self.foreign) {
            let Line::Report(report) = line else { continue };
            if posts.last().is_some_and(|post| post.len() > BODY_BYTES) {
                posts.push(String::new());
            }
            if let Some(post) = posts.last_mut() {
                post.push_str(&to_json(report).to_string());
                post.push('\n');
            }
        }
        posts.retain(|post| !post.is_empty());
        (posts, self.summary)
    }
}

impl Summary {
    /// Adds what became of a body.
    pub fn count(&mut self, receipt: &Receipt) {
        self.reports += receipt.reports;
        self.samples += receipt.samples;
        self.events += receipt.events;
        self.duplicates += receipt.duplicates;
        self.refused_count += receipt.refused.len() as u64;
        self.refused
            .extend(receipt.refused.iter().map(ToString::to_string));
    }

    /// For people, one line a fact.
    pub fn text(&self) -> String {
        let mut text = format!(
            "{} files: {} reports kept, {} events, {} samples\n",
            self.files, self.reports, self.events, self.samples
        );
        if self.duplicates > 0 {
            text.push_str(&format!("{} known already\n", self.duplicates));
        }
        for (reason, count) in &self.skipped {
            text.push_str(&format!("{count} left out: {reason}\n"));
        }
        for refused in self
            .refused
            .iter()
            .take(crate::limits::LINE_ERRORS_NAMED_MAX)
        {
            text.push_str(&format!("refused: {refused}\n"));
        }
        if self.refused_count > self.refused.len() as u64 {
            text.push_str(&format!("refused in all: {}\n", self.refused_count));
        }
        text
    }
}

/// A report as a native line.
pub fn to_json(report: &Report) -> Json {
    let mut line = Map::new();
    line.insert("device".into(), json!(report.device.as_str()));
    let mut labels = fields(
        report
            .labels
            .iter()
            .map(|(name, value)| (name.as_str(), json!(value.as_str()))),
    );
    if let Some(client) = &report.client {
        labels.insert("client".into(), json!(client.as_str()));
    }
    if !labels.is_empty() {
        line.insert("labels".into(), labels.into());
    }
    if let Some(interval) = report.interval {
        line.insert(
            "interval".into(),
            json!(interval as f64 / storage::SECOND as f64),
        );
    }
    if let Some(time) = report.time {
        line.insert("time".into(), json!(print_time(time)));
    }
    let mut signals = Map::new();
    for group in &report.signals {
        let values = fields(
            group
                .fields
                .iter()
                .map(|(name, value)| (name.as_str(), value_json(value))),
        );
        let family = group.family.as_str();
        match (family == query::catalog::PLAIN_FAMILY, group.key.as_str()) {
            (true, _) => signals.extend(values),
            (false, key) => {
                let slot = signals
                    .entry(family)
                    .or_insert_with(|| Json::Object(Map::new()));
                if let Json::Object(family) = slot {
                    match key {
                        "" => family.extend(values),
                        key => {
                            family.insert(key.to_owned(), values.into());
                        }
                    }
                }
            }
        }
    }
    if !signals.is_empty() {
        line.insert("signals".into(), signals.into());
    }
    let event_json = |event: &crate::report::Event| {
        let mut fields = fields(
            event
                .fields
                .iter()
                .map(|(name, value)| (name.as_str(), value_json(value))),
        );
        fields.insert("kind".into(), json!(event.kind.as_str()));
        if let Some(time) = event.time {
            fields.insert("time".into(), json!(print_time(time)));
        }
        Json::Object(fields)
    };
    if !report.events.is_empty() {
        line.insert(
            "events".into(),
            report.events.iter().map(event_json).collect(),
        );
    }
    line.into()
}

fn fields<'a>(fields: impl Iterator<Item = (&'a str, Json)>) -> Map<String, Json> {
    fields
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn value_json(value: &Value) -> Json {
    match value {
        Value::Number(number) => json!(number),
        Value::Bool(flag) => json!(flag),
        Value::Text(text) => json!(text.as_str()),
        Value::Time(time) => json!(print_time(*time)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::native::{self, Mode};

    #[test]
    fn a_report_survives_the_way_to_a_server() {
        let text = r#"{"device":"a","labels":{"client":"Acme","role":"sql"},"interval":60.0,"time":"2026-06-09T00:00:00.5Z","signals":{"cpu":1.5,"service":{"X":{"state":"running"}},"net":{"in":3}},"events":[{"kind":"boot","time":"2026-06-09T00:00:00Z","clean":true}]}"#;
        let decode = |text: &str| native::decode(text.as_bytes(), None, Mode::Live).unwrap();
        let Line::Report(report) = decode(text).remove(0) else {
            panic!("a report")
        };
        let mut again = decode(&to_json(&report).to_string());
        if let Line::Report(again) = &mut again[0] {
            again.signals.sort_by(|a, b| a.family.cmp(&b.family));
        }
        let mut report = report;
        report.signals.sort_by(|a, b| a.family.cmp(&b.family));
        assert_eq!(again, [Line::Report(report)]);
    }
}
