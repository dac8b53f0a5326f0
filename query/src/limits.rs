//! The bounds of the language front end, together. Past one of them the input earns an error.

/// Bytes of one rule file.
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// Nesting of parentheses, brackets, calls, `not` and unary minus.
pub const NESTING_MAX: usize = 48;
/// Height of an expression tree, long sums included.
pub const TREE_HEIGHT_MAX: usize = 64;
/// Nodes of one statement.
pub const STATEMENT_NODES_MAX: usize = 5_000;
/// Height of an expression with its lets unfolded.
pub const UNFOLDED_HEIGHT_MAX: usize = 256;
/// Nodes of an expression with its lets unfolded.
pub const UNFOLDED_NODES_MAX: usize = 100_000;
/// Errors that one file may earn before the rest of it is skipped.
pub const FILE_ERRORS_MAX: usize = 100;
/// The longest duration that may be written, in nanoseconds: 100 years of 365 days.
pub const DURATION_NS_MAX: f64 = 100.0 * 365.0 * 86_400e9;
/// Bytes of a regular expression's compiled form.
pub const REGEX_BYTES_MAX: usize = 1 << 20;
/// Errors of all files together, after which no more are collected.
pub const ERRORS_MAX: usize = 1_000;
/// How deep the check of one let may lead into that of another that should have come before it.
pub const LET_RECURSION_MAX: usize = 2;
