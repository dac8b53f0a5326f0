//! Errors and warnings about source text: a span, what is wrong, and the way out.
//!
//! The front end never stops at the first error: every pass adds to one list, sorted by file and place before
//! it is shown. [`render`] draws carets for people, [`Diagnostic::line`] is the form for editors and logs.

use crate::span::{Source, Span};
use ariadne::{CharSet, Color, Config, IndexType, Label, Report, ReportKind};
use std::fmt::Write;

/// Whether a rule set with it may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing is installed.
    Error,
    /// Worth a look.
    Warning,
}

/// One finding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Level,
    /// Stable short name of the kind of finding, such as `unknown-name`.
    pub code: &'static str,
    /// One sentence without a period.
    pub message: String,
    /// What it is about.
    pub span: Span,
    /// Text beside the caret; often what was expected.
    pub label: String,
    /// Another place that belongs to it, with its text.
    pub also: Option<(Span, String)>,
    /// The way out: the nearest name, the fix.
    pub hint: Option<String>,
}

impl Diagnostic {
    /// An error whose caret text is `label`.
    pub fn error(
        code: &'static str,
        span: Span,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic {
            severity: Level::Error,
            code,
            message: message.into(),
            span,
            label: label.into(),
            also: None,
            hint: None,
        }
    }

    /// The same as a warning.
    pub fn warning(mut self) -> Diagnostic {
        self.severity = Level::Warning;
        self
    }

    /// The same with a hint.
    pub fn hint(mut self, hint: impl Into<String>) -> Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a second place.
    pub fn also(mut self, span: Span, text: impl Into<String>) -> Diagnostic {
        self.also = Some((span, text.into()));
        self
    }

    /// `file:line:column: message`, with the hint in brackets.
    pub fn line(&self, sources: &[Source]) -> String {
        let (name, (line, column)) = match sources.get(self.span.file as usize) {
            Some(source) => (source.name.as_str(), source.position(self.span.start)),
            None => ("?", (0, 0)),
        };
        let mut text = format!("{name}:{line}:{column}: {}", self.message);
        if let Some(hint) = &self.hint {
            let _ = write!(text, " ({hint})");
        }
        text
    }
}

/// The nearest of `names` to `wanted`, if it is near enough to be what was meant.
pub fn nearest<'a>(wanted: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = (wanted.chars().count() / 3).max(1);
    names
        .into_iter()
        .filter(|name| *name != wanted)
        .map(|name| {
            (
                strsim::osa_distance(&wanted.to_lowercase(), &name.to_lowercase()),
                name,
            )
        })
        .filter(|(distance, _)| *distance <= allowed)
        .min()
        .map(|(_, name)| name)
}

/// Sorts by file, place and severity, and drops repetitions.
pub fn sort(diagnostics: &mut Vec<Diagnostic>) {
    diagnostics.sort_by_key(|d| (d.span.file, d.span.start, d.span.end, d.severity, d.code));
    diagnostics.dedup();
}

/// Kinds of finding that come from single characters and literals.
const LEXICAL: [&str; 6] = ["character", "text", "literal", "time", "number", "escape"];
/// Those of them after which the tokens of the line are not what was meant.
const LOSSY: [&str; 2] = ["character", "text"];

/// Drops what follows from a lexical error and says nothing new: syntax errors after it on its line, and
/// errors of types and durations about the same literal.
pub fn without_echoes(diagnostics: &mut Vec<Diagnostic>, sources: &[Source]) {
    let lexical: Vec<(Span, bool)> = diagnostics
        .iter()
        .filter(|d| LEXICAL.contains(&d.code))
        .map(|d| (d.span, LOSSY.contains(&d.code)))
        .collect();
    if lexical.is_empty() {
        return;
    }
    diagnostics.retain(|d| {
        !lexical.iter().any(|(span, lossy)| {
            let before = span.file == d.span.file && span.start <= d.span.start;
            let touches =
                span.file == d.span.file && span.start <= d.span.end && d.span.start <= span.end;
            let line = |from: u32, to: u32| {
                let text = sources
                    .get(span.file as usize)
                    .map_or("", |s| s.text.as_str());
                !Span {
                    start: from,
                    end: to,
                    ..*span
                }
                .of(text)
                .contains('\n')
            };
            match d.code {
                "syntax" => *lossy && (touches || before && line(span.start, d.span.start)),
                "unit" | "type" | "duration" => touches,
                _ => false,
            }
        })
    });
}

/// All findings with the lines they are about and carets under them.
pub fn render(diagnostics: &[Diagnostic], sources: &[Source], color: bool) -> String {
    let mut out = String::new();
    for diagnostic in diagnostics {
        render_one(diagnostic, sources, color, &mut out);
    }
    out
}

fn render_one(diagnostic: &Diagnostic, sources: &[Source], color: bool, out: &mut String) {
    let Some(source) = sources.get(diagnostic.span.file as usize) else {
        let _ = writeln!(out, "{}", diagnostic.line(sources));
        return;
    };
    let clamp = |span: Span| {
        let length = source.text.len();
        let start = floor_boundary(&source.text, (span.start as usize).min(length));
        let end = floor_boundary(&source.text, (span.end as usize).clamp(start, length));
        (source.name.as_str(), start..end)
    };
    let (kind, paint) = match diagnostic.severity {
        Level::Error => (ReportKind::Error, Color::Red),
        Level::Warning => (ReportKind::Warning, Color::Yellow),
    };
    let config = Config::default()
        .with_index_type(IndexType::Byte)
        .with_char_set(CharSet::Unicode)
        .with_color(color);
    let mut report = Report::build(kind, clamp(diagnostic.span))
        .with_config(config)
        .with_code(diagnostic.code)
        .with_message(&diagnostic.message)
        .with_label(
            Label::new(clamp(diagnostic.span))
                .with_message(&diagnostic.label)
                .with_color(paint),
        );
    match &diagnostic.also {
        Some((span, text)) if span.file == diagnostic.span.file => {
            report = report.with_label(
                Label::new(clamp(*span))
                    .with_message(text)
                    .with_color(Color::Cyan),
            );
        }
        Some((span, text)) => {
            if let Some(other) = sources.get(span.file as usize) {
                let (line, column) = other.position(span.start);
                report = report.with_note(format!("{text}: {}:{line}:{column}", other.name));
            }
        }
        None => {}
    }
    if let Some(hint) = &diagnostic.hint {
        report = report.with_help(hint);
    }
    let mut bytes = Vec::new();
    let cache = (
        source.name.as_str(),
        ariadne::Source::from(source.text.as_str()),
    );
    if report.finish().write(cache, &mut bytes).is_err() {
        bytes = diagnostic.line(sources).into_bytes();
    }
    for line in String::from_utf8_lossy(&bytes).lines() {
        let _ = writeln!(out, "{}", line.trim_end());
    }
}

fn floor_boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
