//! `afterboot check`: every error of every rule file.

use super::{Failure, print};
use crate::args::Check;
use crate::core::RuleSet;
use crate::rule_files;
use query::ir::Program;

/// Runs it; gives the exit code.
pub fn run(args: Check) -> Result<i32, Failure> {
    let sources = rule_files::read(&args.rules)
        .map_err(|error| Failure::environment(error.to_string()).hint("name rule files, or folders of *.rules files"))?;
    let files = sources.len();
    match RuleSet::check(sources) {
        Ok(rules) => print(&format!("{}: {}\n", count(files, "file"), summary(&rules.program))),
        Err(errors) => {
            eprintln!("{}", errors.to_string().trim_end());
            Ok(1)
        }
    }
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

fn count(number: usize, word: &str) -> String {
    match (number, word) {
        (1, _) => format!("1 {word}"),
        (_, "watch") => format!("{number} watches"),
        _ => format!("{number} {word}s"),
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
