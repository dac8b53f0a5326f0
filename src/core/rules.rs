//! A rule set: its files as text and what they mean.

use query::ir::Program;
pub use query::span::Source;
use std::sync::Arc;

/// Checked rule files.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    /// As text, in order; stored in the log.
    pub sources: Vec<Source>,
    /// What they mean.
    pub program: Arc<Program>,
}

impl RuleSet {
    /// Checks rule files as one set. Err: every error of every file, with carets.
    pub fn check(sources: Vec<Source>) -> Result<RuleSet, RuleErrors> {
        let checked = query::check::program(&sources);
        match checked.program {
            Some(program) => Ok(RuleSet {
                sources,
                program: Arc::new(program),
            }),
            None => Err(RuleErrors(query::diagnostic::render(
                &checked.diagnostics,
                &sources,
                false,
            ))),
        }
    }

    /// True when both have the same files with the same text.
    pub fn same_text(&self, other: &RuleSet) -> bool {
        let text = |set: &RuleSet| -> Vec<(String, String)> {
            set.sources
                .iter()
                .map(|s| (s.name.clone(), s.text.clone()))
                .collect()
        };
        text(self) == text(other)
    }
}

/// Every error of a rule set, rendered for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RuleErrors(pub String);
