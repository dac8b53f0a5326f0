//! `afterboot check`: every error and every warning of every rule file.

use super::{Failure, print};
use crate::args::Check;
use crate::rule_files;
use query::diagnostic;
use query::ir::Program;
use std::io::{IsTerminal, stderr};

/// Runs it; gives the exit code.
pub fn run(args: Check) -> Result<i32, Failure> {
    let sources = rule_files::read(&args.rules).map_err(|error| {
        Failure::environment(error.to_string()).hint("name rule files, or folders of *.rules files")
    })?;
    let checked = query::check::program(&sources);
    let color = stderr().is_terminal();
    eprint!(
        "{}",
        diagnostic::render(&checked.diagnostics, &sources, color)
    );
    match checked.program {
        Some(program) => print(&format!(
            "{}: {}\n",
            count(sources.len(), "file"),
            summary(&program)
        )),
        None => Err(Failure::bad_news(format!(
            "{} in {}",
            count(errors(&checked.diagnostics), "error"),
            count(sources.len(), "file")
        ))),
    }
}

fn errors(diagnostics: &[diagnostic::Diagnostic]) -> usize {
    diagnostics
        .iter()
        .filter(|found| found.severity == diagnostic::Level::Error)
        .count()
}

/// What a rule set holds, in words.
pub fn summary(program: &Program) -> String {
    [
        count(program.rules.len(), "rule"),
        count(program.watches.len(), "watch"),
        count(program.suppressions.len(), "suppression"),
    ]
    .join(", ")
}

/// `1 rule`, `2 rules`, `2 watches`.
pub fn count(number: usize, word: &str) -> String {
    match (number, word.ends_with("ch")) {
        (1, _) => format!("1 {word}"),
        (_, true) => format!("{number} {word}es"),
        (_, false) => format!("{number} {word}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words() {
        assert_eq!(count(1, "watch"), "1 watch");
        assert_eq!(count(2, "watch"), "2 watches");
        assert_eq!(count(0, "rule"), "0 rules");
    }
}
