//! The Afterboot language: text in, checked programs, values and tables out.

pub mod limits;
pub mod span;
pub mod value;
pub mod catalog;
pub mod ir;
pub mod ir_query;
pub mod print;
pub mod render;
pub mod table;
