//! The engine: records in log order in, decisions out.
//!
//! A pure function of the log: no clock, no disk, no randomness, no order of a hash map. The caller
//! ([`crate::core`]) feeds each record once, in sequence, and moves time forward between them.

pub mod decision;
pub mod tables;
pub use decision::{Decision, State};
mod stub;
pub use stub::*;
