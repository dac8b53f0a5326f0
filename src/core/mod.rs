//! The core: store, admission and engine in step, without threads and without a clock of its own.

pub mod body;
pub mod rules;

pub use body::{Body, Fault, Manner, Receipt, Refusal};
pub use rules::{RuleSet, Source};
