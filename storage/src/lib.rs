//! Embedded time-series store.

pub mod model;
pub use model::*;
