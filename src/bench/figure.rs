//! A measured figure, and how figures are printed: a table for people, JSON for comparing runs.

use serde_json::{Value, json as value};
use std::fmt::Write;

/// One figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
}

impl Figure {
    /// A figure.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Figure {
        Figure {
            name: name.into(),
            value,
            unit,
        }
    }
}

/// Four digits that count.
fn print(number: f64) -> String {
    let digits = match number.abs() {
        1000.0.. => 0,
        100.0.. => 1,
        10.0.. => 2,
        1.0.. => 3,
        _ => 4,
    };
    format!("{number:.digits$}")
}

/// For people.
pub fn table(figures: &[Figure]) -> String {
    let mut text = String::new();
    let width = figures
        .iter()
        .map(|figure| figure.name.chars().count())
        .max()
        .unwrap_or(0);
    for figure in figures {
        let _ = writeln!(
            text,
            "{:<width$}  {:>12}  {}",
            figure.name,
            print(figure.value),
            figure.unit
        );
    }
    text
}

/// For programs.
pub fn json(figures: &[Figure]) -> String {
    let rows = figures
        .iter()
        .map(|figure| value!({"name": figure.name, "value": figure.value, "unit": figure.unit}));
    let document =
        value!({"version": env!("CARGO_PKG_VERSION"), "figures": rows.collect::<Vec<Value>>()});
    format!("{document:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_line_up() {
        let figures = [
            Figure::new("bytes", 12345.6, "B"),
            Figure::new("CPU a sample", 0.01234, "s"),
        ];
        assert_eq!(
            table(&figures),
            "bytes                12346  B\nCPU a sample        0.0123  s\n"
        );
        let parsed: Value = serde_json::from_str(&json(&figures)).unwrap();
        assert_eq!(parsed["figures"][1]["value"], 0.01234);
    }
}
