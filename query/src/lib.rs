//! The Afterboot language: text in, checked programs, values and tables out.

pub mod catalog;
pub mod eval;
pub mod history;
pub mod ir;
pub mod ir_query;
pub mod limits;
pub mod plain;
pub mod span;
pub mod value;
