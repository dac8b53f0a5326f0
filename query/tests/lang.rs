//! The front half of the language: rule files and queries in, checked programs or errors out.

use query::check::{self, Source};
use query::diagnostic::render;
use query::ir::Program;

/// The shipped rules.
const STANDARD: &str = include_str!("../../rules/standard.rules");

fn program(text: &str) -> Program {
    let sources = [Source::new("test.rules", text)];
    let checked = check::program(&sources);
    match checked.program {
        Some(program) => program,
        None => panic!("{}", render(&checked.diagnostics, &sources, false)),
    }
}

#[test]
fn standard_rules_check() {
    let program = program(STANDARD);
    assert_eq!(program.rules.len(), 10);
    assert_eq!(program.watches.len(), 2);
    assert!(program.offline.is_some());
}
