//! The Afterboot language: text in, checked programs, values and tables out.

pub mod catalog;
pub mod ir;
pub mod print;
pub mod render;
pub mod span;
pub mod table;
pub mod value;
