//! A rule set: its files as text and what they mean.

use query::ir::Program;
use smol_str::SmolStr;
use std::sync::Arc;

/// One rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Its name.
    pub name: SmolStr,
    /// Its text.
    pub text: String,
}

/// Checked rule files.
#[derive(Clone, Debug)]
pub struct RuleSet {
    /// As text, in order; stored in the log.
    pub sources: Vec<Source>,
    /// What they mean.
    pub program: Arc<Program>,
}
