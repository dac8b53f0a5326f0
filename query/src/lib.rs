//! The Afterboot language: text in, checked programs, values and tables out.

pub mod catalog;
pub mod eval;
pub mod history;
pub mod ir;
pub mod span;
pub mod value;
