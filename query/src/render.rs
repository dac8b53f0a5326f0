//! Prints a [`Table`] as text for people or as a format for programs.
//!
//! Text formats print values as messages do (`1d2h`, `97.0%`); JSON, NDJSON and CSV carry plain numbers in
//! the unit of the column (seconds, percent 0..100, bytes) and times as RFC 3339. What is not known is
//! empty, in JSON `null`. Nothing stored can move a terminal's cursor: control characters are escaped.
//! Called by the command line, the shell and the HTTP door.

use crate::table::Table;
use crate::value::{Measure, Type, Unit, Value, print, print_time};
use comfy_table::{Cell, CellAlignment, ContentArrangement, presets};
use std::io::{self, Write};

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// Aligned columns for people.
    #[default]
    Table,
    /// One object: `{"columns":[…],"rows":[[…]],"notes":[…]}`.
    Json,
    /// One object a row.
    Ndjson,
    /// RFC 4180, first line the names.
    Csv,
    /// A pipe table.
    Markdown,
}

impl Format {
    /// Every format with its word.
    pub const ALL: [(Format, &'static str); 5] = [
        (Format::Table, "table"),
        (Format::Json, "json"),
        (Format::Ndjson, "ndjson"),
        (Format::Csv, "csv"),
        (Format::Markdown, "markdown"),
    ];

    /// The format of this word.
    pub fn parse(word: &str) -> Option<Format> {
        Format::ALL
            .iter()
            .find(|(_, w)| *w == word)
            .map(|(format, _)| *format)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        Format::ALL
            .iter()
            .find(|(format, _)| *format == self)
            .map_or("", |(_, word)| word)
    }

    /// The media type of an HTTP answer.
    pub fn media_type(self) -> &'static str {
        match self {
            Format::Table => "text/plain; charset=utf-8",
            Format::Json => "application/json",
            Format::Ndjson => "application/x-ndjson",
            Format::Csv => "text/csv; charset=utf-8; header=present",
            Format::Markdown => "text/markdown; charset=utf-8",
        }
    }

    /// Whether the text itself carries the notes; where not, the caller shows them beside it.
    pub fn carries_notes(self) -> bool {
        !matches!(self, Format::Ndjson | Format::Csv)
    }
}

/// Prints the table. `width` is that of the terminal; None never wraps.
pub fn render(
    table: &Table,
    format: Format,
    width: Option<u16>,
    out: &mut dyn Write,
) -> io::Result<()> {
    match format {
        Format::Table => text(table, width, out),
        Format::Json => json(table, out),
        Format::Ndjson => ndjson(table, out),
        Format::Csv => csv(table, out),
        Format::Markdown => markdown(table, out),
    }
}

/// The printed answer.
pub fn to_text(table: &Table, format: Format) -> String {
    let mut out = Vec::new();
    render(table, format, None, &mut out).expect("writing to memory does not fail");
    String::from_utf8(out).expect("every format writes UTF-8")
}

fn text(table: &Table, width: Option<u16>, out: &mut dyn Write) -> io::Result<()> {
    if !table.columns.is_empty() {
        let mut grid = comfy_table::Table::new();
        grid.load_style(presets::NOTHING).force_no_tty();
        if let Some(width) = width {
            grid.set_content_arrangement(ContentArrangement::Dynamic)
                .set_width(width);
        }
        grid.set_header(
            table
                .columns
                .iter()
                .map(|column| Cell::new(visible(&column.name))),
        );
        for row in &table.rows {
            let cells = row.iter().zip(&table.columns);
            grid.add_row(
                cells.map(|(value, column)| Cell::new(visible(&plain(value, &column.ty)))),
            );
        }
        for (at, column) in table.columns.iter().enumerate() {
            let Some(shown) = grid.column_mut(at) else {
                continue;
            };
            shown.set_padding((0, 2));
            if matches!(column.ty, Type::Number(_)) {
                shown.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in grid.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
    }
    for note in &table.notes {
        writeln!(out, "note: {}", visible(note))?;
    }
    Ok(())
}

fn json(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    write!(out, "{{\"columns\":[")?;
    for (at, column) in table.columns.iter().enumerate() {
        let comma = if at == 0 { "" } else { "," };
        let (ty, unit) = type_words(&column.ty);
        write!(
            out,
            "{comma}{{\"name\":{},\"type\":\"{ty}\"",
            json_text(&column.name)
        )?;
        if let Some(unit) = unit {
            write!(out, ",\"unit\":\"{unit}\"")?;
        }
        write!(out, "}}")?;
    }
    write!(out, "],\"rows\":[")?;
    for (at, row) in table.rows.iter().enumerate() {
        let comma = if at == 0 { "\n" } else { ",\n" };
        write!(out, "{comma}[")?;
        for (at, value) in row.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(out, "{comma}{}", json_value(value))?;
        }
        write!(out, "]")?;
    }
    let notes: Vec<String> = table.notes.iter().map(|note| json_text(note)).collect();
    writeln!(out, "],\"notes\":[{}]}}", notes.join(","))
}

fn ndjson(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    for row in &table.rows {
        write!(out, "{{")?;
        for (at, (value, column)) in row.iter().zip(&table.columns).enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(
                out,
                "{comma}{}:{}",
                json_text(&column.name),
                json_value(value)
            )?;
        }
        writeln!(out, "}}")?;
    }
    Ok(())
}

fn csv(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    let names: Vec<String> = table
        .columns
        .iter()
        .map(|column| csv_field(&column.name))
        .collect();
    write!(out, "{}\r\n", names.join(","))?;
    for row in &table.rows {
        let fields: Vec<String> = row.iter().map(|value| csv_field(&raw(value))).collect();
        write!(out, "{}\r\n", fields.join(","))?;
    }
    Ok(())
}

fn markdown(table: &Table, out: &mut dyn Write) -> io::Result<()> {
    if !table.columns.is_empty() {
        let cell = |text: &str| visible(text).replace('\\', "\\\\").replace('|', "\\|");
        let names: Vec<String> = table
            .columns
            .iter()
            .map(|column| cell(&column.name))
            .collect();
        writeln!(out, "| {} |", names.join(" | "))?;
        let rules: Vec<&str> = table
            .columns
            .iter()
            .map(|column| {
                if matches!(column.ty, Type::Number(_)) {
                    "--:"
                } else {
                    "---"
                }
            })
            .collect();
        writeln!(out, "| {} |", rules.join(" | "))?;
        for row in &table.rows {
            let cells: Vec<String> = row
                .iter()
                .zip(&table.columns)
                .map(|(value, column)| cell(&plain(value, &column.ty)))
                .collect();
            writeln!(out, "| {} |", cells.join(" | "))?;
        }
    }
    for note in &table.notes {
        writeln!(out, "\nnote: {}", visible(note))?;
    }
    Ok(())
}

/// As people read it: unknown is empty.
fn plain(value: &Value, ty: &Type) -> String {
    match value {
        Value::Unknown => String::new(),
        value => print(value, ty),
    }
}

/// As programs read it in a text field: numbers without unit.
fn raw(value: &Value) -> String {
    match value {
        Value::Unknown => String::new(),
        Value::Number(number) => number.to_string(),
        Value::Bool(bool) => bool.to_string(),
        Value::Text(text) => text.to_string(),
        Value::Time(time) => print_time(*time),
        Value::List(items) => items.iter().map(raw).collect::<Vec<_>>().join("; "),
    }
}

fn json_value(value: &Value) -> String {
    match value {
        Value::Unknown => "null".to_owned(),
        Value::Number(number) if number.is_finite() => number.to_string(),
        Value::Number(_) => "null".to_owned(),
        Value::Bool(bool) => bool.to_string(),
        Value::Text(text) => json_text(text),
        Value::Time(time) => json_text(&print_time(*time)),
        Value::List(items) => {
            let items: Vec<String> = items.iter().map(json_value).collect();
            format!("[{}]", items.join(","))
        }
    }
}

fn json_text(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// RFC 4180: quoted when it holds a quote, a comma, a line end, or blanks at its ends.
fn csv_field(text: &str) -> String {
    let quote = text.contains(['"', ',', '\r', '\n']) || text.trim().len() != text.len();
    if quote {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

/// Control characters as escapes, so that no stored text can act on a terminal or break a line.
fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Controls, and the marks that reorder or hide text.
            char if char.is_control()
                || matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') =>
            {
                out.extend(char.escape_unicode());
            }
            char => out.push(char),
        }
    }
    out
}

/// Type and unit in words.
pub fn type_words(ty: &Type) -> (&'static str, Option<&'static str>) {
    match ty {
        Type::Number(unit) => ("number", unit_word(*unit)),
        Type::Bool => ("bool", None),
        Type::Text => ("text", None),
        Type::Time => ("time", None),
        Type::List(_) => ("list", None),
        Type::Any => ("any", None),
    }
}

pub(crate) fn unit_word(unit: Unit) -> Option<&'static str> {
    match (unit.measure, unit.per_second) {
        (Measure::Plain, false) => None,
        (Measure::Plain, true) => Some("per second"),
        (Measure::Percent, false) => Some("percent"),
        (Measure::Percent, true) => Some("percent per second"),
        (Measure::Bytes, false) => Some("bytes"),
        (Measure::Bytes, true) => Some("bytes per second"),
        (Measure::Duration, false) => Some("seconds"),
        (Measure::Duration, true) => Some("seconds per second"),
    }
}
